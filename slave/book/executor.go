package book

import (
	"iter"
	"slices"

	"github.com/elliotchance/orderedmap/v3"

	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/tasks"
	"meseta/runtime"
	"meseta/runtime/web"
)

// State is how far an executor is.
type State int

// An executor goes through these in order, and may leave some out.
const (
	Registering State = iota // its container is being started, its driver has not registered
	Running
	Terminating // it was asked to shut down, or is being killed
	Terminated  // its container is over; updates of its tasks may be unacknowledged
)

func (s State) String() string {
	return [...]string{"registering", "running", "terminating", "terminated"}[s]
}

// Line is how an agent reaches an executor: by messages to the PID of its driver, or by events on the stream that
// answered its subscription. The zero Line reaches nobody.
type Line struct {
	PID    runtime.PID
	Stream *web.Stream
	Media  mediatype.Type // of the events on Stream
}

// Open reports whether there is somebody to reach.
func (l Line) Open() bool { return l.Stream != nil || !l.PID.IsZero() }

// Executor is what an agent knows about one run of an executor.
type Executor struct {
	ID         ids.Executor
	Framework  ids.Framework
	Container  ids.Container
	Info       *mesospb.ExecutorInfo
	Directory  string // its sandbox
	User       string // whom its processes run as; empty: as the agent
	Checkpoint bool
	Command    bool // made up by the agent to run a command task
	Line       Line // zero until it has registered
	State      State
	// Termination is why the agent ends the executor, when it does; it says more than the exit status will.
	Termination *slavepb.ContainerTermination

	queued     *orderedmap.OrderedMap[ids.Task, *queuedTask]
	launched   *orderedmap.OrderedMap[ids.Task, *Task]
	terminated *orderedmap.OrderedMap[ids.Task, *Task]
	completed  bounded[*Task]
	sent       bool
	// ending holds the terminal updates that were accepted and not yet applied: the first of each task wins.
	ending map[ids.Task]string
	// index is the framework's, while the executor is one of its.
	index map[ids.Task]*Executor
	// picture is the last that was given out; nil once a task has changed.
	picture *Picture
}

type queuedTask struct {
	info  *mesospb.TaskInfo
	group []*mesospb.TaskInfo // the group it was launched with; nil: alone
}

// NewExecutor returns an executor that is being started and has no tasks.
func NewExecutor(framework ids.Framework, info *mesospb.ExecutorInfo, container ids.Container) *Executor {
	return &Executor{
		ID: ids.ExecutorOf(info.GetExecutorId()), Framework: framework, Container: container, Info: info,
		queued:     orderedmap.NewOrderedMap[ids.Task, *queuedTask](),
		launched:   orderedmap.NewOrderedMap[ids.Task, *Task](),
		terminated: orderedmap.NewOrderedMap[ids.Task, *Task](),
		completed:  bounded[*Task]{n: DefaultLimits.Tasks},
		ending:     map[ids.Task]string{},
	}
}

// Run names one life of an executor, by its container, so that what comes of it cannot be taken for a later one of the same
// executor. It is kept across waits in the executor's place.
type Run struct {
	Framework ids.Framework
	Executor  ids.Executor
	Container ids.Container
}

// Run names this life of the executor.
func (e *Executor) Run() Run { return Run{e.Framework, e.ID, e.Container} }

// Has reports whether a task was given to the executor and is not completed.
func (e *Executor) Has(id ids.Task) bool {
	return e.queued.Has(id) || e.launched.Has(id) || e.terminated.Has(id)
}

// Incomplete reports whether there are tasks that are not completed.
func (e *Executor) Incomplete() bool { return e.queued.Len()+e.launched.Len()+e.terminated.Len() > 0 }

// EverSent reports whether the executor was ever given a task to run. One that was not has no reason to be.
//
// Mesos: Executor::everSentTask.
func (e *Executor) EverSent() bool { return e.sent }

// Queue gives the executor tasks to be sent when it is ready for them.
func (e *Executor) Queue(tasks []*mesospb.TaskInfo, together bool) {
	e.picture = nil
	for _, t := range tasks {
		q := &queuedTask{info: t}
		if together {
			q.group = tasks
		}
		id := ids.TaskOf(t.GetTaskId())
		e.queued.Set(id, q)
		if e.index != nil {
			e.index[id] = e
		}
	}
}

// all yields the ids of the tasks that are not completed.
func (e *Executor) all() iter.Seq[ids.Task] {
	return func(yield func(ids.Task) bool) {
		for _, ids := range []iter.Seq[ids.Task]{e.queued.Keys(), e.launched.Keys(), e.terminated.Keys()} {
			for id := range ids {
				if !yield(id) {
					return
				}
			}
		}
	}
}

// Queued are the tasks to be sent.
func (e *Executor) Queued() []*mesospb.TaskInfo {
	tasks := make([]*mesospb.TaskInfo, 0, e.queued.Len())
	for q := range e.queued.Values() {
		tasks = append(tasks, q.info)
	}
	return tasks
}

// IsQueued reports whether a task is still to be sent.
func (e *Executor) IsQueued(id ids.Task) bool { return e.queued.Has(id) }

// GroupOf returns the queued tasks that live and die with a queued one, itself among them, and whether they were
// launched as a group.
func (e *Executor) GroupOf(id ids.Task) (tasks []*mesospb.TaskInfo, group bool) {
	q := e.queued.GetOrDefault(id, nil)
	switch {
	case q == nil:
		return nil, false
	case q.group == nil:
		return []*mesospb.TaskInfo{q.info}, false
	}
	return q.group, true
}

// Launch moves a queued task to the launched ones. It does nothing about one that is not queued.
func (e *Executor) Launch(id ids.Task) {
	q := e.queued.GetOrDefault(id, nil)
	if q == nil {
		return
	}
	e.picture = nil
	e.queued.Delete(id)
	e.launched.Set(id, &Task{Message: tasks.New(q.info, mesospb.TaskState_TASK_STAGING, e.Framework)})
	e.sent = true
}

// Launched are the tasks that run, or will soon. They change with the book: keep a [Picture] instead.
func (e *Executor) Launched() iter.Seq[*mesospb.Task] { return messages(snapshot(e.launched)) }

// IsLaunched reports whether a task was sent to the executor and is not over.
func (e *Executor) IsLaunched(id ids.Task) bool { return e.launched.Has(id) }

// Terminated are the tasks that are over while their last update is unacknowledged. They change with the book.
func (e *Executor) Terminated() iter.Seq[*mesospb.Task] { return messages(snapshot(e.terminated)) }

// IsTerminated reports whether a task is over while its last update is unacknowledged.
func (e *Executor) IsTerminated(id ids.Task) bool { return e.terminated.Has(id) }

// Completed are the last tasks that are over in every respect, oldest first.
func (e *Executor) Completed() iter.Seq[*mesospb.Task] {
	return messages(slices.Values(e.completed.items))
}

// Task returns a task that was launched and is not completed; nil if there is none of that id. It changes with the book.
func (e *Executor) Task(id ids.Task) *mesospb.Task {
	if t, _ := e.find(id); t != nil {
		return t.Message
	}
	return nil
}

// Complete ends the last part of the life of a terminated task.
func (e *Executor) Complete(id ids.Task) {
	if t, ok := e.terminated.Get(id); ok {
		e.picture = nil
		e.terminated.Delete(id)
		delete(e.index, id)
		e.completed.add(t)
	}
}

// Abandon gives up on the tasks that run, when nobody wants to hear of them any more.
func (e *Executor) Abandon() {
	e.picture = nil
	for t := range snapshot(e.launched) {
		id := ids.TaskOf(t.Message.GetTaskId())
		e.launched.Delete(id)
		e.terminated.Set(id, t)
	}
}

// Resources is what the executor holds for itself and for the tasks that are not over.
func (e *Executor) Resources() []*mesospb.Resource {
	all := append([]*mesospb.Resource(nil), e.Info.GetResources()...)
	for q := range e.queued.Values() {
		all = append(all, q.info.GetResources()...)
	}
	for t := range e.launched.Values() {
		all = append(all, t.Message.GetResources()...)
	}
	return all
}
