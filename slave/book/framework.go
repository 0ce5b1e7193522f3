package book

import (
	"iter"
	"maps"
	"slices"

	"github.com/elliotchance/orderedmap/v3"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// Framework is a framework with executors or tasks on the agent.
type Framework struct {
	ID          ids.Framework
	Info        *mesospb.FrameworkInfo
	PID         runtime.PID // of its scheduler; zero if that uses HTTP
	Terminating bool        // it was shut down, and its executors are ending
	Recorded    bool        // it has been checkpointed

	limits    Limits
	executors *orderedmap.OrderedMap[ids.Executor, *Executor]
	tasks     map[ids.Task]*Executor // tasks that an executor has and that are not completed
	launches  map[ids.Executor][]*Launch
	pending   map[ids.Task]*Launch // tasks that wait in launches and were not killed
	completed bounded[*Executor]
}

func newFramework(info *mesospb.FrameworkInfo, pid runtime.PID, l Limits) *Framework {
	return &Framework{
		ID: ids.FrameworkOf(info.GetId()), Info: info, PID: pid, limits: l,
		executors: orderedmap.NewOrderedMap[ids.Executor, *Executor](),
		tasks:     map[ids.Task]*Executor{},
		launches:  map[ids.Executor][]*Launch{},
		pending:   map[ids.Task]*Launch{},
		completed: bounded[*Executor]{n: l.Executors},
	}
}

// Checkpoints reports whether the framework enabled checkpointing.
func (f *Framework) Checkpoints() bool { return f.Info.GetCheckpoint() }

// LostOr returns state if the framework is partition-aware, and TASK_LOST otherwise.
func (f *Framework) LostOr(state mesospb.TaskState) mesospb.TaskState {
	return tasks.LostOr(state, capabilities.OfFramework(f.Info))
}

// Idle reports whether the framework has neither executors nor launches.
func (f *Framework) Idle() bool { return f.executors.Len() == 0 && len(f.launches) == 0 }

// Executor returns the executor with that ID that is not completed, or nil.
func (f *Framework) Executor(id ids.Executor) *Executor { return f.executors.GetOrDefault(id, nil) }

// Executors yields the executors that are not completed.
func (f *Framework) Executors() iter.Seq[*Executor] { return snapshot(f.executors) }

// CompletedExecutors returns the executors that have ended and whose updates are acknowledged, oldest first.
func (f *Framework) CompletedExecutors() []*Executor { return f.completed.items }

// ExecutorOf returns the executor that has a task that is not completed, or nil.
func (f *Framework) ExecutorOf(task ids.Task) *Executor { return f.tasks[task] }

// Knows reports whether a task is pending or an executor has it.
func (f *Framework) Knows(task ids.Task) bool {
	return f.Pending(task) != nil || f.ExecutorOf(task) != nil
}

// AddExecutor adds a new executor.
func (f *Framework) AddExecutor(e *Executor) {
	if f.executors.Has(e.ID) {
		panic("book: executor " + e.ID.String() + " is there already")
	}
	e.completed.n, e.index = f.limits.Tasks, f.tasks
	for id := range e.all() {
		f.tasks[id] = e
	}
	f.executors.Set(e.ID, e)
}

// RemoveExecutor moves an executor to the completed ones.
func (f *Framework) RemoveExecutor(e *Executor) {
	f.executors.Delete(e.ID)
	for id := range e.all() {
		delete(f.tasks, id)
	}
	e.index = nil
	f.completed.add(e)
}

// ---- pending tasks ----

// Launch is a task or a task group on its way to an executor, which may not exist yet. Launches for one executor are
// carried out in the order in which they came, however long each of them waits.
type Launch struct {
	Framework ids.Framework
	Executor  *mesospb.ExecutorInfo
	Tasks     []*mesospb.TaskInfo
	Group     bool  // the tasks form a group
	Command   bool  // the executor is made by the agent to run a command
	Fresh     *bool // whether the executor has to be started, according to the master; nil if the master does not say
	// Versions are those of the resources that the master offered. The agent's may be newer by now.
	Versions []*internalpb.ResourceVersionUUID

	ready  bool
	killed map[ids.Task]bool
}

// ExecutorID returns the ID of the executor.
func (l *Launch) ExecutorID() ids.Executor { return ids.ExecutorOf(l.Executor.GetExecutorId()) }

// Killed reports whether all tasks of the launch were killed while they waited.
func (l *Launch) Killed() bool { return len(l.killed) == len(l.Tasks) }

// Begin makes the tasks of a launch pending.
func (f *Framework) Begin(l *Launch) {
	id := l.ExecutorID()
	f.launches[id] = append(f.launches[id], l)
	for _, t := range l.Tasks {
		f.pending[ids.TaskOf(t.GetTaskId())] = l
	}
}

// Ready records that a launch waits only for earlier launches. It returns the launches that can be carried out now, in
// order. These are not pending any more.
func (f *Framework) Ready(l *Launch) []*Launch {
	l.ready = true
	id := l.ExecutorID()
	queue := f.launches[id]
	n := 0
	for n < len(queue) && queue[n].ready {
		for _, t := range queue[n].Tasks {
			delete(f.pending, ids.TaskOf(t.GetTaskId()))
		}
		n++
	}
	if n == len(queue) {
		delete(f.launches, id)
	} else {
		f.launches[id] = queue[n:]
	}
	return queue[:n]
}

// Pending returns the launch in which a task waits, or nil.
func (f *Framework) Pending(task ids.Task) *Launch { return f.pending[task] }

// AllPending returns the pending launches, by executor.
func (f *Framework) AllPending() []*Launch {
	var all []*Launch
	for _, id := range slices.Sorted(maps.Keys(f.launches)) {
		all = append(all, f.launches[id]...)
	}
	return all
}

// PendingTasks returns the tasks that wait in launches.
func (f *Framework) PendingTasks() []*mesospb.TaskInfo {
	var tasks []*mesospb.TaskInfo
	for _, l := range f.AllPending() {
		for _, t := range l.Tasks {
			if !l.killed[ids.TaskOf(t.GetTaskId())] {
				tasks = append(tasks, t)
			}
		}
	}
	return tasks
}

// HasPendingFor reports whether launches wait for an executor.
func (f *Framework) HasPendingFor(id ids.Executor) bool { return len(f.launches[id]) > 0 }

// Cancel kills a pending task. Its launch keeps its place until it would have been carried out.
func (f *Framework) Cancel(task ids.Task) {
	if l := f.Pending(task); l != nil {
		if l.killed == nil {
			l.killed = map[ids.Task]bool{}
		}
		l.killed[task] = true
		delete(f.pending, task)
	}
}

// TaskIDs lists the IDs of tasks, for logs.
func TaskIDs(tasks []*mesospb.TaskInfo) []string {
	names := make([]string, len(tasks))
	for i, t := range tasks {
		names[i] = string(ids.TaskOf(t.GetTaskId()))
	}
	return names
}
