package disk_test

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
)

// However many changes come together, one file is synced for them. Later all that they have changed is, and the journal goes.
func TestJournalSyncsOnce(t *testing.T) {
	t.Parallel()
	d := newDeskOf(t, 1, disk.NewJournaled)
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	d.note()
	b := file("a/2", "a/b/3")
	b.Link("3", root+"/a/b/latest")
	if err := d.write(b); err != nil {
		t.Fatal(err)
	}
	syncs := func() []string {
		return slices.DeleteFunc(slices.Clone(d.calls), func(c string) bool { return !strings.HasPrefix(c, "sync") })
	}
	if got, want := syncs(), []string{"sync .journal-1"}; !slices.Equal(got, want) {
		t.Errorf("the disk saw %v, want %v", got, want)
	}
	d.calls = nil
	d.Advance(time.Minute)
	want := []string{"syncdir w", "syncdir a", "sync 1", "sync 2", "syncdir b", "sync 3", "remove .journal-1", "syncdir w"}
	if !slices.Equal(d.calls, want) {
		t.Errorf("the disk saw %v, want %v", d.calls, want)
	}
	d.Crash(addr)
	if got, want := d.disk.Tree(), "/w/\n/w/a/\n/w/a/1 3\n/w/a/2 3\n/w/a/b/\n/w/a/b/3 5\n/w/a/b/latest → 3\n"; got != want {
		t.Errorf("the disk holds\n%s", got)
	}
}

// A file that is new is made in its place where an empty one is a missing one, and one that exists is replaced.
func TestJournalCreates(t *testing.T) {
	t.Parallel()
	d := newDeskOf(t, 1, disk.NewJournaled)
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	d.note()
	create := func(content string) disk.Batch {
		var b disk.Batch
		b.Mkdir(root+"/b/c", 0o750)
		b.Create(root+"/b/c/2", 0o600, text(content))
		return b
	}
	long := strings.Repeat("long", 2000)
	for _, c := range []struct {
		content string
		want    []string
	}{
		{"new", []string{"write .journal-1", "sync .journal-1", "create 2", "write 2"}},
		{"newer", []string{"write .journal-1", "sync .journal-1", "create .new-2", "write .new-2", "rename 2"}},
		{long, []string{"write .journal-1", "sync .journal-1", "create .new-2", "write .new-2", "rename 2"}},
	} {
		d.calls = nil
		if err := d.write(create(c.content)); err != nil {
			t.Fatal(err)
		}
		d.calls = slices.DeleteFunc(d.calls, func(call string) bool { return strings.HasPrefix(call, "mkdir") })
		if !slices.Equal(d.calls, c.want) {
			t.Errorf("the disk saw %v, want %v", d.calls, c.want)
		}
		if got := d.content("b/c/2"); got != c.content {
			t.Errorf("the file holds %.10q, want %.10q", got, c.content)
		}
	}
	for name, want := range map[string]fs.FileMode{"b": 0o755, "b/c": 0o750} {
		if about, err := d.disk.Lstat(filepath.Join(root, name)); err != nil || about.Mode().Perm() != want {
			t.Errorf("%s has mode %v (%v), want %v", name, about.Mode(), err, want)
		}
	}
}

// Directories have the permissions that they were to have, however they are made.
func TestPermissionsOfDirectories(t *testing.T) {
	t.Parallel()
	for name, of := range makers {
		d := newDeskOf(t, 1, of)
		var b disk.Batch
		b.Mkdir(root+"/a/b", 0o750)
		b.Replace(root+"/a/b/c/1", 0o600, text("1"))
		if err := d.write(b); err != nil {
			t.Fatal(err)
		}
		d.Crash(addr)
		d.recover()
		for dir, want := range map[string]fs.FileMode{"a": 0o755, "a/b": 0o750, "a/b/c": 0o755} {
			if about, err := d.disk.Lstat(filepath.Join(root, dir)); err != nil || about.Mode().Perm() != want {
				t.Errorf("%s: %s has mode %v (%v), want %v", name, dir, about.Mode(), err, want)
			}
		}
	}
}

// Changes that remove something are not made again by a recovery, since they would remove what came after them.
func TestJournalRemovesNothing(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		d := newDeskOf(t, seed, disk.NewJournaled)
		var clear disk.Batch
		clear.Remove(root + "/volume")
		clear.Mkdir(root+"/volume", 0o755)
		for _, b := range []disk.Batch{file("volume/old"), clear, file("other")} {
			if err := d.write(b); err != nil {
				t.Fatal(err)
			}
		}
		if err := disk.Replace(d.disk, root+"/volume/data", []byte("of a task"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := d.disk.SyncDir(root + "/volume"); err != nil {
			t.Fatal(err)
		}
		d.Crash(addr)
		d.recover()
		if got, want := d.disk.Tree(), "/w/\n/w/other 5\n/w/volume/\n/w/volume/data 9\n"; got != want {
			t.Fatalf("seed %d: the disk holds\n%s", seed, got)
		}
	}
}

// No name is seen, and none changes, before the record of that is on the medium.
func TestJournalComesFirst(t *testing.T) {
	t.Parallel()
	d := newDeskOf(t, 1, disk.NewJournaled)
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	synced := 0
	d.disk.Intercept(func(op sim.Op) error {
		if op.Kind == sim.OpSync && strings.HasPrefix(filepath.Base(op.Path), ".journal") {
			synced++
			if tree := d.disk.Tree(); !strings.Contains(tree, "/w/a/1 3\n") || strings.Contains(tree, "/w/a/2 ") {
				t.Errorf("before the sync the disk holds\n%s", tree)
			}
		}
		return nil
	})
	b := file("a/2")
	b.Replace(root+"/a/1", 0o600, text("changed"))
	if err := d.write(b); err != nil {
		t.Fatal(err)
	}
	if got := d.content("a/1") + d.content("a/2"); synced != 1 || got != "changeda/2" {
		t.Errorf("%q after %d syncs", got, synced)
	}
}

// While a record is synced, the directories for its files are made, but nothing in them. A journal that has no record yet waits:
// with the directories it would make its root, which is taken to be on the medium from then on.
func TestJournalMakesDirectoriesMeanwhile(t *testing.T) {
	t.Parallel()
	const late = root + "/late"
	for seed := range uint64(20) {
		d := newDeskOf(t, seed, disk.NewJournaled)
		var err error
		if d.writer, err = runtime.Spawn(d.node, "late", disk.NewJournaled(disk.Of(d.node), late)); err != nil {
			t.Fatal(err)
		}
		seen := ""
		d.disk.Intercept(func(op sim.Op) error {
			if op.Kind == sim.OpSync && strings.HasPrefix(filepath.Base(op.Path), ".journal") {
				seen = d.disk.Tree()
			}
			return nil
		})
		for _, b := range []disk.Batch{file("late/a/1"), file("late/a/2")} { // the second is the first in a journal
			if err := d.write(b); err != nil {
				t.Fatal(err)
			}
		}
		if strings.Contains(seen, "/w/late/a/2") {
			t.Errorf("when the first record is synced, the disk holds\n%s", seen)
		}
		b := file("late/b/c/3")
		b.Mkdir(late+"/d", 0o750)
		if err := d.write(b); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(seen, "/w/late/b/c/\n/w/late/d/\n") {
			t.Errorf("when a record is synced, the disk holds\n%s", seen)
		}
		d.Crash(addr)
		if err := disk.Recover(d.disk, late); err != nil {
			t.Fatal(err)
		}
		if got, want := d.disk.Tree(), "/w/\n/w/late/\n/w/late/a/\n/w/late/a/1 8\n/w/late/a/2 8\n/w/late/b/\n/w/late/b/c/\n/w/late/b/c/3 10\n/w/late/d/\n"; got != want {
			t.Errorf("seed %d: the disk holds\n%s", seed, got)
		}
	}
}

// The zeros behind the records of a journal take no room that others need.
func TestJournalOnAFullDisk(t *testing.T) {
	t.Parallel()
	d := newDeskOf(t, 1, disk.NewJournaled)
	d.disk.SetCapacity(1000)
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	if journal, err := d.disk.Lstat(root + "/.journal-1"); err != nil || journal.Size() > 100 {
		t.Errorf("the journal is %v, %v", journal, err)
	}
	if err := d.write(file("a/2")); err != nil {
		t.Error(err)
	}
}

// What was not made, as its batch was told, is not made by a recovery either.
func TestJournalForgetsWhatFailed(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind sim.OpKind
		base string
	}{{sim.OpCreate, ".new-2"}, {sim.OpWrite, ".new-2"}, {sim.OpRename, "2"}} {
		d := newDeskOf(t, 1, disk.NewJournaled)
		d.fail(c.kind, c.base)
		if err := d.write(file("a/1", "a/2", "a/3")); err == nil || !strings.Contains(err.Error(), "/w/a/2: ") {
			t.Errorf("the batch fails with %v", err)
		}
		if err := d.write(file("a/4")); err != nil {
			t.Error(err)
		}
		d.Crash(addr)
		d.recover()
		if got, want := d.disk.Tree(), "/w/\n/w/a/\n/w/a/1 3\n/w/a/4 3\n"; got != want {
			t.Errorf("%v: the disk holds\n%s", c, got)
		}
	}
}

// A journal that cannot be written is done without.
func TestJournalFails(t *testing.T) {
	t.Parallel()
	for _, kind := range []sim.OpKind{sim.OpCreate, sim.OpWrite, sim.OpSync} {
		d := newDeskOf(t, 1, disk.NewJournaled)
		d.disk.Intercept(func(op sim.Op) error {
			if op.Kind == kind && strings.HasPrefix(filepath.Base(op.Path), ".journal") {
				return syscall.ENOSPC
			}
			return nil
		})
		for _, name := range []string{"a/1", "a/2"} {
			if err := d.write(file(name)); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		d.Crash(addr)
		if got, want := d.disk.Tree(), "/w/\n/w/a/\n/w/a/1 3\n/w/a/2 3\n"; got != want {
			t.Errorf("%s: the disk holds\n%s", kind, got)
		}
	}
}

// A recovery may itself be cut short, wherever that is.
func TestRecoverSurvivesCrashes(t *testing.T) {
	t.Parallel()
	for at := 0; ; at++ {
		d := newDeskOf(t, uint64(at), disk.NewJournaled)
		batches := []disk.Batch{file("a/1", "b/2"), file("a/1", "a/c/3")}
		l := d.log()
		batches = append(batches, appending(l, "one"), appending(l, "two"))
		for _, b := range batches {
			if err := d.write(b); err != nil {
				t.Fatal(err)
			}
		}
		d.Crash(addr)
		operations, crashed := 0, false
		remove := d.disk.Intercept(func(op sim.Op) error {
			if operations++; operations > at && !crashed {
				crashed = true
				d.Crash(addr)
			}
			return nil
		})
		_ = disk.Recover(disk.Of(d.Node(addr)), root)
		remove()
		d.recover()
		if got, want := d.disk.Tree(), "/w/\n/w/a/\n/w/a/1 3\n/w/a/c/\n/w/a/c/3 5\n/w/a/log 8\n/w/b/\n/w/b/2 3\n"; got != want {
			t.Fatalf("crash at operation %d: the disk holds\n%s", at, got)
		}
		if !crashed {
			return // every operation was tried
		}
	}
}

// Whatever is in the file of a journal, recovery ends, and makes nothing that was not whole.
func FuzzRecover(f *testing.F) {
	d := newSpare()
	for _, content := range d {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		w := sim.New(1)
		defer w.Close()
		m := w.Disk(addr)
		if err := m.MkdirAll(root, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := disk.Replace(m, root+"/.journal-1", content, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := disk.Recover(m, root); err == nil && strings.Contains(m.Tree(), ".journal") {
			t.Errorf("the journal is still there\n%s", m.Tree())
		}
	})
}

// newSpare returns contents of journals.
func newSpare() [][]byte {
	w := sim.New(1)
	defer w.Close()
	m := w.Disk(addr)
	if err := m.MkdirAll(root, 0o755); err != nil {
		panic(fmt.Sprint("a disk of the simulator fails: ", err))
	}
	n := w.Node(addr)
	writer, err := runtime.Spawn(n, "writer", disk.NewJournaled(disk.Of(n), root))
	if err != nil {
		panic(err)
	}
	runtime.Ask(writer, (*disk.Writer).Write, file("a/1", "a/2"))
	w.Settle()
	content, err := disk.ReadFile(m, root+"/.journal-1")
	if err != nil {
		panic(err)
	}
	return [][]byte{nil, content, content[:len(content)-1], append(slices.Clone(content), content...)}
}

// A directory may be moved before its journal is read.
func TestRecoverAfterAMove(t *testing.T) {
	t.Parallel()
	d := newDeskOf(t, 1, disk.NewJournaled)
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	d.Crash(addr)
	if err := errors.Join(d.disk.RemoveAll(root+"/a"), d.disk.Rename(root, "/moved")); err != nil {
		t.Fatal(err)
	}
	if err := disk.Recover(d.disk, "/moved"); err != nil {
		t.Fatal(err)
	}
	if got, want := d.disk.Tree(), "/moved/\n/moved/a/\n/moved/a/1 3\n"; got != want {
		t.Errorf("the disk holds\n%s", got)
	}
}

// While a machine goes on, nothing is lost with a process. So its changes are not made again over those of others, however
// soon these come, and are on the medium once they were recovered.
func TestRecoverAfterAKill(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		d := newDeskOf(t, seed, disk.NewJournaled)
		l := d.log()
		for _, b := range []disk.Batch{file("a/1", "a/2", "b/3"), appending(l, "one"), appending(l, "two")} {
			if err := d.write(b); err != nil {
				t.Fatal(err)
			}
		}
		d.Kill(addr)
		if err := errors.Join(
			d.disk.Remove(root+"/a/2"),
			disk.Replace(d.disk, root+"/a/1", []byte("of an operator"), 0o600),
			disk.Replace(d.disk, root+"/a/log", []byte(record("one")), 0o600),
			d.disk.SyncDir(root+"/a"),
		); err != nil {
			t.Fatal(err)
		}
		d.recover()
		want := "/w/\n/w/a/\n/w/a/1 14\n/w/a/log 4\n/w/b/\n/w/b/3 3\n"
		if got := d.disk.Tree(); got != want {
			t.Fatalf("seed %d: after a kill the disk holds\n%s", seed, got)
		}
		d.start()
		d.Crash(addr)
		if got := d.disk.Tree(); got != want {
			t.Fatalf("seed %d: after a crash the disk holds\n%s", seed, got)
		}
	}
}

// Whatever the writer was about to do when its process was killed: what the next process sees is not lost with the machine.
func TestRecoverKeepsWhatIsSeen(t *testing.T) {
	t.Parallel()
	for at := 1; ; at++ {
		d := newDeskOf(t, uint64(at), disk.NewJournaled)
		if err := d.write(file("a/old", "gone/1")); err != nil {
			t.Fatal(err)
		}
		var b disk.Batch
		b.Replace(root+"/a/target", 0o600, text("target"))
		b.Rename(root+"/a/target", root+"/a/info")
		b.Mkdir(root+"/b/c", 0o755)
		b.Remove(root + "/gone")
		b.Barrier()
		b.Append(d.log(), text(record("one")))
		operations := 0
		remove := d.disk.Intercept(func(op sim.Op) error {
			if operations++; operations == at {
				d.Kill(addr)
			}
			return nil
		})
		_ = d.write(b)
		remove()
		if operations < at {
			return // every operation was tried
		}
		d.recover()
		seen := whole(d.disk)
		d.Crash(addr)
		d.start()
		d.Crash(addr)
		if got := whole(d.disk); got != seen {
			t.Fatalf("killed at operation %d: after a crash the disk holds\n%s\nbefore it held\n%s", at, got, seen)
		}
	}
}

// whole returns what a disk holds, without files that nobody reads.
func whole(d *sim.Disk) string {
	lines := strings.SplitAfter(d.Tree(), "\n")
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.Contains(l, "/.") }), "")
}

// A file may have grown since its journal was left, by an agent that knows nothing of journals.
func TestRecoverKeepsWhatCameAfter(t *testing.T) {
	t.Parallel()
	d := newDeskOf(t, 1, disk.NewJournaled)
	l := d.log()
	for _, s := range []string{"one", "two"} {
		if err := d.write(appending(l, s)); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	left, err := disk.ReadFile(d.disk, root+"/.journal-1")
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(disk.Replace(d.disk, root+"/.journal-7", left, 0o600), d.disk.SyncDir(root)); err != nil {
		t.Fatal(err)
	}
	d.Advance(time.Hour)
	d.Crash(addr)
	want := record("one") + record("two") + record("three")
	for name, content := range map[string]string{"log": want, "1": "of another agent"} {
		if err := disk.Replace(d.disk, root+"/a/"+name, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := disk.Recover(d.disk, root); err != nil {
		t.Fatal(err)
	}
	if got := d.content("a/log"); got != want {
		t.Errorf("the log holds %q, want %q", got, want)
	}
	if got := d.content("a/1"); got != "of another agent" {
		t.Errorf("the file holds %q", got)
	}
}
