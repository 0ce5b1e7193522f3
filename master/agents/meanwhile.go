package agents

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// reregistration is that of an agent which is in progress, and what it does not know of yet.
type reregistration struct {
	msg    *internalpb.ReregisterSlaveMessage
	exited []func()
	again  *internalpb.ReregisterSlaveMessage // what the agent said last, if that is something else; nil: nothing
	from   runtime.PID                        // who said it
}

// maxExited bounds the executors whose ends an agent reports while its re-registration is in progress. Of more of them nothing is kept.
const maxExited = 10_000

// begin records that the re-registration of an agent is in progress.
func (r *Registrations) begin(id ids.Agent, msg *internalpb.ReregisterSlaveMessage) {
	r.book.Begin(id, book.Reregistering)
	if r.meanwhile == nil {
		r.meanwhile = map[ids.Agent]*reregistration{}
	}
	r.meanwhile[id] = &reregistration{msg: msg}
}

// end records that it is over, and handles what the agent has said meanwhile.
//
// Differs: Mesos ignores it, so that an executor which ended meanwhile holds its resources until the agent registers once more.
func (r *Registrations) end(id ids.Agent) {
	r.book.End(id, book.Reregistering)
	m := r.meanwhile[id]
	delete(r.meanwhile, id)
	if m == nil {
		return
	}
	for _, handle := range m.exited {
		handle()
	}
	if m.again != nil {
		r.Reregister(m.from, m.again)
	}
}

// later keeps what an agent says whose re-registration is in progress, unless it says the same again.
func (r *Registrations) later(id ids.Agent, from runtime.PID, msg *internalpb.ReregisterSlaveMessage) {
	m := r.meanwhile[id]
	if m.again == nil && proto.Equal(m.msg, msg) {
		r.Log().Info().Stringer("agent_id", id).Msg("re-registration ignored: it is in progress already")
		return
	}
	m.again, m.from = msg, from
}

// Exited returns handle for executors that ended, which waits until the re-registration of their agent is over.
func (r *Registrations) Exited(handle func(runtime.PID, *internalpb.ExitedExecutorMessage)) func(runtime.PID, *internalpb.ExitedExecutorMessage) {
	return func(from runtime.PID, msg *internalpb.ExitedExecutorMessage) {
		if m := r.meanwhile[ids.AgentOf(msg.GetSlaveId())]; m != nil && len(m.exited) < maxExited {
			m.exited = append(m.exited, func() { handle(from, msg) })
			return
		}
		handle(from, msg)
	}
}
