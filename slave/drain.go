package slave

import (
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/slave/book"
)

// drainAgent drains the agent: it accepts no more tasks, and kills all that it has, with a bounded grace period, when it is
// recorded that it is draining. Otherwise tasks could be killed by an agent whose successor knows nothing of that. An agent
// without tasks and operations has nothing to do.
//
// Mesos: Slave::drain.
func (s *Slave) drainAgent(from runtime.PID, m *internalpb.DrainSlaveMessage) {
	if !s.membership.FromMaster(from, "drain") || s.book.Empty() && s.operations.Empty() {
		return
	}
	config := m.GetConfig()
	s.drain.Begin(config, s.Now())
	runtime.Await(s, s.recorder.Drain(config), func(_ struct{}, err error) {
		switch {
		case err != nil:
			s.fatal(fmt.Errorf("Failed to checkpoint DrainConfig: %w", err))
		case s.drain.Config() == config: // nothing has ended or replaced it
			s.killForDrain()
		}
	})
}

// goOnDraining goes on with the draining of an earlier run of the agent.
//
// Mesos: Slave::reregisterExecutorTimeout.
func (s *Slave) goOnDraining() {
	if config := s.drain.Config(); config != nil && !s.book.Empty() {
		s.drain.Begin(config, s.Now())
		s.killForDrain()
	}
	s.drained()
}

// killForDrain kills all tasks.
func (s *Slave) killForDrain() {
	s.Log().Info().Bool("mark_gone", s.drain.Config().GetMarkGone()).Msg("draining the agent")
	for f := range s.book.Frameworks() {
		for _, l := range f.AllPending() {
			s.executors.KillBeforeDelivery(f, l.ExecutorID(), l.Tasks, l.Group)
		}
		for e := range f.Executors() {
			s.drainExecutor(f, e)
		}
	}
}

func (s *Slave) drainExecutor(f *book.Framework, e *book.Executor) {
	for t := range e.Launched() {
		s.executors.Kill(f, e, ids.TaskOf(t.GetTaskId()), s.drain.Policy(t.GetKillPolicy()))
	}
	for _, t := range e.Queued() {
		s.executors.Kill(f, e, ids.TaskOf(t.GetTaskId()), s.drain.Policy(t.GetKillPolicy()))
	}
}

// drained ends draining when neither tasks nor operations are left. If that cannot be recorded, the next agent would kill
// the tasks that come until then.
//
// Mesos: Slave::updateDrainStatus.
func (s *Slave) drained() {
	if s.drain.Config() == nil || !s.book.Empty() || !s.operations.Empty() {
		return
	}
	s.Log().Info().Msg("the agent is drained")
	s.drain.End()
	runtime.Await(s, s.recorder.Drain(nil), func(_ struct{}, err error) {
		if err != nil {
			s.fatal(fmt.Errorf("Failed to remove DrainConfig: %w", err))
		}
	})
}
