// Package tasks implements what masters, agents, executors and tools have to know about tasks: which states are
// terminal, how the record of a task is made when it is launched, which of its statuses are kept, and how an update is
// made.
package tasks

import (
	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/redact"
	"meseta/messages/shallow"
)

// IsTerminal reports whether a task in the given state never changes to another one. An unreachable task may come
// back.
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

// LostOr returns state if the framework is partition-aware, and otherwise TASK_LOST, which covers all such states.
func LostOr(state mesospb.TaskState, framework capabilities.Framework) mesospb.TaskState {
	if framework.PartitionAware {
		return state
	}
	return mesospb.TaskState_TASK_LOST
}

// New returns the record of the task that info launches. It shares the messages in info, and the framework's ID. The user is that of the
// command if set, even to the empty string, or else that of the executor's command.
//
// Mesos: protobuf::createTask.
//
// Differs: it has no values of secrets, because everybody who sees the task sees its record.
func New(info *mesospb.TaskInfo, state mesospb.TaskState, framework *mesospb.FrameworkID) *mesospb.Task {
	task := &mesospb.Task{
		Name: info.Name, TaskId: info.GetTaskId(), FrameworkId: framework, SlaveId: info.GetSlaveId(),
		State: state.Enum(), Resources: info.GetResources(), Limits: info.GetLimits(), Labels: info.GetLabels(),
		Discovery: info.GetDiscovery(), Container: redact.Container(info.GetContainer()), HealthCheck: info.GetHealthCheck(),
		KillPolicy: info.GetKillPolicy(),
	}
	if task.Name == nil {
		task.Name = new(string) // it is required
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

// AppendStatus returns statuses with next added. If the last status has the same state, next replaces it. The given
// slice is not changed.
func AppendStatus(statuses []*mesospb.TaskStatus, next *mesospb.TaskStatus) []*mesospb.TaskStatus {
	n := len(statuses)
	if n > 0 && statuses[n-1].GetState() == next.GetState() {
		n--
	}
	return append(statuses[:n:n], next)
}

// WithoutData returns s without its data, which may be large and concerns only the framework.
func WithoutData(s *mesospb.TaskStatus) *mesospb.TaskStatus {
	if s.Data == nil {
		return s
	}
	s = shallow.Copy(s)
	s.Data = nil
	return s
}

// Update returns the update that reports a status to a framework. The status has the agent ID, a timestamp and, if it
// is to be acknowledged, a UUID.
//
// Mesos: protobuf::createStatusUpdate.
func Update(framework ids.Framework, s *mesospb.TaskStatus) *internalpb.StatusUpdate {
	return &internalpb.StatusUpdate{
		FrameworkId: framework.Proto(), ExecutorId: s.ExecutorId, SlaveId: s.SlaveId, Status: s, Timestamp: s.Timestamp, Uuid: s.Uuid,
	}
}
