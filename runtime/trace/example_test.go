package trace_test

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/trace"
)

// A Relay passes on what it is sent.
type Relay struct {
	runtime.Actor
	next runtime.PID // zero: nobody
}

func (r *Relay) Initialize() {
	runtime.Install(r, func(_ runtime.PID, m *wrapperspb.StringValue) {
		if !r.next.IsZero() {
			r.Send(r.next, m)
		}
	})
}

// A message from one node to another: what the nodes recorded is one tree.
func ExampleTree() {
	w := sim.New(1)
	recorded := func(o *runtime.Options) { o.TraceRing = 100 }
	here, there := w.NodeWith("10.0.0.1:1", recorded), w.NodeWith("10.0.0.2:1", recorded)
	last, err := runtime.Spawn(there, "last", &Relay{})
	if err != nil {
		panic(err)
	}
	first, err := runtime.Spawn(here, "first", &Relay{next: last.PID()})
	if err != nil {
		panic(err)
	}
	runtime.Tell(first, func(r *Relay) { r.Send(r.next, wrapperspb.String("hello")) })
	w.Advance(time.Second)
	all := append(here.Trace().Events(), there.Trace().Events()...)
	var told []runtime.Event
	for _, e := range all {
		if e.Name == "google.protobuf.StringValue" { // without what led to it
			told = append(told, e)
		}
	}
	fmt.Print(trace.Tree(told))
	// Output:
	// send StringValue first -> last
	//   deliver message StringValue first -> last
}
