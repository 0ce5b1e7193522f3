package consensus

import (
	"cmp"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
)

// group is what the members agree on besides the machine: who they are, and who has announced itself as the leader.
type group struct {
	id           uint64                // chosen when the group is founded
	members      []*consensuspb.Member // sorted by address
	learners     []*consensuspb.Member // likewise; those that are about to become members
	removed      []uint64              // sorted; members, not learners
	announcement *consensuspb.Announcement
}

// pidOf returns where a member is.
func pidOf(member *consensuspb.Member) runtime.PID {
	return runtime.PID{ID: ID, Addr: member.GetAddress()}
}

// byID returns a member or learner, or nil if there is none with that id.
func (g *group) byID(id uint64) *consensuspb.Member {
	for _, member := range slices.Concat(g.members, g.learners) {
		if member.Id == id {
			return member
		}
	}
	return nil
}

// learns reports whether there is a learner with that id.
func (g *group) learns(id uint64) bool { return slices.ContainsFunc(g.learners, has(id)) }

func has(id uint64) func(*consensuspb.Member) bool {
	return func(member *consensuspb.Member) bool { return member.Id == id }
}

// at returns the member at an address, or nil.
func (g *group) at(address string) *consensuspb.Member {
	for _, member := range g.members {
		if member.Address == address {
			return member
		}
	}
	return nil
}

// addresses names the members, for messages.
func (g *group) addresses() string {
	var all []string
	for _, member := range g.members {
		all = append(all, member.Address)
	}
	return strings.Join(all, ", ")
}

func (g *group) isRemoved(id uint64) bool {
	_, found := slices.BinarySearch(g.removed, id)
	return found
}

// apply carries out a change of the members.
func (g *group) apply(c *consensuspb.Change) {
	if g.learns(c.GetLeaves()) { // it may come again
		g.learners = without(g.learners, c.GetLeaves())
	} else if c.GetLeaves() != 0 {
		g.members = without(g.members, c.GetLeaves())
		if i, found := slices.BinarySearch(g.removed, c.GetLeaves()); !found {
			g.removed = slices.Insert(slices.Clone(g.removed), i, c.GetLeaves())
		}
	}
	if joins := c.GetJoins(); joins != nil && !slices.ContainsFunc(g.members, has(joins.Id)) {
		g.learners = without(g.learners, joins.Id)
		g.members = with(g.members, joins)
	}
	if learns := c.GetLearns(); learns != nil && g.byID(learns.Id) == nil {
		g.learners = with(g.learners, learns)
	}
}

func without(all []*consensuspb.Member, id uint64) []*consensuspb.Member {
	return slices.DeleteFunc(slices.Clone(all), has(id))
}

func with(all []*consensuspb.Member, member *consensuspb.Member) []*consensuspb.Member {
	all = append(slices.Clone(all), member)
	slices.SortFunc(all, byAddress)
	return all
}

func byAddress(a, b *consensuspb.Member) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Id, b.Id))
}

func (g *group) proto() *consensuspb.State {
	return &consensuspb.State{Group: g.id, Members: g.members, Learners: g.learners, Removed: g.removed, Announcement: g.announcement}
}

func (g *group) restore(s *consensuspb.State) {
	*g = group{s.GetGroup(), s.GetMembers(), s.GetLearners(), s.GetRemoved(), s.GetAnnouncement()}
}

// contextOf returns c as the context that Raft carries with a change of its members.
func contextOf(c *consensuspb.Change) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(c)
}
