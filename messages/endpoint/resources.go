package endpoint

import (
	"slices"
	"strings"

	"meseta/messages/jsonwriter"
	"meseta/messages/resources"
)

// amounts holds resources by name, as Mesos shows them to people: scalars as numbers (cpus, gpus, mem and disk even if
// there are none), ranges and sets as text. Revocable resources have names of their own.
type amounts struct {
	first  [4]resources.Quantity // disk, mem, gpus, cpus
	others []named[resources.Quantity]
	ranges []named[resources.Ranges]
	sets   []named[resources.Set]
}

type named[V any] struct {
	name  string
	value V
}

// plus adds v to the value of that name.
func plus[V interface{ Plus(V) V }](all []named[V], name string, v V) []named[V] {
	for i := range all {
		if all[i].name == name {
			all[i].value = all[i].value.Plus(v)
			return all
		}
	}
	return append(all, named[V]{name, v})
}

func byName[V any](x, y named[V]) int { return strings.Compare(x.name, y.name) }

// FirstNames lists the resources that are always written, in their order.
var FirstNames = [4]string{"disk", "mem", "gpus", "cpus"}

func amountsOf(rs resources.Resources) (a amounts) {
	for r := range rs.All() {
		name := r.Name()
		if r.IsRevocable() {
			name += "_revocable"
		}
		switch r.Type() {
		case resources.ScalarType:
			a.add(name, r.Scalar())
		case resources.RangesType:
			a.ranges = plus(a.ranges, name, r.Ranges())
		case resources.SetType:
			a.sets = plus(a.sets, name, r.Set())
		}
	}
	slices.SortFunc(a.others, byName)
	slices.SortFunc(a.ranges, byName)
	slices.SortFunc(a.sets, byName)
	return a
}

func (a *amounts) add(name string, value resources.Quantity) {
	for i, first := range FirstNames {
		if name == first {
			a.first[i] = a.first[i].Plus(value)
			return
		}
	}
	a.others = plus(a.others, name, value)
}

// Resources writes the field name with the amounts in rs, by name.
//
// Mesos: json(JSON::ObjectWriter*, const Resources&).
func Resources(o jsonwriter.Object, name string, rs resources.Resources) {
	a := amountsOf(rs)
	o.Obj(name, func(o jsonwriter.Object) {
		for i, first := range FirstNames {
			o.Num(first, a.first[i].Float())
		}
		for _, other := range a.others {
			o.Num(other.name, other.value.Float())
		}
		for _, r := range a.ranges {
			o.Str(r.name, r.value.String())
		}
		for _, s := range a.sets {
			o.Str(s.name, s.value.String())
		}
	})
}

// RoleOf returns the role that resources are allocated to, or "*" if they are not allocated.
func RoleOf(rs resources.Resources) string {
	for r := range rs.All() {
		if role, ok := r.AllocationRole(); ok {
			return role
		}
	}
	return "*"
}

// Quantities writes the field name with the amounts in q, by name.
func Quantities(o jsonwriter.Object, name string, q resources.Quantities) {
	o.Obj(name, func(o jsonwriter.Object) {
		for resource, amount := range q.All() {
			o.Num(resource, amount.Float())
		}
	})
}

// Limits writes the field name with the bounds in l, by name.
func Limits(o jsonwriter.Object, name string, l resources.Limits) {
	o.Obj(name, func(o jsonwriter.Object) {
		for resource, bound := range l.All() {
			o.Num(resource, bound.Float())
		}
	})
}

// ResourcesFull writes the field name with rs as messages, in the format of endpoints.
func ResourcesFull(o jsonwriter.Object, name string, rs resources.Resources) {
	o.List(name, func(a jsonwriter.Array) {
		for _, r := range rs.ForEndpoint() {
			a.Message(r)
		}
	})
}
