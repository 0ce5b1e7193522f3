package log_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus/log"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
)

const (
	addr = "10.0.0.1:5050"
	dir  = "/var/consensus"
)

// machine is a machine with a log on its disk.
type machine struct {
	testing.TB
	*sim.World
	writer runtime.Ref[*disk.Writer]
	log    *log.Log
}

func newMachine(t *testing.T, seed uint64) *machine {
	t.Helper()
	m := &machine{TB: t, World: runtimetest.World(t, seed)}
	if err := errors.Join(m.Disk(addr).MkdirAll("/var", 0o755), m.Disk(addr).SyncDir("/")); err != nil {
		t.Fatal(err)
	}
	m.start()
	return m
}

// start opens the log, as a process does that starts.
func (m *machine) start() {
	m.Helper()
	if err := m.open(); err != nil {
		m.Fatal(err)
	}
}

func (m *machine) open() (err error) {
	n := m.Node(addr)
	m.writer = runtimetest.Spawn(m.TB, n, "writer", disk.NewWriter(disk.Of(n), "/var"))
	m.log, err = log.Open(disk.Of(n), dir)
	return err
}

// crash loses what was not synced, and starts again.
func (m *machine) crash() {
	m.Helper()
	m.Crash(addr)
	m.start()
}

// write writes b and calls written when it is on the medium.
func (m *machine) write(b disk.Batch, written func(), err error) {
	m.Helper()
	if err != nil {
		m.Fatal(err)
	}
	if _, err := sim.Await(m.World, runtime.Ask(m.writer, (*disk.Writer).Write, b), time.Second); err != nil {
		m.Fatal(err)
	}
	written()
}

func (m *machine) create(snapshot *raftpb.Snapshot) {
	m.Helper()
	m.write(m.log.Create([]byte("somebody"), snapshot))
}

func (m *machine) append(term, vote uint64, entries ...*raftpb.Entry) {
	m.Helper()
	m.write(m.log.Append([]*raftpb.Message{appending(term, vote, entries...)}))
}

func appending(term, vote uint64, entries ...*raftpb.Entry) *raftpb.Message {
	return &raftpb.Message{
		Type: raftpb.MsgStorageAppend.Enum(), Term: proto.Uint64(term), Vote: proto.Uint64(vote), Commit: proto.Uint64(0),
		Entries: entries,
	}
}

func entry(index, term uint64, data string) *raftpb.Entry {
	return &raftpb.Entry{Index: proto.Uint64(index), Term: proto.Uint64(term), Data: []byte(data)}
}

func snapshot(index, term uint64, data string) *raftpb.Snapshot {
	return &raftpb.Snapshot{Data: []byte(data), Metadata: &raftpb.SnapshotMetadata{
		Index: proto.Uint64(index), Term: proto.Uint64(term), ConfState: &raftpb.ConfState{Voters: []uint64{7, 8, 9}},
	}}
}

// describe says what a log holds.
func describe(l *log.Log) string {
	hard, _, err := l.InitialState()
	snap, serr := l.Snapshot()
	first, _ := l.FirstIndex()
	last, lerr := l.LastIndex()
	if err := errors.Join(err, serr, lerr); err != nil {
		return err.Error()
	}
	first = max(first, snap.GetMetadata().GetIndex()+1)
	text := fmt.Sprintf("term %d vote %d snapshot %d/%d %q:", hard.GetTerm(), hard.GetVote(),
		snap.GetMetadata().GetIndex(), snap.GetMetadata().GetTerm(), snap.GetData())
	if last < first {
		return text
	}
	entries, err := l.Entries(first, last+1, math.MaxUint64)
	if err != nil {
		return text + err.Error()
	}
	for _, e := range entries {
		text += fmt.Sprintf(" %d/%d=%s", e.GetIndex(), e.GetTerm(), e.GetData())
	}
	return text
}

func (m *machine) expect(want string) {
	m.Helper()
	if got := describe(m.log); got != want {
		m.Errorf("the log holds %s\nwant          %s", got, want)
	}
}

func TestALogThatWasNeverCreatedHoldsNothing(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 1)
	m.expect(`term 0 vote 0 snapshot 0/0 "":`)
	if id := m.log.Identity(); id != nil {
		t.Errorf("it is %q", id)
	}
}

// What was reported to be written is there after a crash: term, vote, entries in place of others, the latest snapshot.
func TestWhatWasWrittenIsThereAgain(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 2)
	m.create(nil)
	m.append(1, 7, entry(1, 1, "a"), entry(2, 1, "b"), entry(3, 1, "c"))
	m.crash()
	m.expect(`term 1 vote 7 snapshot 0/0 "": 1/1=a 2/1=b 3/1=c`)
	if id := m.log.Identity(); string(id) != "somebody" {
		t.Errorf("it is %q", id)
	}
	m.append(2, 8, entry(2, 2, "x"))
	m.append(3, 0)
	m.crash()
	m.expect(`term 3 vote 0 snapshot 0/0 "": 1/1=a 2/2=x`)
	m.write(m.log.Compact(1, &raftpb.ConfState{Voters: []uint64{7}}, []byte("A"), 0))
	m.append(3, 9, entry(3, 3, "y"))
	m.crash()
	m.expect(`term 3 vote 9 snapshot 1/1 "A": 2/2=x 3/3=y`)
	installed := appending(5, 0)
	installed.Snapshot = snapshot(10, 4, "J")
	m.write(m.log.Append([]*raftpb.Message{installed}))
	m.expect(`term 5 vote 0 snapshot 10/4 "J":`)
	m.append(5, 0, entry(11, 5, "k"))
	m.crash()
	m.expect(`term 5 vote 0 snapshot 10/4 "J": 11/5=k`)
	if hard, members, _ := m.log.InitialState(); hard.GetCommit() != 10 || len(members.GetVoters()) != 3 {
		t.Errorf("commit %d, members %v", hard.GetCommit(), members)
	}
}

// A group that is founded begins with a snapshot.
func TestALogBeginsWithASnapshot(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 3)
	m.create(snapshot(1, 1, "founded"))
	m.expect(`term 1 vote 0 snapshot 1/1 "founded":`)
	m.crash()
	m.expect(`term 1 vote 0 snapshot 1/1 "founded":`)
}

// Raft is told a new commit index with nearly every entry. It needs no write.
func TestACommitAloneIsNotWritten(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 4)
	m.create(nil)
	m.append(1, 7, entry(1, 1, "a"))
	commit := appending(1, 7)
	commit.Commit = proto.Uint64(1)
	b, appended, err := m.log.Append([]*raftpb.Message{commit, {Type: raftpb.MsgStorageAppend.Enum()}})
	if err != nil || !b.Empty() {
		t.Errorf("%v is written; %v", b.Names(), err)
	}
	appended()
}

// Many entries in the memory are kept for members that are a little behind.
func TestEntriesAreKeptForOthers(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 5)
	m.create(nil)
	for i := uint64(1); i <= 10; i++ {
		m.append(1, 7, entry(i, 1, "e"))
	}
	before := m.log.Length()
	m.write(m.log.Compact(9, &raftpb.ConfState{Voters: []uint64{7}}, []byte("A"), 4))
	if first, _ := m.log.FirstIndex(); first != 6 {
		t.Errorf("the first entry is %d, want 6", first)
	}
	if m.log.Length() >= before {
		t.Errorf("the file has %d bytes, and had %d", m.log.Length(), before)
	}
	if _, err := m.log.Entries(3, 5, math.MaxUint64); !errors.Is(err, raft.ErrCompacted) {
		t.Errorf("entry 3: %v", err)
	}
}

// life is what happens to a log, step by step.
var life = []func(*log.Log) (disk.Batch, func(), error){
	func(l *log.Log) (disk.Batch, func(), error) { return l.Create([]byte("somebody"), nil) },
	func(l *log.Log) (disk.Batch, func(), error) {
		return l.Append([]*raftpb.Message{appending(1, 7, entry(1, 1, strings.Repeat("long", 2000))), appending(1, 7, entry(2, 1, "b"), entry(3, 1, "c"))})
	},
	func(l *log.Log) (disk.Batch, func(), error) {
		return l.Append([]*raftpb.Message{appending(2, 8, entry(3, 2, "x"), entry(4, 2, "y"))})
	},
	func(l *log.Log) (disk.Batch, func(), error) {
		return l.Compact(3, &raftpb.ConfState{Voters: []uint64{7}}, []byte("state"), 0)
	},
	func(l *log.Log) (disk.Batch, func(), error) {
		return l.Append([]*raftpb.Message{appending(2, 8, entry(5, 2, "z"))})
	},
	func(l *log.Log) (disk.Batch, func(), error) {
		m := appending(4, 9)
		m.Snapshot = snapshot(20, 3, "of the leader")
		return l.Append([]*raftpb.Message{m})
	},
	func(l *log.Log) (disk.Batch, func(), error) {
		return l.Append([]*raftpb.Message{appending(4, 9, entry(21, 4, "after"))})
	},
}

// A crash at any write of the disk tears what was not synced. The log opens again, nothing is lost that was there before the
// step, and when the step is repeated all is as if there had been no crash.
func TestACrashAtEveryWrite(t *testing.T) {
	t.Parallel()
	calm := newMachine(t, 1)
	var want []string
	for _, step := range life {
		calm.write(step(calm.log))
		want = append(want, describe(calm.log))
	}
	for seed := range uint64(150) {
		m := newMachine(t, seed+1)
		chance := rand.New(rand.NewPCG(seed, 1))
		for i, step := range life {
			m.crashDuring(step, chance.IntN(14))
			if got := describe(m.log); got != want[i] {
				t.Fatalf("seed %d, step %d: the log holds %.300s\nwant %.300s", seed, i, got, want[i])
			}
		}
		m.crash()
		if got := describe(m.log); got != want[len(want)-1] {
			t.Fatalf("seed %d: in the end the log holds %.300s", seed, got)
		}
	}
}

// What a log holds after its process was killed at any write stays when the machine crashes next.
func TestAKillAtEveryWrite(t *testing.T) {
	t.Parallel()
	for seed := range uint64(150) {
		m := newMachine(t, seed+1)
		chance := rand.New(rand.NewPCG(seed, 1))
		for _, step := range life {
			m.endDuring(step, chance.IntN(14), m.Kill)
			held := describe(m.log)
			m.crash()
			if got := describe(m.log); m.log.Identity() != nil && got != held {
				t.Fatalf("seed %d: the log holds %.300s\nbefore the crash it held %.300s", seed, got, held)
			}
		}
	}
}

// crashDuring takes a step, unless the machine crashes before the nth change of its disk; then it is taken again.
func (m *machine) crashDuring(step func(*log.Log) (disk.Batch, func(), error), nth int) {
	m.Helper()
	m.endDuring(step, nth, m.Crash)
}

// endDuring is crashDuring with another end.
func (m *machine) endDuring(step func(*log.Log) (disk.Batch, func(), error), nth int, end func(addr string)) {
	m.Helper()
	before, crashed := snapshotOf(m.log), false
	remove := m.Disk(addr).Intercept(func(op sim.Op) error {
		if !op.Kind.Changes() || crashed {
			return nil
		}
		if nth--; nth >= 0 {
			return nil
		}
		crashed = true
		end(addr)
		return sim.ErrPowerOff
	})
	defer remove()
	b, written, err := step(m.log)
	if err != nil {
		m.Fatal(err)
	}
	_, err = sim.Await(m.World, runtime.Ask(m.writer, (*disk.Writer).Write, b), time.Second)
	switch {
	case !crashed && err != nil:
		m.Fatal(err)
	case !crashed:
		written()
		return
	}
	m.start()
	if snapshotOf(m.log) == before {
		m.write(step(m.log))
	} else if hard, _, _ := m.log.InitialState(); hard.GetTerm() == 3 {
		m.append(4, 9) // the snapshot got there, and the term did not
	}
}

func snapshotOf(l *log.Log) uint64 {
	s, _ := l.Snapshot()
	return s.GetMetadata().GetIndex()
}

// A record that was synced once and is not what it was is no torn one: the log is not opened, and the error says where.
func TestDamageIsNotMistakenForATornRecord(t *testing.T) {
	t.Parallel()
	m := newMachine(t, 6)
	m.create(snapshot(1, 1, "founded"))
	m.append(1, 7, entry(2, 1, "abcdefgh"))
	m.append(1, 7, entry(3, 1, "ijklmnop"))
	for _, name := range []string{"member", "snapshot", "log"} {
		content, err := disk.ReadFile(m.Disk(addr), dir+"/"+name)
		if err != nil {
			t.Fatal(err)
		}
		end := len(content)
		if name == "log" {
			end -= 40 // the last record could be torn
		}
		for at := range end {
			damaged := append([]byte{}, content...)
			damaged[at] ^= 0x10
			put(t, m.Disk(addr), dir+"/"+name, damaged)
			m.Kill(addr)
			var found *log.DamagedError
			if err := m.open(); !errors.As(err, &found) || found.Path != dir+"/"+name {
				t.Fatalf("byte %d of %s is damaged: %v", at, name, err)
			}
		}
		put(t, m.Disk(addr), dir+"/"+name, content)
	}
	m.Kill(addr)
	m.start()
	m.expect(`term 1 vote 7 snapshot 1/1 "founded": 2/1=abcdefgh 3/1=ijklmnop`)
}

func put(t *testing.T, d disk.Disk, name string, content []byte) {
	t.Helper()
	f, err := d.OpenFile(name, os.O_TRUNC|os.O_WRONLY, 0)
	if err == nil {
		_, err = f.Write(content)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
