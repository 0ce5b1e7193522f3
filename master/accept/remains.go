package accept

import (
	"meseta/master/cluster"
	"meseta/messages/resources"
)

// remains holds what is left of the offers of one ACCEPT. It is a value: a failing operation leaves the old one in
// place.
type remains struct {
	remaining resources.Resources // neither used nor shared; later operations see what earlier ones changed
	shared    resources.Resources // never decreases
	used      resources.Resources
	resized   resources.Resources    // volumes of another size and what became free; later operations cannot use them
	converted []resources.Conversion // in the order in which they were applied
}

func newRemains(offered resources.Resources) remains {
	return remains{remaining: offered.NonShared(), shared: offered.Shared()}
}

// available returns what the next operation can use.
func (l *remains) available() resources.Resources { return l.remaining.Plus(l.shared) }

// use records that a task or an executor takes rs from what is available.
func (l *remains) use(rs resources.Resources) {
	l.remaining = l.remaining.Minus(rs.NonShared())
	l.used = l.used.Plus(rs)
}

// convert returns the remains after an operation, or an error if it is impossible.
func (l *remains) convert(conversions []resources.Conversion) (remains, error) {
	left, err := l.available().Apply(conversions...)
	if err != nil {
		return remains{}, err
	}
	after := l.applied(conversions...)
	after.remaining, after.shared = left.NonShared(), left.Shared()
	return after, nil
}

// resize returns the remains after a volume has got another size. The volume and what it consumes must be available.
func (l *remains) resize(c resources.Conversion) remains {
	after := l.applied(c)
	after.remaining, after.resized = l.remaining.Minus(c.Consumed), l.resized.Plus(c.Converted)
	return after
}

// applied returns a copy of l with conversions added to those that were applied.
func (l *remains) applied(conversions ...resources.Conversion) remains {
	after := *l
	after.converted = append(l.converted[:len(l.converted):len(l.converted)], conversions...)
	return after
}

// declined returns what the allocator gets back: everything that no task and no executor uses. Shared resources are
// included if nobody uses them.
func (l *remains) declined() resources.Resources { return l.available().Minus(l.used.Shared()) }

// settle returns the outcome for the allocator. What conversions made was not part of the offers.
//
// Mesos: the end of Master::_accept.
//
// Differs: Mesos does not return what a volume frees by shrinking, as long as the agent and the framework exist.
func (l *remains) settle(offered resources.Resources) cluster.Settlement {
	left := l.declined().Plus(l.resized)
	made := left.Minus(offered)
	return cluster.Settlement{
		Offered: offered, Conversions: l.converted, Used: l.used, Made: made, Declined: left.Minus(made),
	}
}
