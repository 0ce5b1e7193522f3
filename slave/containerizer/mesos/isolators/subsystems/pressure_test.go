package subsystems

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/slave/cgroups"
)

// early is a clock on which everything happens at once.
type early struct {
	runtime.Clock
	waited []time.Duration
}

func (c *early) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.waited = append(c.waited, d)
	f()
	return func() bool { return false }
}

// Nobody listens for memory pressure in a container that ends soon. When one has lived for a while its pressure is counted.
func TestPressureIsCountedLater(t *testing.T) {
	t.Parallel()
	h, err := cgroups.Find("/sys/fs/cgroup", "memory")
	if err != nil || h.Version != cgroups.V1 || os.Geteuid() != 0 {
		t.Skipf("needs version 1 of the memory subsystem and the rights of root: %v", err)
	}
	g := cgroups.Group{Hierarchy: h, Name: fmt.Sprintf("meseta-test-%d-pressure", os.Getpid())}
	if err := g.Make(); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := g.Remove(); err != nil {
			t.Error(err)
		}
	})
	if !g.Has(pressureFile) {
		t.Skip("the kernel does not report pressure")
	}
	clock := &early{}
	w, err := watchOOM(g, clock)
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	if n := w.pressure.count(0); n != nil {
		t.Errorf("%d events were counted at once", *n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.wait(ctx); !errors.Is(err, context.Canceled) || len(clock.waited) != 1 || clock.waited[0] != youth {
		t.Errorf("the watch ended with %v after %v", err, clock.waited)
	}
	if n := w.pressure.count(0); n != nil {
		t.Errorf("%d events were counted in a container that has ended", *n)
	}
	if err := w.grow(t.Context(), os.ErrDeadlineExceeded); err != nil {
		t.Error(err)
	}
	for level := range levels {
		if n := w.pressure.count(level); n == nil || *n != 0 {
			t.Errorf("level %d is not counted", level)
		}
	}
	w.close()
	if err := w.pressure.listen(); err != nil || w.pressure.count(0) != nil {
		t.Errorf("somebody listens after the end: %v", err)
	}
}
