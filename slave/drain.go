package slave

import (
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

// drainAgent drains the agent: it kills all tasks, with a bounded grace period, and accepts no others. An agent without
// tasks has nothing to do.
//
// Mesos: Slave::drain.
func (s *Slave) drainAgent(from runtime.PID, m *internalpb.DrainSlaveMessage) {
	if !s.membership.FromMaster(from, "drain") || s.book.Empty() {
		return
	}
	s.killForDrain(m.GetConfig())
}

// goOnDraining goes on with the draining of an earlier run of the agent.
//
// Mesos: Slave::reregisterExecutorTimeout.
func (s *Slave) goOnDraining() {
	if config := s.drain.Config(); config != nil && !s.book.Empty() {
		s.killForDrain(config)
	}
	s.drained()
}

// killForDrain begins to drain, and kills all tasks.
func (s *Slave) killForDrain(config *mesospb.DrainConfig) {
	s.drain.Begin(config, s.Now())
	s.recorder.Drain(config)
	s.Log().Info().Bool("mark_gone", config.GetMarkGone()).Msg("draining the agent")
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

// drained ends draining when neither tasks nor operations are left.
//
// Mesos: Slave::updateDrainStatus.
func (s *Slave) drained() {
	if s.drain.Config() != nil && s.book.Empty() && s.operations.Empty() {
		s.Log().Info().Msg("the agent is drained")
		s.drain.End()
		s.recorder.Drain(nil)
	}
}
