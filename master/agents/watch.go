package agents

import (
	"fmt"
	"time"

	"meseta/master/book"
	"meseta/master/observer"
	"meseta/messages/ids"
	"meseta/runtime"
)

// Watch detects agents that do not answer pings or whose connection broke, and marks them unreachable in time. Each
// registered agent has an observer, or will have one soon.
type Watch struct {
	*core
	removals     *Removals
	interval     time.Duration // between pings
	patience     int           // pings
	timeout      time.Duration // of a disconnected agent, until it is marked unreachable
	observers    map[ids.Agent]runtime.Ref[*observer.Observer]
	disconnected map[ids.Agent]runtime.Timer            // of agents whose connection broke
	waiting      map[ids.Agent]runtime.Future[struct{}] // for a permit to mark an agent that does not answer unreachable
	coming                                              // agents that will have an observer
}

func newWatch(c *core, o Options) *Watch {
	return &Watch{
		core: c, interval: o.PingInterval, patience: o.MaxPings, timeout: o.ReregisterTimeout,
		observers:    map[ids.Agent]runtime.Ref[*observer.Observer]{},
		disconnected: map[ids.Agent]runtime.Timer{},
		waiting:      map[ids.Agent]runtime.Future[struct{}]{},
	}
}

// timeToAnswer returns how long an agent may be silent.
func (w *Watch) timeToAnswer() time.Duration { return w.interval * time.Duration(w.patience) }

// End terminates all observers.
func (w *Watch) End() {
	for _, o := range w.observers {
		w.Node().Terminate(o.PID())
	}
}

// begin spawns the observer of a.
func (w *Watch) begin(a *book.Agent) {
	owner, id := runtime.RefOf(w.Actor), a.ID
	node := w.Node()
	ref, err := runtime.Spawn(node, node.NewID("slave-observer"), observer.New(observer.Options{
		Agent: a.PID, Interval: w.interval, Patience: w.patience,
		Silent: func() { runtime.Tell(owner, func(*runtime.Actor) { w.silent(id) }) },
		Heard:  func() { runtime.Tell(owner, func(*runtime.Actor) { w.heard(id) }) },
	}))
	if err != nil {
		panic(fmt.Sprintf("master: observe agent %s: %v", id, err)) // the id is fresh
	}
	w.observers[id] = ref
}

// moved replaces the observer of a by one that pings its new address.
func (w *Watch) moved(a *book.Agent) {
	w.unobserve(a.ID)
	w.begin(a)
}

// tell tells the observer of an agent something, if there is one.
func (w *Watch) tell(id ids.Agent, what func(*observer.Observer)) {
	if o, ok := w.observers[id]; ok {
		runtime.Tell(o, what)
	}
}

func (w *Watch) unobserve(id ids.Agent) {
	if o, ok := w.observers[id]; ok {
		w.Node().Terminate(o.PID())
		delete(w.observers, id)
	}
}

// reregistered resets the watch of an agent that re-registered.
func (w *Watch) reregistered(a *book.Agent) {
	w.tell(a.ID, (*observer.Observer).Reregistered)
	w.stopWaiting(a.ID)
}

// end ends the watch of an agent that is not registered any more.
func (w *Watch) end(id ids.Agent) {
	w.stopWaiting(id)
	w.unobserve(id)
}

// stopWaiting stops the timer of a disconnected agent.
func (w *Watch) stopWaiting(id ids.Agent) {
	w.disconnected[id].Cancel()
	delete(w.disconnected, id)
}

// Exited handles a broken connection to an agent.
//
// Mesos: Master::exited.
func (w *Watch) Exited(pid runtime.PID) {
	a := w.book.AgentAt(pid)
	if a == nil {
		return
	}
	if !a.Connected {
		w.Log().Warn().Stringer("agent_id", a.ID).Msg("agent that is disconnected exited once more")
		return
	}
	w.Log().Info().Stringer("agent_id", a.ID).Msg("agent disconnected")
	w.disconnect(a)
}

// disconnect rescinds the offers of a and waits for a to re-register. Tasks and executors of frameworks without
// checkpointing cannot be recovered; they are lost at once.
func (w *Watch) disconnect(a *book.Agent) {
	a.Connected = false
	w.tell(a.ID, (*observer.Observer).Disconnected)
	w.cluster.DeactivateAgent(a)
	for _, id := range a.FrameworkIDs() {
		if f := w.book.Framework(id); !f.Info.GetCheckpoint() {
			w.cluster.RemoveFrameworkFrom(a, f)
		}
	}
	id := a.ID
	w.disconnected[id] = w.Delay(w.timeout, func() { w.notBack(id) })
}

// silent is called by the observer of an agent that does not answer, repeatedly.
//
// Mesos: SlaveObserver::markUnreachable.
func (w *Watch) silent(id ids.Agent) {
	if _, waiting := w.waiting[id]; waiting {
		return
	}
	permit := w.removals.permit()
	w.counts.Unreachable.Scheduled++
	w.waiting[id] = permit
	runtime.Await(w, permit, func(_ struct{}, err error) {
		delete(w.waiting, id)
		a := w.book.Agent(id)
		if w.counts.Unreachable.Decided(a != nil && err == nil) {
			w.removals.MarkUnreachable(a.Info, false, "health check timed out")
		}
	})
}

// heard is called by the observer when the agent answers again.
func (w *Watch) heard(id ids.Agent) {
	if permit, waiting := w.waiting[id]; waiting {
		w.Log().Info().Stringer("agent_id", id).Msg("agent answers again, it is not given up")
		permit.Discard()
	}
}

// notBack marks an agent unreachable that did not re-register in time after its connection broke.
//
// Mesos: Master::agentReregisterTimeout.
func (w *Watch) notBack(id ids.Agent) {
	delete(w.disconnected, id)
	away := func() *book.Agent {
		if a := w.book.Agent(id); a != nil && !a.Connected {
			return a
		}
		return nil
	}
	if away() == nil {
		return
	}
	w.counts.Unreachable.Scheduled++
	runtime.Await(w, w.removals.permit(), func(struct{}, error) {
		if a := away(); w.counts.Unreachable.Decided(a != nil) {
			w.removals.MarkUnreachable(a.Info, false, fmt.Sprintf("agent did not reregister within %s after disconnecting", w.timeout))
		}
	})
}
