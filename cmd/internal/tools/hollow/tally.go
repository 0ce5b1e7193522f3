package main

import (
	"fmt"
	"sync/atomic"
)

// tally counts what has happened at the agents, each of which is an actor of its own, and keeps the first thing that
// went wrong.
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

// fail ends the measurement: it measures nothing if anything goes wrong.
func (t *tally) fail(format string, args ...any) {
	select {
	case t.problem <- fmt.Errorf(format, args...):
	default: // the first is enough
	}
}

// failed returns what went wrong, if anything did.
func (t *tally) failed() error {
	select {
	case err := <-t.problem:
		return err
	default:
		return nil
	}
}

// goal is a count that has to reach something.
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
