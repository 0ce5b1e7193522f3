package book

import (
	"bytes"

	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
)

// Task is a task that was launched, until its end is acknowledged.
type Task struct {
	ID        ids.Task
	Framework ids.Framework
	Agent     ids.Agent
	Executor  ids.Executor // empty for a command task
	Resources resources.Resources

	// Described says what never changes; its state, statuses and status_update fields are not kept up to date.
	Described *mesospb.Task
	State     mesospb.TaskState     // the latest that is known
	Statuses  []*mesospb.TaskStatus // one for each state it went through; shared with messages
	Killed    bool                  // a kill was asked for; it is repeated when the agent comes back

	forwarded struct { // the last update that was sent to the scheduler
		state mesospb.TaskState
		uuid  []byte
	}
}

// NewTask returns the task that info launches.
//
// Mesos: protobuf::createTask.
func NewTask(info *mesospb.TaskInfo, framework ids.Framework, held resources.Resources) *Task {
	described := &mesospb.Task{
		Name: info.Name, TaskId: info.TaskId, FrameworkId: framework.Proto(), SlaveId: info.SlaveId,
		State: mesospb.TaskState_TASK_STAGING.Enum(), Resources: info.Resources, Limits: info.Limits,
		Labels: info.Labels, Discovery: info.Discovery, Container: info.Container,
		HealthCheck: info.HealthCheck, KillPolicy: info.KillPolicy,
	}
	if info.Executor != nil {
		described.ExecutorId = info.GetExecutor().ExecutorId
	}
	if c := info.Command; c != nil && c.User != nil {
		described.User = c.User
	} else if c := info.GetExecutor().GetCommand(); c != nil {
		described.User = c.User
	}
	return KnownTask(described, held)
}

// KnownTask returns a task that an agent reports.
func KnownTask(described *mesospb.Task, held resources.Resources) *Task {
	t := &Task{
		ID: ids.TaskOf(described.GetTaskId()), Framework: ids.FrameworkOf(described.GetFrameworkId()),
		Agent: ids.AgentOf(described.GetSlaveId()), Executor: ids.ExecutorOf(described.GetExecutorId()),
		Described: described, Resources: held, State: described.GetState(), Statuses: described.GetStatuses(),
	}
	t.forwarded.state, t.forwarded.uuid = described.GetStatusUpdateState(), described.GetStatusUpdateUuid()
	return t
}

// IsTerminal reports whether a task in that state will never run again.
func IsTerminal(s mesospb.TaskState) bool {
	switch s {
	case mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_KILLED,
		mesospb.TaskState_TASK_ERROR, mesospb.TaskState_TASK_LOST, mesospb.TaskState_TASK_DROPPED,
		mesospb.TaskState_TASK_GONE, mesospb.TaskState_TASK_GONE_BY_OPERATOR:
		return true
	}
	return false
}

func over(s mesospb.TaskState) bool { return IsTerminal(s) || s == mesospb.TaskState_TASK_UNREACHABLE }

// HoldsResources reports whether the resources of t are in use, as far as is known.
func (t *Task) HoldsResources() bool { return !over(t.State) }

// Update applies an update and reports whether t gives back its resources with it. A terminal state is final; until
// then the state is the latest that the agent knows, which may be ahead of the update's own.
//
// Mesos: Master::updateTask.
func (t *Task) Update(u *internalpb.StatusUpdate) (released bool) {
	latest := u.GetStatus().GetState()
	if u.LatestState != nil {
		latest = u.GetLatestState()
	}
	released = t.HoldsResources() && over(latest)
	if !IsTerminal(t.State) {
		t.State = latest
	}
	t.note(u.GetStatus())
	return released
}

// note keeps the newest status of each run of equal states, without its data, which may be large.
func (t *Task) note(s *mesospb.TaskStatus) {
	if s.Data != nil {
		s = withoutData(s)
	}
	if n := len(t.Statuses); n > 0 && t.Statuses[n-1].GetState() == s.GetState() {
		t.Statuses = append(t.Statuses[:n-1:n-1], s)
		return
	}
	t.Statuses = append(t.Statuses, s)
}

// withoutData is a copy of s that shares all but the data.
func withoutData(s *mesospb.TaskStatus) *mesospb.TaskStatus {
	return &mesospb.TaskStatus{
		TaskId: s.TaskId, State: s.State, Message: s.Message, Source: s.Source, Reason: s.Reason, SlaveId: s.SlaveId,
		ExecutorId: s.ExecutorId, Timestamp: s.Timestamp, Uuid: s.Uuid, Healthy: s.Healthy, CheckStatus: s.CheckStatus,
		Labels: s.Labels, ContainerStatus: s.ContainerStatus, UnreachableTime: s.UnreachableTime, Limitation: s.Limitation,
	}
}

// Forwarded notes that an update with a UUID was sent to the scheduler, who will acknowledge it.
func (t *Task) Forwarded(s *mesospb.TaskStatus) {
	t.forwarded.state, t.forwarded.uuid = s.GetState(), s.GetUuid()
}

// WasForwarded reports whether this master sent the scheduler an update of t.
func (t *Task) WasForwarded() bool { return t.forwarded.uuid != nil }

// EndsWith reports whether the acknowledgement of uuid is that of the end of t, after which nobody asks for t.
func (t *Task) EndsWith(uuid []byte) bool {
	return IsTerminal(t.forwarded.state) && bytes.Equal(t.forwarded.uuid, uuid)
}

// Told is the state that the scheduler was told last: what a reconciliation repeats.
func (t *Task) Told() mesospb.TaskState {
	if t.WasForwarded() {
		return t.forwarded.state
	}
	return t.State
}

// Last is the newest status, or nil.
func (t *Task) Last() *mesospb.TaskStatus {
	if len(t.Statuses) == 0 {
		return nil
	}
	return t.Statuses[len(t.Statuses)-1]
}

// Executor is an executor that the agent was told to run, or reported.
type Executor struct {
	ID        ids.Executor
	Framework ids.Framework
	Agent     ids.Agent
	Info      *mesospb.ExecutorInfo
	Resources resources.Resources
}

// Offer is an offer that awaits the scheduler's answer.
type Offer struct {
	ID        ids.Offer
	Framework ids.Framework
	Agent     ids.Agent
	Role      string              // that the resources are allocated to
	Resources resources.Resources // with what is kept from the scheduler
	Sent      *mesospb.Offer
}
