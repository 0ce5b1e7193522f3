package view

import (
	"iter"
	"maps"
	"slices"

	"meseta/actors/authorizer"
	"meseta/messages/ids"
	"meseta/messages/resources"
)

// Role is what is known of a role.
type Role struct {
	Name       string
	Weight     float64
	Allocated  resources.Resources // to executors and unfinished tasks
	Offered    resources.Resources
	Reserved   resources.Resources // to the role, on all agents
	Frameworks []ids.Framework     // that subscribe to it
}

// Roles lists those that frameworks subscribe to, and those that have weights or reservations.
//
// Mesos: Master::knownRoles.
func (c *Cluster) Roles() []*Role {
	return slices.DeleteFunc(c.everything().knownRoles(), func(r *Role) bool { return !authorizer.SeesRole(c.may, r.Name) })
}

func (c *Cluster) knownRoles() []*Role {
	known := map[string]*Role{}
	role := func(name string) *Role {
		if known[name] == nil {
			weight, ok := c.Weights[name]
			if !ok {
				weight = 1
			}
			known[name] = &Role{Name: name, Weight: weight}
		}
		return known[name]
	}
	for name := range c.Weights {
		role(name)
	}
	for _, f := range c.Frameworks {
		for _, name := range f.Roles {
			role(name).Frameworks = append(role(name).Frameworks, f.ID)
		}
	}
	for _, a := range c.Agents {
		for _, name := range a.Total.ReservationRoles() {
			role(name).Reserved = role(name).Reserved.Plus(a.Total.Reserved(name))
		}
	}
	for name, r := range known {
		for _, f := range c.Frameworks {
			r.Allocated = r.Allocated.Plus(f.Used().AllocatedTo(name))
			r.Offered = r.Offered.Plus(f.Offered().AllocatedTo(name))
		}
	}
	return slices.SortedFunc(maps.Values(known), func(a, b *Role) int { return compareNames(a.Name, b.Name) })
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

// RolesText is the body of /roles.
func (c *Cluster) RolesText() iter.Seq[[]byte] {
	return text(func(o object) {
		o.list("roles", func(a array) {
			for _, r := range c.Roles() {
				a.obj(func(o object) { r.write(o) })
			}
		})
	})
}

func (r *Role) write(o object) {
	o.str("name", r.Name)
	o.num("weight", r.Weight)
	o.obj("quota", func(o object) {
		o.str("role", r.Name)
		o.obj("guarantee", func(object) {})
		o.obj("limit", func(object) {})
		writeQuantities(o, "consumed", r.Allocated.Plus(r.Reserved.Minus(r.Allocated.Unallocate())).Quantities())
	})
	writeQuantities(o, "resources", r.Allocated.Plus(r.Offered).Quantities())
	writeQuantities(o, "allocated", r.Allocated.Quantities())
	writeQuantities(o, "offered", r.Offered.Quantities())
	writeQuantities(o, "reserved", r.Reserved.Quantities())
	o.list("frameworks", func(a array) {
		for _, id := range r.Frameworks {
			a.str(string(id))
		}
	})
}
