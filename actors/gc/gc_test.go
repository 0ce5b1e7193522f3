package gc_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"meseta/actors/gc"
	"meseta/actors/metrics"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

// yard is a collector whose deletions end on a list.
type yard struct {
	*sim.World
	t         *testing.T
	node      *runtime.Node
	collector runtime.Ref[*gc.GarbageCollector]
	deleted   []string
	err       error
}

func newYard(t *testing.T) *yard {
	t.Helper()
	y := &yard{World: sim.New(1), t: t}
	t.Cleanup(func() { runtimetest.End(t, y.World) })
	var err error
	y.node = y.Node("10.0.0.1:1")
	if _, err := metrics.Spawn(y.node, metrics.Options{}); err != nil {
		t.Fatal(err)
	}
	y.collector, err = runtime.Spawn(y.node, "gc", gc.New(gc.Options{
		Remove: func(_ context.Context, path string) error {
			y.deleted = append(y.deleted, path)
			return y.err
		},
	}))
	if err != nil {
		t.Fatal(err)
	}
	return y
}

func (y *yard) schedule(path string, in time.Duration) runtime.Future[struct{}] {
	f := runtime.Flatten(runtime.Call(y.collector, (*gc.GarbageCollector).Schedule, gc.Item{Path: path, In: in}))
	y.Settle()
	return f
}

func (y *yard) unschedule(path string) bool {
	y.t.Helper()
	was, err := sim.Await(y.World, runtime.Flatten(runtime.Call(y.collector, (*gc.GarbageCollector).Unschedule, path)), 0)
	if err != nil {
		y.t.Error(err)
	}
	return was
}

func (y *yard) expect(want ...string) {
	y.t.Helper()
	if !slices.Equal(y.deleted, want) {
		y.t.Errorf("deleted were %v, want %v", y.deleted, want)
	}
}

func TestPathsGoWhenTheirTimeIsOver(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.schedule("/c", 3*time.Hour)
	y.schedule("/a", time.Hour)
	b := y.schedule("/b", 2*time.Hour)
	y.Advance(time.Hour - time.Second)
	y.expect()
	y.Advance(time.Second)
	y.expect("/a")
	y.Advance(2 * time.Hour)
	y.expect("/a", "/b", "/c")
	if _, done, err := b.Peek(); !done || err != nil {
		t.Errorf("the owner of /b was not told: %v", err)
	}
}

func TestUnschedule(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.schedule("/a", time.Hour)
	y.schedule("/b", time.Hour)
	if !y.unschedule("/a") || y.unschedule("/a") || y.unschedule("/c") {
		t.Error("only the first time there was something to take back")
	}
	if _, _, err := a.Peek(); !errors.Is(err, gc.ErrUnscheduled) {
		t.Errorf("the owner was told %v", err)
	}
	y.Advance(2 * time.Hour)
	y.expect("/b")
}

func TestSchedulingAgainReplaces(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.schedule("/a", time.Hour)
	y.schedule("/a", 3*time.Hour)
	y.Advance(2 * time.Hour)
	y.expect()
	y.Advance(time.Hour)
	y.expect("/a")
}

func TestPrune(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for i, path := range []string{"/a", "/b", "/c"} {
		y.schedule(path, time.Duration(i+1)*time.Hour)
	}
	runtime.Tell(y.collector, func(c *gc.GarbageCollector) { c.Prune(2 * time.Hour) })
	y.Settle()
	y.expect("/a", "/b")
	y.Advance(3 * time.Hour)
	y.expect("/a", "/b", "/c")
}

func TestFailure(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.err = errors.New("busy")
	a := y.schedule("/a", time.Hour)
	y.Advance(time.Hour)
	if _, done, err := a.Peek(); !done || !errors.Is(err, y.err) {
		t.Errorf("the owner was told %v", err)
	}
	y.schedule("/a", time.Hour) // it may be tried again
	y.Advance(time.Hour)
	y.expect("/a", "/a")
}

// Whoever wants a path that is being deleted at this moment waits until it is gone.
func TestUnscheduleWhileDeleting(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	asked := runtime.Dispatch(y.collector, func(c *gc.GarbageCollector) runtime.Future[bool] {
		c.Schedule(gc.Item{Path: "/a"})
		c.Prune(0)
		return c.Unschedule("/a")
	})
	was, err := sim.Await(y.World, runtime.Flatten(asked), time.Second)
	if was || err != nil {
		t.Errorf("taking back told %t (%v)", was, err)
	}
	y.expect("/a")
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.schedule("a", time.Second)
	y.schedule("b", 2*time.Second)
	y.schedule("c", time.Minute)
	y.Advance(time.Second)
	y.err = errors.New("busy")
	y.Advance(time.Second)
	values, err := sim.Await(y.World, metrics.Of(y.node, 0), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	got := string(metrics.Append(nil, values))
	if want := `{"gc/path_removals_failed":1.0,"gc/path_removals_pending":1.0,"gc/path_removals_succeeded":1.0}`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// Directories that are really there really go, also those a task has locked.
func TestRealDirectories(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	t.Cleanup(func() { runtimetest.End(t, w) })
	collector, err := runtime.Spawn(w.Node("10.0.0.1:1"), "gc", gc.New(gc.Options{Disk: disk.Local{}}))
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "sandbox")
	if err := os.MkdirAll(filepath.Join(dir, "locked/inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(dir, "locked"), 0o500); err != nil {
		t.Fatal(err)
	}
	gone := runtime.Flatten(runtime.Call(collector, (*gc.GarbageCollector).Schedule, gc.Item{Path: dir}))
	if _, err := sim.Await(w, gone, time.Second); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("the directory is still there: %v", err)
	}
}

// Owners hear of the end of the collector.
func TestBookingsEndWithTheCollector(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	a := y.schedule("/a", time.Hour)
	y.node.Terminate(y.collector.PID())
	y.Settle()
	if _, done, err := a.Peek(); !done || !errors.Is(err, runtime.ErrTerminated) {
		t.Errorf("the owner of /a was told %v, %v", err, done)
	}
}

// What is deleted is on the disk of the node, in the simulator a simulated one.
func TestDeletesFromTheDiskOfTheNode(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	defer runtimetest.End(t, w)
	n := w.Node("10.0.0.1:1")
	d := disk.Of(n)
	if err := errors.Join(d.MkdirAll("/garden/sandbox/deep", 0o755), d.MkdirAll("/garden/other", 0o755)); err != nil {
		t.Fatal(err)
	}
	collector, err := runtime.Spawn(n, "gc", gc.New(gc.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	deleted := runtime.Flatten(runtime.Call(collector, (*gc.GarbageCollector).Schedule, gc.Item{Path: "/garden/sandbox", In: time.Hour}))
	w.Advance(2 * time.Hour)
	if _, done, err := deleted.Peek(); !done || err != nil {
		t.Errorf("deleted: %t, %v", done, err)
	}
	left, err := d.ReadDir("/garden")
	if err != nil || len(left) != 1 || left[0].Name() != "other" {
		t.Errorf("left are %v, %v", left, err)
	}
}
