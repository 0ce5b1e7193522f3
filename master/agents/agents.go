// Package agents holds a master's conversations with its agents, and carries out what operators decide about them: which
// come, which are not heard of any more, which go, and which have to become empty.
//
// An agent is in one of five places: registered; recovered, which is known from the registry and expected back;
// unreachable; gone; or removed. What moves it from one to another is written into the registry first, and takes several
// turns: [book.Transition] says what is under way, and everything is looked at again after every wait.
package agents

import (
	"time"

	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/master/leadership"
	"meseta/master/peers"
	"meseta/messages/ids"
	"meseta/runtime"
)

// Options say what the agents belong to, and how long they may be away. All are required, but numbers and Domain may be
// zero.
type Options struct {
	Cluster  *cluster.Cluster
	Registry *leadership.Registry
	Peers    *peers.Peers
	NextID   func() ids.Agent
	GiveUp   func(reason error) // ends the master

	Domain        bool // the master has one, so that agents may
	RequireDomain bool // agents must have one

	PingInterval      time.Duration // between pings
	MaxPings          int           // missed in a row that make an agent unreachable
	ReregisterTimeout time.Duration // after a failover of the master or a broken connection
	RemovalRate       Rate          // of agents that become unreachable
	RemovalLimit      float64       // share of agents, from 0 to 1, that may stay away after a failover
	PruneInterval     time.Duration // between two looks for old agents in the registry
	MaxAge            time.Duration // of unreachable and gone agents in the registry
	MaxCount          int           // of unreachable, and of gone, agents in the registry
}

// Agents are the conversations with agents. They belong to the master's actor and may be used only on its turns.
type Agents struct {
	Registrations *Registrations // an agent registers, comes back, or has something else than before
	Watch         *Watch         // an agent does not answer, or its connection breaks
	Removals      *Removals      // an agent unregisters, is given up as unreachable, is gone, is replaced
	Drains        *Drains        // an operator drains, deactivates or reactivates an agent
	Maintenance   *Maintenance   // an operator plans when machines are out of service
	Recovery      *Recovery      // a new leader waits for the agents of the registry, and forgets old ones
}

// core is what every conversation with agents needs.
type core struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Agents
	registry       *leadership.Registry
}

// New returns the agents of actor, which has been spawned.
func New(actor *runtime.Actor, o Options) *Agents {
	c := &core{actor, o.Cluster.Book, o.Cluster, &o.Cluster.Counts.Agents, o.Registry}
	watch := newWatch(c, o)
	removals := newRemovals(c, o.RemovalRate, watch)
	watch.removals = removals
	maintenance := &Maintenance{core: c, removals: removals, planning: runtime.NewSequence(actor)}
	drains := &Drains{core: c, removals: removals, plan: maintenance.Plan}
	return &Agents{
		Registrations: &Registrations{
			core: c, peers: o.Peers, watch: watch, removals: removals, drains: drains, maintenance: maintenance,
			nextID: o.NextID, domain: o.Domain, requireDomain: o.RequireDomain,
		},
		Watch: watch, Removals: removals, Drains: drains, Maintenance: maintenance,
		Recovery: &Recovery{
			core: c, removals: removals, giveUp: o.GiveUp, timeout: o.ReregisterTimeout, limit: o.RemovalLimit,
			interval: o.PruneInterval, maxAge: o.MaxAge, maxCount: o.MaxCount,
		},
	}
}
