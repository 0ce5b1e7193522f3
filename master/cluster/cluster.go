// Package cluster is what a master knows of its agents, frameworks and tasks, and what has to happen with it: the book, the
// allocator, those who follow the changes, the counts and the schedulers are changed and told together, so that they
// agree. Conversations with peers are the master's, who decides; nothing here asks, waits or refuses.
//
// A [Cluster] belongs to an actor, the master, and may be used only on its turns.
package cluster

import (
	"time"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/master/counts"
	"meseta/master/maintenance"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/runtime"
)

// Options say how a cluster behaves. All are required.
type Options struct {
	Book               *book.Book
	Counts             *counts.Counts
	Allocator          allocator.Config
	OfferTimeout       time.Duration    // until offers that nobody answers are rescinded; [Never]: they are not
	AllocationInterval time.Duration    // between inverse offers
	MaxSubscribers     int              // that follow the changes
	OfferID            func() ids.Offer // makes the next id of an offer or an inverse offer
	Master             func() view.Master
}

// Cluster is what a master knows, and who has to agree with it.
type Cluster struct {
	*conversation
	Book          *book.Book
	Counts        *counts.Counts
	Allocator     Allocator
	Offers        *Offers
	InverseOffers *InverseOffers
	Feed          *Feed
	mirror        view.Mirror // of the book, for readers
	master        func() view.Master
}

// New returns the cluster of actor, which has been spawned, and starts the allocator.
func New(actor *runtime.Actor, options Options) *Cluster {
	talk := &conversation{actor}
	c := &Cluster{conversation: talk, Book: options.Book, Counts: options.Counts, master: options.Master}
	c.Allocator = spawnAllocator(actor, options.Allocator, func(f ids.Framework, allocated []allocator.Offer) {
		c.Offers.Offer(f, allocated)
	})
	limit := timeouts{actor: actor, after: options.OfferTimeout, timers: map[ids.Offer]runtime.Timer{}}
	c.InverseOffers = &InverseOffers{
		conversation: talk, book: options.Book, made: maintenance.NewInverseOffers(), timeouts: limit, ids: options.OfferID,
		interval: options.AllocationInterval,
	}
	c.Offers = &Offers{
		conversation: talk, book: options.Book, allocator: c.Allocator, inverse: c.InverseOffers, timeouts: limit, ids: options.OfferID,
	}
	c.Feed = &Feed{actor: actor, book: options.Book, look: c.Look, max: options.MaxSubscribers}
	return c
}

// Look returns what there is now, to be read beside the master's turns.
func (c *Cluster) Look() *view.Cluster { return c.mirror.Look(c.master(), c.Book) }

// End ends what was spawned.
func (c *Cluster) End() {
	c.actor.Node().Terminate(c.Allocator.ref.PID())
	c.Feed.end()
}
