package book

import (
	"math"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Transition is a change of an agent's state that is in progress between two turns. It excludes some other changes.
type Transition uint8

// The transitions. They may be combined.
const (
	Reregistering Transition = 1 << iota
	MarkingUnreachable
	MarkingGone
	MarkingDrained
	Removing
)

// Leaving combines the transitions after which an agent is no longer registered.
const Leaving = MarkingUnreachable | MarkingGone | Removing

// absent is the part of the book about agents that are not registered or are changing their state.
type absent struct {
	recovered        map[ids.Agent]*mesospb.SlaveInfo // in the registry, but not registered with this master yet
	unreachable      *boundedMap[ids.Agent, *mesospb.TimeInfo]
	gone             *boundedMap[ids.Agent, *mesospb.TimeInfo]
	removed          *boundedMap[ids.Agent, struct{}]
	unreachableTasks map[ids.Agent][]TaskKey // of agents that are unreachable or gone
	transitions      map[ids.Agent]Transition
	deactivations    map[ids.Agent]Deactivation // of agents about which operators decided something
	registering      map[runtime.PID]struct{}
}

func newAbsent(limits Limits) absent {
	return absent{
		recovered:        map[ids.Agent]*mesospb.SlaveInfo{},
		unreachable:      newBoundedMap[ids.Agent, *mesospb.TimeInfo](math.MaxInt), // the registry bounds it
		gone:             newBoundedMap[ids.Agent, *mesospb.TimeInfo](math.MaxInt),
		removed:          newBoundedMap[ids.Agent, struct{}](limits.RemovedAgents),
		unreachableTasks: map[ids.Agent][]TaskKey{},
		transitions:      map[ids.Agent]Transition{},
		deactivations:    map[ids.Agent]Deactivation{},
		registering:      map[runtime.PID]struct{}{},
	}
}

// ---- transitions ----

// Begin records that the transition p of an agent is in progress.
func (b *Book) Begin(id ids.Agent, p Transition) { b.transitions[id] |= p }

// End records that the transition p of an agent is over.
func (b *Book) End(id ids.Agent, p Transition) {
	if b.transitions[id] &^= p; b.transitions[id] == 0 {
		delete(b.transitions, id)
	}
}

// In reports whether one of the transitions in any is in progress for the agent.
func (b *Book) In(id ids.Agent, any Transition) bool { return b.transitions[id]&any != 0 }

// NumTransitions returns how many agents are in a transition or being admitted.
func (b *Book) NumTransitions() int { return len(b.transitions) + len(b.registering) }

// BeginRegistration records that the new agent at pid is being admitted. It returns false if that is recorded already.
func (b *Book) BeginRegistration(pid runtime.PID) bool {
	if _, ok := b.registering[pid]; ok {
		return false
	}
	b.registering[pid] = struct{}{}
	return true
}

// EndRegistration ends what BeginRegistration began.
func (b *Book) EndRegistration(pid runtime.PID) { delete(b.registering, pid) }

// ---- agents that are not registered ----

// AddRecovered adds an agent from the registry that has yet to re-register.
func (b *Book) AddRecovered(info *mesospb.SlaveInfo) {
	b.recovered[ids.AgentOf(info.GetId())] = info
	b.revisions.Recovered++
}

// Recovered returns the description of an agent that has yet to re-register, or nil.
func (b *Book) Recovered(id ids.Agent) *mesospb.SlaveInfo { return b.recovered[id] }

// DropRecovered removes an agent that re-registered or that is not expected any more.
func (b *Book) DropRecovered(id ids.Agent) {
	delete(b.recovered, id)
	b.revisions.Recovered++
}

// AllRecovered returns the agents that have yet to re-register.
func (b *Book) AllRecovered() []*mesospb.SlaveInfo { return listed(b.recovered) }

// NumRecovered returns the number of agents that have yet to re-register.
func (b *Book) NumRecovered() int { return len(b.recovered) }

// AddUnreachable records that the agent is unreachable since the given time.
func (b *Book) AddUnreachable(id ids.Agent, since *mesospb.TimeInfo) { b.unreachable.put(id, since) }

// Unreachable returns since when the agent is unreachable; ok is false if it is not.
func (b *Book) Unreachable(id ids.Agent) (since *mesospb.TimeInfo, ok bool) {
	return b.unreachable.get(id)
}

// AllUnreachable returns the unreachable agents in the order in which they became unreachable.
func (b *Book) AllUnreachable() []ids.Agent { return b.unreachable.keys() }

// NumUnreachable returns the number of unreachable agents.
func (b *Book) NumUnreachable() int { return b.unreachable.len() }

// DropUnreachable forgets an unreachable agent and its tasks.
func (b *Book) DropUnreachable(id ids.Agent) {
	b.unreachable.drop(id)
	b.dropUnreachableTasks(id)
}

func (b *Book) dropUnreachableTasks(id ids.Agent) {
	for _, key := range b.unreachableTasks[id] {
		if f := b.frameworks[key.Framework]; f != nil {
			f.unreachable.drop(key.Task)
			f.touched.Past = true
		}
	}
	delete(b.unreachableTasks, id)
}

// AddGone records that the agent is gone since the given time.
func (b *Book) AddGone(id ids.Agent, since *mesospb.TimeInfo) { b.gone.put(id, since) }

// Gone returns since when the agent is gone; ok is false if it is not.
func (b *Book) Gone(id ids.Agent) (since *mesospb.TimeInfo, ok bool) { return b.gone.get(id) }

// AllGone returns the agents that are gone, in the order in which they were marked.
func (b *Book) AllGone() []ids.Agent { return b.gone.keys() }

// DropGone forgets an agent that is gone.
func (b *Book) DropGone(id ids.Agent) {
	b.gone.drop(id)
	b.dropUnreachableTasks(id)
}

// DropRemoved forgets that an agent was removed, because it came back.
func (b *Book) DropRemoved(id ids.Agent) { b.removed.drop(id) }
