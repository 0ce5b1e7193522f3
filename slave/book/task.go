package book

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
)

// Why an update does not change a task. The update itself is passed on nevertheless, or answered, by the agent.
var (
	ErrNotTerminal = errors.New("a queued task can only end")
	ErrUnknownTask = errors.New("task is unknown")
	ErrOver        = errors.New("task is over already")
)

// NewTask returns the record of a task.
//
// Mesos: protobuf::createTask.
func NewTask(t *mesospb.TaskInfo, state mesospb.TaskState, framework ids.Framework) *mesospb.Task {
	task := &mesospb.Task{
		Name: proto.String(t.GetName()), TaskId: t.GetTaskId(), FrameworkId: framework.Proto(), SlaveId: t.GetSlaveId(),
		State: state.Enum(), Resources: t.GetResources(), Limits: t.GetLimits(), Labels: t.GetLabels(),
		Discovery: t.GetDiscovery(), Container: t.GetContainer(), HealthCheck: t.GetHealthCheck(),
		KillPolicy: t.GetKillPolicy(),
	}
	if t.Executor != nil {
		task.ExecutorId = t.GetExecutor().GetExecutorId()
	}
	switch {
	case t.GetCommand().GetUser() != "":
		task.User = t.GetCommand().User
	case t.GetExecutor().GetCommand().GetUser() != "":
		task.User = t.GetExecutor().GetCommand().User
	}
	return task
}

// Expect notes an update that is accepted but not applied yet. Of several terminal ones for a task, the first wins.
func (e *Executor) Expect(s *mesospb.TaskStatus) {
	id := ids.TaskOf(s.GetTaskId())
	if _, ending := e.ending[id]; !ending && statusupdate.Terminal(s.GetState()) {
		e.ending[id] = string(s.GetUuid())
	}
}

// Forget takes back an Expect, after Apply.
func (e *Executor) Forget(s *mesospb.TaskStatus) {
	id := ids.TaskOf(s.GetTaskId())
	if e.ending[id] == string(s.GetUuid()) {
		delete(e.ending, id)
	}
}

// Apply brings a task into the state that s tells. The error says why it does not.
//
// Mesos: Executor::updateTaskState.
func (e *Executor) Apply(s *mesospb.TaskStatus) error {
	id := ids.TaskOf(s.GetTaskId())
	terminal := statusupdate.Terminal(s.GetState())
	var task *mesospb.Task
	switch {
	case e.queued.Has(id):
		if !terminal {
			return ErrNotTerminal
		}
		task = NewTask(e.queued.GetOrDefault(id, nil).info, s.GetState(), e.Framework)
		e.queued.Delete(id)
	case e.launched.Has(id):
		if first, ending := e.ending[id]; terminal && ending && first != string(s.GetUuid()) {
			return fmt.Errorf("%w: another terminal update came first", ErrOver)
		}
		task = e.launched.GetOrDefault(id, nil)
		if terminal {
			e.launched.Delete(id)
		}
	case e.terminated.Has(id):
		return fmt.Errorf("%w: %s", ErrOver, e.terminated.GetOrDefault(id, nil).GetState())
	default:
		return ErrUnknownTask
	}
	record(task, s)
	if terminal {
		e.terminated.Set(id, task)
	}
	return nil
}

// record adds a status to a task's history, in which consecutive ones of the same state are one.
func record(t *mesospb.Task, s *mesospb.TaskStatus) {
	if n := len(t.Statuses); n > 0 && t.Statuses[n-1].GetState() == s.GetState() {
		t.Statuses = t.Statuses[:n-1]
	}
	t.Statuses = append(t.Statuses[:len(t.Statuses):len(t.Statuses)], s)
	t.State = s.GetState().Enum()
}
