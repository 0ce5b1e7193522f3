package runtime

import (
	"context"
	"errors"
	"fmt"
)

// Wait blocks until f is complete and returns its result, or an error that wraps ctx's when ctx ends first; f goes on then,
// and may be discarded. Wait is for main functions and the like, which are no actors: a turn that blocks could keep f from
// ever completing, so actors use [Await]. Race builds panic when Wait is called on a turn. In the simulator Wait runs the
// world of the actor that f is a result of, and fails when nothing more can happen there.
func Wait[T any](ctx context.Context, f Future[T]) (T, error) {
	c := f.known()
	mustBeOffTurn("Wait")
	if c.owner != nil {
		if d, ok := c.owner.node.scheduler.(Driver); ok {
			return driven(d, f)
		}
	}
	done := make(chan Result[T], 1)
	c.onAny(func(v T, err error) { done <- Result[T]{v, err} })
	select {
	case r := <-done:
		return r.Value, r.Err
	case <-ctx.Done():
	}
	if v, complete, err := f.Peek(); complete {
		return v, err
	}
	var none T
	return none, fmt.Errorf("runtime: waiting for a result: %w", ctx.Err())
}

// errNeverComplete is why a Wait in the simulator ended.
var errNeverComplete = errors.New("runtime: waiting for a result: nothing is left to do in the simulator, and it is not there")

// driven is Wait where turns are taken only when asked for.
func driven[T any](d Driver, f Future[T]) (T, error) {
	d.Drive(func() bool { _, complete, _ := f.Peek(); return complete })
	v, complete, err := f.Peek()
	if !complete {
		err = errNeverComplete
	}
	return v, err
}
