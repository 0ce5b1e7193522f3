// Package cluster holds the agents, frameworks and tasks of a master, and the consequences of their changes: it changes
// the book and tells the allocator, the subscribers, the counters and the schedulers, so that they agree. The master
// holds the conversations with peers and decides; nothing here asks, waits or refuses.
//
// A [Cluster] belongs to the master's actor and may be used only on its turns.
package cluster

import (
	"time"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/master/counts"
	"meseta/master/maintenance"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Options configures a [Cluster]. All fields are required.
type Options struct {
	Book               *book.Book
	Counts             *counts.Counts
	Allocator          allocator.Config
	OfferTimeout       time.Duration    // until unused offers are rescinded; [Never] keeps them
	AllocationInterval time.Duration    // time between inverse offers
	MaxSubscribers     int              // maximal number of subscribers of the operator API
	OfferID            func() ids.Offer // returns the next ID of an offer or inverse offer
	Master             func() view.Master
	Lost               func(*mesospb.SlaveInfo) // called for an agent that was removed or is unreachable
}

// Cluster is the state of a master with everything that has to agree with it.
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
	lost          func(*mesospb.SlaveInfo)
}

// New returns the cluster of actor, which must have been spawned, and spawns the allocator.
func New(actor *runtime.Actor, options Options) *Cluster {
	talk := &conversation{actor}
	c := &Cluster{conversation: talk, Book: options.Book, Counts: options.Counts, master: options.Master, lost: options.Lost}
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

// Look returns the current state, which may be read outside the master's turns.
func (c *Cluster) Look() *view.Cluster { return c.mirror.Look(c.master(), c.Book) }

// End terminates the actors that the cluster spawned.
func (c *Cluster) End() {
	c.actor.Node().Terminate(c.Allocator.ref.PID())
	c.Feed.end()
}
