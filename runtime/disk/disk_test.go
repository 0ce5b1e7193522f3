package disk_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pgregory.net/rapid"

	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
)

// The names that operations are tried on: few, so that they meet.
var names = []string{"a", "b", "d", "d/a", "d/b", "d/e/a", "l", "l/a"}

// call is one operation and what it answers, in words that do not depend on where the tree is.
type call func(d disk.Disk, root string) string

func calls(t *rapid.T) call {
	name, other := rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom(names).Draw(t, "other")
	text := rapid.StringMatching(`[a-z]{0,9}`).Draw(t, "text")
	flag := rapid.SampledFrom([]int{
		os.O_RDONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE, os.O_WRONLY | os.O_CREATE | os.O_TRUNC,
		os.O_RDWR | os.O_CREATE | os.O_EXCL, os.O_WRONLY | os.O_CREATE | os.O_APPEND | os.O_SYNC,
	}).Draw(t, "flag")
	offset := rapid.Int64Range(0, 12).Draw(t, "offset")
	return rapid.SampledFrom([]call{
		func(d disk.Disk, root string) string { return word(d.MkdirAll(root+"/"+name, 0o755)) },
		func(d disk.Disk, root string) string { return word(d.Remove(root + "/" + name)) },
		func(d disk.Disk, root string) string { return word(d.RemoveAll(root + "/" + name)) },
		func(d disk.Disk, root string) string { return word(d.Symlink(other, root+"/"+name)) },
		func(d disk.Disk, root string) string { return word(d.SyncDir(filepath.Dir(root + "/" + name))) },
		func(d disk.Disk, root string) string {
			return word(d.Chtimes(root+"/"+name, time.Unix(9, 0), time.Unix(9, 0)))
		},
		func(d disk.Disk, root string) string { // within a directory: the simulator has no other
			return word(d.Rename(root+"/"+name, filepath.Join(filepath.Dir(root+"/"+name), filepath.Base(other))))
		},
		func(d disk.Disk, root string) string {
			target, err := d.Readlink(root + "/" + name)
			return target + word(err)
		},
		func(d disk.Disk, root string) string {
			content, err := disk.ReadFile(d, root+"/"+name)
			return string(content) + word(err)
		},
		func(d disk.Disk, root string) string {
			all, err := d.ReadDir(root + "/" + name)
			return fmt.Sprint(all) + word(err)
		},
		func(d disk.Disk, root string) string { return edit(d, root+"/"+name, flag, text, offset) },
	}).Draw(t, "call")
}

// edit does with a file all that can be done with an open one.
func edit(d disk.Disk, name string, flag int, text string, offset int64) string {
	f, err := d.OpenFile(name, flag, 0o644)
	if err != nil {
		return word(err)
	}
	said := make([]byte, 3)
	n, err := f.Read(said)
	out := string(said[:n]) + word(err)
	if errors.Is(err, syscall.EISDIR) {
		return out + word(f.Close())
	}
	_, err = f.Write([]byte(text))
	out += word(err)
	if flag&os.O_APPEND == 0 { // os.File refuses WriteAt then
		_, err = f.WriteAt([]byte(text), offset)
		out += word(err)
	}
	end, err := f.Seek(0, io.SeekEnd)
	out += fmt.Sprint(end) + word(err) + word(f.Truncate(offset)) + word(f.Sync()) + word(f.Close())
	_, err = f.ReadAt(said, 0)
	return out + word(err)
}

// word names an error by its kind.
func word(err error) string {
	for _, kind := range []error{
		fs.ErrNotExist, fs.ErrExist, fs.ErrClosed, syscall.ENOTDIR, syscall.EISDIR, syscall.ENOTEMPTY, syscall.ELOOP,
		syscall.EBADF, syscall.EINVAL, io.EOF,
	} {
		if errors.Is(err, kind) {
			return fmt.Sprintf("(%v)", kind)
		}
	}
	return fmt.Sprintf("(%v)", err)
}

// The disk of the simulator does as the system's, whatever is done to both.
func TestSimulatedDiskIsLikeTheSystems(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		root, err := os.MkdirTemp("", "disk")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(root)
		simulated := sim.New(1).Disk("10.0.0.1:1")
		if err := simulated.MkdirAll(root, 0o755); err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(1, 30).Draw(t, "calls") {
			c := calls(t)
			local, other := c(disk.Local{}, root), c(simulated, root)
			if local = strings.ReplaceAll(local, root, ""); local != strings.ReplaceAll(other, root, "") {
				t.Fatalf("call %d: the system answers %s, the simulator %s\n%s", i, local, other, simulated.Tree())
			}
		}
	})
}

// A node has the disk of its machine, and keeps it.
func TestOf(t *testing.T) {
	t.Parallel()
	n, err := runtime.NewNode(runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.Close(t.Context()) })
	if _, ok := disk.Of(n).(disk.Local); !ok {
		t.Errorf("a real node has the disk %T", disk.Of(n))
	}
	defer func() {
		if recover() == nil {
			t.Error("the disk of a node was changed while it was used")
		}
	}()
	disk.Install(n, sim.New(1).Disk("10.0.0.1:1"))
}

// What Replace and Link put somewhere is there whole, or what was there before is, wherever the machine crashes. Without
// the sync that Replace makes this would fail.
func TestReplaceIsAtomic(t *testing.T) {
	t.Parallel()
	const long = "the new content"
	replace := func(d disk.Disk) error { return disk.Replace(d, "/d/file", []byte(long), 0o644) }
	if torn := crashes(t, replace); len(torn) > 0 {
		t.Errorf("after a crash the file holds %q", torn)
	}
	careless := func(d disk.Disk) error {
		f, err := d.OpenFile("/d/.new", os.O_CREATE|os.O_WRONLY, 0o644)
		if err == nil {
			_, err = f.Write([]byte(long))
		}
		return errors.Join(err, d.Rename("/d/.new", "/d/file"))
	}
	if torn := crashes(t, careless); len(torn) == 0 {
		t.Error("no crash tears a file that was renamed without having been synced")
	}
	link := func(d disk.Disk) error { return disk.Link(d, "new", "/d/link") }
	if torn := crashes(t, link); len(torn) > 0 {
		t.Errorf("after a crash: %q", torn)
	}
}

// crashes does something on a disk that has /d/file and /d/link, in worlds of many seeds, each of which crashes at one
// operation. It returns what was torn.
func crashes(t *testing.T, what func(disk.Disk) error) (torn []string) {
	t.Helper()
	const addr = "10.0.0.1:1"
	for seed := range uint64(400) {
		w := sim.New(seed)
		d := w.Disk(addr)
		prepared := errors.Join(d.MkdirAll("/d", 0o755), d.SyncDir("/"), disk.Replace(d, "/d/file", []byte("old"), 0o644),
			disk.Link(d, "old", "/d/link"), d.SyncDir("/d"))
		if prepared != nil {
			t.Fatal(prepared)
		}
		mounted := disk.Of(w.Node(addr))
		operations := 0
		d.Intercept(func(op sim.Op) error {
			if operations++; operations > int(seed%8) {
				w.Crash(addr)
			}
			return nil
		})
		if err := what(mounted); err != nil && !errors.Is(err, sim.ErrPowerOff) {
			t.Fatal(err)
		}
		w.Crash(addr)
		content, err := disk.ReadFile(d, "/d/file")
		target, lerr := d.Readlink("/d/link")
		if text := string(content); err != nil || text != "old" && text != "the new content" {
			torn = append(torn, text)
		}
		if lerr != nil || target != "old" && target != "new" {
			torn = append(torn, target)
		}
	}
	return torn
}
