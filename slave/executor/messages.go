package executor

import (
	"net"
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
	hear(m, func(x *internalpb.ExecutorRegisteredMessage) *executorpb.Event {
		return &executorpb.Event{Type: executorpb.Event_SUBSCRIBED.Enum(), Subscribed: &executorpb.Event_Subscribed{
			ExecutorInfo: x.GetExecutorInfo(), FrameworkInfo: x.GetFrameworkInfo(), SlaveInfo: x.GetSlaveInfo(),
		}}
	})
	hear(m, func(x *internalpb.ExecutorReregisteredMessage) *executorpb.Event {
		return &executorpb.Event{Type: executorpb.Event_SUBSCRIBED.Enum(), Subscribed: &executorpb.Event_Subscribed{
			SlaveInfo: x.GetSlaveInfo(),
		}}
	})
	runtime.Install(m.p, m.reconnect)
	hear(m, func(x *internalpb.RunTaskMessage) *executorpb.Event {
		return &executorpb.Event{Type: executorpb.Event_LAUNCH.Enum(), Launch: &executorpb.Event_Launch{Task: x.GetTask()}}
	})
	hear(m, func(x *internalpb.KillTaskMessage) *executorpb.Event {
		return &executorpb.Event{
			Type: executorpb.Event_KILL.Enum(), Kill: &executorpb.Event_Kill{TaskId: x.GetTaskId(), KillPolicy: x.GetKillPolicy()},
		}
	})
	hear(m, func(x *internalpb.StatusUpdateAcknowledgementMessage) *executorpb.Event {
		return &executorpb.Event{
			Type: executorpb.Event_ACKNOWLEDGED.Enum(), Acknowledged: &executorpb.Event_Acknowledged{TaskId: x.GetTaskId(), Uuid: x.GetUuid()},
		}
	})
	hear(m, func(x *internalpb.FrameworkToExecutorMessage) *executorpb.Event {
		return &executorpb.Event{Type: executorpb.Event_MESSAGE.Enum(), Message: &executorpb.Event_Message{Data: x.GetData()}}
	})
	hear(m, func(*internalpb.ShutdownExecutorMessage) *executorpb.Event {
		return &executorpb.Event{Type: executorpb.Event_SHUTDOWN.Enum()}
	})
}

// hear handles a message of the agent as an event.
//
// Differs: Mesos's executors do what anybody tells them, even to run a task.
func hear[M any, P interface {
	*M
	proto.Message
}](m *messages, event func(P) *executorpb.Event) {
	runtime.Install(m.p, func(from runtime.PID, x P) {
		if from != m.agent || from.IsZero() {
			m.stranger(from)
			return
		}
		m.p.handle(event(x))
	})
}

func (m *messages) stranger(from runtime.PID) {
	m.p.Log().Warn().Stringer("from", from).Stringer("agent", m.agent).Msg("message ignored: not from the agent")
}

// reconnect handles a restarted agent, which is sent what it may have missed. It opens a new connection, because an old
// half-open one would swallow the answer.
//
// Mesos: ExecutorProcess::reconnect.
//
// Differs: an agent with another IP address than the one that started the executor is not believed.
func (m *messages) reconnect(from runtime.PID, x *internalpb.ReconnectExecutorMessage) {
	p := m.p
	if !p.listens() {
		return
	}
	if from.IsZero() || hostOf(from) != hostOf(p.env.Agent) {
		m.stranger(from)
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

// hostOf returns the IP address of an actor.
func hostOf(p runtime.PID) string {
	host, _, _ := net.SplitHostPort(p.Addr) // the address of an actor has both parts
	return host
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
