// Package line is how an agent speaks to executors: in messages of v0, or in events on a stream of HTTP, whichever the
// executor understands.
package line

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/wire"
)

// executorHeartbeat is the time between two signs of life on the stream of an executor.
const executorHeartbeat = 30 * time.Minute

// Lines are the lines to the executors of an agent. They belong to its actor and may be used only on its turns.
type Lines struct {
	*runtime.Actor // the agent's
	book           *book.Book
	agent          *membership.Membership
}

// New returns the lines of agent, which is actor, to the executors in b.
func New(actor *runtime.Actor, b *book.Book, agent *membership.Membership) *Lines {
	return &Lines{actor, b, agent}
}

// Tell gives an event to an executor, in the words that it understands.
//
// Mesos: Executor::send.
func (s *Lines) Tell(e *book.Executor, event *executorpb.Event) {
	if !e.Line.PID.IsZero() {
		s.Send(e.Line.PID, s.message(e, event))
		return
	}
	if !write(e.Line, event) {
		s.Log().Warn().Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).Stringer("event", event.GetType()).
			Msg("event lost: the executor is not connected")
	}
}

// Dismiss tells the executor on a line to end, if the line is open.
func (s *Lines) Dismiss(l book.Line) {
	if !l.PID.IsZero() {
		s.Send(l.PID, &internalpb.ShutdownExecutorMessage{})
		return
	}
	if l.Stream == nil {
		return
	}
	write(l, &executorpb.Event{Type: executorpb.Event_SHUTDOWN.Enum()})
	l.Stream.Close()
}

// HangUp ends the line to an executor that is over.
func (s *Lines) HangUp(e *book.Executor) {
	switch {
	case !e.Line.PID.IsZero():
		s.Unlink(e.Line.PID)
	case e.Line.Stream != nil:
		e.Line.Stream.Close()
	}
}

// write reports whether an event was written to a stream, which ends for an executor that does not read: see [web.Stream].
func write(l book.Line, event *executorpb.Event) bool {
	if l.Stream == nil {
		return false
	}
	return l.Stream.Write(l.Media.Record(evolve.Evolve[executorv1pb.Event](event))) == nil
}

// message is an event in the words of the driver of v0. Groups have none there.
func (s *Lines) message(e *book.Executor, event *executorpb.Event) proto.Message {
	f := s.book.Framework(e.Framework)
	switch event.GetType() {
	case executorpb.Event_SUBSCRIBED:
		x := event.GetSubscribed()
		return &internalpb.ExecutorRegisteredMessage{
			ExecutorInfo: x.GetExecutorInfo(), FrameworkId: e.Framework.Proto(), FrameworkInfo: x.GetFrameworkInfo(),
			SlaveId: s.agent.Info().GetId(), SlaveInfo: x.GetSlaveInfo(),
		}
	case executorpb.Event_LAUNCH:
		return &internalpb.RunTaskMessage{
			Framework: f.Info, Task: event.GetLaunch().GetTask(), Pid: proto.String(wire.PID(f.PID)),
		}
	case executorpb.Event_KILL:
		return &internalpb.KillTaskMessage{
			FrameworkId: e.Framework.Proto(), TaskId: event.GetKill().GetTaskId(), KillPolicy: event.GetKill().GetKillPolicy(),
		}
	case executorpb.Event_ACKNOWLEDGED:
		x := event.GetAcknowledged()
		return &internalpb.StatusUpdateAcknowledgementMessage{
			SlaveId: s.agent.Info().GetId(), FrameworkId: e.Framework.Proto(), TaskId: x.GetTaskId(), Uuid: x.GetUuid(),
		}
	case executorpb.Event_MESSAGE:
		return &internalpb.FrameworkToExecutorMessage{
			SlaveId: s.agent.Info().GetId(), FrameworkId: e.Framework.Proto(), ExecutorId: e.ID.Proto(), Data: event.GetMessage().GetData(),
		}
	case executorpb.Event_SHUTDOWN:
		return &internalpb.ShutdownExecutorMessage{}
	}
	return event
}

// Beat gives signs of life on the stream l of an executor, as long as it is the one in use.
func (s *Lines) Beat(e *book.Executor, l book.Line) {
	framework, executor := e.Framework, e.ID
	s.Delay(executorHeartbeat, func() {
		e := s.book.Executor(framework, executor)
		if e == nil || e.Line != l || e.State == book.Terminated {
			return
		}
		write(l, &executorpb.Event{Type: executorpb.Event_HEARTBEAT.Enum()})
		s.Beat(e, l)
	})
}
