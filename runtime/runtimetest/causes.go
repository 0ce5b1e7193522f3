package runtimetest

import (
	"strings"
	"testing"

	"meseta/runtime"
)

// OwnCauses fails the test unless the actors of n whose names begin with prefix have booked that many timers, and what each of
// them goes back to happened at the actor itself: the questions of one do not lead to what another does with its answer.
func OwnCauses(t testing.TB, n *runtime.Node, prefix string, timers int) {
	t.Helper()
	events := map[runtime.EventID]runtime.Event{}
	var booked []runtime.Event
	for _, e := range n.Trace().Events() {
		if events[e.ID] = e; e.Kind == runtime.EventDelay && strings.HasPrefix(e.To.ID, prefix) {
			booked = append(booked, e)
		}
	}
	if len(booked) != timers {
		t.Errorf("%d timers of %s… are remembered; want %d", len(booked), prefix, timers)
	}
	for _, e := range booked {
		first := e
		for !first.Cause.IsZero() {
			first = events[first.Cause]
		}
		if first.To != e.To {
			t.Errorf("a timer of %s goes back to %v %s at %q", e.To.ID, first.Kind, first.Name, first.To.ID)
		}
	}
}

// WorkBegunBy returns, for each piece of blocking work that the actor with that id has begun, the id of the actor where the
// chain of its causes began.
func WorkBegunBy(n *runtime.Node, id string) (by []string) {
	events := map[runtime.EventID]runtime.Event{}
	for _, e := range n.Trace().Events() {
		events[e.ID] = e
		if e.Kind != runtime.EventWork || e.To.ID != id {
			continue
		}
		first := e
		for !first.Cause.IsZero() {
			first = events[first.Cause]
		}
		by = append(by, first.To.ID)
	}
	return by
}
