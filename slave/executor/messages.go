package executor

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// messages is the line of v0. A restarted agent sends the first message.
type messages struct {
	p     *ExecutorProcess
	agent runtime.PID // changes when the agent restarts
}

func (m *messages) open() {
	m.install()
	m.p.Link(m.agent)
	m.p.Send(m.agent, &internalpb.RegisterExecutorMessage{
		FrameworkId: m.p.env.FrameworkID.Proto(), ExecutorId: m.p.env.ExecutorID.Proto(),
	})
}

// install installs the agent's messages, and converts them to events.
func (m *messages) install() {
	p := m.p
	runtime.Install(p, func(_ runtime.PID, x *internalpb.ExecutorRegisteredMessage) {
		p.handle(&executorpb.Event{Type: executorpb.Event_SUBSCRIBED.Enum(), Subscribed: &executorpb.Event_Subscribed{
			ExecutorInfo: x.GetExecutorInfo(), FrameworkInfo: x.GetFrameworkInfo(), SlaveInfo: x.GetSlaveInfo(),
		}})
	})
	runtime.Install(p, func(_ runtime.PID, x *internalpb.ExecutorReregisteredMessage) {
		p.handle(&executorpb.Event{Type: executorpb.Event_SUBSCRIBED.Enum(), Subscribed: &executorpb.Event_Subscribed{
			SlaveInfo: x.GetSlaveInfo(),
		}})
	})
	runtime.Install(p, m.reconnect)
	runtime.Install(p, func(_ runtime.PID, x *internalpb.RunTaskMessage) {
		p.handle(&executorpb.Event{Type: executorpb.Event_LAUNCH.Enum(), Launch: &executorpb.Event_Launch{Task: x.GetTask()}})
	})
	runtime.Install(p, func(_ runtime.PID, x *internalpb.KillTaskMessage) {
		p.handle(&executorpb.Event{
			Type: executorpb.Event_KILL.Enum(), Kill: &executorpb.Event_Kill{TaskId: x.GetTaskId(), KillPolicy: x.GetKillPolicy()},
		})
	})
	runtime.Install(p, func(_ runtime.PID, x *internalpb.StatusUpdateAcknowledgementMessage) {
		p.handle(&executorpb.Event{
			Type: executorpb.Event_ACKNOWLEDGED.Enum(), Acknowledged: &executorpb.Event_Acknowledged{TaskId: x.GetTaskId(), Uuid: x.GetUuid()},
		})
	})
	runtime.Install(p, func(_ runtime.PID, x *internalpb.FrameworkToExecutorMessage) {
		p.handle(&executorpb.Event{Type: executorpb.Event_MESSAGE.Enum(), Message: &executorpb.Event_Message{Data: x.GetData()}})
	})
	runtime.Install(p, func(runtime.PID, *internalpb.ShutdownExecutorMessage) {
		p.handle(&executorpb.Event{Type: executorpb.Event_SHUTDOWN.Enum()})
	})
}

// reconnect handles a restarted agent, which is sent what it may have missed. It opens a new connection, because an old
// half-open one would swallow the answer.
//
// Mesos: ExecutorProcess::reconnect.
func (m *messages) reconnect(from runtime.PID, x *internalpb.ReconnectExecutorMessage) {
	p := m.p
	if !p.listens() {
		return
	}
	p.Log().Info().Stringer("agent_id", ids.AgentOf(x.GetSlaveId())).Stringer("from", from).Msg("agent asks to reconnect")
	m.agent = from
	p.Relink(from)
	p.Send(from, &internalpb.ReregisterExecutorMessage{
		ExecutorId: p.env.ExecutorID.Proto(), FrameworkId: p.env.FrameworkID.Proto(),
		Updates: slices.Clone(p.updates), Tasks: slices.Clone(p.tasks),
	})
}

func (m *messages) exited(pid runtime.PID) {
	if pid == m.agent {
		m.p.lost()
	}
}

func (m *messages) retry() {}

func (m *messages) update(u *internalpb.StatusUpdate) {
	m.p.Send(m.agent, &internalpb.StatusUpdateMessage{Update: u, Pid: proto.String(m.p.Self().String())})
}

func (m *messages) message(data []byte) {
	m.p.Send(m.agent, &internalpb.ExecutorToFrameworkMessage{
		SlaveId: m.p.env.AgentID.Proto(), FrameworkId: m.p.env.FrameworkID.Proto(), ExecutorId: m.p.env.ExecutorID.Proto(), Data: data,
	})
}

func (m *messages) close() {}
