package agents

import (
	"time"

	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/limiter"
)

// Removals implements the ways in which agents leave: removed, unreachable, or gone.
type Removals struct {
	*core
	watch   *Watch
	limiter *limiter.Limiter // nil means no limit
}

// Rate is a maximal rate of Permits in every Per. The zero Rate means no limit.
type Rate struct {
	Permits float64
	Per     time.Duration
}

func newRemovals(c *core, rate Rate, watch *Watch) *Removals {
	r := &Removals{core: c, watch: watch}
	if rate.Permits > 0 {
		r.limiter = limiter.New(c, rate.Permits, rate.Per)
	}
	return r
}

// permit returns a future that is ready when the next agent may be marked unreachable. The rate is limited so that a
// network failure does not cost a whole cluster at once.
func (r *Removals) permit() runtime.Future[struct{}] {
	if r.limiter == nil {
		return runtime.Ready(struct{}{})
	}
	return r.limiter.Acquire()
}

// Unregister removes an agent at its own request.
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

// Remove removes an agent for good, because it unregistered or another one replaced it. It counts the removal in
// *reason unless reason is nil.
//
// Mesos: Master::removeSlave.
func (r *Removals) Remove(a *book.Agent, cause string, reason *uint64) {
	id := a.ID
	if r.book.In(id, book.MarkingUnreachable|book.MarkingGone|book.Removing) {
		r.Log().Warn().Stringer("agent_id", id).Msg("agent is not removed: another change of the agent is in progress")
		return
	}
	r.book.Begin(id, book.Removing)
	r.registry.Write("remove an agent", registrar.RemoveAgent{ID: id}, func(bool) {
		// A refusal does not matter: the registry does not have the agent any more.
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

// forget removes an agent without tasks from the book.
func (r *Removals) forget(a *book.Agent) {
	r.cluster.RemoveAgent(a)
	r.watch.end(a.ID)
	r.cluster.TellLost(a.Info)
}
