package consensus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"meseta/actors/election"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/consensuspb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// ZooKeeper is how masters find each other that are given no list of all.
type ZooKeeper struct {
	Election *election.Election
	Quorum   int // of the group, which has 2·Quorum-1 members; at least 2
	// Found reports whether a group without a state to begin with may be founded (--log_auto_initialize).
	Found bool
	// Patience is how long a member must be gone, from ZooKeeper and from the leader's sight, before another master takes
	// its place.
	Patience time.Duration
	// Filled reports whether the machine has the registry of masters of another kind, beside which the group was founded: its
	// members do not lead the cluster before. It is called on the member's turns; nil: it has.
	Filled func() bool
}

// meeting is what a member knows of the other masters through ZooKeeper.
type meeting struct {
	m *Member
	election.Assembly
	agreement *consensuspb.Agreement // nil: none
	outranks  []string               // what ZooKeeper was told
	absent    map[uint64]time.Time   // the members that are gone, and since when
}

// assemble begins to follow what ZooKeeper tells.
func (g *meeting) assemble() {
	m := g.m
	if m.options.ZooKeeper == nil {
		return
	}
	self := runtime.RefOf(m)
	m.options.ZooKeeper.Election.Assemble(m.Self(), func(a election.Assembly) {
		runtime.Tell(self, func(m *Member) { m.meeting.assembled(a) })
	})
}

// assembled hears who is there.
func (g *meeting) assembled(a election.Assembly) {
	m := g.m
	if m.ended {
		return
	}
	m.meeting.Assembly = a
	if a.Broken != nil {
		m.giveUp(a.Broken)
		return
	}
	if err := m.meeting.readAgreement(); err != nil {
		m.giveUp(err)
		return
	}
	if a.Connected {
		m.meeting.agree()
	}
	if !m.ended {
		m.advance()
	}
}

func (g *meeting) readAgreement() error {
	m := g.m
	m.meeting.agreement = nil
	if m.meeting.Agreement == nil {
		return nil
	}
	a := &consensuspb.Agreement{}
	if err := mesosjson.Unmarshal(m.meeting.Agreement, a); err != nil || a.Group == 0 {
		return fmt.Errorf("log_group in ZooKeeper does not say which masters have founded the group: %q", m.meeting.Agreement)
	}
	m.meeting.agreement = a
	return nil
}

// agree compares what was agreed on with what this member knows. A member of a group writes the agreement again if
// ZooKeeper has lost it, so that no other group is founded.
func (g *meeting) agree() {
	m := g.m
	switch a := m.meeting.agreement; {
	case a == nil && m.formed():
		m.meeting.propound(&consensuspb.Agreement{Group: m.group.id, Members: m.group.members})
	case a == nil:
		m.found()
	case m.formed() && a.Group != m.group.id:
		m.giveUp(fmt.Errorf("this master belongs to another group of masters than the one in ZooKeeper, of the masters at %s: "+
			"if that one is right, remove %s; if this one is, stop those masters and remove the node log_group in ZooKeeper",
			addressesOf(a.Members), m.options.Dir))
	case !m.formed():
		m.meeting.follow(a)
	}
}

func (g *meeting) propound(a *consensuspb.Agreement) {
	m := g.m
	m.options.ZooKeeper.Election.Agree(mesosjson.Sorted(mesosjson.Marshal(a)))
}

// follow founds the group that was agreed on, if this member is one of its founders. Without a state to begin with, all of
// them do so alike; with one, only the member that has it does, and the others get it from there. Beside masters that lead, what these
// know counts, and no earlier state.
func (g *meeting) follow(a *consensuspb.Agreement) {
	m := g.m
	if a.Beside {
		m.options.Seed = nil
	}
	switch self := m.self; {
	case !m.untouched() || !slices.ContainsFunc(a.Members, func(member *consensuspb.Member) bool { return member.Id == self.Id }):
	case a.Founder == 0 && m.options.Seed == nil, a.Founder == self.Id && m.options.Seed != nil:
		m.establish(a.Group, a.Members, a.Founder != 0 || a.Members[0].Id == self.Id)
	case a.Founder == self.Id:
		m.giveUp(fmt.Errorf("the group of masters was to begin with the registry in %s, which is not there any more", m.options.Dir))
	case a.Founder == 0:
		m.giveUp(fmt.Errorf("the group of masters was founded without the registry that this master has; "+
			"if it is not needed, move registry.db and replicated_log away from the directory above %s", m.options.Dir))
	}
}

// untouched reports whether the member has promised nothing yet.
func (m *Member) untouched() bool {
	return !m.formed() && !m.writing && len(m.appends) == 0 && m.raft.BasicStatus().GetTerm() == 0
}

// present returns the addresses of the masters that are there, in the order in which they have come.
func (g *meeting) present() []string {
	m := g.m
	var all []string
	for _, pid := range m.meeting.Present {
		if pid.ID == ID && !slices.Contains(all, pid.Addr) {
			all = append(all, pid.Addr)
		}
	}
	return all
}

// beside reports whether a master of another kind leads: one that has a replica of a log of its own.
func (g *meeting) beside() bool {
	return g.Leader != nil && slices.ContainsFunc(g.Present, func(pid runtime.PID) bool {
		return pid.ID != ID && pid.Addr == election.PID(g.Leader).Addr
	})
}

// propose proposes to found a group of the first masters that have come, when enough are there and none of all belongs to a
// group already. If one has a state to begin with, it is among them. Beside masters of another kind, which are replaced one
// after the other, a quorum is enough: those that come later fill the group up.
func (g *meeting) propose() {
	m := g.m
	z, all, beside := m.options.ZooKeeper, m.meeting.present(), g.beside()
	size := 2*z.Quorum - 1
	least := size
	if beside {
		least = z.Quorum
	}
	if m.meeting.agreement != nil || !m.meeting.Connected || len(all) < least {
		return
	}
	heard := map[string]*consensuspb.HelloMessage{m.self.Address: m.introduction()}
	var seeded []string
	for _, address := range all {
		h := cmp.Or(heard[address], m.others.heard[address])
		switch {
		case h == nil:
			return
		case int(h.GetQuorum()) != z.Quorum:
			m.warn(fmt.Sprintf("the master at %s was given --quorum=%d, this one --quorum=%d", address, h.GetQuorum(), z.Quorum))
			return
		case h.GetFounder():
			seeded = append(seeded, address)
		}
		heard[address] = h
	}
	switch {
	case beside:
		a := agreementOf(m.Rand().Uint64()>>1|1, chosen(all, nil, size), heard, nil)
		a.Beside = true
		m.meeting.propound(a)
		return
	case len(seeded) > 1:
		m.warn(severalStates(seeded))
		return
	case len(seeded) == 0 && !z.Found:
		m.warn("none of them has a registry to begin with, and --no-log_auto_initialize was given")
		return
	}
	m.meeting.propound(agreementOf(m.Rand().Uint64()>>1|1, chosen(all, seeded, size), heard, seeded))
}

// chosen returns the first masters of all, with those that have a state among them.
func chosen(all, seeded []string, size int) []string {
	first := slices.Clone(seeded)
	for _, address := range all {
		if len(first) < size && !slices.Contains(first, address) {
			first = append(first, address)
		}
	}
	slices.Sort(first)
	return first
}

func agreementOf(group uint64, founders []string, heard map[string]*consensuspb.HelloMessage, seeded []string) *consensuspb.Agreement {
	a := &consensuspb.Agreement{Group: group}
	for _, address := range founders {
		member := heard[address].GetMember()
		a.Members = append(a.Members, member)
		if slices.Contains(seeded, address) {
			a.Founder = member.Id
		}
	}
	return a
}

// able reports whether the member may lead: without ZooKeeper nobody would find it.
func (g *meeting) able() bool {
	m := g.m
	return m.options.ZooKeeper == nil || m.meeting.Connected
}

// eligible reports whether the member may lead the cluster: it has a place in the group, and the group has what those know beside
// which it was founded.
func (g *meeting) eligible() bool {
	z := g.m.options.ZooKeeper
	return g.m.votes() && (z == nil || g.agreement != nil && (!g.agreement.Beside || z.Filled == nil || z.Filled()))
}

// ignorant reports whether nobody leads because nobody knows what the masters knew beside which the group was founded.
func (g *meeting) ignorant() bool { return g.agreement != nil && g.Leader == nil && !g.eligible() }

// outrank has ZooKeeper name this member while it leads: by Raft alone it is decided who leads. Were the holder of the lowest
// node to lead instead, a master that is cut off from the others but not from ZooKeeper, or one whose session expires late,
// would keep the cluster without a leader. The nodes of masters that are not of the group, such as C++ masters, are left
// alone: while one of these has the lowest node, it leads the cluster, and this member waits behind it.
func (g *meeting) outrank() {
	m := g.m
	if m.options.ZooKeeper == nil {
		return
	}
	var rivals []string
	if m.Leads() {
		for _, member := range m.group.members {
			rivals = append(rivals, member.Address)
		}
	}
	if !slices.Equal(rivals, m.meeting.outranks) {
		m.meeting.outranks = rivals
		m.options.ZooKeeper.Election.Outrank(rivals)
	}
}

// vacancy returns which member a new one at an address replaces, 0 if none, and whether there is a place for it at all.
// The machine that has lost its disk is replaced at once. Otherwise, a group that meets in ZooKeeper is filled up to its
// size first, and a new member then takes the place of one that is gone for long.
func (g *meeting) vacancy(address string) (leaves uint64, ok bool) {
	m := g.m
	if before := m.group.at(address); before != nil {
		return before.Id, true
	}
	z := m.options.ZooKeeper
	if z == nil || len(m.group.members) < 2*z.Quorum-1 {
		return 0, true
	}
	for _, member := range m.group.members {
		since, gone := m.meeting.absent[member.Id]
		if gone && m.Now().Sub(since) >= z.Patience {
			return member.Id, true
		}
	}
	return 0, false
}

// attend notes which members are gone. It is called at each tick of a leader.
func (g *meeting) attend() {
	m := g.m
	if m.options.ZooKeeper == nil || !m.meeting.Connected {
		return
	}
	present := m.meeting.present()
	for _, member := range m.group.members {
		here := m.sight.active(member.Id) || slices.Contains(present, member.Address)
		if _, gone := m.meeting.absent[member.Id]; here {
			delete(m.meeting.absent, member.Id)
		} else if !gone {
			if m.meeting.absent == nil {
				m.meeting.absent = map[uint64]time.Time{}
			}
			m.meeting.absent[member.Id] = m.Now()
		}
	}
}

func addressesOf(members []*consensuspb.Member) string {
	var all []string
	for _, member := range members {
		all = append(all, member.GetAddress())
	}
	return strings.Join(all, ", ")
}

// leaderOf returns whom a master takes for the leader: the one that ZooKeeper names, unless that is this master and it
// does not lead.
func (g *meeting) leaderOf(agreed *mesospb.MasterInfo) *mesospb.MasterInfo {
	m := g.m
	if m.options.ZooKeeper == nil {
		return agreed
	}
	named := m.meeting.Leader
	if !m.meeting.Connected || named != nil && named.GetId() == m.candidate.GetId() && agreed.GetId() != named.GetId() {
		return nil
	}
	return named
}
