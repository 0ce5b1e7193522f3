package log

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/runtime/disk"
)

// Log is the log of one member. Its methods, except those that say so, neither block nor write: they return what a
// [disk.Writer] has to write. One batch at a time may be under way, and the caller reports when it is on the medium. As
// the [raft.Storage] that it embeds, a Log holds what was reported so.
type Log struct {
	*raft.MemoryStorage
	dir      string
	file     *disk.Log
	sequence uint64 // of the last record in file
	length   int64  // of file in bytes
	hard     *raftpb.HardState
	identity []byte // nil: the log was not created yet
	cut      []byte // what the file of entries has to hold instead, since it does not continue the snapshot; nil: it does
}

// DamagedError reports that a file is not what was written.
type DamagedError struct {
	Path string
	Err  error // what is wrong with it
}

// Error describes the damage and how to recover.
func (e *DamagedError) Error() string {
	return fmt.Sprintf("%s is damaged: %v; if the other masters are well, remove this master from their group and its directory %s, "+
		"and it joins them as a new one", e.Path, e.Err, filepath.Dir(e.Path))
}

// Unwrap returns e.Err.
func (e *DamagedError) Unwrap() error { return e.Err }

const filePerm = 0o600

// Open reads the log in dir, which need not exist, for the only process that writes it. What an earlier process has
// written and did not get to sync is on the medium then: others may be told of it without another write. It blocks.
func Open(d disk.Disk, dir string) (*Log, error) {
	l, err := Read(d, dir)
	if err != nil || l.identity == nil {
		return l, err
	}
	if l.cut != nil {
		if err := disk.Replace(d, filepath.Join(dir, "log"), l.cut, filePerm); err != nil {
			return nil, err
		}
		l.restarted(len(l.cut))
	}
	return l, disk.Settle(d, filepath.Join(dir, "member"), filepath.Join(dir, "log"), filepath.Join(dir, "snapshot"))
}

// Read reads the log in dir, which need not exist, and changes nothing. It blocks.
func Read(d disk.Disk, dir string) (*Log, error) {
	l := &Log{MemoryStorage: raft.NewMemoryStorage(), dir: dir, hard: &raftpb.HardState{}}
	l.file = newFile(dir)
	identity, err := l.read(d, "member")
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err != nil:
		return nil, err
	}
	if l.identity, err = only(identity); err != nil {
		return nil, l.damaged("member", err)
	}
	if err := l.load(d); err != nil {
		return nil, err
	}
	return l, nil
}

func newFile(dir string) *disk.Log {
	return disk.NewLog(filepath.Join(dir, "log"), filePerm, func(content []byte) (int, error) {
		_, length, err := split(content)
		return length, err
	})
}

func (l *Log) read(d disk.Disk, name string) ([]byte, error) {
	return disk.ReadFile(d, filepath.Join(l.dir, name))
}

func (l *Log) damaged(name string, err error) error {
	return &DamagedError{filepath.Join(l.dir, name), err}
}

// Identity returns what was given to [Log.Create], or nil if the log was never created.
func (l *Log) Identity() []byte { return l.identity }

// Length returns the size of the file of entries in bytes.
func (l *Log) Length() int64 { return l.length }

// Create returns what makes a log of a member that begins with snapshot; nil means that it begins with nothing, and
// learns everything from others. When it is written, the caller calls created.
func (l *Log) Create(identity []byte, snapshot *raftpb.Snapshot) (b disk.Batch, created func(), err error) {
	next := state{hard: &raftpb.HardState{}, snapshot: snapshot}
	next.raise()
	written, err := l.rewrite(&b, next)
	if err != nil {
		return b, nil, err
	}
	b.Barrier()
	b.Replace(filepath.Join(l.dir, "member"), filePerm, constant(appendRecord(nil, 1, identity)))
	return b, func() {
		l.identity = identity
		written()
	}, nil
}

// constant is content that is known already.
func constant(content []byte) func() ([]byte, error) {
	return func() ([]byte, error) { return content, nil }
}

// Append returns what writes messages, which are those that Raft made for its log, in order: the term and the vote, entries
// and at most one snapshot, of which the message must be the only one. An empty batch means that there is nothing to
// write: what others are told does not depend on it. When it is written, the caller calls appended.
func (l *Log) Append(messages []*raftpb.Message) (b disk.Batch, appended func(), err error) {
	if len(messages) == 1 && !raft.IsEmptySnap(messages[0].GetSnapshot()) {
		return l.install(messages[0])
	}
	var records []byte
	hard, sequence := l.hard, l.sequence
	for _, m := range messages {
		before := hard
		hard = hardState(hard, m)
		if len(m.GetEntries()) == 0 && hard.GetTerm() == before.GetTerm() && hard.GetVote() == before.GetVote() {
			continue // a commit is known again from the leader
		}
		message, err := marshal(record(hard, m.GetEntries()))
		if err != nil {
			return b, nil, err
		}
		sequence++
		records = appendRecord(records, sequence, message)
	}
	if len(records) > 0 {
		b.Append(l.file, constant(records))
	}
	return b, func() {
		l.sequence, l.length = sequence, l.length+int64(len(records))
		l.promise(hard)
		for _, m := range messages {
			l.hold(m.GetEntries())
		}
	}, nil
}

// promise notes the term and the vote.
func (l *Log) promise(hard *raftpb.HardState) {
	l.hard = hard
	if err := l.SetHardState(hard); err != nil {
		panic(fmt.Sprintf("log: %v", err)) // it never fails
	}
}

// hold adds entries to the storage, in place of those that have their indices and of all behind these.
func (l *Log) hold(entries []*raftpb.Entry) {
	if err := l.MemoryStorage.Append(entries); err != nil {
		panic(fmt.Sprintf("log: %v", err)) // it never fails
	}
}

// install returns what replaces everything by the snapshot of a message.
func (l *Log) install(m *raftpb.Message) (b disk.Batch, installed func(), err error) {
	next := state{hard: hardState(l.hard, m), snapshot: m.GetSnapshot(), entries: m.GetEntries()}
	next.raise()
	installed, err = l.rewrite(&b, next)
	return b, installed, err
}

// Compact returns what writes a snapshot that Raft's state machine made at index, with the members at that time, and
// drops the entries up to it from the file. In memory, keep entries stay before index, so that members that are a little
// behind need no snapshot. When it is written, the caller calls compacted.
func (l *Log) Compact(index uint64, members *raftpb.ConfState, data []byte, keep uint64) (b disk.Batch, compacted func(), err error) {
	snapshot, err := l.CreateSnapshot(index, members, data)
	if err != nil {
		return b, nil, err
	}
	entries, err := l.behind(index)
	if err != nil {
		return b, nil, err
	}
	written, err := l.rewriteFiles(&b, state{hard: l.hard, snapshot: snapshot, entries: entries})
	if err != nil {
		return b, nil, err
	}
	return b, func() {
		written()
		if first, _ := l.FirstIndex(); index > first+keep {
			_ = l.MemoryStorage.Compact(index - keep) // fails only if they are gone already
		}
	}, nil
}

// behind returns the entries behind index.
func (l *Log) behind(index uint64) ([]*raftpb.Entry, error) {
	last, err := l.LastIndex()
	if err != nil || last <= index {
		return nil, err
	}
	return l.Entries(index+1, last+1, math.MaxUint64)
}

// state is all that a log holds.
type state struct {
	hard     *raftpb.HardState
	snapshot *raftpb.Snapshot // nil: none
	entries  []*raftpb.Entry  // behind it
}

// raise brings the term and the commit at least to those of the snapshot. A vote is worth nothing in a later term.
func (s *state) raise() {
	meta := s.snapshot.GetMetadata()
	if meta.GetTerm() > s.hard.GetTerm() {
		s.hard = &raftpb.HardState{Term: proto.Uint64(meta.GetTerm()), Commit: s.hard.Commit}
	}
	if meta.GetIndex() > s.hard.GetCommit() {
		s.hard = &raftpb.HardState{Term: s.hard.Term, Vote: s.hard.Vote, Commit: proto.Uint64(meta.GetIndex())}
	}
}

// rewrite is rewriteFiles whose state the storage holds afterwards, too.
func (l *Log) rewrite(b *disk.Batch, s state) (written func(), err error) {
	files, err := l.rewriteFiles(b, s)
	if err != nil {
		return nil, err
	}
	return func() {
		files()
		l.take(s)
	}, nil
}

// take puts s into the storage.
func (l *Log) take(s state) {
	l.promise(s.hard)
	if s.snapshot != nil {
		if err := l.ApplySnapshot(s.snapshot); err != nil {
			panic(fmt.Sprintf("log: snapshot %d: %v", s.snapshot.GetMetadata().GetIndex(), err))
		}
	}
	l.hold(s.entries)
}

// rewriteFiles adds to b what replaces the files by those of s: first the snapshot, which [Log.load] finds to be ahead of
// the other file after a crash in between.
func (l *Log) rewriteFiles(b *disk.Batch, s state) (written func(), err error) {
	if s.snapshot != nil {
		snapshot, err := marshal(s.snapshot)
		if err != nil {
			return nil, err
		}
		b.Replace(filepath.Join(l.dir, "snapshot"), filePerm, constant(appendRecord(nil, 1, snapshot)))
		b.Barrier()
	}
	content, err := s.file()
	if err != nil {
		return nil, err
	}
	b.Replace(filepath.Join(l.dir, "log"), filePerm, constant(content))
	return func() { l.restarted(len(content)) }, nil
}

// file returns the content of a file of entries that continues the snapshot.
func (s *state) file() ([]byte, error) {
	first := record(s.hard, s.entries)
	meta := s.snapshot.GetMetadata()
	first.Index, first.LogTerm = proto.Uint64(meta.GetIndex()), proto.Uint64(meta.GetTerm())
	message, err := marshal(first)
	return appendRecord(nil, 1, message), err
}

// restarted notes that the file of entries was replaced by one with a single record, of length bytes.
func (l *Log) restarted(length int) {
	l.file, l.sequence, l.length, l.cut = newFile(l.dir), 1, int64(length), nil
}

// record is the message of a record.
func record(hard *raftpb.HardState, entries []*raftpb.Entry) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgStorageAppend.Enum(), Term: hard.Term, Vote: hard.Vote, Commit: hard.Commit, Entries: entries,
	}
}

// hardState is what before becomes by m, which has all three of its fields or none.
func hardState(before *raftpb.HardState, m *raftpb.Message) *raftpb.HardState {
	if m.GetTerm() == 0 && m.GetVote() == 0 && m.GetCommit() == 0 {
		return before
	}
	return &raftpb.HardState{Term: m.Term, Vote: m.Vote, Commit: m.Commit}
}

func marshal(m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(m)
}
