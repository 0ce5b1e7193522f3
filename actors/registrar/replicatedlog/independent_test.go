package replicatedlog_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/actors/registrar/replicatedlog"
	"meseta/messages/pb/logpb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/pb/statepb"
)

// What is here reads a LevelDB by what is known of its format, without the library that writes ours: the journal alone, where
// everything is that was written lately.

// chunks returns the records of a journal or a manifest, of which each chunk is checked.
func chunks(t *testing.T, path string) (records [][]byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var record []byte
	for at := 0; at+7 <= len(data); {
		if rest := 32<<10 - at%(32<<10); rest < 7 {
			at += rest
			continue
		}
		sum, length, kind := binary.LittleEndian.Uint32(data[at:]), int(binary.LittleEndian.Uint16(data[at+4:])), data[at+6]
		crc := crc32.Checksum(data[at+6:at+7+length], crc32.MakeTable(crc32.Castagnoli))
		if want := (crc>>15 | crc<<17) + 0xa282ead8; sum != want {
			t.Fatalf("%s: the checksum at %d is %#x, want %#x", path, at, sum, want)
		}
		record = append(record, data[at+7:at+7+length]...)
		if kind == 1 || kind == 4 { // a whole record, or the last part of one
			records = append(records, record)
			record = nil
		}
		at += 7 + length
	}
	return records
}

// varint takes a number off b.
func varint(t *testing.T, b *[]byte) int {
	t.Helper()
	n, size := binary.Uvarint(*b)
	if size <= 0 {
		t.Fatal("a number is cut off")
	}
	*b = (*b)[size:]
	return int(n)
}

// text takes bytes after their length off b.
func text(t *testing.T, b *[]byte) string {
	t.Helper()
	n := varint(t, b)
	if n > len(*b) {
		t.Fatal("a text is cut off")
	}
	s := string((*b)[:n])
	*b = (*b)[n:]
	return s
}

// journal returns what the newest journal of the LevelDB in dir sets, by key, and the number of the first journal that its manifest
// has not in tables, with the name of its order of keys.
func journal(t *testing.T, dir string) (values map[string][]byte, oldest int, order string) {
	t.Helper()
	name, err := os.ReadFile(filepath.Join(dir, "CURRENT"))
	if err != nil {
		t.Fatal(err)
	}
	for _, edit := range chunks(t, filepath.Join(dir, strings.TrimSuffix(string(name), "\n"))) {
		for len(edit) > 0 {
			switch tag := varint(t, &edit); tag {
			case 1:
				order = text(t, &edit)
			case 2:
				oldest = varint(t, &edit)
			case 3, 4, 9: // the next number of a file, the last sequence, an older journal
				varint(t, &edit)
			case 5: // where compaction goes on
				varint(t, &edit)
				text(t, &edit)
			case 6: // a table that is gone
				varint(t, &edit)
				varint(t, &edit)
			case 7: // a new table
				for range 3 {
					varint(t, &edit)
				}
				text(t, &edit)
				text(t, &edit)
			default:
				t.Fatalf("%s: the manifest has a part of kind %d", dir, tag)
			}
		}
	}
	journals, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(journals) == 0 {
		t.Fatal(journals, err)
	}
	values = map[string][]byte{}
	for _, batch := range chunks(t, slices.Max(journals)) {
		batch = batch[12:] // the sequence, and how many follow
		for len(batch) > 0 {
			kind := batch[0]
			batch = batch[1:]
			if key := text(t, &batch); kind == 1 {
				values[key] = []byte(text(t, &batch))
			} else {
				delete(values, key)
			}
		}
	}
	return values, oldest, order
}

// logRead returns the actions that Mesos's own program has read in the recorded log.
func logRead(t *testing.T) (actions []*logpb.Action) {
	t.Helper()
	output, err := os.ReadFile(recorded(t, "replicated_log-mesos-log-read.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range strings.Split(string(output), strings.Repeat("-", 46)+"\n")[1:] {
		a := &logpb.Action{}
		if err := prototext.Unmarshal([]byte(part), a); err != nil {
			t.Fatalf("%v in %s", err, part)
		}
		actions = append(actions, a)
	}
	return actions
}

// The log that is exported is one that others can read: in the same order of keys, with the actions that mesos-log has read in the
// recorded one, except for their positions and the version, and the registry in them.
func TestOthersReadWhatIsWritten(t *testing.T) {
	t.Parallel()
	theirs := recorded(t, "replicated_log")
	actions := logRead(t)
	if len(actions) != 2 {
		t.Fatalf("%d actions were recorded", len(actions))
	}
	log, err := replicatedlog.Read(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(registryIn(t, actions[0]), log.Registry) {
		t.Error("mesos-log has read another registry")
	}
	dir := filepath.Join(t.TempDir(), "log")
	if err := replicatedlog.Write(dir, log.Registry); err != nil {
		t.Fatal(err)
	}
	values, oldest, order := journal(t, dir)
	if _, _, want := journal(t, theirs); order != want || order == "" {
		t.Errorf("the keys have the order %q, those of a C++ master %q", order, want)
	}
	if _, err := os.Stat(filepath.Join(dir, fmt.Sprintf("%06d.log", oldest))); err != nil {
		t.Errorf("the manifest names a journal that is not there: %v", err)
	}
	actions[0].Position, actions[1].Position, actions[1].Truncate.To = proto.Uint64(1), proto.Uint64(2), proto.Uint64(1)
	want := map[string]*logpb.Record{"0000000000": state(logpb.Metadata_VOTING)}
	for i, a := range actions {
		want[fmt.Sprintf("%010d", i+2)] = &logpb.Record{Type: logpb.Record_ACTION.Enum(), Action: a}
	}
	if got := slices.Sorted(maps.Keys(values)); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
		t.Errorf("the keys are %q", got)
	}
	for key, want := range want {
		got := &logpb.Record{}
		if err := proto.Unmarshal(values[key], got); err != nil {
			t.Fatal(err)
		}
		if a := got.GetAction(); a.GetAppend() != nil {
			if !proto.Equal(registryIn(t, a), log.Registry) {
				t.Errorf("record %s has another registry", key)
			}
			a.Append, want.Action.Append = nil, nil
		}
		if !proto.Equal(got, want) {
			t.Errorf("record %s is %v, want %v", key, got, want)
		}
	}
}

// registryIn returns the registry that an action appends.
func registryIn(t *testing.T, action *logpb.Action) *registrypb.Registry {
	t.Helper()
	operation, registry := &statepb.Operation{}, &registrypb.Registry{}
	if err := proto.Unmarshal(action.GetAppend().GetBytes(), operation); err != nil {
		t.Fatal(err)
	}
	entry := operation.GetSnapshot().GetEntry()
	if operation.GetType() != statepb.Operation_SNAPSHOT || entry.GetName() != "registry" || len(entry.GetUuid()) != 16 {
		t.Errorf("the operation is %s of %q, version %x", operation.GetType(), entry.GetName(), entry.GetUuid())
	}
	if err := proto.Unmarshal(entry.GetValue(), registry); err != nil {
		t.Fatal(err)
	}
	return registry
}
