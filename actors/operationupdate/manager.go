// Package operationupdate delivers the status updates of operations on an agent's resources to the master, as package
// statusupdate delivers those of tasks. Both use package updatestream.
//
// Mesos: OperationStatusUpdateManager.
package operationupdate

import (
	"bytes"
	"errors"

	"google.golang.org/protobuf/proto"

	"meseta/actors/updatestream"
	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

type (
	// Options configures a [Manager].
	Options = updatestream.Options
	// Outcome is the result of an update or an acknowledgement.
	Outcome = updatestream.Outcome
	// Update is an update of one operation.
	Update = internalpb.UpdateOperationStatusMessage
	// Recorded is the content of the checkpoint file of one operation.
	Recorded = updatestream.Recorded[*Update]

	streams = updatestream.Streams[key, *Update]
)

// Manager is an actor that holds the update streams of an agent's operations. It starts paused.
type Manager struct{ streams }

// New returns a manager, which the caller spawns.
func New(o Options) *Manager { return &Manager{updatestream.New(kind, o)} }

// key is the UUID of an operation.
type key ids.UUID

// String names the operation.
func (k key) String() string { return "operation " + ids.UUID(k).String() }

func (k key) compare(l key) int { return bytes.Compare(k[:], l[:]) }

var kind = updatestream.Kind[key, *Update]{
	Key:      keyOf,
	UUID:     func(u *Update) []byte { return u.GetStatus().GetUuid().GetValue() },
	Compare:  key.compare,
	Terminal: func(u *Update) bool { return operations.IsTerminal(u.GetStatus().GetState()) },
	Early:    func(*Update) bool { return false }, // nobody would send it again
	Record: func(u *Update) proto.Message {
		return &internalpb.UpdateOperationStatusRecord{Type: internalpb.UpdateOperationStatusRecord_UPDATE.Enum(), Update: u}
	},
	Acknowledgement: func(id ids.UUID) proto.Message {
		return &internalpb.UpdateOperationStatusRecord{
			Type: internalpb.UpdateOperationStatusRecord_ACK.Enum(), Uuid: &mesospb.UUID{Value: id[:]},
		}
	},
	Read: readRecord,
}

func keyOf(u *Update) key {
	id, _ := ids.UUIDOf(u.GetOperationUuid().GetValue()) // checked by Deliver and readRecord
	return key(id)
}

func readRecord(body []byte) (update *Update, ack []byte, err error) {
	record := &internalpb.UpdateOperationStatusRecord{}
	if err := proto.Unmarshal(body, record); err != nil {
		return nil, nil, err
	}
	if record.GetType() == internalpb.UpdateOperationStatusRecord_UPDATE {
		_, err := ids.UUIDOf(record.GetUpdate().GetOperationUuid().GetValue())
		return record.GetUpdate(), nil, err
	}
	if record.Uuid == nil {
		return nil, nil, errors.New("an acknowledgement without a UUID")
	}
	return nil, record.GetUuid().GetValue(), nil
}

// Decode decodes the content of a checkpoint file. A torn last record, as a crash leaves it, is skipped. If a whole
// record cannot be read, Decode returns an error along with the records before it.
func Decode(file []byte) (Recorded, error) { return kind.Decode(file) }

// Ended reports whether a terminal update was acknowledged, so that the operation is over.
func Ended(r Recorded) bool {
	for _, u := range r.Updates {
		id, err := ids.UUIDOf(u.GetStatus().GetUuid().GetValue())
		if err == nil && r.Acknowledged[id] && kind.Terminal(u) {
			return true
		}
	}
	return false
}

// Open sets the function that sends an update. It is called on turns of the manager. The update names the latest status
// of its operation; an operation of an agent has only one.
//
// Mesos: StatusUpdateManagerProcess::forward.
func (m *Manager) Open(forward func(*Update)) {
	m.streams.Open(func(u *Update) {
		u = shallow.Copy(u)
		u.LatestStatus = u.Status
		forward(u)
	})
}

// Delivery is an update to be delivered.
type Delivery struct {
	*Update
	File string // checkpoint file, the same for all updates of an operation; empty: not checkpointed
}

// Deliver accepts an update. The future completes when the manager has it safely.
func (m *Manager) Deliver(d Delivery) runtime.Future[Outcome] {
	if _, err := ids.UUIDOf(d.GetOperationUuid().GetValue()); err != nil {
		return runtime.Failed[Outcome](err)
	}
	return m.Add(d.Update, d.File)
}

// Ack is a scheduler's or the master's acknowledgement of an update.
type Ack struct{ Operation, Status ids.UUID }

// Acknowledge removes the update that was forwarded last. The future fails if a.Status is not its UUID.
func (m *Manager) Acknowledge(a Ack) runtime.Future[Outcome] {
	return m.Confirm(key(a.Operation), a.Status)
}
