package accept

import (
	"meseta/master/cluster"
	"meseta/messages/resources"
)

// remains is what became of the offers of one ACCEPT so far. It is a value: an operation that fails leaves the old one.
type remains struct {
	remaining resources.Resources // neither used nor shared; operations change it, and later ones see that
	shared    resources.Resources // which never gets less
	used      resources.Resources
	converted []resources.Conversion // in the order in which they were applied
}

func newRemains(offered resources.Resources) remains {
	return remains{remaining: offered.NonShared(), shared: offered.Shared()}
}

// available is what the next operation can use.
func (l *remains) available() resources.Resources { return l.remaining.Plus(l.shared) }

// use notes that a task or an executor takes some of what is available.
func (l *remains) use(rs resources.Resources) {
	l.remaining = l.remaining.Minus(rs.NonShared())
	l.used = l.used.Plus(rs)
}

// convert returns the remains after an operation that changes what is available, or says why it cannot.
func (l *remains) convert(conversions []resources.Conversion) (remains, error) {
	left, err := l.available().Apply(conversions...)
	if err != nil {
		return remains{}, err
	}
	return remains{
		remaining: left.NonShared(), shared: left.Shared(), used: l.used,
		converted: append(l.converted[:len(l.converted):len(l.converted)], conversions...),
	}, nil
}

// declined is what the allocator gets back: all that no task and no executor uses. What is shared is back if nobody does.
func (l *remains) declined() resources.Resources { return l.available().Minus(l.used.Shared()) }

// settle says what became of what was offered. What conversions made is no part of what was offered.
//
// Mesos: the end of Master::_accept.
func (l *remains) settle(offered resources.Resources) cluster.Settlement {
	left := l.declined()
	made := left.Minus(offered)
	return cluster.Settlement{
		Offered: offered, Conversions: l.converted, Used: l.used, Made: made, Declined: left.Minus(made),
	}
}
