package book

import (
	"errors"
	"fmt"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
)

// Why an update does not change a task. The update itself is passed on nevertheless, or answered, by the agent.
var (
	ErrNotTerminal = errors.New("a queued task can only end")
	ErrUnknownTask = errors.New("task is unknown")
	ErrOver        = errors.New("task is over already")
)

// Expect notes an update that is accepted but not applied yet. Of several terminal ones for a task, the first wins.
func (e *Executor) Expect(s *mesospb.TaskStatus) {
	id := ids.TaskOf(s.GetTaskId())
	if _, ending := e.ending[id]; !ending && tasks.IsTerminal(s.GetState()) {
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
	terminal := tasks.IsTerminal(s.GetState())
	var task *mesospb.Task
	switch {
	case e.queued.Has(id):
		if !terminal {
			return ErrNotTerminal
		}
		task = tasks.New(e.queued.GetOrDefault(id, nil).info, s.GetState(), e.Framework)
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

// record adds a status to a task's history.
func record(t *mesospb.Task, s *mesospb.TaskStatus) {
	t.Statuses, t.State = tasks.AppendStatus(t.Statuses, s), s.GetState().Enum()
}
