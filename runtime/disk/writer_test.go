package disk_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

const (
	addr = "10.0.0.1:1"
	root = "/w"
)

// desk is a writer in a world, and what its disk was asked to change.
type desk struct {
	*sim.World
	t      *testing.T
	disk   *sim.Disk
	node   *runtime.Node
	writer runtime.Ref[*disk.Writer]
	make   func(disk.Disk, string) *disk.Writer
	calls  []string
}

func newDesk(t *testing.T, seed uint64) *desk { return newDeskOf(t, seed, disk.NewWriter) }

// makers make both kinds of writers.
var makers = map[string]func(disk.Disk, string) *disk.Writer{"direct": disk.NewWriter, "journaled": disk.NewJournaled}

func newDeskOf(t *testing.T, seed uint64, writer func(disk.Disk, string) *disk.Writer) *desk {
	t.Helper()
	d := &desk{World: sim.New(seed), t: t, make: writer}
	t.Cleanup(d.Close)
	d.disk = d.Disk(addr)
	if err := errors.Join(d.disk.MkdirAll(root, 0o755), d.disk.SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	d.start()
	return d
}

// start starts a writer on a new node.
func (d *desk) start() {
	d.t.Helper()
	d.node = d.Node(addr)
	d.recover()
	var err error
	if d.writer, err = runtime.Spawn(d.node, "writer", d.make(disk.Of(d.node), root)); err != nil {
		d.t.Fatal(err)
	}
}

// recover recovers the disk of a machine that has crashed.
func (d *desk) recover() {
	d.t.Helper()
	if err := disk.Recover(d.disk, root); err != nil {
		d.t.Fatal(err)
	}
}

// note collects what the disk is asked to change.
func (d *desk) note() {
	d.disk.Intercept(func(op sim.Op) error {
		if op.Kind.Changes() {
			d.calls = append(d.calls, fmt.Sprintf("%s %s", op.Kind, filepath.Base(op.Path)))
		}
		return nil
	})
}

// fail makes what the disk is asked to do with some files fail.
func (d *desk) fail(kind sim.OpKind, base string) {
	d.disk.Intercept(func(op sim.Op) error {
		if op.Kind == kind && filepath.Base(op.Path) == base {
			return syscall.EIO
		}
		return nil
	})
}

func (d *desk) begin(b disk.Batch) runtime.Future[struct{}] {
	return runtime.Ask(d.writer, (*disk.Writer).Write, b)
}

func (d *desk) write(b disk.Batch) error {
	_, err := sim.Await(d.World, d.begin(b), time.Minute)
	return err
}

func (d *desk) content(name string) string {
	content, err := disk.ReadFile(d.disk, filepath.Join(root, name))
	if err != nil {
		return word(err)
	}
	return string(content)
}

// text is a content.
func text(s string) func() ([]byte, error) { return func() ([]byte, error) { return []byte(s), nil } }

// file is a batch that replaces files below root with their own names.
func file(names ...string) (b disk.Batch) {
	for _, name := range names {
		b.Replace(filepath.Join(root, name), 0o600, text(name))
	}
	return b
}

// Batches that come while others are written share the syncs of directories. The content of all files is synced before
// the first gets its name, and the names are given in order. A directory is synced once for what it lists.
func TestWriterGroups(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1)
	d.note()
	if err := d.write(file("a/1")); err != nil {
		t.Fatal(err)
	}
	want := []string{"mkdir a", "create .new-1", "write .new-1", "sync .new-1", "rename 1", "syncdir w", "syncdir a"}
	if !slices.Equal(d.calls, want) {
		t.Errorf("the disk saw %v, want %v", d.calls, want)
	}
	d.calls = nil
	var first, second runtime.Future[struct{}]
	runtime.Tell(d.writer, func(w *disk.Writer) {
		w.Write(file("a/2"))
		d.calls = nil
		first, second = w.Write(file("a/3", "a/4")), w.Write(file("a/5"))
	})
	d.Settle()
	for _, f := range []runtime.Future[struct{}]{first, second} {
		if _, done, err := f.Peek(); err != nil || !done {
			t.Errorf("a write is done: %t, %v", done, err)
		}
	}
	want = []string{"create .new-2", "write .new-2", "sync .new-2", "rename 2", "syncdir a"}
	want = append(want, "create .new-3", "write .new-3", "create .new-4", "write .new-4", "create .new-5", "write .new-5",
		"sync .new-3", "sync .new-4", "sync .new-5", "rename 3", "rename 4", "rename 5", "syncdir a")
	if !slices.Equal(d.calls, want) {
		t.Errorf("the disk saw %v, want %v", d.calls, want)
	}
}

// Changes of the same name, and removals, happen when it is their turn.
// author writes a file and books a timer when that is done.
type author struct {
	runtime.Actor
	writer runtime.Ref[*disk.Writer]
}

func (a *author) write() {
	written := runtime.Ask(a.writer, (*disk.Writer).Write, file(a.Self().ID))
	runtime.Await(a, written, func(struct{}, error) { a.Delay(0, func() {}) })
}

// One commit serves the files of several actors. What one does then is caused by what it asked for, not by the others. A commit
// is caused by one of them, and not by what the commit before it was for.
func TestAnswersOfAGroupAreCausedByTheirQuestions(t *testing.T) {
	t.Parallel()
	for name, kind := range makers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDeskOf(t, 1, kind)
			d.node.Trace().Record(10_000)
			for i := range 4 {
				runtime.Tell(runtimetest.Spawn(t, d.node, fmt.Sprint("author", i), &author{writer: d.writer}), (*author).write)
			}
			d.Settle()
			runtimetest.OwnCauses(t, d.node, "author", 4)
			if got := runtimetest.WorkBegunBy(d.node, "writer"); len(got) != 2 || got[0] == got[1] {
				t.Errorf("the commits were begun by %q", got)
			}
		})
	}
}

func TestWriterKeepsOrder(t *testing.T) {
	t.Parallel()
	for kind, writer := range makers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDeskOf(t, 1, writer)
			var b disk.Batch
			for _, s := range []string{"old", "new"} {
				b.Replace(root+"/a/file", 0o600, text(s))
				b.Replace(root+"/b/"+s, 0o600, text(s))
				b.Link(s, root+"/b/latest")
			}
			b.Remove(root + "/a")
			b.Mkdir(root+"/a/again", 0o755)
			b.Touch(root+"/b", time.Unix(9, 0))
			b.Touch(root+"/nowhere", time.Unix(9, 0))
			if err := d.write(b); err != nil {
				t.Fatal(err)
			}
			d.Advance(time.Minute) // a journal goes
			const want = "/w/\n/w/a/\n/w/a/again/\n/w/b/\n/w/b/latest → new\n/w/b/new 3\n/w/b/old 3\n"
			if got := d.disk.Tree(); got != want {
				t.Errorf("the disk holds\n%s", got)
			}
			if info, err := d.disk.Lstat(root + "/b"); err != nil || info.ModTime().Unix() != 9 {
				t.Errorf("the touched directory is %v, %v", info, err)
			}
		})
	}
}

// A batch ends with its first failure, which names the file; other batches are not affected, unless the directory that
// they rely on cannot be synced. No half file is left.
func TestWriterFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		kind  sim.OpKind
		base  string
		fails []bool
		tree  string
	}{
		{sim.OpWrite, ".new-2", []bool{false, true, false}, "/w/\n/w/a/\n/w/a/1 3\n/w/a/4 3\n"},
		{sim.OpSync, ".new-2", []bool{false, true, false}, "/w/\n/w/a/\n/w/a/1 3\n/w/a/4 3\n"},
		{sim.OpRename, "2", []bool{false, true, false}, "/w/\n/w/a/\n/w/a/1 3\n/w/a/4 3\n"},
		{sim.OpRename, "3", []bool{false, true, false}, "/w/\n/w/a/\n/w/a/1 3\n/w/a/2 3\n/w/a/4 3\n"},
		{sim.OpSyncDir, "a", []bool{true, true, true}, "/w/\n/w/a/\n/w/a/1 3\n/w/a/2 3\n/w/a/3 3\n/w/a/4 3\n"},
		{sim.OpMkdir, "a", []bool{true, true, true}, "/w/\n"},
	} {
		t.Run(string(c.kind)+" "+c.base, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, 1)
			d.fail(c.kind, c.base)
			var all []runtime.Future[struct{}]
			runtime.Tell(d.writer, func(w *disk.Writer) {
				for _, b := range []disk.Batch{{}, file("a/1"), file("a/2", "a/3"), file("a/4")} {
					all = append(all, w.Write(b))
				}
			})
			d.Settle()
			for i, fails := range c.fails {
				_, done, err := all[i+1].Peek()
				if !done || fails != errors.Is(err, syscall.EIO) {
					t.Errorf("batch %d is done %t: %v", i, done, err)
				}
				if fails && !strings.Contains(err.Error(), "/w/a") {
					t.Errorf("the error does not name the file: %v", err)
				}
			}
			if got := d.disk.Tree(); got != c.tree {
				t.Errorf("the disk holds\n%s", got)
			}
		})
	}
}

// A writer that ends writes what was given to it, and nobody waits for it any more.
func TestWriterEnds(t *testing.T) {
	t.Parallel()
	for kind, writer := range makers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDeskOf(t, 1, writer)
			var all []runtime.Future[struct{}]
			runtime.Tell(d.writer, func(w *disk.Writer) {
				all = append(all, w.Write(file("1")), w.Write(file("2")))
				w.Terminate()
			})
			d.Settle()
			for i, f := range all {
				if _, done, _ := f.Peek(); !done {
					t.Errorf("write %d is pending", i)
				}
			}
			if got := d.content("2"); got != "2" {
				t.Errorf("what waited is %s", got)
			}
		})
	}
}

// Wherever the machine crashes, what was said to be written is there, and each file is whole or not there.
func TestWriterSurvivesCrashes(t *testing.T) {
	t.Parallel()
	for kind, writer := range makers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for at := 0; ; at++ {
				crashed := false
				for seed := range uint64(20) {
					d := newDeskOf(t, seed, writer)
					operations := 0
					d.disk.Intercept(func(op sim.Op) error {
						if operations++; operations > at && op.Kind.Changes() && !crashed {
							crashed = true
							d.Crash(addr)
						}
						return nil
					})
					batches := []disk.Batch{file("a/1"), file("a/2", "a/b/3"), file("c/4"), file("a/b/5")}
					batches[1].Link("3", root+"/a/b/latest")
					var done []runtime.Future[struct{}]
					for _, b := range batches {
						done = append(done, d.begin(b))
					}
					d.Settle()
					if !crashed {
						return // every operation was tried
					}
					crashed = false
					d.Crash(addr)
					d.recover()
					for i, b := range batches {
						_, ok, err := done[i].Peek()
						d.present(b, ok && err == nil)
					}
					if t.Failed() {
						t.Fatalf("operation %d, seed %d\n%s", at, seed, d.disk.Tree())
					}
				}
			}
		})
	}
}

// present checks that the files of a batch are whole, and that they are there if they must.
func (d *desk) present(b disk.Batch, must bool) {
	d.t.Helper()
	for _, name := range b.Names() {
		content, err := disk.ReadFile(d.disk, name)
		relative, _ := filepath.Rel(root, name)
		switch {
		case err != nil && must:
			d.t.Errorf("%s was written and is lost: %v", name, err)
		case err == nil && filepath.Base(name) != "latest" && string(content) != relative:
			d.t.Errorf("%s holds %q", name, content)
		}
	}
}

// ---- logs ----

// records are framed by a byte that counts them.
func scan(content []byte) (int, error) {
	length := 0
	for length < len(content) && length+1+int(content[length]) <= len(content) {
		length += 1 + int(content[length])
	}
	return length, nil
}

func record(s string) string { return string(rune(len(s))) + s }

func (d *desk) log() *disk.Log { return disk.NewLog(root+"/a/log", 0o644, scan) }

func appending(l *disk.Log, s string) (b disk.Batch) {
	b.Append(l, text(record(s)))
	return b
}

// A record is put behind the last whole one, whatever a crash or a failure has left there.
func TestLogRepairs(t *testing.T) {
	t.Parallel()
	for kind, writer := range makers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			d := newDeskOf(t, 1, writer)
			for _, left := range []string{"", "\x09torn", record("one"), record("one") + "\x05tor"} {
				if err := errors.Join(d.disk.MkdirAll(root+"/a", 0o755), disk.Replace(d.disk, root+"/a/log", []byte(left), 0o600)); err != nil {
					t.Fatal(err)
				}
				whole, _ := scan([]byte(left))
				if err := d.write(appending(d.log(), "two")); err != nil {
					t.Fatal(err)
				}
				if got, want := d.content("a/log"), left[:whole]+record("two"); got != want {
					t.Errorf("behind %q: %q, want %q", left, got, want)
				}
			}
		})
	}
}

// A log that cannot be understood, or that somebody has cut, is not continued; one that was removed begins anew.
func TestLogRefuses(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1)
	l := disk.NewLog(root+"/a/log", 0o644, func([]byte) (int, error) { return 0, errors.New("junk") })
	if err := d.write(appending(l, "one")); err != nil {
		t.Fatal(err)
	}
	if err := disk.Replace(d.disk, root+"/a/log", []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := d.write(appending(l, "two")); err == nil || !strings.Contains(err.Error(), "/w/a/log has 1 bytes of the 4") {
		t.Errorf("a file that was cut: %v", err)
	}
	l = disk.NewLog(root+"/a/log", 0o644, func([]byte) (int, error) { return 0, errors.New("junk") })
	if err := d.write(appending(l, "two")); err == nil || !strings.Contains(err.Error(), "junk") {
		t.Errorf("a file with junk: %v", err)
	}
	if err := d.disk.Remove(root + "/a/log"); err != nil {
		t.Fatal(err)
	}
	if err := d.write(appending(l, "two")); err != nil || d.content("a/log") != record("two") {
		t.Errorf("a file that was removed: %v", err)
	}
}

// A log syncs its directory when the file is new to it, and what it finds in the file before it adds to that.
func TestLogSyncsOnlyWhatItMust(t *testing.T) {
	t.Parallel()
	d := newDesk(t, 1)
	l := d.log()
	d.note()
	for _, want := range []string{
		"mkdir a, create log, write log, sync log, syncdir w, syncdir a", "write log, sync log", "write log, sync log",
	} {
		d.calls = nil
		if err := d.write(appending(l, "one")); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(d.calls, ", "); got != want {
			t.Errorf("the disk saw %s, want %s", got, want)
		}
	}
	l, d.calls = d.log(), nil
	if err := d.write(appending(l, "two")); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.Join(d.calls, ", "), "sync log, write log, sync log, syncdir a"; got != want {
		t.Errorf("the disk saw %s, want %s", got, want)
	}
}

// Whatever fails and wherever the machine crashes, the log holds the records that were said to be written, in order, and
// perhaps one that was not.
func TestLogLosesNothing(t *testing.T) {
	t.Parallel()
	for kind, writer := range makers {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			for seed := range uint64(300) {
				d := newDeskOf(t, seed, writer)
				l := d.log()
				chance := newChance(seed)
				d.disk.Intercept(func(op sim.Op) error {
					switch {
					case !op.Kind.Changes() || chance(8) > 0:
						return nil
					case chance(3) == 0:
						d.Crash(addr)
						return nil
					}
					return syscall.EIO
				})
				var kept, failed []string // failed: since the last that was kept
				for i := range 20 {
					s := strings.Repeat(string(rune('a'+i)), 1+chance(9))
					if err := d.write(appending(l, s)); err == nil {
						kept, failed = append(kept, s), nil
					} else {
						failed = append(failed, s)
					}
					if len(d.Living()) == 0 {
						d.start()
						l = d.log()
						kept, failed = d.recovered(kept, failed), nil
					}
				}
			}
		})
	}
}

// newChance returns a source of numbers below n.
func newChance(seed uint64) func(n int) int {
	w := sim.New(seed)
	random := w.Node("10.0.0.9:1").Rand()
	return random.IntN
}

// recovered checks what is in the log, and returns it: behind what was kept may be one record that failed.
func (d *desk) recovered(kept, failed []string) []string {
	d.t.Helper()
	content, err := disk.ReadFile(d.disk, root+"/a/log")
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		d.t.Fatal(err)
	}
	length, _ := scan(content)
	var found []string
	for rest := content[:length]; len(rest) > 0; {
		n := 1 + int(rest[0])
		found, rest = append(found, string(rest[1:n])), rest[n:]
	}
	n := min(len(kept), len(found))
	more := found[n:]
	if !slices.Equal(found[:n], kept) || len(more) > 1 || len(more) == 1 && !slices.Contains(failed, more[0]) {
		d.t.Fatalf("the log holds %q, want %q and perhaps one of %q", found, kept, failed)
	}
	return found
}

// BenchmarkWriter shows what a record costs that is written with others.
func BenchmarkWriter(b *testing.B) {
	for _, together := range []int{1, 10, 100} {
		b.Run(fmt.Sprint(together), func(b *testing.B) {
			n, err := runtime.NewNode(runtime.Options{})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = n.Close(b.Context()) })
			dir := b.TempDir()
			w, err := runtime.Spawn(n, "writer", disk.NewWriter(disk.Local{}, dir))
			if err != nil {
				b.Fatal(err)
			}
			var id [4]byte
			for done := 0; done < b.N; done += together {
				all := make(chan error, together)
				for i := range together {
					binary.BigEndian.PutUint32(id[:], uint32(done+i))
					var batch disk.Batch
					batch.Replace(fmt.Sprintf("%s/%x/file", dir, id), 0o600, text("content"))
					runtime.Ask(w, (*disk.Writer).Write, batch).OnAny(func(_ struct{}, err error) { all <- err })
				}
				for range together {
					if err := <-all; err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

// A writer that ends makes the last changes in order, also if it has not begun yet with those that come first.
func TestWriterEndsInOrder(t *testing.T) {
	t.Parallel()
	for kind, writer := range makers {
		for seed := range uint64(20) {
			d := newDeskOf(t, seed, writer)
			runtime.Tell(d.writer, func(w *disk.Writer) {
				for _, content := range []string{"first", "second", "last"} {
					var b disk.Batch
					b.Replace(root+"/a", 0o600, text(content))
					w.Write(b)
				}
				w.Terminate()
			})
			d.Settle()
			if got := d.content("a"); got != "last" {
				t.Fatalf("%s, seed %d: the file holds %q", kind, seed, got)
			}
		}
	}
}
