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
	others []amount
	texts  []named
}

type amount struct {
	name  string
	value resources.Quantity
}

type named struct{ name, text string }

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
			a.say(name, rs.Ranges(r.Name()).String())
		case resources.SetType:
			a.say(name, rs.Set(r.Name()).String())
		}
	}
	slices.SortFunc(a.others, func(x, y amount) int { return strings.Compare(x.name, y.name) })
	slices.SortFunc(a.texts, func(x, y named) int { return strings.Compare(x.name, y.name) })
	return a
}

func (a *amounts) add(name string, value resources.Quantity) {
	for i, first := range FirstNames {
		if name == first {
			a.first[i] = a.first[i].Plus(value)
			return
		}
	}
	for i := range a.others {
		if a.others[i].name == name {
			a.others[i].value = a.others[i].value.Plus(value)
			return
		}
	}
	a.others = append(a.others, amount{name, value})
}

func (a *amounts) say(name, text string) {
	if !slices.ContainsFunc(a.texts, func(n named) bool { return n.name == name }) {
		a.texts = append(a.texts, named{name, text})
	}
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
		for _, t := range a.texts {
			o.Str(t.name, t.text)
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

// ResourcesFull writes the field name with rs as messages, in the format of endpoints.
func ResourcesFull(o jsonwriter.Object, name string, rs resources.Resources) {
	o.List(name, func(a jsonwriter.Array) {
		for _, r := range rs.ForEndpoint() {
			a.Message(r)
		}
	})
}
