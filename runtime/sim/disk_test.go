package sim_test

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"syscall"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/sim"
)

const machine = "10.0.0.1:1"

// open opens a file on the disk of a new node, for writing.
func open(t *testing.T, w *sim.World, name string, flag int) disk.File {
	t.Helper()
	f, err := disk.Of(w.Node(machine)).OpenFile(name, os.O_CREATE|os.O_RDWR|flag, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A crash keeps what was synced and loses, or tears, what was not; the end of a process loses nothing.
func TestCrashLosesWhatWasNotSynced(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for seed := range uint64(200) {
		w := sim.New(seed)
		f := open(t, w, "/file", 0)
		_, err := f.Write([]byte("safe"))
		err = errors.Join(err, f.Sync(), disk.Of(w.Living()[0]).SyncDir("/"))
		_, werr := f.Write([]byte("open"))
		if err := errors.Join(err, werr); err != nil {
			t.Fatal(err)
		}
		if content, err := disk.ReadFile(w.Disk(machine), "/file"); string(content) != "safeopen" || err != nil {
			t.Fatalf("the machine shows %q, %v", content, err)
		}
		w.Crash(machine)
		if _, err := f.Write([]byte("late")); !errors.Is(err, sim.ErrPowerOff) {
			t.Fatalf("a dead node writes: %v", err)
		}
		content, err := disk.ReadFile(w.Disk(machine), "/file")
		if err != nil {
			t.Fatal(err)
		}
		seen[string(content)] = true
	}
	for text := range seen {
		if len(text) < 4 || text != "safeopen"[:len(text)] {
			t.Errorf("a crash left %q", text)
		}
	}
	for _, text := range []string{"safe", "safeo", "safeopen"} {
		if !seen[text] {
			t.Errorf("no crash left %q", text)
		}
	}
	w := sim.New(1)
	if _, err := open(t, w, "/file", 0).Write([]byte("open")); err != nil {
		t.Fatal(err)
	}
	w.Kill(machine)
	if content, err := disk.ReadFile(w.Disk(machine), "/file"); string(content) != "open" || err != nil {
		t.Errorf("the end of a process left %q, %v", content, err)
	}
}

// A file whose directory was not synced may not be there after a crash.
func TestCrashForgetsNames(t *testing.T) {
	t.Parallel()
	gone := 0
	for seed := range uint64(50) {
		w := sim.New(seed)
		if err := open(t, w, "/file", 0).Sync(); err != nil {
			t.Fatal(err)
		}
		w.Crash(machine)
		if _, err := w.Disk(machine).Lstat("/file"); errors.Is(err, fs.ErrNotExist) {
			gone++
		}
	}
	if gone == 0 || gone == 50 {
		t.Errorf("the file was gone after %d of 50 crashes", gone)
	}
}

func TestDiskThatIsFull(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	f := open(t, w, "/file", 0)
	w.Disk(machine).SetCapacity(6)
	if n, err := f.Write([]byte("12345678")); n != 6 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("a full disk takes %d bytes: %v", n, err)
	}
	if n, err := f.WriteAt([]byte("ab"), 0); n != 2 || err != nil {
		t.Errorf("a full disk takes %d bytes in place of others: %v", n, err)
	}
}

// What a failed sync should have put on the medium is lost with the next crash, whatever is synced later.
func TestFailedSync(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	f := open(t, w, "/file", 0)
	remove := w.Disk(machine).Intercept(func(op sim.Op) error {
		if op.Kind == sim.OpSync {
			return syscall.EIO
		}
		return nil
	})
	_, _ = f.Write([]byte("lost"))
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync returns %v", err)
	}
	remove()
	if err := errors.Join(f.Sync(), disk.Of(w.Living()[0]).SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	if content, err := disk.ReadFile(w.Disk(machine), "/file"); string(content) != "lost" || err != nil {
		t.Errorf("the machine shows %q, %v", content, err)
	}
}

// worker notes when its blocking work was done.
type worker struct {
	runtime.Actor
	done time.Time
}

func (w *worker) Initialize() {
	worked := runtime.Go(w, func(context.Context) (struct{}, error) { return struct{}{}, nil })
	runtime.Await(w, worked, func(struct{}, error) { w.done = w.Now() })
}

func TestDiskThatStalls(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	began := w.Now()
	w.Disk(machine).Stall(3 * time.Second)
	a := &worker{}
	if _, err := runtime.Spawn(w.Node(machine), "worker", a); err != nil {
		t.Fatal(err)
	}
	w.Advance(2 * time.Second)
	if !a.done.IsZero() {
		t.Error("blocking work did not wait for the disk")
	}
	w.Advance(2 * time.Second)
	if got := a.done.Sub(began); got != 3*time.Second {
		t.Errorf("blocking work was done after %v", got)
	}
}

// A clock that jumps shows another time; what waits is not affected.
func TestClockThatJumps(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.Node(machine)
	fired := time.Time{}
	n.Clock().AfterFunc(time.Minute, func() { fired = w.Now() })
	began := w.Now()
	w.SetClock(machine, -time.Hour)
	if got := n.Clock().Now(); !got.Equal(began.Add(-time.Hour)) {
		t.Errorf("the clock shows %v", got)
	}
	w.Advance(2 * time.Minute)
	if fired.Sub(began) != time.Minute {
		t.Errorf("a timer fired after %v", fired.Sub(began))
	}
}

// What one side says does not arrive, and what the other says does: alice, who greets twice a second apart, is greeted by
// bob in return only for the first time.
func TestOneWayPartition(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ from, to string }{{alice, bob}, {bob, alice}} {
		w, a, b := pair(t, 1)
		w.Advance(500 * time.Millisecond)
		w.PartitionOneWay(c.from, c.to)
		w.Advance(time.Second)
		heard := map[string]int{alice: len(a.heard), bob: len(b.heard)}
		want := map[string]int{alice: 1, bob: 2}
		if c.to == bob {
			want[bob] = 1
		}
		if !maps.Equal(heard, want) {
			t.Errorf("behind a partition %s → %s greetings heard are %v, want %v", c.from, c.to, heard, want)
		}
		t.Cleanup(w.Close)
	}
}
