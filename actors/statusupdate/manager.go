// Package statusupdate delivers the status updates of tasks to the master. It sends the updates of each task in order
// and resends each until the scheduler acknowledges it.
//
// The agent passes every update it accepts to the [StatusUpdateManager], and tells the executor that it may forget the
// update once the manager has it, on disk if the framework asked for checkpointing. The manager forwards the oldest
// unacknowledged update of each task and holds the later ones back. Package updatestream implements this; statusupdate
// adds what is particular to tasks.
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

// The errors that futures of the manager fail with, wrapped.
var (
	ErrUnexpected = updatestream.ErrUnexpected
	ErrDuplicate  = updatestream.ErrDuplicate
	ErrMismatch   = updatestream.ErrMismatch
	ErrClosed     = updatestream.ErrClosed
)

type (
	// Options configures a [StatusUpdateManager].
	Options = updatestream.Options
	// Outcome is the result of an update or an acknowledgement.
	Outcome = updatestream.Outcome
	// Recorded is the content of the checkpoint file of one task.
	Recorded = updatestream.Recorded[*internalpb.StatusUpdate]

	streams = updatestream.Streams[key, *internalpb.StatusUpdate]
)

// StatusUpdateManager is an actor that holds the update streams of an agent's tasks. It starts paused.
type StatusUpdateManager struct{ streams }

// New returns a manager, which the caller spawns.
func New(o Options) *StatusUpdateManager { return &StatusUpdateManager{updatestream.New(kind, o)} }

// key identifies the stream of one task.
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
	Terminal: terminal,
	// Early: a terminal update waits, since the scheduler may act on it, and start the task elsewhere.
	Early: func(u *internalpb.StatusUpdate) bool { return !terminal(u) },
	Record: func(u *internalpb.StatusUpdate) proto.Message {
		return &internalpb.StatusUpdateRecord{Type: internalpb.StatusUpdateRecord_UPDATE.Enum(), Update: u}
	},
	Acknowledgement: func(id ids.UUID) proto.Message {
		return &internalpb.StatusUpdateRecord{Type: internalpb.StatusUpdateRecord_ACK.Enum(), Uuid: id[:]}
	},
	Read: readRecord,
}

func terminal(u *internalpb.StatusUpdate) bool { return tasks.IsTerminal(u.GetStatus().GetState()) }

func readRecord(body []byte) (update *internalpb.StatusUpdate, ack []byte, err error) {
	record := &internalpb.StatusUpdateRecord{}
	switch err := proto.Unmarshal(body, record); {
	case err != nil:
		return nil, nil, fmt.Errorf("Failed to deserialize message: %w", err)
	case record.GetType() == internalpb.StatusUpdateRecord_UPDATE:
		return record.GetUpdate(), nil, nil
	case record.Uuid == nil:
		return nil, nil, errors.New("an acknowledgement without a UUID")
	}
	return nil, record.Uuid, nil
}

// Decode decodes the content of a checkpoint file. A torn last record, as a crash leaves it, is skipped. If a whole
// record cannot be read, Decode returns an error along with the records before it.
func Decode(file []byte) (Recorded, error) { return kind.Decode(file) }

// Update is an update to be delivered.
type Update struct {
	*internalpb.StatusUpdate
	File string // checkpoint file, the same for all updates of a task; empty: not checkpointed
	// Volatile makes the manager accept the update even if it cannot be written. It is for updates that the next agent
	// process does not have to know.
	Volatile bool
}

// Update accepts an update. The future completes when the manager has it safely and the executor may be told. It fails
// with [ErrMismatch] if earlier updates of the task are written to another file or to none.
//
// Mesos: TaskStatusUpdateManagerProcess::_update.
func (m *StatusUpdateManager) Update(u Update) runtime.Future[Outcome] {
	if u.Volatile {
		return m.AddVolatile(u.StatusUpdate, u.File)
	}
	return m.Add(u.StatusUpdate, u.File)
}

// Ack is a scheduler's acknowledgement of an update.
type Ack struct {
	Framework ids.Framework
	Task      ids.Task
	UUID      ids.UUID
}

// Acknowledge removes the update that was forwarded last, so that the next one is forwarded. The future fails if
// a.UUID is not the UUID of that update.
//
// Mesos: TaskStatusUpdateManagerProcess::acknowledgement.
func (m *StatusUpdateManager) Acknowledge(a Ack) runtime.Future[Outcome] {
	return m.Confirm(key{a.Framework, a.Task}, a.UUID)
}

// Again forwards the oldest unacknowledged update of each task of a framework at once, because the framework may be elsewhere. While
// the manager is paused that has to wait until it is not.
//
// Differs: Mesos forwards what is unacknowledged of all frameworks for each that it is told about.
func (m *StatusUpdateManager) Again(framework ids.Framework) {
	m.streams.Again(func(k key) bool { return k.framework == framework })
}

// Close forgets all updates of a framework.
//
// Mesos: TaskStatusUpdateManagerProcess::cleanup.
func (m *StatusUpdateManager) Close(framework ids.Framework) {
	m.CloseFunc(func(f ids.Framework) bool { return f == framework })
}

// CloseFunc forgets all updates of the frameworks for which ended returns true.
func (m *StatusUpdateManager) CloseFunc(ended func(ids.Framework) bool) {
	m.Remove(func(k key) bool { return ended(k.framework) })
}

// Unacknowledged returns the tasks that have updates which no scheduler has acknowledged, ordered by framework and ID.
// It is for tests.
func (m *StatusUpdateManager) Unacknowledged() []ids.Task {
	var tasks []ids.Task
	for _, k := range m.Pending() {
		tasks = append(tasks, k.task)
	}
	return tasks
}
