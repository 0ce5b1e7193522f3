package consensus

import (
	"fmt"
	"strings"

	"go.etcd.io/raft/v3"

	"meseta/messages/pb/consensuspb"
)

// sight is what a member sees of the others, and what it says when the group is not as it should be.
type sight struct {
	m       *Member
	ticks   int            // that have passed; clocks may jump
	heard   map[uint64]int // the tick at which each member was heard last
	led     int            // the tick at which a leader of the group was known last
	named   int            // the tick at which ZooKeeper named a leader last
	problem string         // what was logged last; empty: all is well
}

// hears notes that a member is there.
func (s *sight) hears(id uint64) {
	if s.heard == nil {
		s.heard = map[uint64]int{}
	}
	if s.m.group.byID(id) != nil {
		s.heard[id] = s.ticks
	}
}

// active reports whether a member was heard lately, which all that are there are by a leader, and by one that knows of none. What Raft
// counts begins anew once in a while, and lacks all for a moment then.
func (s *sight) active(id uint64) bool {
	at, ever := s.heard[id]
	return id == s.m.self.Id || ever && s.ticks-at <= s.m.options.ElectionTicks
}

// missing returns those of some members that are not active.
func (s *sight) missing(of []*consensuspb.Member) (all []*consensuspb.Member) {
	for _, member := range of {
		if !s.active(member.GetId()) {
			all = append(all, member)
		}
	}
	return all
}

// look logs what is wrong once it has lasted for longer than it should, and that it is over. It is called at each tick.
func (s *sight) look() {
	s.ticks++
	if s.m.raft.BasicStatus().Lead != raft.None {
		s.led = s.ticks
	}
	if s.m.meeting.Leader != nil {
		s.named = s.ticks
	}
	switch problem := s.trouble(); {
	case problem == s.problem || problem == "" && s.led != s.ticks:
	case problem == "" && s.m.Leads():
		s.m.Log().Info().Msg("the group of masters is well again")
		s.problem = problem
	case problem == "":
		s.m.Log().Info().Msg("the group of masters has a leader")
		s.problem = problem
	default:
		s.m.Log().Warn().Msg(problem)
		s.problem = problem
	}
}

// Problem returns what is wrong with the group and what to do, as it was logged; it is empty if nothing is.
func (m *Member) Problem() string { return m.sight.problem }

// trouble says what is wrong with the group and what an operator can do; it is empty while nothing is, or not for long.
func (s *sight) trouble() string {
	m := s.m
	lately := func(tick int) bool { return s.ticks-tick < 5*m.options.ElectionTicks }
	switch {
	case m.self == nil || m.raft == nil || m.ended:
		return ""
	case m.Leads() && m.meeting.ignorant() && !lately(s.named):
		return fmt.Sprintf("no master leads: the group was founded beside masters of another kind, which were gone before this one had read their registry, "+
			"and it does not begin without; start one of those again; or stop all masters, move %s away in the work directory of each, remove the "+
			"node log_group in ZooKeeper, and start them as if all were replaced at once", m.options.Dir)
	case m.Leads():
		return s.weakness()
	case lately(s.led):
		return ""
	case m.options.ZooKeeper != nil && !m.meeting.Connected:
		return "the group of masters has no leader that this one knows of: it has no session with ZooKeeper"
	case m.formed():
		return s.leaderless()
	}
	return s.unfounded()
}

// weakness is what is wrong with a group that this member leads: that it would not survive the end of one more.
func (s *sight) weakness() string {
	members := s.m.group.members
	missing := s.missing(members)
	active := len(members) - len(missing)
	switch {
	case len(members) == 1 || active > len(members)/2+1:
		return ""
	case len(missing) == 0:
		return fmt.Sprintf("if one of the %d masters of the group ends, none leads until it is back, since a majority is needed: with one more, "+
			"the group survives that", len(members))
	}
	return fmt.Sprintf("if one more master ends, none leads until it is back, since a majority is needed: of %d, those at %s are not heard; "+
		"start them, or others in their place, or remove them by mesos master remove", len(members), addressesOf(missing))
}

// leaderless is what is wrong with a group that has no leader.
func (s *sight) leaderless() string {
	members := s.m.group.members
	missing := s.missing(members)
	if len(members)-len(missing) > len(members)/2 {
		return "the group of masters has no leader, although a majority is heard of those at " + s.m.group.addresses()
	}
	return fmt.Sprintf("the group of masters has no leader: a majority of %d is needed, and those at %s are not heard; start them again; if they "+
		"are lost for ever, mesos registry import makes a new group of what is left in %s", len(members), addressesOf(missing), s.m.options.Dir)
}

// unfounded is what a member waits for that belongs to no group.
func (s *sight) unfounded() string {
	m := s.m
	all, needed := m.options.Masters, ""
	if z := m.options.ZooKeeper; z != nil {
		all = m.meeting.present()
		switch size := 2*z.Quorum - 1; {
		case m.meeting.agreement != nil && m.meeting.Leader != nil:
			return "this master waits until one of the group is gone for --master_replacement_timeout: there are as many as --quorum says, at " +
				addressesOf(m.meeting.agreement.Members)
		case m.meeting.agreement != nil:
			return "this master does not belong to the group, of which none leads; it was founded by those at " + addressesOf(m.meeting.agreement.Members)
		case len(all) < size:
			needed = fmt.Sprintf(": with --quorum=%d, %d are needed, and %d are there", z.Quorum, size, len(all))
		}
	}
	var silent []string
	for _, address := range all {
		if address != m.self.Address && m.others.heard[address] == nil {
			silent = append(silent, address)
		}
	}
	switch {
	case m.others.formed:
		return "this master waits until the leader of the others lets it join them"
	case needed != "":
	case len(silent) > 0:
		needed = ": all of them are needed, with the same flags, and nothing is heard of those at " + strings.Join(silent, ", ")
	case m.others.warned != "":
		return "" // it was logged
	}
	return "the group of masters is not founded yet" + needed
}
