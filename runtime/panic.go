package runtime

import (
	"fmt"
	"os"
	"runtime/debug"

	"meseta/runtime/internal/recent"
	"meseta/runtime/internal/report"
)

// Panic describes what ended a node: a panic in an actor, or in a function that one gave away. Actors are never
// restarted, because what they knew is lost or half changed.
type Panic = report.Panic

// exitProgram is what a panic does by default.
func exitProgram(p Panic) {
	fmt.Fprint(os.Stderr, p.String())
	os.Exit(2)
}

// caught, deferred, turns a panic into the end of the node. So it does when a turn ends its goroutine.
func (a *Actor) caught(returned *bool) {
	if *returned {
		return
	}
	a.endTurn()
	p := Panic{Actor: a.self, Reason: recover(), Recent: a.recalled()}
	exited := p.Reason == nil
	if exited {
		p.Reason = goexit
	}
	if s, ok := p.Reason.(*stray); ok {
		p = Panic{Where: s.where + ", called on a turn of actor " + a.self.String(), Reason: s.reason}
	}
	p.Stack = debug.Stack()
	a.node.fail(p, exited)
}

// remember notes the event for the report of a panic: a message by its name, a call by its code.
func (a *Actor) remember(it *item, name string, code uintptr) {
	if a.past == nil {
		a.past = &recent.Few[recent.Event]{}
	}
	e := a.past.Next()
	e.Kind, e.From, e.Name, e.Code = it.kind, it.from, name, code
}

func (a *Actor) recalled() []string {
	if a.past == nil {
		return []string{OnStart.String()}
	}
	var lines []string
	for e := range a.past.All {
		lines = append(lines, e.String())
	}
	return lines
}
