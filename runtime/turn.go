package runtime

import "meseta/runtime/internal/events"

// Kind says what an event in an actor's queue is.
type Kind = events.Kind

// The kinds of events, each of which is handled in a turn of its own.
const (
	OnStart     = events.OnStart     // the actor's first turn
	OnMessage   = events.OnMessage   // a message of another actor
	OnCall      = events.OnCall      // a call through a [Ref]
	OnAnswer    = events.OnAnswer    // an awaited future is complete
	OnTimer     = events.OnTimer     // a [Actor.Delay] is over
	OnExit      = events.OnExit      // a linked actor is gone
	OnTerminate = events.OnTerminate // the actor's last turn
	OnRequest   = events.OnRequest   // a request from outside of the actor network, see [DispatchRequest]
)

// take is one turn.
func (a *Actor) take(it *item) {
	if o := a.node.trace.observers.Load(); o != nil {
		a.beginTurn(o, it)
	} else {
		a.endTurn()
	}
	a.current = it
	switch it.kind {
	case OnMessage:
		a.deliver(it)
	case OnCall, OnAnswer, OnTimer:
		c := it.payload.(call)
		a.remember(it, "", c.code())
		a.from = it.from
		c.run()
	case OnRequest:
		r := it.payload.(request)
		a.remember(it, describe(r), 0)
		r.run()
	case OnExit:
		a.remember(it, "", 0)
		a.exited(it.from, it.payload.(uint64))
	case OnStart:
		if i, ok := a.impl.(Initializer); ok {
			i.Initialize()
		}
	}
	a.current, a.from = nil, PID{}
}

// terminate is the last turn, begun by it.
func (a *Actor) terminate(it *item) {
	n := a.node
	last := *it
	defer a.forgetLabel()
	queued := a.mailbox.queue.Close()
	if last.kind != OnTerminate {
		queued = append([]item{last}, queued...)
		last = item{kind: OnTerminate}
	}
	defer a.endTurn()
	if o := n.trace.observers.Load(); o != nil {
		a.beginTurn(o, &last)
	} else {
		a.endTurn()
	}
	a.remember(&last, "", 0)
	a.endLife()
	if f, ok := a.impl.(Finalizer); ok {
		f.Finalize()
	}
	for i := range queued {
		n.drop(a, &queued[i])
	}
	if book := a.pending.Load(); book != nil {
		book.Close()
	}
	n.removeLinks(a)
	a.flags.absent.Store(true)
	n.kernel.Remove(a.self.ID)
	n.recent.Of(a.self.ID).CompareAndSwap(a, nil)
	n.exitActor(a.self, a.turn)
	a.mailbox.end.Depart()
}

// put queues for a what cause led to, unless a filter of a test keeps it.
func (n *Node) put(a *Actor, it item, cause EventID) bool {
	if o := n.trace.observers.Load(); o != nil && !n.admit(o, a, &it, cause, a.lane+1, 0) {
		return true
	}
	return n.hand(a, &it, a)
}

// hand queues it, or drops it if a has terminated. On a turn of near, a had best run where that does.
func (n *Node) hand(a *Actor, it *item, near *Actor) bool {
	if !a.mailbox.put(it, near) {
		n.drop(a, it)
		return false
	}
	return true
}
