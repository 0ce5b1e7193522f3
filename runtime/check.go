package runtime

import (
	"fmt"
	"strings"

	"meseta/runtime/internal/turns"
)

// onTurn is where race builds check that this is a turn of a.
func (a *Actor) onTurn() {
	if turns.Checked {
		a.mustBeOnTurn()
	}
}

// mustBeOnTurn panics unless this goroutine takes a turn of a. Where turns are taken only when asked for, as in the
// simulator, code between them may do what a turn may.
func (a *Actor) mustBeOnTurn() {
	if a.node == nil {
		return // it is not spawned, which other checks explain
	}
	owner, busy := turns.Here()
	if owner == any(a) {
		return
	}
	where := "on no turn"
	switch other, _ := owner.(*Actor); {
	case other != nil:
		where = "on a turn of " + other.self.String()
	case busy:
		where = "by a function given to Go"
	default:
		if _, driven := a.node.scheduler.(Driver); driven {
			return
		}
	}
	method := strings.TrimPrefix(turns.Called("runtime"), "(*Actor).")
	panic(fmt.Sprintf("runtime: %s of %s (%T) was called %s; it may be called only on a turn of that actor, see Tell",
		method, a.self, a.impl, where))
}

// mustBeOffTurn panics, in race builds, if this goroutine takes a turn.
func mustBeOffTurn(what string) {
	owner, _ := turns.Here()
	if a, _ := owner.(*Actor); a != nil {
		panic(fmt.Sprintf("runtime: %s was called on a turn of %s, which it would block; an actor continues with Await", what, a.self))
	}
}
