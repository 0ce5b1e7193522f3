// Package statusupdate brings the status updates of tasks to the master: each one, in order, again and again until the
// scheduler acknowledges it.
//
// The agent hands every update it accepts to the [StatusUpdateManager] and lets the executor forget it once the manager
// has it, on disk if the framework asked for that. The manager forwards the oldest unacknowledged update of each task
// and holds the next ones back. How it does so is in package updatestream; here is what is peculiar to tasks.
//
// Mesos: TaskStatusUpdateManager.
package statusupdate

import (
	"cmp"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/updatestream"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/tasks"
	"meseta/runtime"
)

// What the futures of the manager fail with, wrapped.
var (
	ErrUnexpected = updatestream.ErrUnexpected
	ErrDuplicate  = updatestream.ErrDuplicate
	ErrMismatch   = updatestream.ErrMismatch
	ErrClosed     = updatestream.ErrClosed
)

type (
	// Options tune a [StatusUpdateManager].
	Options = updatestream.Options
	// Outcome tells what became of a change.
	Outcome = updatestream.Outcome
	// Recorded is what a checkpoint file tells of one task.
	Recorded = updatestream.Recorded[*internalpb.StatusUpdate]

	streams = updatestream.Streams[key, *internalpb.StatusUpdate]
)

// StatusUpdateManager is the streams of an agent's tasks. It is an actor and starts paused.
type StatusUpdateManager struct{ streams }

// New returns a manager to be spawned.
func New(o Options) *StatusUpdateManager { return &StatusUpdateManager{updatestream.New(kind, o)} }

// key names the stream of one task.
type key struct {
	framework ids.Framework
	task      ids.Task
}

// String names the task.
func (k key) String() string { return fmt.Sprintf("task %s of framework %s", k.task, k.framework) }

func (k key) compare(l key) int {
	return cmp.Or(cmp.Compare(k.framework, l.framework), cmp.Compare(k.task, l.task))
}

var kind = updatestream.Kind[key, *internalpb.StatusUpdate]{
	Key: func(u *internalpb.StatusUpdate) key {
		return key{ids.FrameworkOf(u.GetFrameworkId()), ids.TaskOf(u.GetStatus().GetTaskId())}
	},
	UUID:     (*internalpb.StatusUpdate).GetUuid,
	Compare:  key.compare,
	Terminal: func(u *internalpb.StatusUpdate) bool { return tasks.IsTerminal(u.GetStatus().GetState()) },
	Record: func(u *internalpb.StatusUpdate) proto.Message {
		return &internalpb.StatusUpdateRecord{Type: internalpb.StatusUpdateRecord_UPDATE.Enum(), Update: u}
	},
	Acknowledgement: func(id ids.UUID) proto.Message {
		return &internalpb.StatusUpdateRecord{Type: internalpb.StatusUpdateRecord_ACK.Enum(), Uuid: id[:]}
	},
	Read: readRecord,
}

func readRecord(body []byte) (update *internalpb.StatusUpdate, ack []byte, err error) {
	record := &internalpb.StatusUpdateRecord{}
	switch err := proto.Unmarshal(body, record); {
	case err != nil:
		return nil, nil, err
	case record.GetType() == internalpb.StatusUpdateRecord_UPDATE:
		return record.GetUpdate(), nil, nil
	case record.Uuid == nil:
		return nil, nil, errors.New("an acknowledgement without a UUID")
	}
	return nil, record.Uuid, nil
}

// Decode reads a checkpoint file. A torn last record is normal after a crash and is left out; a whole record that
// cannot be read is an error, and what came before it is returned.
func Decode(file []byte) (Recorded, error) { return kind.Decode(file) }

// Update is an update to be delivered.
type Update struct {
	*internalpb.StatusUpdate
	File string // where to checkpoint it; the same for all updates of a task. Empty: nowhere
	// Volatile updates are taken also when they cannot be written: nobody relies on the next agent to know them.
	Volatile bool
}

// Update takes an update over. The future completes when the manager has it safely; the executor may then be told. It fails
// with [ErrMismatch] if the updates before are in another file, or in none.
//
// Mesos: TaskStatusUpdateManagerProcess::_update.
func (m *StatusUpdateManager) Update(u Update) runtime.Future[Outcome] {
	if u.Volatile {
		return m.AddVolatile(u.StatusUpdate, u.File)
	}
	return m.Add(u.StatusUpdate, u.File)
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
	return m.Confirm(key{a.Framework, a.Task}, a.UUID)
}

// Close forgets all updates of a framework.
//
// Mesos: TaskStatusUpdateManagerProcess::cleanup.
func (m *StatusUpdateManager) Close(framework ids.Framework) {
	m.CloseFunc(func(f ids.Framework) bool { return f == framework })
}

// CloseFunc forgets all updates of the frameworks that ended reports.
func (m *StatusUpdateManager) CloseFunc(ended func(ids.Framework) bool) {
	m.Remove(func(k key) bool { return ended(k.framework) })
}

// Unacknowledged lists the tasks with updates that a scheduler has not acknowledged, by framework and id. For tests.
func (m *StatusUpdateManager) Unacknowledged() []ids.Task {
	var tasks []ids.Task
	for _, k := range m.Pending() {
		tasks = append(tasks, k.task)
	}
	return tasks
}
