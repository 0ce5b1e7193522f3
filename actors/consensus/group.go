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
	members      []*consensuspb.Member // sorted by address
	removed      []uint64              // sorted
	announcement *consensuspb.Announcement
}

// pidOf returns where a member is.
func pidOf(member *consensuspb.Member) runtime.PID {
	return runtime.PID{ID: ID, Addr: member.GetAddress()}
}

// byID returns a member, or nil if there is none with that id.
func (g *group) byID(id uint64) *consensuspb.Member {
	for _, member := range g.members {
		if member.Id == id {
			return member
		}
	}
	return nil
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
	if c.GetLeaves() != 0 {
		g.members = slices.DeleteFunc(slices.Clone(g.members), func(m *consensuspb.Member) bool { return m.Id == c.GetLeaves() })
		if i, found := slices.BinarySearch(g.removed, c.GetLeaves()); !found {
			g.removed = slices.Insert(slices.Clone(g.removed), i, c.GetLeaves())
		}
	}
	if joins := c.GetJoins(); joins != nil && g.byID(joins.Id) == nil {
		g.members = append(slices.Clone(g.members), joins)
		slices.SortFunc(g.members, byAddress)
	}
}

func byAddress(a, b *consensuspb.Member) int {
	return cmp.Or(cmp.Compare(a.Address, b.Address), cmp.Compare(a.Id, b.Id))
}

func (g *group) proto() *consensuspb.State {
	return &consensuspb.State{Members: g.members, Removed: g.removed, Announcement: g.announcement}
}

func (g *group) restore(s *consensuspb.State) {
	*g = group{s.GetMembers(), s.GetRemoved(), s.GetAnnouncement()}
}

// contextOf returns c as the context that Raft carries with a change of its members.
func contextOf(c *consensuspb.Change) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(c)
}
