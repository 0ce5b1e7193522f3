// Package report says what ended a node.
package report

import (
	"fmt"
	"strings"

	"meseta/runtime/internal/events"
)

// Panic describes what ended a node: a panic in an actor, or in a function that one gave away. Actors are never
// restarted, because what they knew is lost or half changed.
type Panic struct {
	Actor  events.PID // on whose turn it happened; zero if on none
	Where  string     // if on no turn: which function it was, and which actor it has to do with
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
