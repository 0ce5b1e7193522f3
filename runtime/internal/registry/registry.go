// Package registry finds the processes of one node by their ids: the node's own and, if it shares an actor system of
// protoactor-go, foreign ones.
package registry

import (
	"cmp"
	"slices"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
)

// Registry is protoactor-go's, of one bucket. P is what the node's own processes are. The registry belongs to an actor
// system only if the node shares one: making a system allocates 32,768 maps.
type Registry[P actor.Process] struct {
	registry *actor.ProcessRegistryValue
	shared   *actor.ActorSystem // nil: none
}

// New returns the registry of the node at addr. abroad is what every process on another node is known as.
func New[P actor.Process](addr string, shared *actor.ActorSystem, abroad actor.Process) Registry[P] {
	r := Registry[P]{shared: shared}
	if shared != nil {
		r.registry = shared.ProcessRegistry
	} else {
		r.registry = &actor.ProcessRegistryValue{
			ActorSystem: &actor.ActorSystem{}, // looking up a name that is not there wants its dead letters
			LocalPIDs:   &actor.SliceMap{LocalPIDs: []cmap.ConcurrentMap{cmap.New()}},
		}
	}
	r.registry.Address = addr
	r.registry.RegisterAddressResolver(func(*actor.PID) (actor.Process, bool) { return abroad, true })
	return r
}

// Add registers p under id; it reports false when the id is taken.
func (r Registry[P]) Add(p P, id string) bool {
	_, ok := r.registry.Add(p, id)
	return ok
}

// Remove forgets id.
func (r Registry[P]) Remove(id string) { r.registry.Remove(r.pid(id)) }

func (r Registry[P]) pid(id string) *actor.PID { return actor.NewPID(r.registry.Address, id) }

// Find returns the node's own process of that id, or else the foreign process of that id, or neither. The processes that
// every actor system has of its own are nobody: their ids are well known, so peers can name them, and they act on the
// goroutine of the sender.
func (r Registry[P]) Find(id string) (own P, foreign actor.Process) {
	p, ok := r.registry.GetLocal(id)
	if !ok {
		return own, nil
	}
	switch p := p.(type) {
	case P:
		return p, nil
	case *actor.EventStreamProcess:
		return own, nil
	}
	if r.shared != nil && p == actor.Process(r.shared.DeadLetter) {
		return own, nil
	}
	return own, p
}

// At returns the process that pid names, here or abroad.
func (r Registry[P]) At(pid *actor.PID) (actor.Process, bool) { return r.registry.Get(pid) }

// Own returns the node's own processes, sorted by id.
func (r Registry[P]) Own() []P {
	type entry struct {
		id string
		p  P
	}
	var all []entry
	for _, bucket := range r.registry.LocalPIDs.LocalPIDs {
		bucket.IterCb(func(id string, p any) {
			if own, ok := p.(P); ok {
				all = append(all, entry{id, own})
			}
		})
	}
	slices.SortFunc(all, func(x, y entry) int { return cmp.Compare(x.id, y.id) })
	own := make([]P, len(all))
	for i, e := range all {
		own[i] = e.p
	}
	return own
}

// Watch asks the foreign process id to let watcher know when it stops; it reports false when there is none.
func (r Registry[P]) Watch(id, watcher string) bool {
	_, foreign := r.Find(id)
	if foreign == nil {
		return false
	}
	foreign.SendSystemMessage(r.pid(id), &actor.Watch{Watcher: r.pid(watcher)})
	return true
}
