package mesos_test

import (
	"errors"
	"os"
	"path/filepath"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	"meseta/actors/gc"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/runtime"
)

// prune has everything deleted that would be deleted within an age, as soon as so many sandboxes are scheduled for deletion.
func (e *estate) prune(scheduled int, age time.Duration) {
	e.t.Helper()
	begun := runtime.Dispatch(e.garbage, func(*gc.GarbageCollector) struct{} { return struct{}{} })
	if _, err := runtime.Wait(e.t.Context(), begun); err != nil { // it has no metrics before
		e.t.Fatal(err)
	}
	for e.scheduled() != scheduled {
		goruntime.Gosched()
	}
	last := filepath.Join(e.work, "last")
	pruned := runtime.Flatten(runtime.Dispatch(e.garbage, func(c *gc.GarbageCollector) runtime.Future[struct{}] {
		c.Prune(age)
		return c.Schedule(gc.Item{Path: last}) // after the others
	}))
	if _, err := runtime.Wait(e.t.Context(), pruned); err != nil {
		e.t.Fatal(err)
	}
}

// scheduled returns how many sandboxes are scheduled for deletion.
func (e *estate) scheduled() int {
	e.t.Helper()
	values, err := runtime.Wait(e.t.Context(), metrics.Of(e.node, 0))
	if err != nil {
		e.t.Fatal(err)
	}
	for _, v := range values {
		if v.Key == "gc/path_removals_pending" {
			return int(v.Value)
		}
	}
	e.t.Fatal("there is no metric")
	return 0
}

// wantSandboxes compares the nested containers that have sandboxes.
func (e *estate) wantSandboxes(want ...string) {
	e.t.Helper()
	entries, err := os.ReadDir(filepath.Join(e.sandbox, "containers"))
	if err != nil {
		e.t.Fatal(err)
	}
	var got []string
	for _, f := range entries {
		got = append(got, f.Name())
	}
	if !slices.Equal(got, want) {
		e.t.Errorf("there are the sandboxes %v, want %v", got, want)
	}
}

// caretaker is an estate whose agents keep the sandboxes of nested containers for a thousand hours.
func caretaker(t *testing.T) *estate {
	t.Helper()
	e := newEstate(t)
	e.crash()
	e.keeps = 1000 * time.Hour
	e.start()
	return e
}

// The sandbox of a nested container is deleted when it is old, while the outermost container runs, also if the agent has been
// replaced. How the container ended is still known.
func TestSandboxesOfNestedContainersAreDeleted(t *testing.T) {
	t.Parallel()
	e := caretaker(t)
	e.executor(e.waiting("exit 0"))
	for _, id := range []ids.Container{"c1.n1", "c1.n2", "c1.n3"} {
		e.inside(id, shell("exit 3"))
		e.wantEnd(id, 3<<8)
	}
	e.inside("c1.n4", shell("exec sleep 1000"))
	e.prune(3, 500*time.Hour)
	e.wantSandboxes("n1", "n2", "n3", "n4")
	third := filepath.Join(e.sandbox, "containers/n3")
	about, err := os.Stat(third)
	if err != nil {
		t.Fatal(err)
	}
	old := about.ModTime().Add(-600 * time.Hour)
	if err := os.Chtimes(third, old, old); err != nil {
		t.Fatal(err)
	}
	e.crash()
	e.successor() // which goes by the time of the last change
	e.prune(3, 500*time.Hour)
	e.wantSandboxes("n1", "n2", "n4")
	e.prune(2, 1000*time.Hour)
	e.wantSandboxes("n4")
	e.wantEnd("c1.n1", 3<<8)
	if _, err := runtime.Wait(t.Context(), e.Remove("c1.n1")); err != nil {
		t.Errorf("a container without its sandbox is not removed: %v", err)
	}
}

// What is removed is not deleted once more.
func TestRemovedContainersAreNoGarbage(t *testing.T) {
	t.Parallel()
	e := caretaker(t)
	e.executor(e.waiting("exit 0"))
	e.inside("c1.n1", shell("exit 3"))
	e.wantEnd("c1.n1", 3<<8)
	if _, err := runtime.Wait(t.Context(), e.Remove("c1.n1")); err != nil {
		t.Fatal(err)
	}
	e.wantSandboxes()
	if err := os.Mkdir(filepath.Join(e.sandbox, "containers/n1"), 0o755); err != nil {
		t.Fatal(err)
	}
	e.prune(0, 1000*time.Hour)
	e.wantSandboxes("n1")
}

// A link that the container's user has put in the way is not followed.
func TestGarbageIsNotBehindLinks(t *testing.T) {
	t.Parallel()
	e := caretaker(t)
	other := t.TempDir()
	e.executor(e.waiting("exit 0"))
	e.inside("c1.n1", shell("exit 3"))
	e.wantEnd("c1.n1", 3<<8)
	e.prune(1, 0)
	inside := filepath.Join(e.sandbox, "containers")
	if err := errors.Join(os.Mkdir(filepath.Join(other, "n1"), 0o755), os.RemoveAll(inside), os.Symlink(other, inside)); err != nil {
		t.Fatal(err)
	}
	e.prune(1, 1000*time.Hour)
	if _, err := os.Stat(filepath.Join(other, "n1")); err != nil {
		t.Errorf("a directory elsewhere was deleted: %v", err)
	}
}
