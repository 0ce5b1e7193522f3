package consensus

import (
	"maps"
	"slices"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// hellos is what a member without a group knows of the others.
type hellos struct {
	heard  map[string]*consensuspb.HelloMessage // by address
	formed bool                                 // there is a group already, so that none must be founded
	ticks  int                                  // until the next greeting
	warned string                               // what was logged last
}

// greet says hello to the others now and then, as long as no leader is known.
func (m *Member) greet() {
	if m.others.ticks--; m.others.ticks > 0 || m.raft.BasicStatus().Lead != 0 {
		return
	}
	m.others.ticks = m.options.ElectionTicks / 2
	for _, to := range m.acquaintances() {
		m.connect(to)
		m.Send(to, m.introduction())
	}
	switch {
	case m.options.ZooKeeper == nil:
		m.found() // alone, nobody else says hello
	case m.meeting.Connected:
		m.meeting.agree()
	}
}

// acquaintances returns the other masters, sorted.
func (m *Member) acquaintances() []runtime.PID {
	addresses := slices.Concat(m.options.Masters, m.meeting.present())
	for _, member := range slices.Concat(m.group.members, m.group.learners) {
		addresses = append(addresses, member.Address)
	}
	slices.Sort(addresses)
	var pids []runtime.PID
	for _, address := range slices.Compact(addresses) {
		if address != m.self.Address {
			pids = append(pids, runtime.PID{ID: ID, Addr: address})
		}
	}
	return pids
}

func (m *Member) introduction() *consensuspb.HelloMessage {
	h := &consensuspb.HelloMessage{
		Member: m.self, Formed: m.formed(), Founder: m.options.Seed != nil, Masters: slices.Sorted(slices.Values(m.options.Masters)),
	}
	if z := m.options.ZooKeeper; z != nil {
		h.Quorum = uint32(z.Quorum)
	}
	return h
}

// hello hears of a member that knows no leader.
func (m *Member) hello(from runtime.PID, h *consensuspb.HelloMessage) {
	switch member := h.GetMember(); {
	case m.self == nil || m.ended || member.GetId() == 0:
	case !m.expected(member.GetAddress()):
		m.Log().Debug().Stringer("from", from).Str("address", member.GetAddress()).Msg("a stranger says hello")
	case m.group.isRemoved(member.GetId()):
		m.Send(pidOf(member), &consensuspb.FarewellMessage{Id: member.GetId()})
	case !m.formed():
		m.meet(h)
	default:
		m.sight.hears(member.GetId())
		m.welcome(from, h)
	}
}

// expected reports whether a master may be at an address: nobody else is told about the group.
func (m *Member) expected(address string) bool {
	return slices.Contains(m.options.Masters, address) || slices.Contains(m.meeting.present(), address) || m.group.at(address) != nil
}

// meet notes another member when this one belongs to no group.
func (m *Member) meet(h *consensuspb.HelloMessage) {
	if h.GetFormed() {
		m.others.formed = true
		return
	}
	if m.others.heard == nil {
		m.others.heard = map[string]*consensuspb.HelloMessage{}
	}
	m.others.heard[h.GetMember().GetAddress()] = h
	m.found()
}

// found founds the group, if that is this member's to do and all others are there.
func (m *Member) found() {
	switch {
	case !m.untouched() || m.others.formed:
		return
	case m.options.ZooKeeper != nil:
		m.meeting.propose()
		return
	}
	all := map[string]*consensuspb.HelloMessage{m.self.Address: m.introduction()}
	for _, to := range m.options.Masters {
		if h := m.others.heard[to]; h != nil {
			all[to] = h
		} else if to != m.self.Address {
			return
		}
	}
	founder, problem := founderOf(all)
	switch {
	case problem != "":
		m.warn(problem)
	case founder == m.self.Address:
		m.establish(m.Rand().Uint64()>>1|1, membersOf(all), true)
	}
}

func membersOf(all map[string]*consensuspb.HelloMessage) []*consensuspb.Member {
	var members []*consensuspb.Member
	for _, address := range slices.Sorted(maps.Keys(all)) {
		members = append(members, all[address].GetMember())
	}
	return members
}

// warn logs something that an operator has to mend, once.
func (m *Member) warn(problem string) {
	if m.others.warned != problem {
		m.others.warned = problem
		m.Log().Error().Msg("the group of masters cannot be founded: " + problem)
	}
}

// founderOf returns the address of the member that founds a group of all, or why nobody can.
func founderOf(all map[string]*consensuspb.HelloMessage) (address, problem string) {
	addresses := slices.Sorted(maps.Keys(all))
	var seeded []string
	for _, a := range addresses {
		if h := all[a]; !slices.Equal(h.GetMasters(), addresses) {
			return "", "the master at " + a + " was given other masters: " + strings.Join(h.GetMasters(), ",")
		} else if h.GetFounder() {
			seeded = append(seeded, a)
		}
	}
	switch len(seeded) {
	case 0:
		return addresses[0], ""
	case 1:
		return seeded[0], ""
	}
	return "", severalStates(seeded)
}

func severalStates(seeded []string) string {
	return "the masters at " + strings.Join(seeded, " and ") + " have a registry each; remove registry.db from all but one"
}

// establish founds the group of some members, and has them elect this one, if it is the first.
func (m *Member) establish(group uint64, members []*consensuspb.Member, first bool) {
	identity, snapshot, err := m.beginning(group, members)
	if err != nil {
		m.giveUp(err)
		return
	}
	m.Log().Info().Int("masters", len(members)).Msg("founding the group of masters")
	m.remake(identity, snapshot, func() {
		if !m.restart() {
			return
		}
		if first {
			m.campaign()
		}
		m.advance()
	})
}

// beginning returns the snapshot with which the group of some members begins.
func (m *Member) beginning(group uint64, all []*consensuspb.Member) (identity []byte, s *raftpb.Snapshot, err error) {
	if err := m.options.Machine.Restore(m.options.Seed); err != nil {
		return nil, nil, err
	}
	members := &raftpb.ConfState{}
	m.group.id = group
	for _, member := range all {
		members.Voters = append(members.Voters, member.GetId())
		m.group.apply(&consensuspb.Change{Joins: member})
	}
	slices.Sort(members.Voters)
	state, err := m.snapshot()
	if err != nil {
		return nil, nil, err
	}
	identity, err = proto.Marshal(m.self)
	return identity, &raftpb.Snapshot{Data: state, Metadata: &raftpb.SnapshotMetadata{
		Index: proto.Uint64(1), Term: proto.Uint64(1), ConfState: members,
	}}, err
}
