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

// Pair is a framework that runs, or may run, something on an agent.
type Pair struct {
	Framework ids.Framework
	Agent     ids.Agent
}

// InverseOffer is an inverse offer: it asks a framework to leave an agent in time.
type InverseOffer struct {
	Pair
	ID   ids.Offer
	Sent *mesospb.InverseOffer
}

// InverseOffers are the inverse offers of a cluster: those that await an answer, what was answered last, and until when a
// framework does not want to be asked again.
type InverseOffers struct {
	awaiting map[ids.Offer]*InverseOffer
	asked    map[Pair]*InverseOffer
	answers  map[Pair]*allocatorpb.InverseOfferStatus
	quiet    map[Pair]time.Time
}

// NewInverseOffers returns none.
func NewInverseOffers() *InverseOffers {
	return &InverseOffers{
		awaiting: map[ids.Offer]*InverseOffer{}, asked: map[Pair]*InverseOffer{},
		answers: map[Pair]*allocatorpb.InverseOfferStatus{}, quiet: map[Pair]time.Time{},
	}
}

// MayAsk reports whether a framework can be asked now.
func (r *InverseOffers) MayAsk(p Pair, now time.Time) bool {
	return r.asked[p] == nil && !now.Before(r.quiet[p])
}

// Add notes that a framework was asked.
func (r *InverseOffers) Add(q *InverseOffer) { r.awaiting[q.ID], r.asked[q.Pair] = q, q }

// Get returns the request of that id that awaits an answer, or nil.
func (r *InverseOffers) Get(id ids.Offer) *InverseOffer { return r.awaiting[id] }

// Drop notes that nobody will answer q.
func (r *InverseOffers) Drop(q *InverseOffer) {
	delete(r.awaiting, q.ID)
	delete(r.asked, q.Pair)
}

// Answer notes what the framework said to q, and until when it does not want to be asked again.
func (r *InverseOffers) Answer(q *InverseOffer, answer *allocatorpb.InverseOfferStatus, quiet time.Time) {
	r.Drop(q)
	r.answers[q.Pair], r.quiet[q.Pair] = answer, quiet
}

// Forget drops what was answered about agents, and by frameworks, of which gone says so.
func (r *InverseOffers) Forget(gone func(Pair) bool) {
	maps.DeleteFunc(r.answers, func(p Pair, _ *allocatorpb.InverseOfferStatus) bool { return gone(p) })
	maps.DeleteFunc(r.quiet, func(p Pair, _ time.Time) bool { return gone(p) })
}

// Of lists the requests that await an answer and are picked, in the order in which they were made.
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

// Answers lists what frameworks said about an agent, by framework.
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
