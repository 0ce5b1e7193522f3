package allocator

import (
	"meseta/messages/ids"
	"meseta/messages/resources"
)

// Holding shows the resources of an agent and the frameworks that hold them.
type Holding struct {
	Agent     ids.Agent
	Total     resources.Resources
	Available resources.Resources
	Held      map[ids.Framework]resources.Resources // offered or in use; not allocated to roles
	InUse     resources.Resources                   // the part of Held that tasks and executors use
}

// Holdings returns the holdings of all agents, in the order they were added. Tests compare them with the master's own
// records.
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
