package statusupdate_test

import (
	"bytes"
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"meseta/actors/statusupdate"
	"meseta/actors/updatestream"
	"meseta/messages/pb/internalpb"
)

// shared is the folder of recordings beside the project; the test is skipped where it is not.
func shared(t testing.TB, name string) string {
	t.Helper()
	root := os.Getenv("MESETA_SHARED")
	for dir := "."; root == ""; dir = filepath.Join(dir, "..") {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			root = filepath.Join(dir, "..", "shared")
		} else if abs, _ := filepath.Abs(dir); abs == "/" {
			t.Skip("outside of the module")
		}
	}
	path := filepath.Join(root, name)
	if _, err := os.Stat(path); err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	return path
}

// The reference's own checkpoints are read, and written again byte for byte.
func TestReferenceCheckpoints(t *testing.T) {
	t.Parallel()
	files := 0
	err := filepath.WalkDir(shared(t, "golden/agent-meta"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Base(path) != "task.updates" {
			return err
		}
		files++
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		r, err := statusupdate.Decode(content)
		if err != nil || r.Length != len(content) {
			t.Errorf("%s: %d of %d bytes: %v", path, r.Length, len(content), err)
		}
		if len(r.Updates) == 0 || len(r.Acknowledged) == 0 {
			t.Errorf("%s: %d updates, %d acknowledgements", path, len(r.Updates), len(r.Acknowledged))
		}
		first, err := updatestream.Encode(&internalpb.StatusUpdateRecord{
			Type: internalpb.StatusUpdateRecord_UPDATE.Enum(), Update: r.Updates[0],
		})
		if err != nil || !bytes.HasPrefix(content, first) {
			t.Errorf("%s: the first record is written differently: %v", path, err)
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files were read: %v", files, err)
	}
}

func TestDamagedCheckpoints(t *testing.T) {
	t.Parallel()
	for name, file := range map[string][]byte{
		"a length beyond reason":  binary.LittleEndian.AppendUint32(nil, 1<<31),
		"a record that is none":   {3, 0, 0, 0, 0xff, 0xff, 0xff},
		"an update without UUID":  {2, 0, 0, 0, 0x08, 0x00},
		"an acknowledgement, too": {2, 0, 0, 0, 0x08, 0x01},
	} {
		if _, err := statusupdate.Decode(file); err == nil {
			t.Errorf("%s was read", name)
		}
	}
}

// Whatever is in a file, Decode returns; what it understood is the beginning of the file.
func FuzzDecode(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{2, 0, 0, 0, 0x08, 0x01})
	record, err := updatestream.Encode(&internalpb.StatusUpdateRecord{
		Type: internalpb.StatusUpdateRecord_UPDATE.Enum(), Update: update("t1", 1, running),
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(record)
	f.Add(append(record, record[:9]...))
	f.Fuzz(func(t *testing.T, file []byte) {
		r, err := statusupdate.Decode(file)
		if r.Length > len(file) {
			t.Fatalf("%d of %d bytes were understood", r.Length, len(file))
		}
		again, err2 := statusupdate.Decode(file[:r.Length])
		if err2 != nil || len(again.Updates) != len(r.Updates) {
			t.Fatalf("the understood part is not understood again: %v, after %v", err2, err)
		}
	})
}
