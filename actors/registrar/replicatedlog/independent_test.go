package replicatedlog_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
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

// everything returns what a C++ master's LevelDB holds, of which a part is in tables, by key: read with the library, in a copy.
func everything(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	scratch := filepath.Join(t.TempDir(), "copy")
	if err := os.CopyFS(scratch, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	db, err := leveldb.OpenFile(scratch, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	values := map[string][]byte{}
	all := db.NewIterator(nil, nil)
	defer all.Release()
	for all.Next() {
		values[string(all.Key())] = bytes.Clone(all.Value())
	}
	if err := all.Error(); err != nil {
		t.Fatal(err)
	}
	return values
}

// The records of an exported log are byte by byte those that a C++ master wrote of the same registry, but for positions, the version,
// and the order of a map's entries, which is that of a hash table there.
func TestWhatIsWrittenIsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	path := recorded(t, "replicated_log")
	log, err := replicatedlog.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if err := replicatedlog.Write(dir, log.Registry); err != nil {
		t.Fatal(err)
	}
	theirs := everything(t, path)
	ours, _, _ := journal(t, dir)
	version := func(record []byte) []byte {
		_, after, ok := bytes.Cut(record, []byte("registry\x12\x10"))
		if !ok || len(after) < 16 {
			t.Fatalf("%x has no version", record)
		}
		return after[:16]
	}
	// The limits of red, of 512 MB and two processors.
	const memory, cpus = "\x1a\x10\n\x03mem\x12\x09\x09\x00\x00\x00\x00\x00\x00\x80\x40", "\x1a\x11\n\x04cpus\x12\x09\x09\x00\x00\x00\x00\x00\x00\x00\x40"
	// 1 is the field of positions, and 2 the one that follows, of what was promised.
	position := func(from, to byte) [2][]byte { return [2][]byte{{1 << 3, from, 2 << 3}, {1 << 3, to, 2 << 3}} }
	for key, c := range map[string]struct {
		theirs   string
		replaced [][2][]byte
	}{
		"0000000002": {"0000000024", [][2][]byte{
			position(23, 1), {version(theirs["0000000024"]), version(ours["0000000002"])}, {[]byte(memory + cpus), []byte(cpus + memory)},
		}},
		"0000000003": {"0000000025", [][2][]byte{position(24, 2), {{1 << 3, 23}, {1 << 3, 1}}}},
	} {
		want := theirs[c.theirs]
		for _, r := range c.replaced {
			if bytes.Count(want, r[0]) != 1 {
				t.Fatalf("%x is not once in record %s: %x", r[0], c.theirs, want)
			}
			want = bytes.Replace(want, r[0], r[1], 1)
		}
		if !bytes.Equal(ours[key], want) {
			t.Errorf("record %s is\n%x\na C++ master wrote\n%x", key, ours[key], want)
		}
	}
}

// recovered says what a replica says of its actions when it starts: from the last position that is kept to the last one, how many between them
// are missing, and how many are not known to be agreed on. Nothing may have been promised or done that the replica does not know it has promised.
//
// Mesos: LevelDBStorage::restore, Replica::recover.
func recovered(t *testing.T, values map[string][]byte, promised uint64) string {
	t.Helper()
	begin, end, learned, unlearned := uint64(0), uint64(0), map[uint64]bool{}, map[uint64]bool{}
	for key, value := range values {
		r := &logpb.Record{}
		if err := proto.Unmarshal(value, r); err != nil {
			t.Fatal(err)
		}
		a := r.GetAction()
		if a == nil {
			continue
		}
		if want := fmt.Sprintf("%010d", a.GetPosition()+1); key != want {
			t.Errorf("position %d is at %q, want %q", a.GetPosition(), key, want)
		}
		if a.GetPromised() > promised || a.GetPerformed() > a.GetPromised() {
			t.Errorf("position %d was promised to %d and done by %d; the replica has promised %d", a.GetPosition(), a.GetPromised(), a.GetPerformed(), promised)
		}
		if end = max(end, a.GetPosition()); !a.GetLearned() {
			unlearned[a.GetPosition()] = true
			continue
		}
		learned[a.GetPosition()] = true
		begin = max(begin, a.GetTruncate().GetTo())
	}
	holes := 0
	for at := begin; at <= end; at++ {
		if !learned[at] && !unlearned[at] {
			holes++
		}
	}
	return fmt.Sprintf("log positions %d -> %d with %d holes and %d unlearned", begin, end, holes, len(unlearned))
}

// A C++ replica that starts on an exported log finds it whole, as mesos-log did with the recorded one.
func TestAReplicaRecoversWhatIsWritten(t *testing.T) {
	t.Parallel()
	path := recorded(t, "replicated_log")
	said, err := os.ReadFile(recorded(t, "replicated_log-mesos-log-read.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if want := recovered(t, everything(t, path), 1); !strings.Contains(string(said), "Replica recovered with "+want+"\n") {
		t.Errorf("by the rules there are %s; mesos-log said\n%.100s", want, said)
	}
	log, err := replicatedlog.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for name, registry := range map[string]*registrypb.Registry{"recorded": log.Registry, "empty": {}} {
		dir := filepath.Join(t.TempDir(), name)
		if err := replicatedlog.Write(dir, registry); err != nil {
			t.Fatal(err)
		}
		values, _, _ := journal(t, dir)
		metadata := &logpb.Record{}
		if err := proto.Unmarshal(values["0000000000"], metadata); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(metadata, state(logpb.Metadata_VOTING)) {
			t.Errorf("%s: the replica is %v", name, metadata)
		}
		if got, want := recovered(t, values, metadata.GetMetadata().GetPromised()), "log positions 1 -> 2 with 0 holes and 0 unlearned"; got != want {
			t.Errorf("%s: there are %s, want %s", name, got, want)
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
