package runtime

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"meseta/runtime/internal/recent"
)

// Panic describes what ended a node: a panic in an actor, or in a function that one gave away. Actors are never
// restarted, because what they knew is lost or half changed.
type Panic struct {
	Actor  PID    // on whose turn it happened; zero if on none
	Where  string // if on no turn: which function it was, and which actor it has to do with
	Reason any
	Stack  []byte
	Recent []string // the actor's latest events, oldest first; the last one is where it happened
}

// Summary is what happened in one line.
func (p Panic) Summary() string { return fmt.Sprintf("panic in %s: %v", p.where(), p.Reason) }

func (p Panic) where() string {
	if p.Where != "" {
		return p.Where
	}
	return "actor " + p.Actor.String()
}

// String is what is printed about it.
func (p Panic) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, p.Summary())
	if len(p.Recent) > 0 {
		fmt.Fprintln(&b, "its latest events, oldest first:")
	}
	for _, line := range p.Recent {
		fmt.Fprintf(&b, "\t%s\n", line)
	}
	fmt.Fprintf(&b, "\n%s\n", p.Stack)
	return b.String()
}

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
