package runtimetest_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

type echo struct {
	runtime.Actor
	to    runtime.PID
	heard []string
}

func (e *echo) Initialize() {
	runtime.Install(e, func(_ runtime.PID, m *wrapperspb.StringValue) { e.heard = append(e.heard, m.GetValue()) })
	runtime.Install(e, func(runtime.PID, *emptypb.Empty) { e.heard = append(e.heard, "empty") })
}

func (e *echo) double(x int) int { return 2 * x }

func (e *echo) say(s string) { e.Send(e.to, wrapperspb.String(s)) }

func TestMessageFilters(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	a, b := w.Node("10.0.0.1:1"), w.Node("10.0.0.2:1")
	listener := &echo{}
	to := runtimetest.Spawn(t, b, "listener", listener).PID()
	speaker := runtimetest.Spawn(t, a, "speaker", &echo{to: to})
	say := func(s string) {
		runtime.Tell(speaker, func(e *echo) { e.say(s) })
		w.Advance(time.Second)
	}
	seen := runtimetest.FutureMessage[*wrapperspb.StringValue](b, speaker.PID(), to)
	other := runtimetest.FutureMessage[*emptypb.Empty](b, runtime.PID{}, runtime.PID{})
	dropped := runtimetest.DropMessage[*wrapperspb.StringValue](b, runtime.PID{}, to)
	say("one")
	say("two")
	stop := runtimetest.DropMessages[*wrapperspb.StringValue](b, runtime.PID{}, runtime.PID{})
	say("three")
	stop()
	say("four")
	if got := strings.Join(listener.heard, " "); got != "two four" {
		t.Errorf("heard %q", got)
	}
	if m, err, _ := seen.Peek(); err != nil || m.GetValue() != "one" {
		t.Errorf("seen %v, %v", m, err)
	}
	if m, err, _ := dropped.Peek(); err != nil || m.GetValue() != "one" {
		t.Errorf("dropped %v, %v", m, err)
	}
	if _, _, done := other.Peek(); done {
		t.Error("a message of another type was taken for it")
	}
}

func TestCallFilters(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:1")
	e := runtimetest.Spawn(t, n, "echo", &echo{})
	dropped, seen := runtimetest.DropCall(n, (*echo).double), runtimetest.FutureCall(n, (*echo).double)
	if _, err := sim.Await(w, runtime.Call(e, (*echo).double, 1), time.Second); err != runtime.ErrDiscarded {
		t.Errorf("the dropped call ended with %v", err)
	}
	if v, err := sim.Await(w, runtime.Call(e, (*echo).double, 1), time.Second); v != 2 || err != nil {
		t.Errorf("the other call: %d, %v", v, err)
	}
	for _, f := range []runtime.Future[string]{dropped, seen} {
		if id, err, _ := f.Peek(); id != "echo" || err != nil {
			t.Errorf("%q, %v", id, err)
		}
	}
}

// complaints is a test that may fail.
type complaints struct {
	testing.TB
	said     []string
	cleanups []func()
}

func (c *complaints) Helper()           {}
func (c *complaints) Failed() bool      { return false }
func (c *complaints) Cleanup(f func())  { c.cleanups = append(c.cleanups, f) }
func (c *complaints) Error(args ...any) { c.said = append(c.said, "error") }
func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, format)
}

func (c *complaints) end() {
	for _, f := range c.cleanups {
		f()
	}
}

func TestLeftoversAreFound(t *testing.T) {
	t.Parallel()
	c := &complaints{TB: t}
	w := runtimetest.World(c, 1)
	e := runtimetest.Spawn(t, w.Node("10.0.0.1:1"), "echo", &echo{})
	runtime.Tell(e, func(*echo) { panic("expected by this test") })
	w.Settle()
	c.end()
	if len(c.said) != 1 {
		t.Errorf("complaints: %q", c.said)
	}
}

// What a node still keeps when its actors should be gone is told by kind.
func TestANodeThatKeepsSomethingIsNotQuiet(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:1")
	w.Node("10.0.0.2:1")
	e := runtimetest.Spawn(t, n, "echo", &echo{})
	runtime.Tell(e, func(e *echo) { e.Link(runtime.PID{ID: "far", Addr: "10.0.0.2:1"}) })
	w.SlowWork = time.Minute
	runtime.Tell(e, func(e *echo) { runtime.Go(e, func(context.Context) (int, error) { return 0, nil }) })
	w.Settle()
	c := &complaints{TB: t}
	if runtimetest.Quiet(c, n); len(c.said) != 3 {
		t.Errorf("complaints: %q", c.said)
	}
	w.Advance(time.Hour)
	n.Terminate(e.PID())
	w.Settle()
	c = &complaints{TB: t}
	if runtimetest.Quiet(c, n); len(c.said) != 0 {
		t.Errorf("complaints: %q", c.said)
	}
}

func TestNodeWaitsForWork(t *testing.T) {
	t.Parallel()
	c := &complaints{TB: t}
	n := runtimetest.Node(c)
	e := runtimetest.Spawn(t, n, "echo", &echo{})
	ended := make(chan bool, 1)
	started := runtime.Dispatch(e, func(e *echo) bool {
		runtime.Go(e, func(ctx context.Context) (int, error) {
			<-ctx.Done()
			ended <- true
			return 0, nil
		})
		return true
	})
	if _, err := runtimetest.Wait(t, started); err != nil {
		t.Fatal(err)
	}
	c.end()
	if len(c.said) != 0 || len(ended) != 1 {
		t.Errorf("complaints: %q; work ended: %d", c.said, len(ended))
	}
}
