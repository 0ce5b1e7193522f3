package book

import (
	"bytes"
	"sync/atomic"

	"meseta/messages/ids"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/tasks"
)

// Task is a task from its launch until its terminal update is acknowledged.
type Task struct {
	*Facts
	Killed bool // a kill was requested; it is repeated when the agent re-registers

	shared    bool // the facts were shared, so that a change has to copy them
	touched   bool // it is in the list of touched tasks of its framework
	framework *Framework
	agent     *Agent // nil if the task is not in the book
	place     int    // among the tasks of agent
}

// Facts holds what is known about a task. Facts returned by [Task.Share] never change.
type Facts struct {
	ID        ids.Task
	Framework ids.Framework
	Agent     ids.Agent
	Executor  ids.Executor // empty for a command task
	Resources resources.Resources

	// Described holds the fields that never change. Its fields state, statuses and status_update are not kept up to
	// date.
	Described *mesospb.Task
	State     mesospb.TaskState     // the latest that is known
	Statuses  []*mesospb.TaskStatus // one for each state, in order; shared with messages
	Forwarded Forwarded

	// Memo is for readers of shared facts, to remember what they made of them. The book does not use it.
	Memo atomic.Pointer[[]byte]
	// Object is the same for what authorizers are asked with about the task.
	Object atomic.Pointer[authorizationpb.Object]
}

// Forwarded is the latest update with a UUID that was sent to the scheduler. UUID is nil if there was none.
type Forwarded struct {
	State mesospb.TaskState
	UUID  []byte
}

// Share returns the current facts of t, which may be read anywhere and at any time.
func (t *Task) Share() *Facts {
	t.shared = true
	return t.Facts
}

// edit returns the facts for a change.
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
func NewTask(info *mesospb.TaskInfo, framework *mesospb.FrameworkID, held resources.Resources) *Task {
	t := &Task{Facts: &Facts{}}
	t.know(tasks.New(info, mesospb.TaskState_TASK_STAGING, framework), held)
	return t
}

// Tasks makes tasks that an agent reports, several as one object: the garbage collector then has less to find. An object
// lives as long as one of its tasks is used.
type Tasks struct {
	Coming int // how many are still to be made, or about so many

	tasks []Task
	facts []Facts
}

// mostTogether bounds what is kept because of one task.
const mostTogether = 16

// Known returns a task that an agent reports.
func (m *Tasks) Known(described *mesospb.Task, held resources.Resources) *Task {
	if len(m.tasks) == 0 {
		n := min(max(m.Coming, 1), mostTogether)
		m.tasks, m.facts = make([]Task, n), make([]Facts, n)
	}
	t := &m.tasks[0]
	t.Facts = &m.facts[0]
	m.tasks, m.facts, m.Coming = m.tasks[1:], m.facts[1:], m.Coming-1
	t.know(described, held)
	return t
}

func (f *Facts) know(described *mesospb.Task, held resources.Resources) {
	f.ID, f.Framework = ids.TaskOf(described.GetTaskId()), ids.FrameworkOf(described.GetFrameworkId())
	f.Agent, f.Executor = ids.AgentOf(described.GetSlaveId()), ids.ExecutorOf(described.GetExecutorId())
	f.Described, f.Resources = described, held
	f.State, f.Statuses = described.GetState(), described.GetStatuses()
	f.Forwarded = Forwarded{described.GetStatusUpdateState(), described.GetStatusUpdateUuid()}
}

func over(s mesospb.TaskState) bool {
	return tasks.IsTerminal(s) || s == mesospb.TaskState_TASK_UNREACHABLE
}

// HoldsResources reports whether the task uses its resources while it is in the book. A task that its agent reports as
// unreachable does use them: the agent is registered and may report another state next.
//
// Differs: Mesos considers such a task terminal, and returns its resources a second time when it ends.
func (f *Facts) HoldsResources() bool { return !tasks.IsTerminal(f.State) }

// Update applies an update. A terminal state is final. Until then the state is the latest one that the agent knows,
// which may be later than that of the status. Update reports whether t became terminal or unreachable, and whether its
// resources are thereby free, which happens once and only for a task in the book.
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

// note records a status, without its data.
func (f *Facts) note(s *mesospb.TaskStatus) {
	f.Statuses = tasks.AppendStatus(f.Statuses, tasks.WithoutData(s))
}

// Forward records that an update with a UUID was sent to the scheduler, which will acknowledge it.
func (t *Task) Forward(s *mesospb.TaskStatus) {
	t.edit().Forwarded = Forwarded{s.GetState(), s.GetUuid()}
}

// WasForwarded reports whether this master sent the scheduler an update of the task.
func (f *Facts) WasForwarded() bool { return f.Forwarded.UUID != nil }

// EndsWith reports whether uuid belongs to the terminal update, after whose acknowledgement the task is removed.
func (f *Facts) EndsWith(uuid []byte) bool {
	return tasks.IsTerminal(f.Forwarded.State) && bytes.Equal(f.Forwarded.UUID, uuid)
}

// Told returns the latest state that the scheduler was told, which reconciliation repeats.
func (f *Facts) Told() mesospb.TaskState {
	if f.WasForwarded() {
		return f.Forwarded.State
	}
	return f.State
}

// Last returns the newest status, or nil.
func (f *Facts) Last() *mesospb.TaskStatus {
	if len(f.Statuses) == 0 {
		return nil
	}
	return f.Statuses[len(f.Statuses)-1]
}

// Executor is an executor that the agent was told to run or that it reported.
type Executor struct {
	ID        ids.Executor
	Framework ids.Framework
	Agent     ids.Agent
	Info      *mesospb.ExecutorInfo
	Resources resources.Resources
}

// Offer is an outstanding offer.
type Offer struct {
	ID        ids.Offer
	Framework ids.Framework
	Agent     ids.Agent
	Role      string              // the resources are allocated to it
	Resources resources.Resources // including ephemeral_ports, which the scheduler does not see
	Sent      *mesospb.Offer

	// Memo is for readers, to remember what they made of the offer's constant parts. The book does not use it.
	Memo atomic.Pointer[[]byte]
	// Object is the same for what authorizers are asked with about the task.
	Object atomic.Pointer[authorizationpb.Object]
}
