package consensus

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus/log"
	"meseta/actors/election"
	"meseta/messages/pb/consensuspb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
)

// ID is the name of the actor that is a member.
const ID = "consensus"

// Machine is the state that a group agrees on. Every member has one; it is used on the member's turns only.
type Machine interface {
	// Apply changes the state by a command, at the same index on all members. It must follow from the state and the
	// command alone. The error is the proposer's; a command that fails may not have changed anything.
	Apply(index uint64, command []byte) error
	// Snapshot returns the state.
	Snapshot() []byte
	// Restore replaces the state by one that Snapshot returned; empty is the state of a group that begins.
	Restore(state []byte) error
}

// Options configure a [Member]. [Defaults] returns what is usual.
type Options struct {
	Dir     string   // where the member keeps its log; it is made if it does not exist, the one above it is there
	Masters []string // the addresses of all members when the group is founded, the node's own among them
	// ZooKeeper is where masters find each other that are given no Masters; nil: they are.
	ZooKeeper *ZooKeeper
	Machine   Machine
	// Seed is the state of the machine that the group is to begin with; nil: none. At most one member has one.
	Seed []byte
	// Leader is told who leads; nil: nobody is.
	Leader *election.Standalone
	// GiveUp is called on the member's turn when it cannot go on, after its futures have failed. nil means to panic,
	// which ends the node.
	GiveUp func(reason error)

	Doors Doors // of the endpoints

	Mistakes Mistakes // for tests

	Tick           time.Duration // what time is measured in
	HeartbeatTicks int           // the leader is heard of as often
	// ElectionTicks is how often a leader makes sure that it has heard of a majority since it did so last: one that is cut
	// off leads for twice as long at most. The others wait for it so long, and up to half as long again.
	ElectionTicks int
	// CompactAt is the size of the log, in bytes, at which it is replaced by a snapshot, if it has twice the size of the
	// last one as well.
	CompactAt int64
	Keep      uint64 // how many entries are kept in memory for members that are behind
	Piece     int    // the most of a snapshot that is sent at once, in bytes
}

// Defaults returns options with which a leader that is silent is replaced within about two and a half seconds, and one
// whose process ends within one.
func Defaults() Options {
	return Options{Tick: 100 * time.Millisecond, HeartbeatTicks: 1, ElectionTicks: 8, CompactAt: 8 << 20, Keep: 1000, Piece: 1 << 20}
}

// The errors of proposals.
var (
	// ErrLost means that the member does not lead, or has lost the leadership before it was known whether the proposal is
	// done.
	ErrLost = errors.New("consensus: this master does not lead, or no longer")
	// ErrRemoved is why a member gives up that was removed from its group.
	ErrRemoved = errors.New("this master was removed from the group of masters; " +
		"to have it join them again, remove its directory of the consensus and add it to --masters")
)

// Member is one member of a group. It is an actor.
type Member struct {
	runtime.Actor
	options   Options
	writer    runtime.Ref[*disk.Writer]
	log       *log.Log
	self      *consensuspb.Member // nil until the log was read
	raft      *raft.RawNode       // likewise
	group     group
	index     uint64            // of the last entry in group and machine
	members   *raftpb.ConfState // as Raft has them
	size      int64             // of the latest snapshot in bytes
	changed   bool              // the members have; a snapshot is written, from which [Read] learns of it
	reforms   bool              // this member has proposed in its term that they change, and they have not yet
	count     atomic.Int64      // of the members
	peers     peers
	others    hellos
	meeting   meeting
	transfers transfers
	sight     sight
	settling  settling
	asked     map[string]uint64 // the challenges that were sent, by address
	clock     clock
	appends   []*raftpb.Message // what Raft wants to have written
	writeAll  func()            // writes of appends what can be written at once; made by the first of them
	writing   bool
	ended     bool

	incarnation uint64 // tells the proposals of this process from those of earlier ones
	proposals   proposals
	lead        lead
	candidate   *mesospb.MasterInfo // what is announced when the member leads; nil: nothing
}

// Mistakes are made on purpose by members, so that tests of what finds mistakes have some.
type Mistakes struct {
	AnswersEarly bool // what others are told does not wait for the disk
	ForgetsVotes bool // the term and the vote are not written
}

// New returns a member, which the caller spawns as [ID].
func New(options Options) *Member {
	if options.Leader == nil {
		options.Leader = election.NewStandalone(nil)
	}
	m := &Member{options: options}
	m.meeting.m, m.transfers.m, m.sight.m = m, m, m
	return m
}

// Initialize implements [runtime.Initializer].
func (m *Member) Initialize() {
	runtime.Install(m, m.step)
	runtime.Install(m, m.transfers.offered)
	runtime.Install(m, m.transfers.wanted)
	runtime.Install(m, m.transfers.piece)
	runtime.Install(m, m.hello)
	runtime.Install(m, m.challenged)
	runtime.Install(m, m.farewell)
	m.route()
	m.incarnation = m.Rand().Uint64()
	m.open()
}

// Finalize fails what waits for a proposal.
func (m *Member) Finalize() { m.proposals.fail(runtime.ErrTerminated) }

// open reads the log, and makes it if there is none.
func (m *Member) open() {
	if m.options.ZooKeeper == nil && !slices.Contains(m.options.Masters, m.Self().Addr) {
		m.giveUp(fmt.Errorf("the address of this master, %s, is not among those of the masters: %q", m.Self().Addr, m.options.Masters))
		return
	}
	d, dir := disk.Of(m.Node()), m.options.Dir
	var err error
	if m.writer, err = runtime.Spawn(m.Node(), m.Node().NewID("consensus-writer"), disk.NewWriter(d, filepath.Dir(dir))); err != nil {
		m.giveUp(err)
		return
	}
	opened := runtime.Go(m, func(context.Context) (*log.Log, error) { return log.Open(d, dir) })
	runtime.Await(m, opened, func(l *log.Log, err error) {
		switch m.log = l; {
		case err != nil:
			m.giveUp(err)
		case l.Identity() == nil:
			m.create()
		default:
			m.recognize(l.Identity())
		}
	})
}

// create makes the log of a member that belongs to no group.
func (m *Member) create() {
	self := &consensuspb.Member{Id: m.Rand().Uint64()>>1 | 1, Address: m.Self().Addr}
	identity, err := proto.Marshal(self)
	if err != nil {
		m.giveUp(err)
		return
	}
	m.remake(identity, nil, func() { m.begin(self) })
}

// remake makes the log afresh.
func (m *Member) remake(identity []byte, snapshot *raftpb.Snapshot, then func()) {
	batch, created, err := m.log.Create(identity, snapshot)
	if err != nil {
		m.giveUp(err)
		return
	}
	m.write(batch, func() {
		created()
		then()
	})
}

// recognize goes on as the member that the log is of.
func (m *Member) recognize(identity []byte) {
	self := &consensuspb.Member{}
	if err := proto.Unmarshal(identity, self); err != nil {
		m.giveUp(fmt.Errorf("read the identity in %s: %w", m.options.Dir, err))
		return
	}
	if self.Address != m.Self().Addr {
		m.giveUp(fmt.Errorf("%s is that of the master at %s, but this one is at %s", m.options.Dir, self.Address, m.Self().Addr))
		return
	}
	m.begin(self)
}

// begin starts the state machine of Raft over the log.
func (m *Member) begin(self *consensuspb.Member) {
	m.self = self
	if !m.restart() {
		return
	}
	m.clock.begin(m)
	m.meeting.assemble()
	m.advance()
}

// restart starts Raft's state machine over what the log holds. It reports whether that is possible.
func (m *Member) restart() bool {
	snapshot, err := m.log.Snapshot()
	if err == nil {
		err = m.restore(snapshot)
	}
	if err == nil {
		m.raft, err = raft.NewRawNode(&raft.Config{
			ID: m.self.Id, ElectionTick: m.options.ElectionTicks, HeartbeatTick: m.options.HeartbeatTicks,
			Storage: storage{m.log, m}, Applied: m.index, AsyncStorageWrites: true,
			MaxSizePerMsg: 1 << 20, MaxCommittedSizePerReady: 16 << 20, MaxInflightMsgs: 64, MaxUncommittedEntriesSize: 64 << 20,
			CheckQuorum: true, PreVote: true, DisableProposalForwarding: true, StepDownOnRemoval: true,
			Logger: logger{m},
		})
	}
	if err != nil {
		m.giveUp(err)
		return false
	}
	return true
}

// formed reports whether the member belongs to a group.
func (m *Member) formed() bool { return m.raft != nil && len(m.members.GetVoters()) > 0 }

// Size returns the number of members of the group. It may be called on any goroutine, once the member is spawned too.
func (m *Member) Size() int { return int(m.count.Load()) }

// giveUp ends the member.
func (m *Member) giveUp(reason error) {
	if m.ended {
		return
	}
	m.ended = true
	m.proposals.fail(ErrLost)
	m.lead.lose(m)
	if m.options.GiveUp == nil {
		panic(fmt.Sprintf("consensus: %v", reason))
	}
	m.Log().Error().Err(reason).Msg("leaving the group of masters")
	m.options.GiveUp(reason)
}
