package agents

import (
	"time"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Removals are the ways in which agents leave: for good, as unreachable, or as gone.
type Removals struct {
	*core
	watch   *Watch
	limiter *runtime.Limiter // nil: no bound
}

// Rate is how often something may happen: Permits in every Per. The zero Rate is no bound.
type Rate struct {
	Permits float64
	Per     time.Duration
}

func newRemovals(c *core, rate Rate, watch *Watch) *Removals {
	r := &Removals{core: c, watch: watch}
	if rate.Permits > 0 {
		r.limiter = runtime.NewLimiter(c, rate.Permits, rate.Per)
	}
	return r
}

// permit bounds how fast agents are given up, so that a fault of the network does not cost a whole cluster at once. It
// is ready when the next agent may be given up.
func (r *Removals) permit() runtime.Future[struct{}] {
	if r.limiter == nil {
		return runtime.Ready(struct{}{})
	}
	return r.limiter.Acquire()
}

// Unregister lets an agent go that says good-bye.
//
// Mesos: Master::unregisterSlave.
func (r *Removals) Unregister(from runtime.PID, msg *internalpb.UnregisterSlaveMessage) {
	a := r.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	if a == nil || a.PID != from {
		r.Log().Warn().Str("agent_id", msg.GetSlaveId().GetValue()).Stringer("from", from).Msg("an unknown agent unregisters, ignored")
		return
	}
	r.Remove(a, "the agent unregistered", &r.counts.Unregistered)
}

// Remove takes an agent out for good: it said good-bye, or another took its place. It is counted by reason, if
// there is one for metrics.
//
// Mesos: Master::removeSlave.
func (r *Removals) Remove(a *book.Agent, cause string, reason *uint64) {
	id := a.ID
	if r.book.In(id, book.MarkingUnreachable|book.MarkingGone|book.Removing) {
		r.Log().Warn().Stringer("agent_id", id).Msg("agent is not removed: something else happens to it")
		return
	}
	r.book.Begin(id, book.Removing)
	r.registry.Write("remove an agent", registrar.RemoveAgent{ID: id}, func(bool) { // refused: the registry has forgotten it already
		r.book.End(id, book.Removing)
		r.counts.Removals++
		if reason != nil {
			*reason++
		}
		r.removed(r.book.Agent(id), cause)
	})
}

func (r *Removals) removed(a *book.Agent, cause string) {
	r.Log().Info().Stringer("agent_id", a.ID).Str("hostname", a.Info.GetHostname()).Str("cause", cause).Msg("agent removed")
	r.cluster.Allocator.RemoveAgent(a.ID)
	for _, t := range a.Tasks() {
		u := r.cluster.TaskUpdate(t, mesospb.TaskState_TASK_LOST, "Agent "+a.Info.GetHostname()+" removed: "+cause,
			mesospb.TaskStatus_REASON_SLAVE_REMOVED)
		r.cluster.EndTask(t, u, false)
	}
	r.forget(a)
	r.book.SetDeactivation(a.ID, book.Deactivation{})
}

// forget takes the rest of an agent without tasks out of the book.
func (r *Removals) forget(a *book.Agent) {
	r.cluster.RemoveAgent(a)
	r.watch.end(a.ID)
	r.cluster.TellLost(a.Info)
}
