package main

import (
	"fmt"
	"sync/atomic"
)

// tally counts events of the agents, each of which is an actor of its own, and keeps the first error.
type tally struct {
	first, registered *goal // agents
	running, finished *goal // tasks
	problem           chan error
}

func newTally(agents, tasks int) *tally {
	return &tally{
		first: newGoal("masters lead", 1), registered: newGoal("agents registered", agents-1),
		running: newGoal("tasks run", tasks), finished: newGoal("tasks finished", tasks), problem: make(chan error, 1),
	}
}

// fail ends the measurement with an error.
func (t *tally) fail(format string, args ...any) {
	select {
	case t.problem <- fmt.Errorf(format, args...):
	default: // the first error is enough
	}
}

// failed returns the first error, or nil.
func (t *tally) failed() error {
	select {
	case err := <-t.problem:
		return err
	default:
		return nil
	}
}

// goal is a counter that has to reach a number.
type goal struct {
	what    string
	want    int64
	count   atomic.Int64
	reached chan struct{}
}

func newGoal(what string, want int) *goal {
	return &goal{what: what, want: int64(want), reached: make(chan struct{})}
}

func (g *goal) add() {
	if g.count.Add(1) == g.want {
		close(g.reached)
	}
}
