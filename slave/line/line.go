// Package line sends events to an agent's executors, as libprocess messages or over HTTP, depending on the executor.
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

// executorHeartbeat is the time between heartbeats on an executor's stream.
const executorHeartbeat = 30 * time.Minute

// Lines holds the lines to an agent's executors. They belong to its actor and may be used only on its turns.
type Lines struct {
	*runtime.Actor // the agent's
	book           *book.Book
	agent          *membership.Membership
}

// New returns the lines from agent, whose actor is actor, to the executors in b.
func New(actor *runtime.Actor, b *book.Book, agent *membership.Membership) *Lines {
	return &Lines{actor, b, agent}
}

// Tell sends an event to an executor.
//
// Mesos: Executor::send.
func (s *Lines) Tell(e *book.Executor, event *executorpb.Event) {
	if !e.Line.PID.IsZero() {
		s.Send(e.Line.PID, s.message(e, event))
		return
	}
	if !s.write(e.Line, string(e.ID), event) {
		s.Log().Warn().Stringer("executor_id", e.ID).Stringer("framework_id", e.Framework).Stringer("event", event.GetType()).
			Msg("event lost: the executor is not connected")
	}
}

// Dismiss tells the executor on an open line to shut down.
func (s *Lines) Dismiss(l book.Line) {
	if !l.PID.IsZero() {
		s.Send(l.PID, &internalpb.ShutdownExecutorMessage{})
		return
	}
	if l.Stream == nil {
		return
	}
	s.write(l, "executor", &executorpb.Event{Type: executorpb.Event_SHUTDOWN.Enum()})
	l.Stream.Close()
}

// HangUp closes the line to an executor that has ended.
func (s *Lines) HangUp(e *book.Executor) {
	switch {
	case !e.Line.PID.IsZero():
		s.Unlink(e.Line.PID)
	case e.Line.Stream != nil:
		e.Line.Stream.Close()
	}
}

// write writes an event to a stream and reports whether it could. A stream whose client does not read ends; see
// [web.Stream]. Traces call the client to.
func (s *Lines) write(l book.Line, to string, event *executorpb.Event) bool {
	if l.Stream == nil {
		return false
	}
	runtime.Said(s.Actor, to, event)
	return l.Stream.Write(l.Media.Record(evolve.Evolve[executorv1pb.Event](event))) == nil
}

// message returns an event as a message to a driver of v0, or nil for a task group, which that does not know.
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

// Beat sends heartbeats on the line l for as long as it is the executor's line.
func (s *Lines) Beat(e *book.Executor, l book.Line) {
	framework, executor := e.Framework, e.ID
	s.Delay(executorHeartbeat, func() {
		e := s.book.Executor(framework, executor)
		if e == nil || e.Line != l || e.State == book.Terminated {
			return
		}
		s.write(l, string(executor), &executorpb.Event{Type: executorpb.Event_HEARTBEAT.Enum()})
		s.Beat(e, l)
	})
}
