// Package agents implements the part of a master that deals with agents: registration, observation, removal, and what
// operators decide about agents and machines.
//
// An agent is in one of five states: registered, recovered (known from the registry and expected to re-register),
// unreachable, gone, or removed. A change of state is written to the registry first and takes several turns.
// [book.Transition] says which change is in progress, and handlers check the state again after every wait.
package agents

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/master/leadership"
	"meseta/master/peers"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// Options configures [Agents]. All fields up to GiveUp are required. Numbers and durations mean what they say, zero
// included.
type Options struct {
	Cluster  *cluster.Cluster
	Registry *leadership.Registry
	Peers    *peers.Peers
	// NextID returns the ID for a new agent.
	NextID func() ids.Agent
	// GiveUp ends the master.
	GiveUp func(reason error)

	// Domain says that the master has a domain, so that agents may have one.
	Domain bool
	// RequireDomain refuses agents without a domain.
	RequireDomain bool

	// PingInterval is the time between two pings of an agent.
	PingInterval time.Duration
	// MaxPings is how many pings in a row an agent must miss to become unreachable.
	MaxPings int
	// ReregisterTimeout is the time in which agents have to re-register after a failover of the master or after their
	// connection broke.
	ReregisterTimeout time.Duration
	// RemovalRate bounds how fast agents become unreachable. The zero Rate means no bound.
	RemovalRate Rate
	// RemovalLimit is the share of agents, from 0 to 1, that may fail to re-register after a failover.
	RemovalLimit float64
	// PruneInterval is the time between two prunings of the registry.
	PruneInterval time.Duration
	// MaxAge is the time for which the registry keeps unreachable and gone agents.
	MaxAge time.Duration
	// MaxCount is the number of unreachable agents, and the number of gone agents, that the registry keeps.
	MaxCount int
}

// Agents holds the conversations with agents. They belong to the master's actor and may be used only on its turns.
type Agents struct {
	Registrations *Registrations // an agent registers, re-registers, or reports changed resources
	Watch         *Watch         // an agent does not answer, or its connection breaks
	Removals      *Removals      // an agent unregisters, becomes unreachable, is marked gone, or is replaced
	Drains        *Drains        // an operator drains, deactivates or reactivates an agent
	Maintenance   *Maintenance   // an operator schedules maintenance of machines
	Recovery      *Recovery      // a new leader waits for the agents in the registry, and forgets old ones
}

// core holds what every conversation with agents needs.
type core struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Agents
	registry       *leadership.Registry
}

// New returns the agents of actor, which must have been spawned.
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
			connection: &internalpb.MasterSlaveConnection{TotalPingTimeoutSeconds: proto.Float64(watch.timeToAnswer().Seconds())},
		},
		Watch: watch, Removals: removals, Drains: drains, Maintenance: maintenance,
		Recovery: &Recovery{
			core: c, removals: removals, giveUp: o.GiveUp, timeout: o.ReregisterTimeout, limit: o.RemovalLimit,
			interval: o.PruneInterval, maxAge: o.MaxAge, maxCount: o.MaxCount,
		},
	}
}
