// Package statusupdate brings the status updates of tasks to the master: each one, in order, again and again until the
// scheduler acknowledges it.
//
// The agent hands every update it accepts to the [StatusUpdateManager] and lets the executor forget it once the manager
// has it, on disk if the framework asked for that. The manager forwards the oldest unacknowledged update of each task
// and holds the next ones back. It knows neither master nor executor: forwarding is a function it was given.
//
// Mesos: TaskStatusUpdateManager.
package statusupdate

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// What the futures of the manager fail with, wrapped.
var (
	ErrUnexpected = errors.New("unexpected acknowledgement")
	ErrDuplicate  = errors.New("duplicate acknowledgement")
	ErrMismatch   = errors.New("update of a task that is checkpointed elsewhere or not at all")
	ErrClosed     = errors.New("the status updates of the framework were closed")
)

// Options tune a [StatusUpdateManager].
type Options struct {
	RetryMin time.Duration // before an update is sent again for the first time; 0: 10s
	RetryMax time.Duration // the wait doubles up to this; 0: 10min
	// Append writes a record to the end of a checkpoint file. It runs off the actor's turn. nil: to the disk.
	Append func(ctx context.Context, path string, record *internalpb.StatusUpdateRecord) error
}

func (o Options) withDefaults() Options {
	o.RetryMin = cmp.Or(o.RetryMin, 10*time.Second)
	o.RetryMax = cmp.Or(o.RetryMax, 10*time.Minute)
	if o.Append == nil {
		o.Append = appendRecord
	}
	return o
}

// StatusUpdateManager is an actor. It starts paused.
type StatusUpdateManager struct {
	runtime.Actor
	options Options
	forward func(*internalpb.StatusUpdate)
	paused  bool
	tasks   map[key]*task
}

// key names the stream of one task.
type key struct {
	framework ids.Framework
	task      ids.Task
}

func (k key) compare(l key) int {
	return cmp.Or(cmp.Compare(k.framework, l.framework), cmp.Compare(k.task, l.task))
}

// task is one task's stream, and what is under way for it. Changes are made one after another: while one is being
// written, the others wait.
type task struct {
	stream
	file    string // empty: not checkpointed
	changes []change
	retry   runtime.Timer
}

// change is an update or an acknowledgement on its way into a stream.
type change struct {
	id     ids.UUID
	update *internalpb.StatusUpdate // nil: an acknowledgement
	done   runtime.Promise[Outcome]
}

// Outcome tells what became of a change.
type Outcome struct {
	Duplicate  bool // the update was known already
	Terminated bool // a terminal update is acknowledged: the task is over
}

// New returns a manager to be spawned.
func New(o Options) *StatusUpdateManager {
	return &StatusUpdateManager{options: o.withDefaults(), paused: true, tasks: map[key]*task{}}
}

// Open gives the function that sends an update to the master. It is called on turns of the manager.
func (m *StatusUpdateManager) Open(forward func(*internalpb.StatusUpdate)) { m.forward = forward }

// Update is an update to be delivered.
type Update struct {
	*internalpb.StatusUpdate
	File string // where to checkpoint it; the same for all updates of a task. Empty: nowhere
}

// Update takes an update over. The future completes when the manager has it safely; the executor may then be told.
//
// Mesos: TaskStatusUpdateManagerProcess::_update.
func (m *StatusUpdateManager) Update(u Update) runtime.Future[Outcome] {
	id, err := ids.UUIDOf(u.GetUuid())
	if err != nil {
		return runtime.Failed[Outcome](err)
	}
	k := keyOf(u.StatusUpdate)
	t := m.tasks[k]
	if t == nil {
		t = &task{stream: newStream(), file: u.File}
		m.tasks[k] = t
	}
	if t.file != u.File {
		return runtime.Failed[Outcome](fmt.Errorf("task %s: %w", k.task, ErrMismatch))
	}
	return m.enqueue(k, change{id: id, update: u.StatusUpdate})
}

// Ack is a scheduler's word that it has seen an update.
type Ack struct {
	Framework ids.Framework
	Task      ids.Task
	UUID      ids.UUID
}

// Acknowledge lets go of the update that was forwarded last. The future fails when it is not that one's.
//
// Mesos: TaskStatusUpdateManagerProcess::acknowledgement.
func (m *StatusUpdateManager) Acknowledge(a Ack) runtime.Future[Outcome] {
	k := key{a.Framework, a.Task}
	if m.tasks[k] == nil {
		return runtime.Failed[Outcome](fmt.Errorf("task %s: %w: no updates are known", a.Task, ErrUnexpected))
	}
	return m.enqueue(k, change{id: a.UUID})
}

// Pause stops forwarding, for as long as there is no master.
func (m *StatusUpdateManager) Pause() {
	m.paused = true
	for _, t := range m.tasks {
		t.retry.Cancel()
	}
}

// Resume forwards what is unacknowledged, at once, also what was forwarded to an earlier master or scheduler.
func (m *StatusUpdateManager) Resume() {
	m.paused = false
	for _, k := range slices.SortedFunc(maps.Keys(m.tasks), key.compare) {
		m.send(k)
	}
}

// Close forgets all updates of a framework.
//
// Mesos: TaskStatusUpdateManagerProcess::cleanup.
func (m *StatusUpdateManager) Close(framework ids.Framework) {
	m.CloseFunc(func(f ids.Framework) bool { return f == framework })
}

// CloseFunc forgets all updates of the frameworks that ended reports.
func (m *StatusUpdateManager) CloseFunc(ended func(ids.Framework) bool) {
	for _, k := range slices.SortedFunc(maps.Keys(m.tasks), key.compare) {
		if ended(k.framework) {
			m.remove(k)
		}
	}
}

// Recover takes over what an earlier run of the agent had checkpointed in file.
//
// Mesos: TaskStatusUpdateStream::replay.
func (m *StatusUpdateManager) Recover(file string, r Recorded) {
	for _, update := range r.Updates {
		k := keyOf(update)
		t := m.tasks[k]
		if t == nil {
			t = &task{stream: newStream(), file: file}
			m.tasks[k] = t
		}
		id, _ := ids.UUIDOf(update.GetUuid()) // Decode has checked it
		if t.known(id) {
			continue
		}
		t.receive(id, update)
		if r.Acknowledged[id] && t.expects(id) == nil {
			t.acknowledge(id)
		}
	}
	for _, update := range r.Updates {
		if k := keyOf(update); m.tasks[k] != nil && m.tasks[k].terminated {
			m.remove(k)
		}
	}
}

// Unacknowledged lists the tasks with updates that a scheduler has not acknowledged, by framework and id. For tests.
func (m *StatusUpdateManager) Unacknowledged() []ids.Task {
	var tasks []ids.Task
	for _, k := range slices.SortedFunc(maps.Keys(m.tasks), key.compare) {
		if t := m.tasks[k]; t.next() != nil || len(t.changes) > 0 {
			tasks = append(tasks, k.task)
		}
	}
	return tasks
}

// ---- changes, one after another ----

func (m *StatusUpdateManager) enqueue(k key, c change) runtime.Future[Outcome] {
	c.done = runtime.NewPromise[Outcome]()
	t := m.tasks[k]
	t.changes = append(t.changes, c)
	if len(t.changes) == 1 {
		m.begin(k)
	}
	return c.done.Future()
}

// begin judges the first of the waiting changes and writes it down, or refuses it and goes on to the next.
func (m *StatusUpdateManager) begin(k key) {
	t := m.tasks[k]
	for t != nil && len(t.changes) > 0 {
		c := t.changes[0]
		if c.update != nil && t.known(c.id) {
			m.Log().Warn().Stringer("task_id", k.task).Stringer("uuid", c.id).Msg("duplicate status update ignored")
			t.changes = t.changes[1:]
			c.done.Set(Outcome{Duplicate: true})
			continue
		}
		if c.update == nil {
			if err := t.expects(c.id); err != nil {
				t.changes = t.changes[1:]
				c.done.Fail(fmt.Errorf("task %s: %w", k.task, err))
				continue
			}
		}
		if t.file != "" {
			m.write(k, t.file, c)
			return
		}
		m.apply(k, c)
		t = m.tasks[k]
	}
}

func (m *StatusUpdateManager) write(k key, file string, c change) {
	record := &internalpb.StatusUpdateRecord{Type: internalpb.StatusUpdateRecord_UPDATE.Enum(), Update: c.update}
	if c.update == nil {
		record = &internalpb.StatusUpdateRecord{Type: internalpb.StatusUpdateRecord_ACK.Enum(), Uuid: c.id[:]}
	}
	written := runtime.Go(m, func(ctx context.Context) (struct{}, error) {
		return struct{}{}, m.options.Append(ctx, file, record)
	})
	runtime.Await(m, written, func(_ struct{}, err error) { m.written(k, c, err) })
}

func (m *StatusUpdateManager) written(k key, c change, err error) {
	t := m.tasks[k]
	if t == nil || len(t.changes) == 0 || t.changes[0].done != c.done {
		return // closed in the meantime
	}
	if err != nil {
		t.changes = t.changes[1:]
		c.done.Fail(fmt.Errorf("checkpoint status update of task %s: %w", k.task, err))
	} else {
		m.apply(k, c)
	}
	m.begin(k)
}

// apply makes a change that is judged and written.
func (m *StatusUpdateManager) apply(k key, c change) {
	t := m.tasks[k]
	t.changes = t.changes[1:]
	if c.update != nil {
		t.receive(c.id, c.update)
		if len(t.pending) == 1 {
			m.send(k)
		}
		c.done.Set(Outcome{})
		return
	}
	t.retry.Cancel()
	t.acknowledge(c.id)
	if t.terminated {
		if t.next() != nil {
			m.Log().Warn().Stringer("task_id", k.task).Msg("terminal update acknowledged while others are pending")
		}
		m.remove(k)
	} else {
		m.send(k)
	}
	c.done.Set(Outcome{Terminated: t.terminated})
}

// ---- forwarding ----

// send forwards the oldest unacknowledged update and books its repetition.
func (m *StatusUpdateManager) send(k key) { m.sendAgain(k, m.options.RetryMin) }

func (m *StatusUpdateManager) sendAgain(k key, wait time.Duration) {
	t := m.tasks[k]
	t.retry.Cancel()
	next := t.next()
	if m.paused || next == nil {
		return
	}
	m.forward(next)
	t.retry = m.Delay(wait, func() {
		m.Log().Warn().Stringer("task_id", k.task).Stringer("framework_id", k.framework).
			Msg("status update not acknowledged, sent again")
		m.sendAgain(k, min(2*wait, m.options.RetryMax))
	})
}

func (m *StatusUpdateManager) remove(k key) {
	t := m.tasks[k]
	t.retry.Cancel()
	delete(m.tasks, k)
	for _, c := range t.changes {
		c.done.Fail(fmt.Errorf("task %s: %w", k.task, ErrClosed))
	}
}

func keyOf(u *internalpb.StatusUpdate) key {
	return key{ids.FrameworkOf(u.GetFrameworkId()), ids.TaskOf(u.GetStatus().GetTaskId())}
}
