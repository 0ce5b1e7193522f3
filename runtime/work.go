package runtime

import (
	"context"

	"meseta/runtime/internal/events"
	"meseta/runtime/internal/funcs"
	"meseta/runtime/internal/turns"
)

// Go runs blocking work off the actor's turn and returns its result; continue with [Await]. ctx ends when b
// terminates or the future is discarded. In the simulator work runs as one step, so it must not wait for anything an
// actor does.
func Go[T any](b Behavior, work func(ctx context.Context) (T, error)) Future[T] {
	a := b.base()
	n := a.home()
	p := promiseOf[T](a, a.turn)
	ctx, cancel := context.WithCancel(a.Context())
	p.OnDiscard(cancel)
	begun := n.trace.note(a.lane, events.Memo{Cause: a.turn, Kind: EventWork, To: a.self, Code: funcs.Entry(work)})
	n.working.Add(1)
	n.scheduler.Go(func() {
		if turns.Checked {
			defer turns.Enter(nil)()
		}
		defer n.working.Add(-1)
		defer cancel()
		g := guard{owner: a, to: "Go", about: "by", f: work}
		defer g.caught()
		defer attribute(begun)()
		v, err := work(ctx)
		g.returned = true
		p.cell.finish(v, err)
	})
	return p.Future()
}

// Working counts the blocking works that were begun with [Go] and are not done.
func (n *Node) Working() int { return int(n.working.Load()) }
