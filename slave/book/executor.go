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

// State is the state of an executor.
type State int

// The states, in order. An executor may skip some.
const (
	Registering State = iota // its container is being started, or its driver has not registered yet
	Running
	Terminating // it was asked to shut down, or is being killed
	Terminated  // its container has ended; updates of its tasks may be unacknowledged
)

func (s State) String() string {
	return [...]string{"registering", "running", "terminating", "terminated"}[s]
}

// Line is the connection to an executor: the PID of its driver, or the stream of events that answered its subscription.
// The zero Line reaches nobody.
type Line struct {
	PID    runtime.PID
	Stream *web.Stream
	Media  mediatype.Type // of the events on Stream
}

// Open reports whether the line reaches an executor.
func (l Line) Open() bool { return l.Stream != nil || !l.PID.IsZero() }

// Executor is one run of an executor.
type Executor struct {
	ID         ids.Executor
	Framework  ids.Framework
	Container  ids.Container
	Info       *mesospb.ExecutorInfo
	Directory  string // its sandbox
	User       string // the user of its processes; empty means that of the agent
	Checkpoint bool
	Command    bool // made by the agent to run a command task
	Line       Line // zero until it has registered
	State      State
	// Termination is the reason for which the agent ends the executor, if it does. It is more precise than the exit
	// status.
	Termination *slavepb.ContainerTermination

	queued     *orderedmap.OrderedMap[ids.Task, *queuedTask]
	launched   *orderedmap.OrderedMap[ids.Task, *Task]
	terminated *orderedmap.OrderedMap[ids.Task, *Task]
	completed  bounded[*Task]
	sent       bool
	// ending holds the UUIDs of terminal updates that were accepted and not yet applied. The first for each task wins.
	ending map[ids.Task]string
	// index is that of the framework, while the executor belongs to it.
	index map[ids.Task]*Executor
	// picture is the latest picture, or nil if a task changed since.
	picture *Picture
}

type queuedTask struct {
	info  *mesospb.TaskInfo
	group []*mesospb.TaskInfo // the group it was launched with; nil if it was launched alone
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

// Run identifies a run of an executor by its container, so that late results are not attributed to a later run. Code
// that waits keeps a Run instead of the executor.
type Run struct {
	Framework ids.Framework
	Executor  ids.Executor
	Container ids.Container
}

// Run returns the identity of this run.
func (e *Executor) Run() Run { return Run{e.Framework, e.ID, e.Container} }

// Has reports whether the executor has a task that is not completed.
func (e *Executor) Has(id ids.Task) bool {
	return e.queued.Has(id) || e.launched.Has(id) || e.terminated.Has(id)
}

// Incomplete reports whether the executor has tasks that are not completed.
func (e *Executor) Incomplete() bool { return e.queued.Len()+e.launched.Len()+e.terminated.Len() > 0 }

// EverSent reports whether the executor was ever sent a task. If it was not, there is no reason to keep it.
//
// Mesos: Executor::everSentTask.
func (e *Executor) EverSent() bool { return e.sent }

// Queue queues tasks, to be sent when the executor is ready. If together is true, they form a group.
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

// all yields the IDs of the tasks that are not completed.
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

// Queued returns the tasks that are still to be sent.
func (e *Executor) Queued() []*mesospb.TaskInfo {
	tasks := make([]*mesospb.TaskInfo, 0, e.queued.Len())
	for q := range e.queued.Values() {
		tasks = append(tasks, q.info)
	}
	return tasks
}

// IsQueued reports whether a task is still to be sent.
func (e *Executor) IsQueued(id ids.Task) bool { return e.queued.Has(id) }

// GroupOf returns the queued tasks that were launched together with a queued one, including itself, and whether they
// form a group.
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

// Launch moves a queued task to the launched ones. It ignores tasks that are not queued.
func (e *Executor) Launch(id ids.Task) {
	q := e.queued.GetOrDefault(id, nil)
	if q == nil {
		return
	}
	e.picture = nil
	e.queued.Delete(id)
	e.launched.Set(id, &Task{Message: tasks.New(q.info, mesospb.TaskState_TASK_STAGING, e.Framework.Proto())})
	e.sent = true
}

// Launched yields the tasks that run or will soon. They change with the book; keep a [Picture] instead.
func (e *Executor) Launched() iter.Seq[*mesospb.Task] { return messages(snapshot(e.launched)) }

// IsLaunched reports whether a task was sent to the executor and is not terminal.
func (e *Executor) IsLaunched(id ids.Task) bool { return e.launched.Has(id) }

// Terminated yields the terminal tasks whose terminal update is not acknowledged. They change with the book.
func (e *Executor) Terminated() iter.Seq[*mesospb.Task] { return messages(snapshot(e.terminated)) }

// IsTerminated reports whether a task is terminal and its terminal update is not acknowledged.
func (e *Executor) IsTerminated(id ids.Task) bool { return e.terminated.Has(id) }

// Completed yields the latest completed tasks, oldest first.
func (e *Executor) Completed() iter.Seq[*mesospb.Task] {
	return messages(slices.Values(e.completed.items))
}

// Task returns a task that was launched and is not completed, or nil. It changes with the book.
func (e *Executor) Task(id ids.Task) *mesospb.Task {
	if t, _ := e.find(id); t != nil {
		return t.Message
	}
	return nil
}

// Complete moves a terminated task to the completed ones.
func (e *Executor) Complete(id ids.Task) {
	if t, ok := e.terminated.Get(id); ok {
		e.picture = nil
		e.terminated.Delete(id)
		delete(e.index, id)
		e.completed.add(t)
	}
}

// Abandon makes the running tasks completed, when nobody waits for their updates any more.
func (e *Executor) Abandon() {
	e.picture = nil
	for t := range snapshot(e.launched) {
		id := ids.TaskOf(t.Message.GetTaskId())
		e.launched.Delete(id)
		e.terminated.Set(id, t)
	}
}

// Resources returns the resources of the executor and of its tasks that are not terminal.
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

// Limits returns what the executor may use together with its tasks that have not ended.
func (e *Executor) Limits() map[string]*mesospb.Value_Scalar {
	var all []tasks.Holder
	for q := range e.queued.Values() {
		all = append(all, q.info)
	}
	for t := range e.launched.Values() {
		all = append(all, t.Message)
	}
	return tasks.Limits(e.Info.GetResources(), all)
}
