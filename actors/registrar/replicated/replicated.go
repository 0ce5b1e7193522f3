// Package replicated is the registry as the state that a group of masters agrees on, see package consensus: a [Machine] that
// every member has, and a [Replica] through which the registrar of the leader reads and writes it.
//
// A term begins with an entry of the log, whose index is its number, and lasts until the next one. Every change names the
// term that it belongs to, and the machines refuse it in another one. So a master that does not know yet that it was replaced
// can write nothing, not even when it leads again.
package replicated

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus"
	"meseta/actors/registrar"
	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// Machine is the registry as a [consensus.Machine]. The zero value is empty.
type Machine struct {
	term    uint64
	by      uint64 // who began it
	records map[string][]byte
	// Unfenced is a mistake that tests make on purpose: what is written in a term that has ended is taken.
	Unfenced bool
}

// Filled reports whether anything was ever written.
func (m *Machine) Filled() bool { return len(m.records) > 0 }

var deterministic = proto.MarshalOptions{Deterministic: true}

// Apply implements [consensus.Machine].
func (m *Machine) Apply(index uint64, command []byte) error {
	c := &consensuspb.RegistryCommand{}
	if err := proto.Unmarshal(command, c); err != nil {
		return err
	}
	switch what := c.GetWhat().(type) {
	case *consensuspb.RegistryCommand_Lead_:
		m.term, m.by = index, what.Lead.GetBy()
	case *consensuspb.RegistryCommand_Commit_:
		if what.Commit.GetTerm() != m.term && !m.Unfenced {
			return registrar.ErrLost
		}
		m.change(what.Commit.GetChanges())
	}
	return nil
}

func (m *Machine) change(changes []*consensuspb.RegistryRecord) {
	if m.records == nil {
		m.records = map[string][]byte{}
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(m.records, c.GetKey())
		} else {
			m.records[c.GetKey()] = c.Value
		}
	}
}

// Snapshot implements [consensus.Machine].
func (m *Machine) Snapshot() []byte {
	s := &consensuspb.RegistryState{Term: m.term, By: m.by}
	for _, key := range slices.Sorted(maps.Keys(m.records)) {
		s.Records = append(s.Records, &consensuspb.RegistryRecord{Key: key, Value: m.records[key]})
	}
	encoded, err := deterministic.Marshal(s)
	if err != nil {
		panic(fmt.Sprintf("replicated: %v", err)) // keys come from messages, whose strings were checked
	}
	return encoded
}

// Restore implements [consensus.Machine].
func (m *Machine) Restore(state []byte) error {
	s := &consensuspb.RegistryState{}
	if err := proto.Unmarshal(state, s); err != nil {
		return fmt.Errorf("restore the registry: %w", err)
	}
	m.term, m.by, m.records = s.GetTerm(), s.GetBy(), map[string][]byte{}
	m.change(s.GetRecords())
	return nil
}

// Seed returns records as the state with which a group begins.
func Seed(records map[string][]byte) []byte { return (&Machine{records: records}).Snapshot() }

// Records returns the records of a state that [Machine.Snapshot] returned.
func Records(state []byte) (map[string][]byte, error) {
	var m Machine
	err := m.Restore(state)
	return m.records, err
}

// Replica is the access of one master to the registry. It implements [registrar.Replica] and may be used from anywhere.
type Replica struct {
	member  runtime.Ref[*consensus.Member]
	machine *Machine
	size    func() int
}

var (
	_ registrar.Replica    = (*Replica)(nil)
	_ registrar.Replicated = (*Replica)(nil)
)

// NewReplica returns the access to machine, which is that of member. size is [consensus.Member.Size] of the member.
func NewReplica(member runtime.Ref[*consensus.Member], machine *Machine, size func() int) *Replica {
	return &Replica{member: member, machine: machine, size: size}
}

// Replicas implements [registrar.Replicated]: every member has a copy.
func (r *Replica) Replicas() int { return r.size() }

// Lead implements [registrar.Replica].
func (r *Replica) Lead() runtime.Future[registrar.Led] {
	return lost(runtime.Flatten(runtime.Dispatch(r.member, func(m *consensus.Member) runtime.Future[registrar.Led] {
		by := m.Rand().Uint64()
		begun := m.Propose(encode(&consensuspb.RegistryCommand{What: &consensuspb.RegistryCommand_Lead_{
			Lead: &consensuspb.RegistryCommand_Lead{By: by},
		}}))
		return runtime.Continue(m, begun, func(_ struct{}, err error) (registrar.Led, error) {
			switch {
			case err != nil:
				return registrar.Led{}, err
			case r.machine.by != by:
				return registrar.Led{}, registrar.ErrLost // another term has begun meanwhile
			}
			return registrar.Led{Term: registrar.Term(r.machine.term), Records: maps.Clone(r.machine.records)}, nil
		})
	})))
}

// Commit implements [registrar.Replica].
func (r *Replica) Commit(term registrar.Term, changes []registrar.Change) runtime.Future[struct{}] {
	c := &consensuspb.RegistryCommand_Commit{Term: uint64(term)}
	for _, change := range changes {
		c.Changes = append(c.Changes, &consensuspb.RegistryRecord{Key: change.Key, Value: change.Value})
	}
	return lost(consensus.Propose(r.member, encode(&consensuspb.RegistryCommand{
		What: &consensuspb.RegistryCommand_Commit_{Commit: c},
	})))
}

func encode(c *consensuspb.RegistryCommand) []byte {
	encoded, err := deterministic.Marshal(c)
	if err != nil {
		panic(fmt.Sprintf("replicated: %v", err)) // as above
	}
	return encoded
}

// lost makes the error of a group that has another leader the registrar's.
func lost[T any](f runtime.Future[T]) runtime.Future[T] {
	return runtime.Recover(f, func(err error) (none T, _ error) {
		if errors.Is(err, consensus.ErrLost) && !errors.Is(err, registrar.ErrLost) {
			err = fmt.Errorf("%w: %w", registrar.ErrLost, err)
		}
		return none, err
	})
}
