package mesos

import (
	"context"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// lastWords bounds how long a client may take to read the remaining output of a process that has ended. If only logs
// are written, it bounds the wait for the end of the output.
const lastWords = 5 * time.Second

func (x *Containerizer) attach(id ids.Container) runtime.Future[containerizer.Board] {
	c := x.find(id)
	switch {
	case c == nil || c.over:
		return runtime.Failed[containerizer.Board](containerizer.ErrUnknown)
	case !c.Attachable():
		return runtime.Failed[containerizer.Board](containerizer.ErrUnattachable)
	}
	return runtime.Then(c.starting, func(started *process) (containerizer.Board, error) {
		if started.board == nil {
			return nil, containerizer.ErrUnattachable
		}
		return started.board, nil
	})
}

// guard destroys a container whose terminal is gone although it has not ended.
func (x *Containerizer) guard(c *container) {
	if !c.lasting() {
		return
	}
	broken := runtime.Chain(x, c.drained, func(struct{}, error) runtime.Future[*slavepb.ContainerLimitation] {
		return runtime.Go(x, func(context.Context) (*slavepb.ContainerLimitation, error) {
			return x.scribes.AwaitTerminal(c.Runtime)
		})
	})
	runtime.Await(x, broken, func(l *slavepb.ContainerLimitation, err error) {
		if !c.unwanted && (l != nil || err != nil) {
			x.exceeded(c, l, err)
		}
	})
}

// listen copies the output of a process, unless the process writes to its sandbox itself. It completes at the end of
// the output.
func (x *Containerizer) listen(started *process) runtime.Future[struct{}] {
	if started.board == nil {
		return runtime.Ready(struct{}{})
	}
	var copies []runtime.Future[struct{}]
	for _, copy := range started.board.Copies(started.logs[0], started.logs[1]) {
		copies = append(copies, runtime.Go(x, func(ctx context.Context) (struct{}, error) { return struct{}{}, copy(ctx) }))
	}
	return runtime.Continue(x, runtime.Settled(copies...), func(all []runtime.Result[struct{}], err error) (struct{}, error) {
		for _, one := range all {
			if one.Err != nil {
				x.Log().Error().Err(one.Err).Msg("what a container says is lost")
			}
		}
		return struct{}{}, err
	})
}

// drain calls then when all output of a process that has ended was read. Clients learn of the end by the end of their
// streams. The wait is bounded, and there is none for a container that is being destroyed.
//
// Mesos: IOSwitchboard::cleanup.
func (x *Containerizer) drain(c *container, then func()) {
	board := c.process.board
	if board == nil {
		then()
		return
	}
	if c.unwanted {
		board.Flow()
	}
	unheard := x.Delay(lastWords, board.Flow)
	unended := x.Delay(2*lastWords, board.Close)
	runtime.Await(x, c.drained, func(struct{}, error) {
		unheard.Cancel()
		unended.Cancel()
		board.Close()
		then()
	})
}
