package consensus

import (
	"errors"
	"fmt"
	"slices"

	"go.etcd.io/raft/v3"
	"go.etcd.io/raft/v3/raftpb"
	"go.etcd.io/raft/v3/tracker"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// farewell is how a member hears that it was removed while it was away.
func (m *Member) farewell(_ runtime.PID, f *consensuspb.FarewellMessage) {
	if m.self != nil && f.GetId() == m.self.Id {
		m.giveUp(ErrRemoved)
	}
}

// welcome helps a member that says hello to find its group: the leader lets it in, the others tell the leader.
func (m *Member) welcome(from runtime.PID, h *consensuspb.HelloMessage) {
	member, status := h.GetMember(), m.raft.BasicStatus()
	if !h.GetFormed() && from == pidOf(member) {
		m.Send(from, m.introduction()) // it must not found another group
	}
	switch {
	case m.Leads():
		m.receive(h)
	case status.Lead != 0 && from == pidOf(member):
		m.Send(m.pid(status.Lead), h)
	}
}

// receive lets a new member in when it has proved that it is where it says.
func (m *Member) receive(h *consensuspb.HelloMessage) {
	member := h.GetMember()
	_, vacant := m.meeting.vacancy(member.GetAddress())
	switch number := m.asked[member.GetAddress()]; {
	case m.group.byID(member.GetId()) != nil || !vacant:
		return
	case number == 0 || h.GetProof() != number:
		m.challenge(member)
		return
	}
	delete(m.asked, member.GetAddress())
	m.teach(member)
}

// teach has a new member learn what the group has agreed on before it counts, so that the group loses nothing while it
// catches up. There is one learner at a time, and one that is gone makes room for the next.
func (m *Member) teach(member *consensuspb.Member) {
	if len(m.group.learners) > 0 {
		learner := m.group.learners[0]
		if learner.Address == member.Address || !m.sight.active(learner.Id) {
			m.Log().Info().Str("address", learner.Address).Msg("a master is gone before it has joined")
			_ = m.reform(&consensuspb.Change{Leaves: learner.Id}) // the new one asks again
		}
		return
	}
	err := m.reform(&consensuspb.Change{Learns: member})
	m.Log().Info().Err(err).Str("address", member.Address).Msg("a master learns what the others know")
}

// promote makes a learner that has caught up a member, in place of the one whose place it takes.
func (m *Member) promote() {
	if len(m.group.learners) == 0 || !m.Leads() || m.changing() {
		return
	}
	learner, status := m.group.learners[0], m.raft.Status()
	progress := status.Progress[learner.Id]
	if !m.sight.active(learner.Id) || progress.State != tracker.StateReplicate || progress.Match < m.index {
		return
	}
	leaves, vacant := m.meeting.vacancy(learner.Address)
	if leaves == m.self.Id || !vacant {
		return
	}
	err := m.reform(&consensuspb.Change{Joins: learner, Leaves: leaves})
	m.Log().Info().Err(err).Str("address", learner.Address).Bool("replaces", leaves != 0).Msg("a master joins")
}

func (m *Member) challenge(member *consensuspb.Member) {
	if m.asked == nil {
		m.asked = map[string]uint64{}
	}
	if m.asked[member.GetAddress()] == 0 {
		m.asked[member.GetAddress()] = m.Rand().Uint64() | 1
	}
	m.Send(pidOf(member), &consensuspb.ChallengeMessage{Number: m.asked[member.GetAddress()]})
}

// challenged proves that this member is at its address.
func (m *Member) challenged(from runtime.PID, c *consensuspb.ChallengeMessage) {
	if m.self != nil && !m.ended && m.expected(from.Addr) {
		h := m.introduction()
		h.Proof = c.GetNumber()
		m.Send(from, h)
	}
}

// reform proposes other members.
func (m *Member) reform(c *consensuspb.Change) error {
	context, err := contextOf(c)
	if err != nil {
		return err
	}
	if m.changing() {
		return errChanging
	}
	change := &raftpb.ConfChangeV2{Context: context}
	if c.GetLeaves() != 0 {
		change.Changes = append(change.Changes, single(raftpb.ConfChangeRemoveNode, c.GetLeaves()))
	}
	if c.GetJoins() != nil {
		change.Changes = append(change.Changes, single(raftpb.ConfChangeAddNode, c.GetJoins().GetId()))
	}
	if c.GetLearns() != nil {
		change.Changes = append(change.Changes, single(raftpb.ConfChangeAddLearnerNode, c.GetLearns().GetId()))
	}
	err = m.raft.ProposeConfChange(change)
	m.reforms = err == nil
	m.advance()
	return err
}

var errChanging = errors.New("the members of the group are changing already; try again in a moment")

func single(t raftpb.ConfChangeType, id uint64) *raftpb.ConfChangeSingle {
	return &raftpb.ConfChangeSingle{Type: t.Enum(), NodeId: &id}
}

// changing reports whether a change of the members is under way.
func (m *Member) changing() bool {
	return m.reforms || m.settling.pending || inTwo(m.members)
}

// Has reports whether the master at an address is a member of the group, as far as this one knows.
func (m *Member) Has(address string) bool { return m.group.at(address) != nil }

// Master is a member as operators see it.
type Master struct {
	Address string `json:"address"`
	Leads   bool   `json:"leads"`
	Joins   bool   `json:"joins"`  // it does not count yet, or not all know that it does
	Active  bool   `json:"active"` // it was heard of lately; known to the leader, and to all if none leads
	Behind  uint64 `json:"behind"` // the entries that it does not have yet; known to the leader
}

// Masters returns the members, sorted by address, and then those that are about to become members.
func (m *Member) Masters() []Master {
	if !m.formed() {
		return nil
	}
	status := m.raft.Status()
	var all []Master
	for _, member := range slices.Concat(m.group.members, m.group.learners) {
		one := Master{
			Address: member.Address, Leads: member.Id == status.Lead,
			Joins: m.group.learns(member.Id) || m.settling.joins == member.Id, Active: m.sight.active(member.Id),
		}
		if p, known := status.Progress[member.Id]; known {
			one.Behind = status.Progress[m.self.Id].Match - min(p.Match, status.Progress[m.self.Id].Match)
		}
		all = append(all, one)
	}
	return all
}

// Remove removes the member at an address from the group. The future completes when the rest of the group has agreed. It
// fails if this member does not lead, and if those that remain would be no majority.
func (m *Member) Remove(address string) runtime.Future[struct{}] {
	leaves := m.group.at(address)
	switch {
	case !m.Leads():
		return runtime.Failed[struct{}](ErrLost)
	case leaves == nil:
		return failed("no master of the group is at %s; they are at %s", address, m.group.addresses())
	case leaves.Id == m.self.Id:
		return failed("the master at %s leads; transfer the leadership first", address)
	case !m.survives(leaves.Id):
		return failed("without the master at %s, those that are active are no majority of the rest", address)
	}
	if err := m.reform(&consensuspb.Change{Leaves: leaves.Id}); err != nil {
		return runtime.Failed[struct{}](err)
	}
	return m.await(func() bool { return m.Leads() && m.group.byID(leaves.Id) == nil && !m.settling.pending },
		fmt.Errorf("the group has not agreed to remove the master at %s", address))
}

func failed(format string, v ...any) runtime.Future[struct{}] {
	return runtime.Failed[struct{}](fmt.Errorf(format, v...))
}

// survives reports whether the members that were heard of lately are a majority when one of them is gone.
func (m *Member) survives(without uint64) bool {
	active, rest := 0, 0
	for _, id := range m.members.GetVoters() {
		if id == without {
			continue
		}
		rest++
		if m.sight.active(id) {
			active++
		}
	}
	return active > rest/2
}

// Transfer has another member lead: the one at an address, or, if that is empty, the one that has most of the log. The
// future completes when another member leads.
func (m *Member) Transfer(address string) runtime.Future[struct{}] {
	if !m.Leads() {
		return runtime.Failed[struct{}](ErrLost)
	}
	to, err := m.successor(address)
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	m.raft.TransferLeader(to.Id)
	m.advance()
	return m.await(m.follows, fmt.Errorf("the master at %s does not take over", to.Address))
}

// follows reports whether another member leads.
func (m *Member) follows() bool {
	lead := m.raft.BasicStatus().Lead
	return lead != raft.None && lead != m.self.Id
}

// successor returns the member that is to lead next.
func (m *Member) successor(address string) (*consensuspb.Member, error) {
	var best *consensuspb.Member
	progress := m.raft.Status().Progress
	for _, member := range m.group.members {
		p := progress[member.Id]
		switch {
		case member.Id == m.self.Id:
		case address == member.Address && !m.sight.active(member.Id):
			return nil, fmt.Errorf("the master at %s is not heard, so it cannot lead", address)
		case address == member.Address:
			return member, nil
		case address == "" && m.sight.active(member.Id) && p.State != tracker.StateSnapshot && (best == nil || p.Match > progress[best.Id].Match):
			best = member
		}
	}
	switch {
	case best != nil:
		return best, nil
	case address == "":
		return nil, errors.New("no other master is there to lead")
	case address == m.self.Address:
		return nil, fmt.Errorf("the master at %s leads already", address)
	}
	return nil, fmt.Errorf("no master of the group is at %s; they are at %s", address, m.group.addresses())
}

// await completes when cond holds, and fails with otherwise if it does not within twice the time of an election.
func (m *Member) await(cond func() bool, otherwise error) runtime.Future[struct{}] {
	done, left := runtime.Owe[struct{}](m), 2*m.options.ElectionTicks
	var look func()
	look = func() {
		switch left--; {
		case cond():
			done.Set(struct{}{})
		case left < 0 || m.ended:
			done.Fail(otherwise)
		default:
			m.Delay(m.clock.tick, look)
		}
	}
	look()
	return done.Future()
}
