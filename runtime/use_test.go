package runtime_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	"meseta/runtime"
	"meseta/runtime/sim"
)

func TestUseBeforeSpawnIsExplained(t *testing.T) {
	t.Parallel()
	s := &scribe{}
	nobody := runtime.PID{ID: "a", Addr: "10.0.0.1:1"}
	for name, mistake := range map[string]func(){
		"Send": func() { s.Send(nobody, &emptypb.Empty{}) }, "Reply": func() { s.Reply(&emptypb.Empty{}) },
		"Delay": func() { s.Delay(time.Second, func() {}) }, "Log": func() { s.Log() }, "Now": func() { s.Now() },
		"Rand": func() { s.Rand() }, "Link": func() { s.Link(nobody) }, "Relink": func() { s.Relink(nobody) },
		"Unlink": func() { s.Unlink(nobody) }, "Terminate": s.Terminate,
		"Go":     func() { runtime.Go(s, func(context.Context) (int, error) { return 0, nil }) },
		"Await":  func() { runtime.Await(s, runtime.Ready(1), func(int, error) {}) },
		"Within": func() { runtime.Within(s, runtime.Ready(1), time.Second, runtime.ErrTimeout) },
	} {
		if got := panics(mistake); !strings.Contains(got, "before Spawn") {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestANegativeTraceRingIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := runtime.NewNode(runtime.Options{TraceRing: -1}); err == nil || !strings.Contains(err.Error(), "TraceRing") {
		t.Errorf("%v, want an error that names TraceRing", err)
	}
}

// An actor's label goes with it, also if its node is not traced any more.
func TestLabelsEndWithTheirActors(t *testing.T) {
	t.Parallel()
	for _, traced := range []bool{true, false} {
		w := sim.New(1)
		n := w.NodeWith("10.0.0.1:1", func(o *runtime.Options) { o.TraceRing = 10 })
		s := &scribe{}
		ref := spawn(t, n, "scribe", s)
		w.Settle()
		if !runtime.Labelled(s) {
			t.Fatal("a traced actor has no label")
		}
		if !traced {
			n.Trace().Record(0)
		}
		n.Terminate(ref.PID())
		w.Settle()
		if runtime.Labelled(s) {
			t.Errorf("the label of an actor that ended is kept; traced until then: %v", traced)
		}
	}
}
