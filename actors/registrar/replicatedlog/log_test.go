package replicatedlog_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	"meseta/actors/registrar"
	"meseta/actors/registrar/replicatedlog"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/logpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/pb/statepb"
)

// recorded returns the path of a recording, or skips the test where there are none.
func recorded(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "..", "shared")
	}
	path = filepath.Join(dir, "golden/registry", path)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the recordings are not here; MESETA_SHARED tells where they are")
	}
	return path
}

// contents returns the files of a directory, and when each was changed.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		all[path] = info.ModTime().String() + " " + string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// What a C++ master has left holds what it answered last, and is not changed by reading it.
func TestRecordedLogs(t *testing.T) {
	t.Parallel()
	for dir, c := range map[string]struct {
		answer   string
		position uint64
	}{
		"replicated_log": {"registry.http", 23}, "replicated_log-after-restart": {"after-restart-registry.http", 25},
	} {
		path := recorded(t, dir)
		before := contents(t, path)
		log, err := replicatedlog.Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(before, contents(t, path)); d != "" {
			t.Errorf("%s was changed:\n%s", dir, d)
		}
		text, err := os.ReadFile(recorded(t, c.answer))
		if err != nil {
			t.Fatal(err)
		}
		_, body, _ := bytes.Cut(text, []byte("\r\n\r\n"))
		want := &registrypb.Registry{}
		if err := mesosjson.Unmarshal(body, want); err != nil {
			t.Fatal(err)
		}
		if log.Position != c.position || log.Unlearned {
			t.Errorf("%s: position %d, unlearned %v; want position %d", dir, log.Position, log.Unlearned, c.position)
		}
		if got := string(mesosjson.Sorted(mesosjson.Marshal(log.Registry))); got != string(body) {
			t.Errorf("%s: got\n%s\nrecorded\n%s", dir, got, body)
		}
	}
}

// A registry goes through our records and a log of ours unchanged, and what is written differs from what a C++ master
// wrote only in positions and the version.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	log, err := replicatedlog.Read(recorded(t, "replicated_log"))
	if err != nil {
		t.Fatal(err)
	}
	changes, err := registrar.Encode(log.Registry)
	if err != nil {
		t.Fatal(err)
	}
	records := map[string][]byte{}
	for _, c := range changes {
		records[c.Key] = c.Value
	}
	decoded, err := registrar.Decode(records)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "deep", "replicated_log")
	if err := replicatedlog.Write(dir, decoded); err != nil {
		t.Fatal(err)
	}
	again, err := replicatedlog.Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(log.Registry, again.Registry, protocmp.Transform()); d != "" {
		t.Errorf("the registry has changed:\n%s", d)
	}
	if err := replicatedlog.Write(dir, decoded); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Errorf("written twice: %v", err)
	}
}

// scratch makes a log of records.
func scratch(t *testing.T, records map[string]*logpb.Record) string {
	t.Helper()
	dir := t.TempDir()
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for key, record := range records {
		value, err := proto.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Put([]byte(key), value, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func state(s logpb.Metadata_Status) *logpb.Record {
	return &logpb.Record{Type: logpb.Record_METADATA.Enum(), Metadata: &logpb.Metadata{Status: s.Enum(), Promised: proto.Uint64(1)}}
}

func nop(position uint64) *logpb.Record {
	return &logpb.Record{Type: logpb.Record_ACTION.Enum(), Action: &logpb.Action{
		Position: proto.Uint64(position), Promised: proto.Uint64(1), Performed: proto.Uint64(1), Type: logpb.Action_NOP.Enum(),
	}}
}

// Directories that do not hold what a master needs say why.
func TestWhatIsNoLog(t *testing.T) {
	t.Parallel()
	voting := state(logpb.Metadata_VOTING)
	foreign := t.TempDir()
	if err := os.WriteFile(filepath.Join(foreign, "CURRENT"), []byte("MANIFEST-000007\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ dir, want string }{
		"nothing":       {filepath.Join(t.TempDir(), "no"), "no such file"},
		"a directory":   {t.TempDir(), "CURRENT: no such file"},
		"no manifest":   {foreign, `CURRENT names "MANIFEST-000007\n", which is not there`},
		"no state":      {scratch(t, map[string]*logpb.Record{"0000000002": nop(1)}), "lacks the state of a replica"},
		"recovering":    {scratch(t, map[string]*logpb.Record{"0000000000": state(logpb.Metadata_RECOVERING)}), "the replica is RECOVERING"},
		"another key":   {scratch(t, map[string]*logpb.Record{"name": voting}), `the key "name"`},
		"another place": {scratch(t, map[string]*logpb.Record{"0000000000": voting, "0000000002": nop(7)}), "not the action at position 1"},
		"a hole": {scratch(t, map[string]*logpb.Record{"0000000000": voting, "0000000002": nop(1), "0000000004": nop(3)}),
			"the action at position 2 is missing"},
	} {
		if log, err := replicatedlog.Read(c.dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, %v, want an error with %q", name, log, err, c.want)
		}
	}
	empty := scratch(t, map[string]*logpb.Record{"0000000000": voting, "0000000002": nop(1)})
	if log, err := replicatedlog.Read(empty); err != nil || log.Registry != nil {
		t.Errorf("a log without a registry: %v, %v", log, err)
	}
}

// A file that is cut off or changed anywhere gives an error or an older state of the log, and never ends the program.
func TestDamage(t *testing.T) {
	t.Parallel()
	source := recorded(t, "replicated_log")
	whole, err := replicatedlog.Read(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"CURRENT", "MANIFEST-000002", "000040.ldb"} {
		data, err := os.ReadFile(filepath.Join(source, name))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(data); i += 1 + len(data)/40 {
			changed := bytes.Clone(data)
			changed[i] ^= 0x55
			for kind, bad := range map[string][]byte{"cut": data[:i], "changed": changed} {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(source)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, name)
				if err := os.Remove(path); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, bad, 0o600); err != nil {
					t.Fatal(err)
				}
				log, err := replicatedlog.Read(dir)
				if err == nil && !proto.Equal(log.Registry, whole.Registry) {
					t.Errorf("%s %s at %d: got %v", name, kind, i, log)
				}
			}
		}
	}
}

// The last action in the journal may be cut off, by a loss of power. What was written before it counts, and an action counts only
// as a whole.
func TestAJournalThatIsCutOff(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	db, err := leveldb.OpenFile(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	put := func(key string, record *logpb.Record) {
		t.Helper()
		value, err := proto.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		if err := db.Put([]byte(key), value, &opt.WriteOptions{Sync: true}); err != nil {
			t.Fatal(err)
		}
	}
	put("0000000000", state(logpb.Metadata_VOTING))
	for position := range uint64(3) {
		put(fmt.Sprintf("%010d", position+2), appended(t, position+1, fmt.Sprint("role", position)))
	}
	journals, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(journals) != 1 {
		t.Fatal(journals, err)
	}
	whole, err := os.ReadFile(journals[0])
	if err != nil {
		t.Fatal(err)
	}
	last := uint64(3)
	for size := len(whole); size > len(whole)*5/9; size-- {
		killed := t.TempDir()
		if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if err := os.Truncate(filepath.Join(killed, filepath.Base(journals[0])), int64(size)); err != nil {
			t.Fatal(err)
		}
		log, err := replicatedlog.Read(killed)
		if err != nil || !log.Unlearned || log.Position > last || log.Position+1 < last {
			t.Fatalf("cut at %d: position %d after %d, unlearned %v, %v", size, log.Position, last, log.Unlearned, err)
		}
		last = log.Position
		if role := log.Registry.GetWeights()[0].GetInfo().GetRole(); role != fmt.Sprint("role", last-1) {
			t.Fatalf("cut at %d: position %d holds the weight of %.10s", size, last, role)
		}
	}
	if last != 1 {
		t.Errorf("in the end position %d counts, want 1", last)
	}
}

// appended is the action that appends a registry with a weight of role. The replica has not learned that it was agreed upon.
func appended(t *testing.T, position uint64, role string) *logpb.Record {
	t.Helper()
	value, err := proto.Marshal(&registrypb.Registry{Weights: []*registrypb.Registry_Weight{
		{Info: &mesospb.WeightInfo{Role: proto.String(role), Weight: proto.Float64(2)}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	operation, err := proto.Marshal(&statepb.Operation{
		Type:     statepb.Operation_SNAPSHOT.Enum(),
		Snapshot: &statepb.Operation_Snapshot{Entry: &statepb.Entry{Name: proto.String("registry"), Uuid: make([]byte, 16), Value: value}},
	})
	if err != nil {
		t.Fatal(err)
	}
	record := nop(position)
	record.Action.Type, record.Action.Append = logpb.Action_APPEND.Enum(), &logpb.Action_Append{Bytes: operation}
	return record
}
