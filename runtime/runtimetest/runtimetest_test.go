package runtimetest_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/limiter"
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
	if m, _, err := seen.Peek(); err != nil || m.GetValue() != "one" {
		t.Errorf("seen %v, %v", m, err)
	}
	if m, _, err := dropped.Peek(); err != nil || m.GetValue() != "one" {
		t.Errorf("dropped %v, %v", m, err)
	}
	if _, done, _ := other.Peek(); done {
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
		if id, _, err := f.Peek(); id != "echo" || err != nil {
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
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

// about reports whether one complaint has these words.
func (c *complaints) about(words string) bool {
	return slices.ContainsFunc(c.said, func(said string) bool { return strings.Contains(said, words) })
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

// keeps are ways in which a node keeps something, by words of the complaint.
var keeps = map[string]func(w *sim.World, e *echo){
	"links outlive":        func(_ *sim.World, e *echo) { e.Link(runtime.PID{ID: "far", Addr: "10.0.0.2:1"}) },
	"timers outlive":       func(_ *sim.World, e *echo) { e.Delay(time.Hour, func() {}) },
	"promises or requests": func(_ *sim.World, e *echo) { runtime.Owe[int](e) },
	"requests for permits": func(_ *sim.World, e *echo) {
		l := limiter.New(e, 1, time.Hour)
		l.Acquire()
		l.Acquire()
	},
	"works begun with": func(w *sim.World, e *echo) { w.SlowWork = time.Minute; runtime.Go(e, nothing) },
	"events that actors of 10.0.0.1:1 have not handled: [echo@": func(_ *sim.World, e *echo) { e.Send(e.Self(), &emptypb.Empty{}) },
}

func nothing(context.Context) (int, error) { return 0, nil }

// What a node still keeps when its actors should be gone is told by kind, and is gone when they are.
func TestANodeThatKeepsSomethingIsNotQuiet(t *testing.T) {
	t.Parallel()
	for words, keep := range keeps {
		w := runtimetest.World(t, 1)
		n := w.Node("10.0.0.1:1")
		w.Node("10.0.0.2:1")
		actor := &echo{}
		e := runtimetest.Spawn(t, n, "echo", actor)
		w.Settle()
		keep(w, actor) // between two steps, so that what it sends still waits
		c := &complaints{TB: t}
		if runtimetest.Quiet(c, n); !c.about(words) || !c.about("outlive the test: [echo@") {
			t.Errorf("%q is missed; complaints: %q", words, c.said)
		}
		n.Terminate(e.PID())
		w.Settle()
		if w.SlowWork > 0 {
			w.Advance(time.Hour)
		}
		c = &complaints{TB: t}
		if runtimetest.Quiet(c, n); len(c.said) != 0 {
			t.Errorf("%q when the actor is gone; complaints: %q", words, c.said)
		}
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
