package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/registrar"
	"meseta/master/book"
	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// Reregister registers an agent again after it restarted, after its connection broke, after it was marked unreachable,
// or after this master took over.
//
// Mesos: Master::reregisterSlave.
func (r *Registrations) Reregister(from runtime.PID, msg *internalpb.ReregisterSlaveMessage) {
	if r.peers.Queue(from, func() { r.Reregister(from, msg) }) || r.isStranger(from) {
		return
	}
	id := ids.AgentOf(msg.GetSlave().GetId())
	if r.book.In(id, book.Reregistering) {
		r.later(id, from, msg)
		return
	}
	if r.leaves(id) {
		return
	}
	if r.refuseGone(from, id) || r.maintenance.refuseDown(from, msg.GetSlave()) {
		return
	}
	if err := r.taken.reports.Validate(msg); err != nil {
		r.Log().Warn().Err(err).Stringer("from", from).Stringer("agent_id", id).Msg("invalid re-registration of an agent dropped")
		return
	}
	r.begin(id, msg)
	registered := r.book.Agent(id) != nil
	r.peers.WithAgent(r, from, func(a authorizer.Approver, err error) {
		if err = r.acceptable(a, err, msg.GetSlave(), msg.GetVersion()); err != nil {
			r.Log().Warn().Err(err).Stringer("from", from).Stringer("agent_id", id).Msg("re-registration of an agent refused")
			r.end(id)
			return
		}
		if r.leaves(id) || r.refuseGone(from, id) || r.maintenance.refuseDown(from, msg.GetSlave()) || registered && r.removed(id) {
			r.end(id)
			return
		}
		r.readmit(from, id, msg)
	})
}

// leaves reports, and logs, whether an agent is being removed or marked gone or unreachable. Its re-registration is
// then ignored, and the agent retries. The check is repeated after every wait.
//
// Differs: Mesos re-registers an agent that is being removed and updates it in the registry. If the removal was written
// first, that update fails, and the master exits.
func (r *Registrations) leaves(id ids.Agent) bool {
	leaves := r.book.In(id, book.Leaving)
	if leaves {
		r.Log().Info().Stringer("agent_id", id).Msg("re-registration ignored: another change of the agent is in progress")
	}
	return leaves
}

// removed reports, and logs, whether an agent that was registered before a wait is no longer. It may have said good-bye
// after it asked to be re-registered; if not, it asks again.
func (r *Registrations) removed(id ids.Agent) bool {
	if r.book.Agent(id) != nil {
		return false
	}
	r.Log().Warn().Stringer("agent_id", id).Msg("re-registration dropped: the agent was removed meanwhile")
	return true
}

// refuseGone shuts down an agent that was marked gone. It reports whether it did.
func (r *Registrations) refuseGone(from runtime.PID, id ids.Agent) bool {
	if _, gone := r.book.Gone(id); !gone {
		return false
	}
	r.Log().Warn().Stringer("agent_id", id).Msg("agent that is marked gone came back")
	r.Send(from, &internalpb.ShutdownMessage{Message: proto.String("Agent has been marked gone")})
	return true
}

// readmit updates the registry, and then continues with an agent that is registered or that must be added to the book.
func (r *Registrations) readmit(from runtime.PID, id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	info := msg.GetSlave()
	admitted := func(then func(runtime.PID, ids.Agent, *internalpb.ReregisterSlaveMessage)) func(bool) {
		return func(accepted bool) {
			if !accepted { // it was removed meanwhile, and will retry
				r.end(id)
				return
			}
			then(from, id, msg)
		}
	}
	known, was := r.book.Agent(id), r.book.Recovered(id)
	switch {
	case known != nil && (book.HostOf(known.PID) != book.HostOf(from) || known.Info.GetHostname() != info.GetHostname()):
		r.Log().Warn().Stringer("agent_id", id).Stringer("from", from).Msg("agent came back at another address")
		r.Send(from, &internalpb.ShutdownMessage{
			Message: proto.String("Agent attempted to reregister with different IP / hostname"),
		})
		r.end(id)
	case known != nil && equal.Agent(known.Info, info):
		r.returned(from, id, msg)
	case known != nil:
		r.registry.Write("update an agent", registrar.UpdateAgent{Info: info}, admitted(r.returned))
	case was != nil && equal.Agent(was, info):
		r.restored(from, id, msg)
	case was != nil:
		r.registry.Write("update an agent", registrar.UpdateAgent{Info: info}, admitted(r.restored))
	default:
		r.registry.Write("readmit an agent", registrar.MarkReachable{Info: info}, admitted(r.restored))
	}
}
