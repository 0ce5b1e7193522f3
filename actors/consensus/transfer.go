package consensus

import (
	"hash/crc32"
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// maxSnapshot bounds what a member takes from another one as a snapshot, in bytes.
const maxSnapshot = 1 << 30

// transfers are the snapshots on their way to and from other members. The receiver asks for one piece after the other, so
// that nothing else waits behind a large snapshot, and goes on where it was when the connection comes back.
type transfers struct {
	m   *Member
	out map[uint64]*outgoing // by the member that gets it
	in  *incoming            // nil: none
}

type outgoing struct {
	snapshot *raftpb.Snapshot
	asked    time.Time // when a piece of it was offered or asked for last
	doubted  bool      // it is looked at now and then
}

type incoming struct {
	from     runtime.PID
	message  *raftpb.Message // without the data
	size     uint64
	checksum uint32
	data     []byte
	quiet    int // ticks since a piece has come
}

var snapshotTable = crc32.MakeTable(crc32.Castagnoli)

func (i *incoming) index() uint64 { return i.message.GetSnapshot().GetMetadata().GetIndex() }

// offer tells a member of the snapshot in message. If it gets one already that the log still continues, it keeps to that.
func (t *transfers) offer(to runtime.PID, message *raftpb.Message) {
	m := t.m
	id := message.GetTo()
	if m.transfers.out == nil {
		m.transfers.out = map[uint64]*outgoing{}
	}
	out := m.transfers.out[id]
	if out == nil {
		out = &outgoing{}
		m.transfers.out[id] = out
	}
	if first, err := m.log.FirstIndex(); err != nil || out.snapshot == nil || out.snapshot.GetMetadata().GetIndex()+1 < first {
		out.snapshot = message.GetSnapshot()
	}
	out.asked = m.Now()
	offered := &raftpb.Message{
		Type: message.Type, To: message.To, From: message.From, Term: message.Term,
		Snapshot: &raftpb.Snapshot{Metadata: out.snapshot.Metadata},
	}
	encoded, err := proto.Marshal(offered)
	if err != nil {
		m.giveUp(err)
		return
	}
	m.Send(to, &consensuspb.SnapshotMessage{
		To: id, Message: encoded, Size: uint64(len(out.snapshot.Data)), Checksum: crc32.Checksum(out.snapshot.Data, snapshotTable),
	})
	if !out.doubted {
		out.doubted = true
		m.transfers.doubt(id)
	}
}

// doubt has Raft offer a snapshot again that nobody asks for: until it is told something it sends nothing else. What is not
// needed any more is forgotten.
func (t *transfers) doubt(id uint64) {
	m := t.m
	patience := m.clock.wait(m.options.ElectionTicks)
	m.Delay(patience, func() {
		out := m.transfers.out[id]
		if m.ended || out == nil {
			return
		}
		idle := m.Now().Sub(out.asked)
		if idle >= 10*patience || m.raft.BasicStatus().RaftState != raft.StateLeader {
			delete(m.transfers.out, id)
		} else {
			m.transfers.doubt(id)
		}
		if idle >= patience {
			m.raft.ReportSnapshot(id, raft.SnapshotFailure)
			m.advance()
		}
	})
}

// offered hears of a snapshot that the leader has for this member.
func (t *transfers) offered(from runtime.PID, s *consensuspb.SnapshotMessage) {
	m := t.m
	if m.self == nil || m.ended || s.GetTo() != m.self.Id {
		return
	}
	message := &raftpb.Message{}
	err := proto.Unmarshal(s.GetMessage(), message)
	if err != nil || message.GetTo() != m.self.Id || message.GetType() != raftpb.MsgSnap || message.GetSnapshot() == nil || s.GetSize() > maxSnapshot {
		m.Log().Warn().Err(err).Stringer("from", from).Msg("malformed snapshot of another master ignored")
		return
	}
	meta, status := message.GetSnapshot().GetMetadata(), m.raft.BasicStatus()
	switch before := m.transfers.in; {
	case message.GetTerm() < status.GetTerm() || meta.GetIndex() <= status.GetCommit():
		m.receiveRaft(from, message) // its data do not matter
		return
	case before != nil && before.index() == meta.GetIndex() && before.size == s.GetSize() && before.checksum == s.GetChecksum():
		before.from, before.message = from, message
	default:
		m.transfers.in = &incoming{from: from, message: message, size: s.GetSize(), checksum: s.GetChecksum()}
	}
	m.transfers.want()
}

// want asks for the next piece, or ends a transfer of which nothing is left.
func (t *transfers) want() {
	m := t.m
	in := m.transfers.in
	in.quiet = 0
	if uint64(len(in.data)) < in.size {
		m.connect(in.from)
		m.Send(in.from, &consensuspb.WantMessage{From: m.self.Id, Index: in.index(), Offset: uint64(len(in.data))})
		return
	}
	m.transfers.in = nil
	if crc32.Checksum(in.data, snapshotTable) != in.checksum {
		m.Log().Warn().Stringer("from", in.from).Msg("a snapshot of another master has come with another checksum; it is asked for again")
		return
	}
	in.message.Snapshot.Data = in.data
	m.receiveRaft(in.from, in.message)
}

// wanted gives a member a piece of its snapshot.
func (t *transfers) wanted(from runtime.PID, w *consensuspb.WantMessage) {
	m := t.m
	out := m.transfers.out[w.GetFrom()]
	if m.ended || out == nil || from != m.pid(w.GetFrom()) || out.snapshot.GetMetadata().GetIndex() != w.GetIndex() || w.GetOffset() > uint64(len(out.snapshot.Data)) {
		return // it is offered again
	}
	out.asked = m.Now()
	rest := out.snapshot.Data[w.GetOffset():]
	m.Send(from, &consensuspb.PieceMessage{
		To: w.GetFrom(), Index: w.GetIndex(), Offset: w.GetOffset(), Data: rest[:min(len(rest), m.options.Piece)],
	})
}

// piece takes a piece of a snapshot.
func (t *transfers) piece(from runtime.PID, p *consensuspb.PieceMessage) {
	m := t.m
	in := m.transfers.in
	if m.ended || in == nil || p.GetTo() != m.self.GetId() || from != in.from || p.GetIndex() != in.index() || p.GetOffset() != uint64(len(in.data)) {
		return // of an earlier transfer, or repeated
	}
	if room := in.size - uint64(len(in.data)); uint64(len(p.GetData())) > room || len(p.GetData()) == 0 {
		m.Log().Warn().Stringer("from", from).Msg("malformed piece of a snapshot ignored")
		return
	}
	in.data = append(in.data, p.GetData()...)
	m.transfers.want()
}

// awaitPiece asks again for a piece that does not come. It is called at each tick.
func (t *transfers) awaitPiece() {
	m := t.m
	in := m.transfers.in
	switch {
	case in == nil:
	case in.index() <= m.raft.BasicStatus().GetCommit():
		m.transfers.in = nil // the log has it meanwhile
	default:
		if in.quiet++; in.quiet >= m.options.ElectionTicks {
			m.transfers.want()
		}
	}
}

// kept returns how many entries before index stay in memory: those that follow a snapshot under way are needed behind it.
func (t *transfers) kept(index uint64) uint64 {
	m := t.m
	keep := m.options.Keep
	for _, out := range m.transfers.out {
		if of := out.snapshot.GetMetadata().GetIndex(); of < index {
			keep = max(keep, index-of)
		}
	}
	return keep
}
