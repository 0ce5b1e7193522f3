package calls

import (
	"meseta/master/accept"
	"meseta/master/book"
	"meseta/master/decorate"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// accept launches tasks and applies operations, after hooks have looked at the tasks.
func (c *Calls) accept(f *book.Framework, call *schedulerpb.Call_Accept) {
	c.decorator.Accept(f, call, func(f *book.Framework, call *schedulerpb.Call_Accept, labels decorate.Labels) {
		c.accepts.Accept(f, c.peers.Of(f), call, labels)
	})
}

// decline declines offers. Their resources are refused for the time in filters.
//
// Mesos: Master::decline.
func (c *Calls) decline(f *book.Framework, offers []*mesospb.OfferID, filters *mesospb.Filters) {
	c.counts.Declines++
	for _, p := range offers {
		o := c.book.Offer(ids.OfferOf(p))
		if o == nil || o.Framework != f.ID {
			c.Log().Warn().Str("offer_id", p.GetValue()).Stringer("framework_id", f.ID).Msg("decline of an offer that is no longer valid ignored")
			continue
		}
		f.Counts.OffersDeclined++
		c.cluster.Offers.Discard(o, accept.Refusal(filters))
	}
}

// revive removes the filters of f, in some roles or in all.
//
// Mesos: Master::revive.
func (c *Calls) revive(f *book.Framework, roles []string) {
	if c.ownRoles(f, roles, "revive") {
		c.cluster.Allocator.ReviveOffers(f.ID, roles)
	}
}

// suppress stops offers to f, in some roles or in all.
//
// Mesos: Master::suppress.
func (c *Calls) suppress(f *book.Framework, roles []string) {
	if c.ownRoles(f, roles, "suppress") {
		c.cluster.Allocator.SuppressOffers(f.ID, roles)
	}
}

func (c *Calls) ownRoles(f *book.Framework, roles []string, what string) bool {
	for _, role := range roles {
		if !f.HasRole(role) {
			c.Log().Warn().Stringer("framework_id", f.ID).Str("role", role).Str("call", what).Msg("call for a role that is not the framework's dropped")
			return false
		}
	}
	return true
}
