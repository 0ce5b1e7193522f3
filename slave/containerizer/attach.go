package containerizer

import (
	"context"
	"time"

	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/slave/containerizer/switchboard"
)

// lastWords is how long somebody may take to listen to what a process said that has ended, and how long the end of that
// is waited for when it is written elsewhere only.
const lastWords = 5 * time.Second

func (p *Posix) attach(id ids.Container) runtime.Future[*switchboard.Board] {
	c := p.containers[id]
	switch {
	case c == nil || c.over:
		return runtime.Failed[*switchboard.Board](ErrUnknown)
	case !c.launch.attachable():
		return runtime.Failed[*switchboard.Board](ErrUnattachable)
	}
	return runtime.Then(c.starting, func(started *process) (*switchboard.Board, error) { return started.board, nil })
}

// connect reads what a process says, if that does not write it into its sandbox by itself. It completes at the end.
func (p *Posix) connect(started *process) runtime.Future[struct{}] {
	if started.board == nil {
		return runtime.Ready(struct{}{})
	}
	var copies []runtime.Future[struct{}]
	for _, copy := range started.board.Copies(started.logs[0], started.logs[1]) {
		copies = append(copies, runtime.Go(p, func(ctx context.Context) (struct{}, error) { return struct{}{}, copy(ctx) }))
	}
	ended := runtime.NewPromise[struct{}]()
	runtime.Await(p, runtime.Settled(copies...), func(all []runtime.Result[struct{}], _ error) {
		for _, one := range all {
			if one.Err != nil {
				p.Log().Error().Err(one.Err).Msg("what a container says is lost")
			}
		}
		ended.Set(struct{}{})
	})
	return ended.Future()
}

// drain calls then when what an ended process said has been heard, which who listens learns by the end of it. Nobody is waited for for long, and for the output of
// a container that is not wanted any more not at all.
//
// Mesos: IOSwitchboard::cleanup.
func (p *Posix) drain(id ids.Container, then func()) {
	c := p.containers[id]
	board := c.process.board
	if board == nil {
		then()
		return
	}
	if c.unwanted {
		board.Flow()
	}
	unheard := p.Delay(lastWords, board.Flow)
	unended := p.Delay(2*lastWords, board.Close)
	runtime.Await(p, c.drained, func(struct{}, error) {
		unheard.Cancel()
		unended.Cancel()
		board.Close()
		then()
	})
}
