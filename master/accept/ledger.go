package accept

import "meseta/messages/resources"

// ledger is what became of the offers of one ACCEPT so far. It is a value: an operation that fails leaves the old one.
type ledger struct {
	remaining resources.Resources // neither used nor shared; operations change it, and later ones see that
	shared    resources.Resources // which never gets less
	used      resources.Resources
	converted []resources.Conversion // in the order in which they were applied
}

func newLedger(offered resources.Resources) ledger {
	return ledger{remaining: offered.NonShared(), shared: offered.Shared()}
}

// available is what the next operation can use.
func (l *ledger) available() resources.Resources { return l.remaining.Plus(l.shared) }

// use notes that a task or an executor takes some of what is available.
func (l *ledger) use(rs resources.Resources) {
	l.remaining = l.remaining.Minus(rs.NonShared())
	l.used = l.used.Plus(rs)
}

// convert returns the ledger after an operation that changes what is available, or says why it cannot.
func (l *ledger) convert(conversions []resources.Conversion) (ledger, error) {
	left, err := l.available().Apply(conversions...)
	if err != nil {
		return ledger{}, err
	}
	return ledger{
		remaining: left.NonShared(), shared: left.Shared(), used: l.used,
		converted: append(l.converted[:len(l.converted):len(l.converted)], conversions...),
	}, nil
}

// declined is what the allocator gets back: all that no task and no executor uses. What is shared is back if nobody does.
func (l *ledger) declined() resources.Resources { return l.available().Minus(l.used.Shared()) }
