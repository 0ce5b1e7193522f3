package maintenance

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/allocatorpb"
	"meseta/messages/pb/mesospb"
)

// Pair is a framework and an agent on which the framework has, or is offered, resources.
type Pair struct {
	Framework ids.Framework
	Agent     ids.Agent
}

// InverseOffer asks a framework to leave an agent in time.
type InverseOffer struct {
	Pair
	ID   ids.Offer
	Sent *mesospb.InverseOffer
}

// InverseOffers holds the inverse offers of a cluster: those without an answer, the latest answers, and how long
// frameworks do not want to be asked again.
type InverseOffers struct {
	awaiting map[ids.Offer]*InverseOffer
	asked    map[Pair]*InverseOffer
	answers  map[Pair]*allocatorpb.InverseOfferStatus
	quiet    map[Pair]time.Time
}

// NewInverseOffers returns an empty collection.
func NewInverseOffers() *InverseOffers {
	return &InverseOffers{
		awaiting: map[ids.Offer]*InverseOffer{}, asked: map[Pair]*InverseOffer{},
		answers: map[Pair]*allocatorpb.InverseOfferStatus{}, quiet: map[Pair]time.Time{},
	}
}

// MayAsk reports whether the framework may be asked now.
func (r *InverseOffers) MayAsk(p Pair, now time.Time) bool {
	return r.asked[p] == nil && !now.Before(r.quiet[p])
}

// Add records that a framework was asked.
func (r *InverseOffers) Add(q *InverseOffer) { r.awaiting[q.ID], r.asked[q.Pair] = q, q }

// Get returns the unanswered inverse offer with that ID, or nil.
func (r *InverseOffers) Get(id ids.Offer) *InverseOffer { return r.awaiting[id] }

// Drop removes q, which will not be answered.
func (r *InverseOffers) Drop(q *InverseOffer) {
	delete(r.awaiting, q.ID)
	delete(r.asked, q.Pair)
}

// Answer records the framework's answer to q, and how long it does not want to be asked again.
func (r *InverseOffers) Answer(q *InverseOffer, answer *allocatorpb.InverseOfferStatus, quiet time.Time) {
	r.Drop(q)
	r.answers[q.Pair], r.quiet[q.Pair] = answer, quiet
}

// Forget removes the inverse offers and answers of pairs for which gone returns true.
func (r *InverseOffers) Forget(gone func(Pair) bool) {
	maps.DeleteFunc(r.answers, func(p Pair, _ *allocatorpb.InverseOfferStatus) bool { return gone(p) })
	maps.DeleteFunc(r.quiet, func(p Pair, _ time.Time) bool { return gone(p) })
}

// Of returns the unanswered inverse offers for which pick returns true, in the order in which they were made.
func (r *InverseOffers) Of(pick func(Pair) bool) []*InverseOffer {
	var some []*InverseOffer
	for p, q := range r.asked {
		if pick(p) {
			some = append(some, q)
		}
	}
	slices.SortFunc(some, func(a, b *InverseOffer) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return some
}

// Answers returns the answers about an agent, by framework.
func (r *InverseOffers) Answers(agent ids.Agent) []*allocatorpb.InverseOfferStatus {
	var given []*allocatorpb.InverseOfferStatus
	for p, answer := range r.answers {
		if p.Agent == agent {
			given = append(given, answer)
		}
	}
	slices.SortFunc(given, func(a, b *allocatorpb.InverseOfferStatus) int {
		return cmp.Compare(a.GetFrameworkId().GetValue(), b.GetFrameworkId().GetValue())
	})
	return given
}
