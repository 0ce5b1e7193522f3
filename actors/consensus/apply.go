package consensus

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus/log"
	"meseta/messages/pb/consensuspb"
)

// apply carries out entries that are committed, and tells Raft.
func (m *Member) apply(message *raftpb.Message) {
	for _, e := range message.GetEntries() {
		if err := m.applyEntry(e); err != nil {
			m.giveUp(fmt.Errorf("entry %d of the log: %w", e.GetIndex(), err))
			return
		}
		m.index = e.GetIndex()
	}
	m.answer(message)
}

func (m *Member) applyEntry(e *raftpb.Entry) error {
	switch e.GetType() {
	case raftpb.EntryNormal:
		return m.applyCommand(e)
	case raftpb.EntryConfChange:
		change := &raftpb.ConfChange{}
		if err := proto.Unmarshal(e.GetData(), change); err != nil {
			return err
		}
		return m.applyChange(change, change.GetContext())
	default:
		change := &raftpb.ConfChangeV2{}
		if err := proto.Unmarshal(e.GetData(), change); err != nil {
			return err
		}
		return m.applyChange(change, change.GetContext())
	}
}

// applyCommand carries out a command. The entry with which a leader begins has none.
func (m *Member) applyCommand(e *raftpb.Entry) error {
	m.lead.committed(e.GetTerm())
	if len(e.GetData()) == 0 {
		return nil
	}
	c := &consensuspb.Command{}
	if err := proto.Unmarshal(e.GetData(), c); err != nil {
		return err
	}
	var outcome error
	switch what := c.GetWhat().(type) {
	case *consensuspb.Command_Announcement:
		m.group.announcement = what.Announcement
	case *consensuspb.Command_Machine:
		outcome = m.options.Machine.Apply(e.GetIndex(), what.Machine)
	}
	if c.GetProposer() == m.incarnation {
		m.proposals.done(c.GetNumber(), outcome)
	}
	return nil
}

// applyChange changes the members.
func (m *Member) applyChange(change raftpb.ConfChangeI, context []byte) error {
	c := &consensuspb.Change{}
	if err := proto.Unmarshal(context, c); err != nil {
		return err
	}
	m.members = m.raft.ApplyConfChange(change)
	m.group.apply(c)
	m.changed, m.reforms = true, false
	m.count.Store(int64(len(m.group.members)))
	if m.lead.term != 0 {
		m.settling.changed(c)
	}
	if m.group.isRemoved(m.self.Id) {
		m.giveUp(ErrRemoved)
	}
	return nil
}

// snapshot returns the state of the group.
func (m *Member) snapshot() ([]byte, error) {
	state := m.group.proto()
	state.Machine = m.options.Machine.Snapshot()
	return proto.MarshalOptions{Deterministic: true}.Marshal(state)
}

// restore replaces the state of the group by that of a snapshot; an empty one is that of a member without a group.
func (m *Member) restore(snapshot *raftpb.Snapshot) error {
	state := &consensuspb.State{}
	err := proto.Unmarshal(snapshot.GetData(), state)
	if err == nil {
		err = m.options.Machine.Restore(state.GetMachine())
	}
	if err != nil {
		return fmt.Errorf("snapshot %d: %w", snapshot.GetMetadata().GetIndex(), err)
	}
	m.group.restore(state)
	m.count.Store(int64(len(m.group.members)))
	m.index, m.size = snapshot.GetMetadata().GetIndex(), int64(len(snapshot.GetData()))
	m.members = snapshot.GetMetadata().GetConfState()
	return nil
}

// storage is the log as Raft reads it. A snapshot for another member is always that of now: an older one would not know
// of members that have joined since.
type storage struct {
	*log.Log
	m *Member
}

// Snapshot implements [raft.Storage].
func (s storage) Snapshot() (*raftpb.Snapshot, error) {
	term, err := s.Term(s.m.index)
	if err != nil {
		return nil, err
	}
	state, err := s.m.snapshot()
	if err != nil {
		return nil, err
	}
	return &raftpb.Snapshot{Data: state, Metadata: &raftpb.SnapshotMetadata{
		Index: proto.Uint64(s.m.index), Term: proto.Uint64(term), ConfState: s.m.members,
	}}, nil
}
