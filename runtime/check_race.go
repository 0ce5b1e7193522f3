//go:build race

package runtime

import (
	"bytes"
	"fmt"
	goruntime "runtime"
	"strconv"
	"strings"
	"sync"
)

// checksTurns reports whether an actor's methods check that they are called on its turn.
const checksTurns = true

// running is of *Actor, by goroutine: whose turns it takes. It is nil for blocking work.
var running sync.Map

// enterTurns notes that this goroutine takes turns of a, or does blocking work if that is nil, until leave is called.
func enterTurns(a *Actor) (leave func()) {
	id := goroutine()
	before, nested := running.Swap(id, a)
	return func() {
		if nested {
			running.Store(id, before)
			return
		}
		running.Delete(id)
	}
}

// mustBeOnTurn panics unless this goroutine takes a turn of a. Where turns are taken only when asked for, as in the
// simulator, code between them may do what a turn may.
func mustBeOnTurn(a *Actor) {
	if a.node == nil {
		return // it is not spawned, which other checks explain
	}
	now, busy := running.Load(goroutine())
	if now == any(a) {
		return
	}
	where := "on no turn"
	switch other, _ := now.(*Actor); {
	case other != nil:
		where = "on a turn of " + other.self.String()
	case busy:
		where = "by a function given to Go"
	default:
		if _, driven := a.node.scheduler.(Driver); driven {
			return
		}
	}
	panic(fmt.Sprintf("runtime: %s of %s (%T) was called %s; it may be called only on a turn of that actor, see Tell",
		calledMethod(), a.self, a.impl, where))
}

// mustBeOffTurn panics if this goroutine takes a turn.
func mustBeOffTurn(what string) {
	now, _ := running.Load(goroutine())
	if a, _ := now.(*Actor); a != nil {
		panic(fmt.Sprintf("runtime: %s was called on a turn of %s, which it would block; an actor continues with Await", what, a.self))
	}
}

// calledMethod is the outermost function of this package that the program called.
func calledMethod() string {
	var pcs [32]uintptr
	frames := goruntime.CallersFrames(pcs[:goruntime.Callers(2, pcs[:])])
	name := ""
	for {
		f, more := frames.Next()
		last := f.Function[strings.LastIndexByte(f.Function, '/')+1:]
		if !strings.HasPrefix(last, "runtime.") || !more {
			return name
		}
		last, _, _ = strings.Cut(strings.TrimPrefix(last, "runtime."), "[")
		name = strings.TrimPrefix(last, "(*Actor).")
	}
}

// goroutine is the number of this goroutine, as stacks show it.
func goroutine() uint64 {
	var buf [64]byte
	text := bytes.TrimPrefix(buf[:goruntime.Stack(buf[:], false)], []byte("goroutine "))
	digits, _, _ := bytes.Cut(text, []byte(" "))
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil {
		panic("runtime: a stack does not begin with the number of its goroutine: " + err.Error())
	}
	return n
}
