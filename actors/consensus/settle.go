package consensus

import (
	"go.etcd.io/raft/v3/raftpb"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// settling is a change of the members that the leader of the term has carried out, but of which a majority may not know yet. Were the
// leader to end now, the others would still count as before: two masters, of which one has ended, although there are three.
type settling struct {
	pending bool
	begun   bool   // an entry is on its way behind which all know of the change
	joins   uint64 // the new member; 0: none
}

// changed notes a change. The second step of one in two steps says nothing about it.
func (s *settling) changed(c *consensuspb.Change) {
	s.pending, s.begun = true, false
	if c.GetJoins() != nil {
		s.joins = c.GetJoins().GetId()
	}
}

// settle has a majority of the members know of a change before anybody is told that it is done: an entry behind it is committed when
// these have been sent, with it, that the change is.
func (m *Member) settle() {
	if !m.settling.pending || m.settling.begun || !m.Leads() || inTwo(m.members) {
		return
	}
	m.settling.begun = true
	term := m.lead.term
	runtime.Await(m, m.submit(&consensuspb.Command{}), func(_ struct{}, err error) {
		switch {
		case term != m.lead.term:
		case err != nil: // it was dropped
			m.Delay(m.clock.tick, func() { m.settling.begun = false })
		default:
			m.settled()
		}
	})
}

func (m *Member) settled() {
	if m.settling.joins != 0 {
		m.Log().Info().Str("masters", m.group.addresses()).Msg("a master has joined the group")
	}
	m.settling = settling{}
	m.advance()
}

// inTwo reports whether the first of the two steps of a change is done.
func inTwo(members *raftpb.ConfState) bool { return len(members.GetVotersOutgoing()) > 0 }
