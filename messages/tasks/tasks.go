// Package tasks has the facts about tasks that masters, agents, executors and tools share: which states are the last,
// how the record of a task is made of what launches it, which of its statuses are kept, and what an update of it is.
package tasks

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
)

// IsTerminal reports whether a task in that state will never be in another. One that is unreachable may come back.
//
// Mesos: protobuf::isTerminalState.
func IsTerminal(state mesospb.TaskState) bool {
	switch state {
	case mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_KILLED,
		mesospb.TaskState_TASK_ERROR, mesospb.TaskState_TASK_LOST, mesospb.TaskState_TASK_DROPPED,
		mesospb.TaskState_TASK_GONE, mesospb.TaskState_TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

// LostOr returns state if the framework knows it, and TASK_LOST, which means all of them, if it is not partition-aware.
func LostOr(state mesospb.TaskState, framework capabilities.Framework) mesospb.TaskState {
	if framework.PartitionAware {
		return state
	}
	return mesospb.TaskState_TASK_LOST
}

// New returns the record of the task that info launches. It shares what info holds. The user is that of the command if it
// names one, be it an empty one, or else that of the executor's.
//
// Mesos: protobuf::createTask.
func New(info *mesospb.TaskInfo, state mesospb.TaskState, framework ids.Framework) *mesospb.Task {
	task := &mesospb.Task{
		Name: proto.String(info.GetName()), TaskId: info.GetTaskId(), FrameworkId: framework.Proto(), SlaveId: info.GetSlaveId(),
		State: state.Enum(), Resources: info.GetResources(), Limits: info.GetLimits(), Labels: info.GetLabels(),
		Discovery: info.GetDiscovery(), Container: info.GetContainer(), HealthCheck: info.GetHealthCheck(),
		KillPolicy: info.GetKillPolicy(),
	}
	if info.Executor != nil {
		task.ExecutorId = info.GetExecutor().GetExecutorId()
	}
	if c := info.GetCommand(); c != nil && c.User != nil {
		task.User = c.User
	} else if c := info.GetExecutor().GetCommand(); c != nil {
		task.User = c.User
	}
	return task
}

// AppendStatus returns statuses with the next one. Of statuses that follow each other in one state the newest is kept.
// The slice that was given is not changed.
func AppendStatus(statuses []*mesospb.TaskStatus, next *mesospb.TaskStatus) []*mesospb.TaskStatus {
	n := len(statuses)
	if n > 0 && statuses[n-1].GetState() == next.GetState() {
		n--
	}
	return append(statuses[:n:n], next)
}

// WithoutData returns s without its data, which may be large and is nobody's business but the framework's.
func WithoutData(s *mesospb.TaskStatus) *mesospb.TaskStatus {
	if s.Data == nil {
		return s
	}
	s = shallow.Copy(s)
	s.Data = nil
	return s
}

// Update returns the update that tells a framework of a status, which names the agent, has a time, and, if it is to be
// acknowledged, a UUID.
//
// Mesos: protobuf::createStatusUpdate.
func Update(framework ids.Framework, s *mesospb.TaskStatus) *internalpb.StatusUpdate {
	return &internalpb.StatusUpdate{
		FrameworkId: framework.Proto(), ExecutorId: s.ExecutorId, SlaveId: s.SlaveId, Status: s, Timestamp: s.Timestamp, Uuid: s.Uuid,
	}
}
