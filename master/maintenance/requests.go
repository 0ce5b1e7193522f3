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

// Request is an inverse offer: it asks a framework to leave an agent in time.
type Request struct {
	Pair
	ID   ids.Offer
	Sent *mesospb.InverseOffer
}

// Requests are the inverse offers of a cluster: those that await an answer, what was answered last, and until when a
// framework does not want to be asked again.
type Requests struct {
	awaiting map[ids.Offer]*Request
	asked    map[Pair]*Request
	answers  map[Pair]*allocatorpb.InverseOfferStatus
	quiet    map[Pair]time.Time
}

// NewRequests returns none.
func NewRequests() *Requests {
	return &Requests{
		awaiting: map[ids.Offer]*Request{}, asked: map[Pair]*Request{},
		answers: map[Pair]*allocatorpb.InverseOfferStatus{}, quiet: map[Pair]time.Time{},
	}
}

// MayAsk reports whether a framework can be asked now.
func (r *Requests) MayAsk(p Pair, now time.Time) bool {
	return r.asked[p] == nil && !now.Before(r.quiet[p])
}

// Add notes that a framework was asked.
func (r *Requests) Add(q *Request) { r.awaiting[q.ID], r.asked[q.Pair] = q, q }

// Get returns the request of that id that awaits an answer, or nil.
func (r *Requests) Get(id ids.Offer) *Request { return r.awaiting[id] }

// Drop notes that nobody will answer q.
func (r *Requests) Drop(q *Request) {
	delete(r.awaiting, q.ID)
	delete(r.asked, q.Pair)
}

// Answer notes what the framework said to q, and until when it does not want to be asked again.
func (r *Requests) Answer(q *Request, answer *allocatorpb.InverseOfferStatus, quiet time.Time) {
	r.Drop(q)
	r.answers[q.Pair], r.quiet[q.Pair] = answer, quiet
}

// Forget drops what was answered about agents, and by frameworks, of which gone says so.
func (r *Requests) Forget(gone func(Pair) bool) {
	maps.DeleteFunc(r.answers, func(p Pair, _ *allocatorpb.InverseOfferStatus) bool { return gone(p) })
	maps.DeleteFunc(r.quiet, func(p Pair, _ time.Time) bool { return gone(p) })
}

// Of lists the requests that await an answer and are picked, in the order in which they were made.
func (r *Requests) Of(pick func(Pair) bool) []*Request {
	var some []*Request
	for p, q := range r.asked {
		if pick(p) {
			some = append(some, q)
		}
	}
	slices.SortFunc(some, func(a, b *Request) int {
		return cmp.Or(cmp.Compare(len(a.ID), len(b.ID)), cmp.Compare(a.ID, b.ID))
	})
	return some
}

// Answers lists what frameworks said about an agent, by framework.
func (r *Requests) Answers(agent ids.Agent) []*allocatorpb.InverseOfferStatus {
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
