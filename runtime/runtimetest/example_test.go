package runtimetest_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// A test of two actors: the message that is to be lost is lost, and the next one seen.
func ExampleDropMessage() {
	test := func(t testing.TB) {
		w := runtimetest.World(t, 1)
		n := w.Node("10.0.0.1:1")
		listener := runtimetest.Spawn(t, n, "listener", &echo{})
		speaker := runtimetest.Spawn(t, n, "speaker", &echo{to: listener.PID()})
		lost := runtimetest.DropMessage[*wrapperspb.StringValue](n, speaker.PID(), listener.PID())
		for _, word := range []string{"one", "two"} {
			runtime.Tell(speaker, func(e *echo) { e.say(word) })
			w.Advance(time.Second)
		}
		m, done, err := lost.Peek()
		fmt.Println("lost:", m.GetValue(), err, done)
		runtime.Tell(listener, func(e *echo) { fmt.Println("heard:", e.heard) })
		w.Settle()
	}
	t := &complaints{} // go test gives a *testing.T
	test(t)
	t.end()
	fmt.Println("complaints:", len(t.said))
	// Output:
	// lost: one <nil> true
	// heard: [two]
	// complaints: 0
}
