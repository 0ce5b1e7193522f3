package view

import (
	"iter"
	"maps"
	"slices"

	"meseta/actors/authorizer"
	"meseta/messages/endpoint"
	"meseta/messages/ids"
	"meseta/messages/jsonwriter"
	"meseta/messages/resources"
	"meseta/messages/roles"
)

// Role is a role. Its amounts include those of all roles below it.
type Role struct {
	Name       string
	Weight     float64
	Guarantee  resources.Quantities // by its quota, as is Limit
	Limit      resources.Limits
	Allocated  resources.Quantities // to executors and non-terminal tasks
	Offered    resources.Quantities
	Reserved   resources.Quantities // on all agents
	Idle       resources.Quantities // reserved, but not used by executors or tasks
	Frameworks []ids.Framework      // that subscribe to the role or use resources in it
}

// Consumed returns what counts against the role's quota.
func (r *Role) Consumed() resources.Quantities { return r.Allocated.Plus(r.Idle) }

// Roles returns the roles that frameworks subscribe to or use, those with weights, quotas or reservations, and their
// ancestors.
//
// Mesos: Master::knownRoles and Master::RoleResourceBreakdown.
func (c *Cluster) Roles() []*Role {
	return slices.DeleteFunc(c.everything().knownRoles(), func(r *Role) bool { return !authorizer.SeesRole(c.may, r.Name) })
}

func (c *Cluster) knownRoles() []*Role {
	known := knownRoles{weights: c.Weights, only: c.Whitelist, roles: map[string]*Role{}}
	for _, name := range slices.Concat(c.Whitelist, slices.Collect(maps.Keys(c.Weights))) {
		known.upwards(name, func(*Role) {})
	}
	for _, q := range c.Quotas {
		known.upwards(q.GetRole(), func(r *Role) {
			if r.Name == q.GetRole() {
				r.Guarantee = resources.QuantitiesOf(resources.Amounts(q.GetGuarantees()))
				r.Limit = resources.LimitsOf(resources.Amounts(q.GetLimits()))
			}
		})
	}
	for _, f := range c.Frameworks {
		known.count(f)
	}
	for _, a := range c.Agents {
		for _, name := range a.Total.ReservationRoles() {
			reserved := a.Total.Reserved(name).Quantities()
			idle := reserved.Minus(a.Used.Reserved(name).Quantities())
			known.upwards(name, func(r *Role) { r.Reserved, r.Idle = r.Reserved.Plus(reserved), r.Idle.Plus(idle) })
		}
	}
	return slices.SortedFunc(maps.Values(known.roles), func(a, b *Role) int { return compareNames(a.Name, b.Name) })
}

// knownRoles collects roles.
type knownRoles struct {
	weights map[string]float64
	only    []string // the allowed roles with their ancestors; nil if all are allowed
	roles   map[string]*Role
}

// upwards calls do for a role and its ancestors.
func (k *knownRoles) upwards(name string, do func(*Role)) {
	if k.only != nil && k.roles[name] == nil && !slices.Contains(k.only, name) {
		return
	}
	do(k.role(name))
	for above := range roles.Ancestors(name) {
		do(k.role(above))
	}
}

func (k *knownRoles) role(name string) *Role {
	if k.roles[name] == nil {
		weight, ok := k.weights[name]
		if !ok {
			weight = 1
		}
		k.roles[name] = &Role{Name: name, Weight: weight}
	}
	return k.roles[name]
}

// count adds a framework and its resources.
func (k *knownRoles) count(f *Framework) {
	used, offered := f.Used(), f.Offered()
	subscribed := slices.Concat(f.Roles, used.AllocationRoles())
	slices.Sort(subscribed)
	for _, name := range slices.Compact(subscribed) {
		k.upwards(name, func(r *Role) {
			if r.Name == name {
				r.Frameworks = append(r.Frameworks, f.ID)
			}
		})
	}
	for _, name := range used.AllocationRoles() {
		allocated := used.AllocatedTo(name).Quantities()
		k.upwards(name, func(r *Role) { r.Allocated = r.Allocated.Plus(allocated) })
	}
	for _, name := range offered.AllocationRoles() {
		open := offered.AllocatedTo(name).Quantities()
		k.upwards(name, func(r *Role) { r.Offered = r.Offered.Plus(open) })
	}
}

func compareNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// RolesText returns the body of /roles.
func (c *Cluster) RolesText() iter.Seq[[]byte] {
	return jsonwriter.Text(func(o object) {
		o.List("roles", func(a array) {
			for _, r := range c.Roles() {
				a.Obj(func(o object) { r.write(o) })
			}
		})
	})
}

func (r *Role) write(o object) {
	o.Str("name", r.Name)
	o.Num("weight", r.Weight)
	o.Obj("quota", func(o object) {
		o.Str("role", r.Name)
		endpoint.Quantities(o, "guarantee", r.Guarantee)
		endpoint.Limits(o, "limit", r.Limit)
		endpoint.Quantities(o, "consumed", r.Consumed())
	})
	endpoint.Quantities(o, "resources", r.Allocated.Plus(r.Offered))
	endpoint.Quantities(o, "allocated", r.Allocated)
	endpoint.Quantities(o, "offered", r.Offered)
	endpoint.Quantities(o, "reserved", r.Reserved)
	o.List("frameworks", func(a array) {
		for _, id := range r.Frameworks {
			a.Str(string(id))
		}
	})
}
