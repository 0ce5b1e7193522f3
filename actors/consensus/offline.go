package consensus

import (
	"fmt"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus/log"
	"meseta/messages/pb/consensuspb"
	"meseta/runtime/disk"
)

// Read reads the log of a member whose process has ended, and returns the addresses of the members of its group as far as
// it knows them; none if it belongs to no group. If it is the only member, machine gets the state of the group: all that
// is in its log was agreed on by all. It blocks.
func Read(d disk.Disk, dir string, machine Machine) (members []string, err error) {
	return read(d, dir, machine, func(members *raftpb.ConfState) bool { return len(members.GetVoters()) == 1 && !inTwo(members) })
}

// Salvage gives machine all that a member whose process has ended knows of the state of its group, agreed on or not, for a group of which
// most members are lost. What they have agreed on without this one is missing. It blocks.
func Salvage(d disk.Disk, dir string, machine Machine) error {
	members, err := read(d, dir, machine, func(*raftpb.ConfState) bool { return true })
	if err == nil && len(members) == 0 {
		err = fmt.Errorf("%s: this master belongs to no group yet", dir)
	}
	return err
}

// read reads the log of a member. The entries behind its snapshot are applied if that is right with the members that this one knows of.
func read(d disk.Disk, dir string, machine Machine, entries func(*raftpb.ConfState) bool) (members []string, err error) {
	l, err := log.Read(d, dir)
	if err != nil || l.Identity() == nil {
		return nil, err
	}
	m := &Member{options: Options{Dir: dir, Machine: machine}, log: l}
	snapshot, err := l.Snapshot()
	if err == nil {
		err = m.restore(snapshot)
	}
	if err == nil && entries(m.members) {
		err = m.replay(l)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", dir, err)
	}
	for _, member := range m.group.members {
		members = append(members, member.Address)
	}
	return members, nil
}

// replay applies all entries behind the snapshot.
func (m *Member) replay(l *log.Log) error {
	last, err := l.LastIndex()
	if err != nil || last == m.index {
		return err
	}
	entries, err := l.Entries(m.index+1, last+1, 1<<62)
	for _, e := range entries {
		if err == nil {
			err = m.replayEntry(e)
		}
	}
	return err
}

// replayEntry is applyEntry without Raft: of a change of the members just what it means is applied.
func (m *Member) replayEntry(e *raftpb.Entry) error {
	if e.GetType() == raftpb.EntryNormal {
		return m.applyCommand(e)
	}
	context, err := contextIn(e)
	if err != nil {
		return err
	}
	c := &consensuspb.Change{}
	if err := proto.Unmarshal(context, c); err != nil {
		return err
	}
	m.group.apply(c)
	return nil
}

func contextIn(e *raftpb.Entry) ([]byte, error) {
	if e.GetType() == raftpb.EntryConfChange {
		change := &raftpb.ConfChange{}
		err := proto.Unmarshal(e.GetData(), change)
		return change.GetContext(), err
	}
	change := &raftpb.ConfChangeV2{}
	err := proto.Unmarshal(e.GetData(), change)
	return change.GetContext(), err
}
