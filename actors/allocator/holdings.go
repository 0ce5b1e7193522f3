package allocator

import (
	"meseta/messages/ids"
	"meseta/messages/resources"
)

// Holding is who holds what of an agent.
type Holding struct {
	Agent     ids.Agent
	Total     resources.Resources
	Available resources.Resources
	Held      map[ids.Framework]resources.Resources // offered or in use; not allocated to a role
	InUse     resources.Resources                   // of it, what tasks and executors use
}

// Holdings are those of all agents, in the order they came. They are for tests, which compare them with what the master
// believes.
func (a *Allocator) Holdings() []Holding {
	var all []Holding
	for _, on := range a.book.everyAgent {
		if on.removed {
			continue
		}
		h := Holding{
			Agent: on.id, Total: on.total, Available: on.available, InUse: on.inUse.Unallocate(),
			Held: map[ids.Framework]resources.Resources{},
		}
		for f, held := range on.held {
			if !held.IsEmpty() {
				h.Held[f] = held.Unallocate()
			}
		}
		all = append(all, h)
	}
	return all
}
