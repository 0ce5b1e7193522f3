package consensus

import (
	"time"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
)

// clock gives Raft its time. Raft's own timeouts of elections are drawn from a source of randomness that nobody can seed,
// so only leaders are given ticks; of the others just the age of what they heard of their leader is counted by Raft, and
// the clock decides when they ask for votes.
type clock struct {
	tick  time.Duration
	last  time.Time // of the last tick
	quiet int       // ticks since the leader, or a candidate that got the vote, was heard
	limit int       // what quiet may become
	led   int       // ticks as the leader
}

// begin starts the clock.
func (c *clock) begin(m *Member) {
	c.tick, c.last = m.options.Tick, m.Now()
	c.rewind(m)
	m.Delay(c.tick, m.tick)
}

// wait returns how long n ticks take.
func (c *clock) wait(n int) time.Duration { return time.Duration(n) * c.tick }

// rewind starts to wait anew, for a time that differs from member to member. A leader that was cut off has given up by then.
func (c *clock) rewind(m *Member) {
	c.quiet, c.limit = 0, 2*m.options.ElectionTicks+m.Rand().IntN(m.options.ElectionTicks)
}

// hurry has the member ask for votes soon, as its leader's process is gone.
func (c *clock) hurry(m *Member) {
	c.quiet, c.limit = 0, 1+m.Rand().IntN(m.options.ElectionTicks/2)
}

// stepped looks at what has become of a message. before is how it was before.
func (c *clock) stepped(m *Member, before raft.BasicStatus, message *raftpb.Message) {
	now := m.raft.BasicStatus()
	switch message.GetType() {
	case raftpb.MsgApp, raftpb.MsgHeartbeat, raftpb.MsgSnap:
		if now.Lead == message.GetFrom() && now.GetTerm() == message.GetTerm() {
			c.quiet = 0
		}
	case raftpb.MsgVote:
		if now.GetVote() == message.GetFrom() && now.GetTerm() == message.GetTerm() {
			c.quiet = 0
		}
	}
	if now.GetTerm() != before.GetTerm() || now.RaftState != before.RaftState {
		c.rewind(m)
	}
}

// tick is called again and again.
func (m *Member) tick() {
	if m.ended {
		return
	}
	elapsed := m.Now().Sub(m.clock.last)
	m.clock.last = m.Now()
	m.Delay(m.clock.tick, m.tick)
	if m.raft.BasicStatus().RaftState == raft.StateLeader {
		m.tickLeader(elapsed)
	} else {
		m.tickFollower()
	}
	m.greet()
	m.advance()
	m.sight.look()
}

// tickLeader lets a leader look after the others. A leader whose process was stopped for a while must not believe that
// no time has passed: it has had a majority twice in that time, or it steps down.
func (m *Member) tickLeader(elapsed time.Duration) {
	n := min(int(elapsed/m.clock.tick), 2*m.options.ElectionTicks)
	for range max(n, 1) {
		m.raft.Tick()
	}
	m.clock.led++
	m.meeting.attend()
	m.promote()
	if !m.meeting.able() && m.clock.led%m.options.ElectionTicks == 0 {
		m.Transfer("") // to a master that others find
	}
}

// tickFollower asks for votes when no leader was heard for too long.
func (m *Member) tickFollower() {
	m.raft.TickQuiesced()
	m.transfers.awaitPiece()
	if m.clock.quiet++; m.clock.quiet < m.clock.limit || !m.votes() || !m.meeting.able() {
		return
	}
	m.clock.rewind(m)
	m.campaign()
}

// campaign asks the others for their votes.
func (m *Member) campaign() {
	if err := m.raft.Campaign(); err != nil {
		m.Log().Debug().Err(err).Msg("no election")
	}
}

// votes reports whether the member is one that may be elected.
func (m *Member) votes() bool {
	for _, id := range m.members.GetVoters() {
		if id == m.self.Id {
			return true
		}
	}
	return false
}
