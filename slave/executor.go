package slave

import (
	"cmp"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/messages/slavepb"
	"meseta/runtime"
	"meseta/slave/book"
)

// noPID is how the wire names nobody, for instance the scheduler of a framework that speaks HTTP.
const noPID = "@0.0.0.0:0"

func pidText(p runtime.PID) string { return cmp.Or(p.String(), noPID) }

// registerExecutor is the first word of an executor's driver. One that is not expected is told to end.
//
// Mesos: Slave::registerExecutor.
func (s *Slave) registerExecutor(from runtime.PID, m *internalpb.RegisterExecutorMessage) {
	framework, executor := ids.FrameworkOf(m.GetFrameworkId()), ids.ExecutorOf(m.GetExecutorId())
	log := s.Log().With().Stringer("executor_id", executor).Stringer("framework_id", framework).Stringer("from", from).Logger()
	f := s.book.Framework(framework)
	e := s.book.Executor(framework, executor)
	if s.state == terminating || f == nil || f.Terminating || e == nil || e.State != book.Registering {
		log.Warn().Msg("executor is not expected to register, shutting it down")
		s.Send(from, &internalpb.ShutdownExecutorMessage{})
		return
	}
	log.Info().Msg("executor registered")
	e.State, e.PID = book.Running, from
	s.Link(from)
	s.recordExecutorPID(e)
	if !e.EverSent() && len(e.Queued()) == 0 {
		log.Warn().Msg("executor has no tasks to run, shutting it down")
		s.endExecutor(e)
		return
	}
	s.Send(from, &internalpb.ExecutorRegisteredMessage{
		ExecutorInfo: e.Info, FrameworkId: f.ID.Proto(), FrameworkInfo: f.Info, SlaveId: s.info.GetId(), SlaveInfo: s.info,
	})
	s.sendQueued(e)
}

// reregisterExecutor is what an executor says when the agent it belongs to has restarted. This agent does not recover
// executors, so it knows none that could say so.
//
// Mesos: Slave::reregisterExecutor.
func (s *Slave) reregisterExecutor(from runtime.PID, m *internalpb.ReregisterExecutorMessage) {
	s.Log().Warn().Str("executor_id", m.GetExecutorId().GetValue()).Stringer("from", from).
		Msg("executor of an earlier run of the agent, shutting it down")
	s.Send(from, &internalpb.ShutdownExecutorMessage{})
}

// sendQueued gives a running executor the tasks that wait for it, once its container may use what they need.
func (s *Slave) sendQueued(e *book.Executor) {
	x := start{framework: e.Framework, executor: e.ID, container: e.Container}
	tasks := taskIDs(e.Queued())
	grown := s.containers.Update(e.Container, e.Resources())
	runtime.Await(s, grown, func(_ struct{}, err error) { s.sendTasks(x, tasks, err) })
}

// sendTasks sends those of tasks that were not killed in the meantime.
//
// Mesos: Slave::___run.
func (s *Slave) sendTasks(x start, tasks []string, err error) {
	f, e := s.find(x)
	if e == nil || f.Terminating {
		return
	}
	if err != nil {
		s.updateFailed(f, e, err)
		return
	}
	if e.State != book.Running {
		return
	}
	for _, t := range e.Queued() {
		id := ids.TaskOf(t.GetTaskId())
		if !contains(tasks, id) {
			continue
		}
		e.Launch(id)
		s.Log().Info().Stringer("task_id", id).Stringer("executor_id", e.ID).Stringer("framework_id", f.ID).Msg("task sent to executor")
		s.Send(e.PID, &internalpb.RunTaskMessage{Framework: f.Info, Task: t, Pid: proto.String(pidText(f.PID))})
	}
}

func contains(names []string, id ids.Task) bool {
	for _, n := range names {
		if n == string(id) {
			return true
		}
	}
	return false
}

// updateFailed kills a container that cannot have what its tasks need.
func (s *Slave) updateFailed(f *book.Framework, e *book.Executor, err error) {
	s.Log().Error().Err(err).Stringer("container_id", e.Container).Msg("container's resources not updated, killing it")
	e.Termination = &slavepb.ContainerTermination{
		State:   lostOr(mesospb.TaskState_TASK_GONE, f.Info).Enum(),
		Reason:  mesospb.TaskStatus_REASON_CONTAINER_UPDATE_FAILED.Enum(),
		Message: proto.String(fmt.Sprintf("Failed to update resources for container: %v", err)),
	}
	s.containers.Destroy(e.Container)
}
