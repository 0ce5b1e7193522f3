package replicatedlog

import (
	"errors"
	"fmt"
	"strconv"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/logpb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/pb/statepb"
)

// registryName is the name of the registry among what masters may keep in a log. Mesos: RegistrarProcess::recover.
const registryName = "registry"

// Log is what a replica of a log holds.
type Log struct {
	// Registry is the newest version of the registry, or nil if none was ever written.
	Registry *registrypb.Registry
	// Position is that of the newest version.
	Position uint64
	// Unlearned tells that the replica does not know whether the version was agreed upon. The master that wrote it died
	// before it told the replica. A C++ master that starts over this replica alone takes it as agreed upon.
	Unlearned bool
}

// Read reads the log in dir, which it does not change. It fails, with what is wrong, if the directory is not a
// replica's, is damaged, belongs to a running master, or is that of a replica that was catching up with the others.
func Read(dir string) (Log, error) {
	r := reader{}
	err := each(dir, r.record)
	if err == nil {
		err = r.complete()
	}
	if err != nil {
		return Log{}, fmt.Errorf("replicated log in %s: %w", dir, err)
	}
	return r.log, nil
}

// reader reads the records of a log in the order of their positions.
type reader struct {
	log    Log
	status *logpb.Metadata // nil until the first record
	next   uint64          // the position that must follow; 0 before the first
	hole   uint64          // a position that is missing after the newest version of the registry; 0 if there is none
}

// record handles the record under a key.
func (r *reader) record(key, value []byte) error {
	number, err := strconv.ParseUint(string(key), 10, 64)
	if err != nil || len(key) < 10 {
		return fmt.Errorf("it has the key %.40q, which no replica has", key)
	}
	record := &logpb.Record{}
	if err := proto.Unmarshal(value, record); err != nil {
		return fmt.Errorf("record %s: %w", key, err)
	}
	if number == 0 {
		return r.state(record)
	}
	if record.GetType() != logpb.Record_ACTION || record.Action == nil || record.Action.GetPosition() != number-1 {
		return fmt.Errorf("record %s is not the action at position %d", key, number-1)
	}
	return r.action(record.Action)
}

// state handles the record of the replica's own state.
func (r *reader) state(record *logpb.Record) error {
	switch {
	case record.GetType() == logpb.Record_PROMISE: // of a Mesos before 0.17, whose replicas always voted
		r.status = &logpb.Metadata{Status: logpb.Metadata_VOTING.Enum()}
	case record.GetType() == logpb.Record_METADATA && record.Metadata != nil:
		r.status = record.Metadata
	default:
		return errors.New("its first record is not the state of a replica")
	}
	if s := r.status.GetStatus(); s != logpb.Metadata_VOTING {
		return fmt.Errorf("the replica is %s, so it may lack what the others have; take the directory of another master", s)
	}
	return nil
}

func (r *reader) action(a *logpb.Action) error {
	position := a.GetPosition()
	if r.next != 0 && position != r.next {
		r.hole = r.next
	}
	r.next = position + 1
	if a.Performed == nil {
		r.hole = position // something was promised, but nothing written
		return nil
	}
	if a.GetType() != logpb.Action_APPEND {
		return nil // others remove what is old, or fill a hole
	}
	return r.operation(a)
}

// operation handles what was appended to the log.
func (r *reader) operation(a *logpb.Action) error {
	operation := &statepb.Operation{}
	if err := proto.Unmarshal(a.GetAppend().GetBytes(), operation); err != nil {
		return fmt.Errorf("position %d: %w", a.GetPosition(), err)
	}
	switch {
	case operation.GetType() == statepb.Operation_SNAPSHOT && operation.Snapshot.GetEntry().GetName() == registryName:
		registry := &registrypb.Registry{}
		if err := proto.Unmarshal(operation.GetSnapshot().GetEntry().GetValue(), registry); err != nil {
			return fmt.Errorf("registry at position %d: %w", a.GetPosition(), err)
		}
		r.log, r.hole = Log{registry, a.GetPosition(), !a.GetLearned()}, 0
	case operation.GetType() == statepb.Operation_EXPUNGE && operation.Expunge.GetName() == registryName:
		r.log, r.hole = Log{}, 0
	case operation.GetType() == statepb.Operation_DIFF:
		return fmt.Errorf("position %d holds a difference of two versions, which masters do not write", a.GetPosition())
	}
	return nil
}

// complete checks what only the end shows.
func (r *reader) complete() error {
	switch {
	case r.status == nil:
		return errors.New("it lacks the state of a replica")
	case r.hole != 0:
		return fmt.Errorf("the action at position %d is missing, which may be a newer version of the registry; take the directory of another master", r.hole)
	}
	return nil
}
