package master

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// whileLeading installs h for the time in which this master leads and has recovered. At other times messages are
// dropped, and their senders retry. Messages of schedulers may be delayed by rate limits. A message without a sender is
// dropped, because every peer has a PID.
//
// Differs: Mesos handles such a message if its handler does not use the sender. This lets anybody act for a framework
// that uses HTTP and therefore has no PID.
func whileLeading[M any, P interface {
	*M
	proto.Message
}](m *Master, h func(runtime.PID, P), decode ...func([]byte, P) error) {
	heard := new(uint64)
	m.counts.HeardOf(P(new(M)), heard)
	runtime.Install(m, func(from runtime.PID, msg P) {
		switch f := m.book.FrameworkAt(from); {
		case f != nil:
			m.hear(f, from, msg, func() {
				*heard++
				h(from, msg)
			})
		case !m.leadership.Serves() || from.IsZero():
			m.counts.Dropped++
		default:
			*heard++
			h(from, msg)
		}
	}, decode...)
}

// fromAgent is h for messages of the agent that they name. Those of others are dropped.
//
// Differs: Mesos lets everybody report for every agent.
func fromAgent[P proto.Message](m *Master, named func(P) *mesospb.SlaveID, h func(runtime.PID, P)) func(runtime.PID, P) {
	return func(from runtime.PID, msg P) {
		if a := m.book.Agent(ids.AgentOf(named(msg))); a != nil && a.PID != from {
			m.counts.Dropped++
			m.Log().Warn().Stringer("from", from).Stringer("agent_id", a.ID).Str("message", string(msg.ProtoReflect().Descriptor().FullName())).
				Msg("message dropped: its sender is not the agent")
			return
		}
		h(from, msg)
	}
}

// hear handles a message of f's scheduler at the rate that its principal is allowed.
func (m *Master) hear(f *book.Framework, from runtime.PID, msg proto.Message, handle func()) {
	m.limits.Received(f)
	if !m.leadership.Serves() {
		m.counts.Dropped++
		return
	}
	id := f.ID
	refuse := func(err error) {
		if err == nil {
			return
		}
		name := msg.ProtoReflect().Descriptor().FullName()
		m.Log().Warn().Err(err).Stringer("framework_id", id).Str("message", string(name)).Msg("message dropped: too many wait")
		m.Send(from, &internalpb.FrameworkErrorMessage{Message: proto.String(fmt.Sprintf("Message %s dropped: %v", name, err))})
	}
	refuse(m.limits.Handle(f, func() { refuse(m.hooked.Handle(id, msg, handle)) }))
}
