package consensus

import (
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// peers is how the other members are reached.
type peers struct {
	// heard is where messages of members came from: of some, a member that joins does not know yet that they are members.
	heard  map[uint64]runtime.PID
	linked map[runtime.PID]bool
}

// pid returns where a member is; the zero PID if that is not known.
func (m *Member) pid(id uint64) runtime.PID {
	if member := m.group.byID(id); member != nil {
		return pidOf(member)
	}
	return m.peers.heard[id]
}

// send sends a message of Raft to another member, over a link, which keeps its connection.
func (m *Member) send(message *raftpb.Message) {
	to := m.pid(message.GetTo())
	if to == (runtime.PID{}) {
		return // it says hello, or is gone
	}
	m.connect(to)
	if message.GetType() == raftpb.MsgSnap {
		m.transfers.offer(to, message)
		return
	}
	encoded, err := proto.Marshal(message)
	if err != nil {
		m.giveUp(err)
		return
	}
	m.Send(to, &consensuspb.StepMessage{To: message.GetTo(), Message: encoded})
}

func (m *Member) connect(to runtime.PID) {
	if m.peers.linked == nil {
		m.peers.linked = map[runtime.PID]bool{}
	}
	if !m.peers.linked[to] {
		m.peers.linked[to] = true
		m.Link(to)
	}
}

// Exited implements [runtime.Exiter]: messages to a member may have been lost. If it was the leader, it is most likely
// gone, and need not be waited for: should it be there, the others do not vote.
func (m *Member) Exited(pid runtime.PID) {
	delete(m.peers.linked, pid)
	member := m.group.at(pid.Addr)
	if member == nil || m.raft == nil || m.ended {
		return
	}
	m.raft.ReportUnreachable(member.Id)
	if s := m.raft.BasicStatus(); s.Lead == member.Id && s.Lead != m.self.Id {
		_ = m.raft.ForgetLeader() // never fails on a follower
		m.clock.hurry(m)
	}
	m.advance()
}

// step gives Raft a message of another member.
func (m *Member) step(from runtime.PID, s *consensuspb.StepMessage) {
	if m.self == nil || m.ended || s.GetTo() != m.self.Id {
		return // it is for the member that was here before, or Raft sends it again
	}
	message := &raftpb.Message{}
	if err := proto.Unmarshal(s.GetMessage(), message); err != nil || message.GetTo() != m.self.Id || !travels(message) {
		m.Log().Warn().Err(err).Stringer("from", from).Msg("malformed message of another master ignored")
		return
	}
	m.receiveRaft(from, message)
}

// receiveRaft gives Raft a message that is for this member.
func (m *Member) receiveRaft(from runtime.PID, message *raftpb.Message) {
	if m.peers.heard == nil {
		m.peers.heard = map[uint64]runtime.PID{}
	}
	if m.group.byID(message.GetFrom()) == nil {
		m.peers.heard[message.GetFrom()] = from
	}
	if message.GetType() == raftpb.MsgTimeoutNow && !m.meeting.able() {
		return // it cannot take over
	}
	m.sight.hears(message.GetFrom())
	before := m.raft.BasicStatus()
	if err := m.raft.Step(message); err != nil {
		m.Log().Debug().Err(err).Stringer("from", from).Msg("message of another master ignored")
	}
	m.clock.stepped(m, before, message)
	m.advance()
}

// travels reports whether a message is one that members send to each other. The others are a member's own, proposals
// are made on the leader only, and snapshots come in pieces.
func travels(message *raftpb.Message) bool {
	switch message.GetType() {
	case raftpb.MsgApp, raftpb.MsgAppResp, raftpb.MsgVote, raftpb.MsgVoteResp, raftpb.MsgPreVote, raftpb.MsgPreVoteResp,
		raftpb.MsgHeartbeat, raftpb.MsgHeartbeatResp, raftpb.MsgTimeoutNow:
		return true
	}
	return false
}
