package book

import (
	"bytes"
	"sync/atomic"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
)

// Task is a task that was launched, until its end is acknowledged.
type Task struct {
	*Facts
	Killed bool // a kill was asked for; it is repeated when the agent comes back

	shared    bool // the facts are: a change makes others
	touched   bool // it is among those that its framework has touched
	framework *Framework
	agent     *Agent // nil when it is not in the book
}

// Facts are what is known of a task. Those that were given out with [Task.Share] never change.
type Facts struct {
	ID        ids.Task
	Framework ids.Framework
	Agent     ids.Agent
	Executor  ids.Executor // empty for a command task
	Resources resources.Resources

	// Described says what never changes; its state, statuses and status_update fields are not kept up to date.
	Described *mesospb.Task
	State     mesospb.TaskState     // the latest that is known
	Statuses  []*mesospb.TaskStatus // one for each state it went through; shared with messages
	Forwarded Forwarded

	// Memo is for readers of shared facts: what they made of them. The book does not look at it.
	Memo atomic.Pointer[[]byte]
}

// Forwarded is the last update with a UUID that was sent to the scheduler; UUID is nil if there was none.
type Forwarded struct {
	State mesospb.TaskState
	UUID  []byte
}

// Share returns what is known of t as of now, to be read anywhere and for ever.
func (t *Task) Share() *Facts {
	t.shared = true
	return t.Facts
}

// edit returns the facts to be changed.
func (t *Task) edit() *Facts {
	t.touch()
	if t.shared {
		t.Facts, t.shared = t.copy(), false
	}
	return t.Facts
}

func (f *Facts) copy() *Facts {
	return &Facts{
		ID: f.ID, Framework: f.Framework, Agent: f.Agent, Executor: f.Executor, Resources: f.Resources,
		Described: f.Described, State: f.State, Statuses: f.Statuses, Forwarded: f.Forwarded,
	}
}

// NewTask returns the task that info launches.
func NewTask(info *mesospb.TaskInfo, framework ids.Framework, held resources.Resources) *Task {
	described := tasks.New(info, mesospb.TaskState_TASK_STAGING, framework)
	return KnownTask(described, held)
}

// KnownTask returns a task that an agent reports.
func KnownTask(described *mesospb.Task, held resources.Resources) *Task {
	return &Task{Facts: &Facts{
		ID: ids.TaskOf(described.GetTaskId()), Framework: ids.FrameworkOf(described.GetFrameworkId()),
		Agent: ids.AgentOf(described.GetSlaveId()), Executor: ids.ExecutorOf(described.GetExecutorId()),
		Described: described, Resources: held, State: described.GetState(), Statuses: described.GetStatuses(),
		Forwarded: Forwarded{described.GetStatusUpdateState(), described.GetStatusUpdateUuid()},
	}}
}

func over(s mesospb.TaskState) bool {
	return tasks.IsTerminal(s) || s == mesospb.TaskState_TASK_UNREACHABLE
}

// HoldsResources reports whether the resources of the task are in use, as long as it is in the book. A task whose agent
// says that it is unreachable is not over: the agent is registered, and may say something else next.
//
// Differs: for the reference it is over, and what it holds is given back once more when it is over.
func (f *Facts) HoldsResources() bool { return !tasks.IsTerminal(f.State) }

// Update applies an update. A terminal state is final; until then the state is the latest that the agent knows, which
// may be ahead of the update's own. It reports whether t ended with it, by its end or by becoming unreachable, and whether
// it gives back its resources with it: those of a task in the book, and once.
//
// Mesos: Master::updateTask.
func (t *Task) Update(u *internalpb.StatusUpdate) (ended, released bool) {
	latest := u.GetStatus().GetState()
	if u.LatestState != nil {
		latest = u.GetLatestState()
	}
	ended = !over(t.State) && over(latest)
	released = t.agent != nil && t.HoldsResources() && tasks.IsTerminal(latest)
	facts := t.edit()
	if !tasks.IsTerminal(facts.State) {
		facts.State = latest
	}
	facts.note(u.GetStatus())
	return ended, released
}

// note keeps a status, without its data.
func (f *Facts) note(s *mesospb.TaskStatus) {
	f.Statuses = tasks.AppendStatus(f.Statuses, tasks.WithoutData(s))
}

// Forward notes that an update with a UUID was sent to the scheduler, who will acknowledge it.
func (t *Task) Forward(s *mesospb.TaskStatus) {
	t.edit().Forwarded = Forwarded{s.GetState(), s.GetUuid()}
}

// WasForwarded reports whether this master sent the scheduler an update of the task.
func (f *Facts) WasForwarded() bool { return f.Forwarded.UUID != nil }

// EndsWith reports whether the acknowledgement of uuid is that of the end of the task, after which nobody asks for it.
func (f *Facts) EndsWith(uuid []byte) bool {
	return tasks.IsTerminal(f.Forwarded.State) && bytes.Equal(f.Forwarded.UUID, uuid)
}

// Told is the state that the scheduler was told last: what a reconciliation repeats.
func (f *Facts) Told() mesospb.TaskState {
	if f.WasForwarded() {
		return f.Forwarded.State
	}
	return f.State
}

// Last is the newest status, or nil.
func (f *Facts) Last() *mesospb.TaskStatus {
	if len(f.Statuses) == 0 {
		return nil
	}
	return f.Statuses[len(f.Statuses)-1]
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

	// Memo is for readers: what they made of what does not change. The book does not look at it.
	Memo atomic.Pointer[[]byte]
}
