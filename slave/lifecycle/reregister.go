package lifecycle

import (
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/membership"
	"meseta/slave/recovery"
	"meseta/slave/wire"
)

// Restore adds an executor of an earlier run of the agent, with its tasks, to the book. One that had ended becomes
// completed.
//
// Mesos: Framework::recoverExecutor.
func (s *Executors) Restore(f *book.Framework, x recovery.Executor) {
	info := wire.AllocateExecutor(x.Info, f.Info)
	e := book.NewExecutor(f.ID, info, x.Container)
	e.Command, e.Line = x.Generated, book.Line{PID: x.PID}
	s.settle(f, e)
	for _, t := range x.Tasks {
		s.restoreTask(f, e, t)
	}
	s.Log().Info().Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Stringer("container_id", e.Container).
		Str("contact", string(x.Contact)).Msg("executor recovered")
	f.AddExecutor(e)
	s.recorder.Show(f, e)
	if x.Completed() {
		s.counts.ExecutorsTerminated++
		e.State = book.Terminated
		e.Abandon() // what lacks its terminal update has ended nevertheless
		f.RemoveExecutor(e)
	}
}

func (s *Executors) restoreTask(f *book.Framework, e *book.Executor, t recovery.Task) {
	statuses := make([]*mesospb.TaskStatus, len(t.Updates))
	for i, u := range t.Updates {
		statuses[i] = u.GetStatus()
	}
	e.Restore(wire.AllocateTask(t.Info, f.Info), statuses, t.Completed)
	if tasks.IsTerminal(t.State()) {
		s.counts.End(t.State())
	}
}

// Reregister handles the re-registration of an executor's driver, which an agent asks for that was restarted. It shuts down
// an executor that is not expected.
//
// Mesos: Slave::reregisterExecutor.
//
// Differs: Mesos believes anybody who speaks for an executor that has not come back.
func (s *Executors) Reregister(from runtime.PID, m *internalpb.ReregisterExecutorMessage) {
	framework, executor := ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId())
	log := s.Log().With().Stringer("executor_id", executor).Stringer("framework_id", framework).Stringer("from", from).Logger()
	f := s.book.Framework(framework)
	e := s.book.Executor(framework, executor)
	switch {
	case from.IsZero():
		log.Warn().Msg("re-registration ignored: it has no sender")
		return
	case e != nil && e.State == book.Running && e.Line.PID == from && s.asksAgain:
		log.Info().Msg("re-registration ignored: the executor has registered")
		return
	case s.agent.State() == membership.Terminating || f == nil || f.Terminating || e == nil || e.State != book.Registering || e.Line.PID != from:
		log.Warn().Msg("executor is not expected to re-register, shutting it down")
		s.lines.Dismiss(book.Line{PID: from})
		return
	}
	log.Info().Msg("executor re-registered")
	s.Link(from)
	e.State, e.Line = book.Running, book.Line{PID: from}
	s.Send(from, &internalpb.ExecutorReregisteredMessage{SlaveId: s.agent.Info().GetId(), SlaveInfo: s.agent.Info()})
	for _, u := range m.GetUpdates() {
		s.updates.StatusUpdate(from, &internalpb.StatusUpdateMessage{Update: u})
	}
	s.dropUnseen(e, m.GetTasks())
	s.resume(e)
}

// resume gives the container of an executor the resources of its tasks, which may have ended while the agent was away.
// An executor that was never given a task is shut down.
//
// Mesos: Slave::_reregisterExecutor.
func (s *Executors) resume(e *book.Executor) {
	if e.State != book.Running { // it may have said what ends it
		return
	}
	if !e.EverSent() {
		s.Log().Warn().Stringer("executor_id", e.ID).Msg("executor has no tasks to run, shutting it down")
		s.End(e)
		return
	}
	x := e.Run()
	runtime.Await(s, s.containers.Update(e.Container, e.Resources(), e.Limits()), func(_ struct{}, err error) {
		if f, e := s.book.Find(x); err != nil && e != nil {
			s.UpdateFailed(f, e, err)
		}
	})
}
