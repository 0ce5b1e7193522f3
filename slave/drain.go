package slave

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

// drainAgent empties the agent: all tasks are killed, with a bounded grace period, and no others taken. An agent that
// is empty has nothing to do.
//
// Mesos: Slave::drain.
func (s *Slave) drainAgent(from runtime.PID, m *internalpb.DrainSlaveMessage) {
	if !s.membership.FromMaster(from, "drain") || s.book.Empty() {
		return
	}
	s.draining = m.GetConfig()
	s.recorder.Drain(s.draining)
	s.Log().Info().Bool("mark_gone", s.draining.GetMarkGone()).Msg("draining the agent")
	for f := range s.book.Frameworks() {
		for _, l := range f.AllPending() {
			s.killBeforeDelivery(f, l.ExecutorID(), l.Tasks, l.Group)
		}
		for e := range f.Executors() {
			s.drainExecutor(f, e)
		}
	}
}

func (s *Slave) drainExecutor(f *book.Framework, e *book.Executor) {
	for t := range e.Launched() {
		s.kill(f, e, ids.TaskOf(t.GetTaskId()), hastened(t.GetKillPolicy(), s.draining))
	}
	for _, t := range e.Queued() {
		s.kill(f, e, ids.TaskOf(t.GetTaskId()), hastened(t.GetKillPolicy(), s.draining))
	}
}

// hastened returns the policy that a task is to be killed with in place of its own; nil: with its own.
func hastened(own *mesospb.KillPolicy, drain *mesospb.DrainConfig) *mesospb.KillPolicy {
	limit := drain.GetMaxGracePeriod()
	if limit == nil {
		return nil
	}
	if p := own.GetGracePeriod(); p != nil && p.GetNanoseconds() <= limit.GetNanoseconds() {
		return nil
	}
	return &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(limit.GetNanoseconds())}}
}

// drainStatus says in an update that a task was killed because the agent is drained.
func (s *Slave) drainStatus(f *book.Framework, status *mesospb.TaskStatus) {
	state := status.GetState()
	if s.draining == nil || state != mesospb.TaskState_TASK_KILLING && state != mesospb.TaskState_TASK_KILLED {
		return
	}
	status.Reason = mesospb.TaskStatus_REASON_SLAVE_DRAINING.Enum()
	if s.draining.GetMarkGone() && capabilities.OfFramework(f.Info).PartitionAware {
		status.State = mesospb.TaskState_TASK_GONE_BY_OPERATOR.Enum()
	}
}

// drained ends draining when nothing is left.
//
// Mesos: Slave::updateDrainStatus.
func (s *Slave) drained() {
	if s.draining != nil && s.book.Empty() {
		s.Log().Info().Msg("the agent is drained")
		s.draining = nil
		s.recorder.Drain(s.draining)
	}
}
