package book

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"

	"github.com/elliotchance/orderedmap/v3"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
	"meseta/messages/tasks"
)

// Task is a task that was launched. A task in a [Picture] never changes.
type Task struct {
	Message *mesospb.Task

	// Memo is for readers of pictures, to remember what they made of the task. The book does not use it.
	Memo atomic.Pointer[[]byte]

	shared bool // a picture has it, so that a change has to copy it; only the book uses this
}

// find returns a task that was launched and is not completed, with the map that holds it.
func (e *Executor) find(id ids.Task) (*Task, *orderedmap.OrderedMap[ids.Task, *Task]) {
	for _, in := range []*orderedmap.OrderedMap[ids.Task, *Task]{e.launched, e.terminated} {
		if t, ok := in.Get(id); ok {
			return t, in
		}
	}
	return nil, nil
}

// edit returns a task for a change, or nil if there is none with that ID.
func (e *Executor) edit(id ids.Task) *Task {
	t, in := e.find(id)
	if t == nil {
		return nil
	}
	e.picture = nil
	if t.shared {
		t = &Task{Message: shallow.Copy(t.Message)}
		in.Set(id, t)
	}
	return t
}

// share returns the tasks in a map. They do not change from now on.
func share(in *orderedmap.OrderedMap[ids.Task, *Task]) []*Task {
	all := make([]*Task, 0, in.Len())
	for t := range in.Values() {
		t.shared = true
		all = append(all, t)
	}
	return all
}

// messages yields the messages of tasks.
func messages(all iter.Seq[*Task]) iter.Seq[*mesospb.Task] {
	return func(yield func(*mesospb.Task) bool) {
		for t := range all {
			if !yield(t.Message) {
				return
			}
		}
	}
}

// Reasons for which an update does not change a task. The agent passes on or answers such an update nevertheless.
var (
	ErrNotTerminal = errors.New("a queued task can only end")
	ErrUnknownTask = errors.New("task is unknown")
	ErrOver        = errors.New("task is over already")
)

// Expect records an update that is accepted but not applied yet. The first terminal one for a task wins.
func (e *Executor) Expect(s *mesospb.TaskStatus) {
	id := ids.TaskOf(s.GetTaskId())
	if _, ending := e.ending[id]; !ending && tasks.IsTerminal(s.GetState()) {
		e.ending[id] = string(s.GetUuid())
	}
}

// Forget undoes Expect, after Apply.
func (e *Executor) Forget(s *mesospb.TaskStatus) {
	id := ids.TaskOf(s.GetTaskId())
	if e.ending[id] == string(s.GetUuid()) {
		delete(e.ending, id)
	}
}

// Apply applies s to its task, or returns the reason why it does not. A status that the task had before has no effect.
// Executors repeat those that were not acknowledged, among them older ones than the current.
//
// Mesos: Executor::updateTaskState.
//
// Differs: in Mesos the state of the task goes back to that of a repeated status, until the next one comes.
func (e *Executor) Apply(s *mesospb.TaskStatus) error {
	id := ids.TaskOf(s.GetTaskId())
	terminal := tasks.IsTerminal(s.GetState())
	var task *Task
	switch {
	case e.queued.Has(id):
		if !terminal {
			return ErrNotTerminal
		}
		task = &Task{Message: tasks.New(e.queued.GetOrDefault(id, nil).info, s.GetState(), e.Framework.Proto())}
		e.queued.Delete(id)
	case e.launched.Has(id):
		if first, ending := e.ending[id]; terminal && ending && first != string(s.GetUuid()) {
			return fmt.Errorf("%w: another terminal update came first", ErrOver)
		}
		if has(e.launched.GetOrDefault(id, nil).Message, s) {
			return nil
		}
		task = e.edit(id)
		if terminal {
			e.launched.Delete(id)
		}
	case e.terminated.Has(id):
		return fmt.Errorf("%w: %s", ErrOver, e.terminated.GetOrDefault(id, nil).Message.GetState())
	default:
		return ErrUnknownTask
	}
	e.picture = nil
	record(task.Message, s)
	if terminal {
		e.terminated.Set(id, task)
	}
	return nil
}

// Forward records that an update was sent to the master. It ignores tasks that were not launched or are completed.
func (e *Executor) Forward(id ids.Task, state mesospb.TaskState, uuid []byte) {
	if t := e.edit(id); t != nil {
		t.Message.StatusUpdateState, t.Message.StatusUpdateUuid = state.Enum(), uuid
	}
}

// has reports whether a task had a status, by its UUID.
func has(t *mesospb.Task, s *mesospb.TaskStatus) bool {
	return len(s.GetUuid()) > 0 && slices.ContainsFunc(t.GetStatuses(), func(old *mesospb.TaskStatus) bool {
		return old.GetState() == s.GetState() && bytes.Equal(old.GetUuid(), s.GetUuid())
	})
}

// record adds a status to a task's history.
func record(t *mesospb.Task, s *mesospb.TaskStatus) {
	t.Statuses, t.State = tasks.AppendStatus(t.Statuses, s), s.GetState().Enum()
}
