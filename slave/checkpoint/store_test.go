package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
	"meseta/slave/checkpoint"
)

// broken is a disk that notes what is done to it, and has a file that cannot be written.
type broken struct {
	checkpoint.Local
	bad string

	mu    sync.Mutex
	calls []string
}

var errBad = errors.New("bad sector")

func (b *broken) note(call string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.calls = append(b.calls, call)
}

func (b *broken) Replace(path string, content []byte) error {
	b.note("write " + filepath.Base(path))
	if filepath.Base(path) == b.bad {
		return errBad
	}
	return b.Local.Replace(path, content)
}

func (b *broken) Sync(directory string) error {
	b.note("sync " + filepath.Base(directory))
	if filepath.Base(directory) == b.bad {
		return errBad
	}
	return b.Local.Sync(directory)
}

// desk is a store in a world.
type desk struct {
	*sim.World
	disk  *broken
	meta  string
	store runtime.Ref[*checkpoint.Store]
}

func newDesk(t *testing.T, bad string) *desk {
	t.Helper()
	d := &desk{World: sim.New(1), disk: &broken{bad: bad}, meta: filepath.Join(t.TempDir(), "meta")}
	t.Cleanup(d.Close)
	var err error
	if d.store, err = runtime.Spawn(d.Node("10.0.0.1:1"), "store", checkpoint.NewStore(d.disk)); err != nil {
		t.Fatal(err)
	}
	return d
}

// write writes each file in records of its own, all at once, and returns how each ended.
func (d *desk) write(files ...string) []error {
	var written []runtime.Future[struct{}]
	for _, f := range files {
		var r checkpoint.Records
		r.Text(filepath.Join(d.meta, f), f)
		written = append(written, runtime.Ask(d.store, (*checkpoint.Store).Write, r))
	}
	d.Settle()
	var errs []error
	for _, w := range written {
		_, err, done := w.Peek()
		if !done {
			err = errors.New("pending")
		}
		errs = append(errs, err)
	}
	return errs
}

// Records are written in their order. Those that come while others are being written share the syncs of directories, and
// none is said to be written before them.
func TestStoreBatches(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	for i, err := range d.write("a/1", "b/2", "b/3") {
		if err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	want := []string{"write 1", "sync a", "sync meta", "write 2", "write 3", "sync b", "sync meta"}
	if !slices.Equal(d.disk.calls, want) {
		t.Errorf("the disk saw %v, want %v", d.disk.calls, want)
	}
}

// What cannot be written fails alone; a directory that cannot be synced fails all that rely on it.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "2")
	errs := d.write("a/1", "a/2", "a/3")
	if errs[0] != nil || !errors.Is(errs[1], errBad) || errs[2] != nil {
		t.Errorf("the writes ended with %v", errs)
	}
	if content, err := os.ReadFile(filepath.Join(d.meta, "a/3")); err != nil || string(content) != "a/3" {
		t.Errorf("what came after the failure is %q, %v", content, err)
	}
	d = newDesk(t, "a")
	if errs := d.write("a/1"); !errors.Is(errs[0], errBad) {
		t.Errorf("a write that was not synced ended with %v", errs[0])
	}
}

// Who waits for a store that ends learns of it, and what waits is written.
func TestStoreEnds(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	var futures []runtime.Future[struct{}]
	runtime.Tell(d.store, func(s *checkpoint.Store) {
		for _, f := range []string{"1", "2"} {
			var r checkpoint.Records
			r.Text(filepath.Join(d.meta, f), f)
			futures = append(futures, s.Write(r))
		}
		s.Terminate()
	})
	d.Settle()
	for i, f := range futures {
		if _, _, done := f.Peek(); !done {
			t.Errorf("write %d is pending", i)
		}
	}
	if _, err := os.Stat(filepath.Join(d.meta, "2")); err != nil {
		t.Error(err)
	}
}

// An agent reads what one before it has left; what is torn is no agent.
func TestRead(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "")
	root := checkpoint.Root(filepath.Dir(d.meta))
	if s, err := checkpoint.Read(disk.Local{}, root, true); err != nil || s.Info != nil {
		t.Errorf("an empty directory holds %v, %v", s.Info, err)
	}
	agent := root.Meta().Agent("a1")
	var r checkpoint.Records
	r.Message(agent.Info(), &mesospb.SlaveInfo{Id: ids.Agent("a1").Proto(), Hostname: proto.String("host")})
	r.Link(string(agent), root.Meta().LatestAgent())
	r.Message(agent.DrainConfig(), &mesospb.DrainConfig{MarkGone: proto.Bool(true)})
	if _, err := sim.Await(d.World, runtime.Ask(d.store, (*checkpoint.Store).Write, r), 0); err != nil {
		t.Fatal(err)
	}
	s, err := checkpoint.Read(disk.Local{}, root, true)
	if err != nil || s.Info.GetHostname() != "host" || !s.Drain.GetMarkGone() {
		t.Errorf("found %v, %v", s, err)
	}
	if err := os.WriteFile(agent.Info(), []byte{200, 0, 0, 0, 1}, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := checkpoint.Read(disk.Local{}, root, true); !errors.Is(err, checkpoint.ErrTorn) {
		t.Errorf("a torn file was read: %v", err)
	}
}
