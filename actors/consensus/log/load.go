package log

import (
	"errors"
	"fmt"
	"io/fs"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/runtime/disk"
)

// load reads the files of a log that was created.
func (l *Log) load(d disk.Disk) error {
	snapshot, err := l.loadSnapshot(d)
	if err != nil {
		return err
	}
	records, err := l.loadRecords(d)
	if err != nil {
		return err
	}
	s, err := join(snapshot, records)
	if err != nil {
		return l.damaged("log", err)
	}
	if records[0].GetIndex() != snapshot.GetMetadata().GetIndex() {
		if l.cut, err = s.file(); err != nil {
			return err
		}
	}
	l.take(s)
	return nil
}

// loadSnapshot reads the snapshot, or returns nil if there is none.
func (l *Log) loadSnapshot(d disk.Disk) (*raftpb.Snapshot, error) {
	content, err := l.read(d, "snapshot")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	message, err := only(content)
	snapshot := &raftpb.Snapshot{}
	if err == nil {
		err = proto.Unmarshal(message, snapshot)
	}
	if err != nil {
		return nil, l.damaged("snapshot", err)
	}
	return snapshot, nil
}

// loadRecords reads the records, of which there is at least one.
func (l *Log) loadRecords(d disk.Disk) ([]*raftpb.Message, error) {
	content, err := l.read(d, "log")
	if err != nil {
		return nil, err
	}
	messages, length, err := split(content)
	if err == nil && len(messages) == 0 {
		err = errors.New("it does not begin with a record")
	}
	records := make([]*raftpb.Message, len(messages))
	for i, message := range messages {
		records[i] = &raftpb.Message{}
		if err == nil {
			err = proto.Unmarshal(message, records[i])
		}
	}
	if err != nil {
		return nil, l.damaged("log", err)
	}
	l.sequence, l.length = uint64(len(messages)), int64(length)
	return records, nil
}

// join makes one state of what the two files hold. The snapshot may be ahead of the records, which then were about to be
// replaced: only entries that continue it count.
func join(snapshot *raftpb.Snapshot, records []*raftpb.Message) (state, error) {
	base, meta := records[0], snapshot.GetMetadata()
	if base.GetIndex() > meta.GetIndex() {
		return state{}, fmt.Errorf("it continues snapshot %d, but the snapshot is %d", base.GetIndex(), meta.GetIndex())
	}
	entries, err := row(base.GetIndex(), records)
	if err != nil {
		return state{}, err
	}
	last := records[len(records)-1]
	s := state{hard: &raftpb.HardState{Term: last.Term, Vote: last.Vote, Commit: last.Commit}, snapshot: snapshot}
	if term, known := termAt(base, entries, meta.GetIndex()); known && term == meta.GetTerm() {
		s.entries = entries[meta.GetIndex()-base.GetIndex():]
	}
	s.raise()
	return s, s.check()
}

// row returns the entries behind index that are left when each record has replaced those of earlier ones.
func row(index uint64, records []*raftpb.Message) ([]*raftpb.Entry, error) {
	var entries []*raftpb.Entry
	for i, r := range records {
		for _, e := range r.GetEntries() {
			switch at := e.GetIndex(); {
			case at <= index:
				continue // the snapshot has it
			case at > index+uint64(len(entries))+1:
				return nil, fmt.Errorf("record %d has entry %d, but entry %d is missing", i+1, at, index+uint64(len(entries))+1)
			default:
				entries = append(entries[:at-index-1], e)
			}
		}
	}
	return entries, nil
}

// termAt returns the term of the entry at index, if it is the one that base continues or among the entries behind it.
func termAt(base *raftpb.Message, entries []*raftpb.Entry, index uint64) (term uint64, known bool) {
	switch behind := index - base.GetIndex(); {
	case behind == 0:
		return base.GetLogTerm(), true
	case behind <= uint64(len(entries)):
		return entries[behind-1].GetTerm(), true
	}
	return 0, false
}

// check returns an error unless s is one in which a member can begin.
func (s *state) check() error {
	last := s.snapshot.GetMetadata().GetIndex() + uint64(len(s.entries))
	if s.hard.GetCommit() > last {
		return fmt.Errorf("entries up to %d were committed, but the last one is %d", s.hard.GetCommit(), last)
	}
	return nil
}
