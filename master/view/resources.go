package view

import (
	"slices"
	"strings"

	"meseta/messages/resources"
)

// amounts are resources by name, as Mesos writes them for people: scalars as numbers, of which cpus, gpus, mem and disk
// always, ranges and sets as text. What is revocable has names of its own.
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

var firstNames = [4]string{"disk", "mem", "gpus", "cpus"}

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
	for i, first := range firstNames {
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

// writeResources writes rs by name.
//
// Mesos: json(JSON::ObjectWriter*, const Resources&).
func writeResources(o object, name string, rs resources.Resources) {
	a := amountsOf(rs)
	o.obj(name, func(o object) {
		for i, first := range firstNames {
			o.num(first, a.first[i].Float())
		}
		for _, other := range a.others {
			o.num(other.name, other.value.Float())
		}
		for _, t := range a.texts {
			o.str(t.name, t.text)
		}
	})
}

func roleOf(rs resources.Resources) string {
	for r := range rs.All() {
		if role, ok := r.AllocationRole(); ok {
			return role
		}
	}
	return "*"
}

// writeQuantities writes how much there is, of what there is.
func writeQuantities(o object, name string, q resources.Quantities) {
	o.obj(name, func(o object) {
		for resource, amount := range q.All() {
			o.num(resource, amount.Float())
		}
	})
}
