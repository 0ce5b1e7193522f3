package book

import (
	"errors"
	"fmt"
	"slices"

	"meseta/messages/resources"
)

// Check returns an error about the first invariant that does not hold.
func (b *Book) Check() error {
	for _, check := range []func() error{b.checkAgents, b.checkFrameworks, b.checkOffers, b.checkOperations, b.checkAbsent} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (b *Book) checkAgents() error {
	for pid, a := range b.agentAt {
		if b.agents[a.ID] != a || a.PID != pid {
			return fmt.Errorf("agent %s is not at %s", a.ID, pid)
		}
	}
	if !slices.Equal(b.Agents(), listed(b.agents)) {
		return errors.New("the list of agents is out of date")
	}
	onMachines := 0
	for machine, on := range b.machines {
		onMachines += len(on)
		for _, a := range on {
			if b.agents[a.ID] != a || a.machine != machine || machine != MachineOf(a.Info, a.PID) {
				return fmt.Errorf("agent %s is not on %v", a.ID, machine)
			}
		}
	}
	if onMachines != len(b.agents) {
		return fmt.Errorf("%d agents are on machines, of %d", onMachines, len(b.agents))
	}
	for id, a := range b.agents {
		if a.ID != id || b.agentAt[a.PID] == nil {
			return fmt.Errorf("agent %s is misfiled", id)
		}
		for i, t := range a.tasks {
			if f := b.frameworks[t.Framework]; f == nil || f.tasks[t.ID] != t || t.Agent != id || t.agent != a || t.place != i {
				return fmt.Errorf("task %s of framework %s, on agent %s, is not its framework's", t.ID, t.Framework, id)
			}
		}
		for key := range a.duplicates {
			if b.frameworks[key.Framework] == nil || a.Task(key) != nil {
				return fmt.Errorf("duplicate %v of agent %s is a task there, or nobody's", key, id)
			}
		}
		for key, e := range a.executors {
			if f := b.frameworks[key.Framework]; f == nil || f.executors[id][key.Executor] != e || e.Agent != id {
				return fmt.Errorf("executor %v of agent %s is not its framework's", key, id)
			}
		}
		if err := a.checkOffered(); err != nil {
			return err
		}
	}
	return nil
}

// checkOffered returns an error if more is offered of a than nobody uses. An agent that came back with less than before may
// use more of one resource than it has; what is left of others is offered. Shared resources are offered however many use them.
func (a *Agent) checkOffered() error {
	used, offered := a.Used().Unallocate().NonShared(), a.Offered().Unallocate()
	for r := range offered.Shared().All() {
		if !slices.ContainsFunc(slices.Collect(a.Total.All()), func(has resources.Resource) bool { return has.Key() == r.Key() }) {
			return fmt.Errorf("agent %s has %v, but %v is offered", a.ID, a.Total, r)
		}
	}
	offered = offered.NonShared()
	if len(a.offers) == 0 || a.Total.Contains(used.Plus(offered)) || a.Total.Minus(used).Contains(offered) {
		return nil
	}
	return fmt.Errorf("agent %s has %v and uses %v, but %v is offered", a.ID, a.Total, used, offered)
}

func (b *Book) checkFrameworks() error {
	for id, f := range b.frameworks {
		if f.ID != id || (!f.PID.IsZero() && b.schedulers[f.PID] != f) {
			return fmt.Errorf("framework %s is misfiled", id)
		}
		if (f.PID.IsZero() && f.Stream == nil && f.Connected()) || (f.Stream != nil && !(f.PID.IsZero() && f.Connected())) {
			return fmt.Errorf("framework %s is connected by %+v in state %d", id, f.Connection, f.State)
		}
		for _, role := range f.Roles {
			if b.roles[role][id] != f {
				return fmt.Errorf("framework %s is missing from role %s", id, role)
			}
		}
		for task, t := range f.tasks {
			if a := b.agents[t.Agent]; a == nil || t.agent != a || t.place >= len(a.tasks) || a.tasks[t.place] != t {
				return fmt.Errorf("task %s of framework %s is not its agent's", task, id)
			}
			if f.unreachable.has(task) {
				return fmt.Errorf("task %s of framework %s is known and unreachable", task, id)
			}
		}
		if len(f.offers) > 0 && !f.IsActive() {
			return fmt.Errorf("framework %s has offers without being active", id)
		}
	}
	for role, frameworks := range b.roles {
		for id, f := range frameworks {
			if b.frameworks[id] != f || !f.HasRole(role) {
				return fmt.Errorf("framework %s is in role %s wrongly", id, role)
			}
		}
	}
	return nil
}

func (b *Book) checkOffers() error {
	byFramework, byAgent := 0, 0
	for _, f := range b.frameworks {
		byFramework += len(f.offers)
	}
	for _, a := range b.agents {
		byAgent += len(a.offers)
		if len(a.offers) > 0 && !a.Active {
			return fmt.Errorf("agent %s has offers without being active", a.ID)
		}
	}
	if byFramework != len(b.offers) || byAgent != len(b.offers) {
		return fmt.Errorf("%d offers, %d of frameworks, %d of agents", len(b.offers), byFramework, byAgent)
	}
	for id, o := range b.offers {
		if b.frameworks[o.Framework].offers[id] != o || b.agents[o.Agent].offers[id] != o {
			return fmt.Errorf("offer %s is misfiled", id)
		}
	}
	return nil
}

func (b *Book) checkAbsent() error {
	for _, id := range b.unreachable.keys() {
		if b.agents[id] != nil || b.recovered[id] != nil || b.gone.has(id) {
			return fmt.Errorf("agent %s is unreachable and something else", id)
		}
	}
	for id := range b.unreachableTasks {
		if !b.unreachable.has(id) && !b.gone.has(id) {
			return fmt.Errorf("there are unreachable tasks of agent %s, which is not", id)
		}
	}
	for id := range b.recovered {
		if b.agents[id] != nil {
			return fmt.Errorf("agent %s is registered and still to be recovered", id)
		}
	}
	return nil
}

// checkOperations returns an error unless every operation on an agent is its framework's, or disowned if there is none.
func (b *Book) checkOperations() error {
	on, owned, disowned := 0, 0, 0
	for id, a := range b.agents {
		on += len(a.operations)
		for uuid, o := range a.operations {
			f := b.frameworks[o.Framework]
			ownerless := b.disowned[o.Framework].has(o)
			if o.UUID != uuid || o.Agent != id || f != nil && !f.operations.has(o) || f == nil != ownerless {
				return fmt.Errorf("operation %s of framework %q on agent %s is misfiled", uuid, o.Framework, id)
			}
		}
	}
	for _, f := range b.frameworks {
		owned += len(f.operations)
		for id, o := range f.operationIDs {
			if !f.operations.has(o) || o.ID().GetValue() != id {
				return fmt.Errorf("operation %s of framework %s is not its own", id, f.ID)
			}
		}
	}
	for _, of := range b.disowned {
		disowned += len(of)
	}
	if on != owned+disowned {
		return fmt.Errorf("%d operations are on agents, %d of frameworks and %d of nobody", on, owned, disowned)
	}
	return nil
}
