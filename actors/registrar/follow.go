package registrar

import (
	"bytes"
	"errors"
	"maps"
	"slices"

	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// The reasons why a registry is not taken over by [Registrar.Follow].
var (
	// ErrLeads means that this master leads, or is about to.
	ErrLeads = errors.New("registrar: this master leads")
	// ErrForgets means that all that the registry holds would be lost.
	ErrForgets = errors.New("registrar: the registry of the leader holds nothing, and this one does")
)

// Follow stores p, the registry of another master that leads, in place of what the storage holds, so that this master
// recovers it when it leads next. The future completes when p would survive a power failure, with whether anything was
// changed. It fails with [ErrLeads] once Recover was called, which waits for what was begun before, with [ErrForgets], and as a commit does.
//
// Differs: C++ masters write to the replicas of those that stand by.
func (r *Registrar) Follow(p *registrypb.Registry) runtime.Future[bool] {
	if r.recovering {
		return runtime.Failed[bool](ErrLeads)
	}
	r.following = runtime.Flatten(runtime.Continue(r, r.lead(), func(l Led, err error) (runtime.Future[bool], error) {
		if err != nil {
			return runtime.Future[bool]{}, err
		}
		return r.replace(l, p)
	}))
	return r.following
}

// replace makes p what the storage holds.
func (r *Registrar) replace(l Led, p *registrypb.Registry) (done runtime.Future[bool], err error) {
	changes, err := Encode(p)
	switch {
	case err != nil:
		return done, err
	case hollow(p) && len(l.Records) > 0:
		if old, err := Decode(l.Records); err != nil || !hollow(old) {
			return done, errors.Join(ErrForgets, err)
		}
	}
	changes = differences(l.Records, changes)
	if len(changes) == 0 {
		return runtime.Ready(false), nil
	}
	committed := runtime.Within(r, r.records.Commit(l.Term, changes), r.options.StoreTimeout, errors.New("store the registry of the leader: no answer"))
	return runtime.Then(committed, func(struct{}) (bool, error) { return true, nil }), nil
}

// hollow reports whether a registry holds nothing but who leads.
func hollow(p *registrypb.Registry) bool {
	return len(p.GetSlaves().GetSlaves())+len(p.GetUnreachable().GetSlaves())+len(p.GetGone().GetSlaves())+len(p.GetMachines().GetMachines())+
		len(p.Schedules)+len(p.Quotas)+len(p.QuotaConfigs)+len(p.Weights) == 0
}

// differences returns what has to be changed of records so that they are those that all sets.
func differences(records map[string][]byte, all []Change) (changes []Change) {
	gone := maps.Clone(records)
	for _, c := range all {
		if old, there := records[c.Key]; !there || !bytes.Equal(old, c.Value) {
			changes = append(changes, c)
		}
		delete(gone, c.Key)
	}
	for _, key := range slices.Sorted(maps.Keys(gone)) {
		changes = append(changes, Change{Key: key})
	}
	return changes
}

// lead begins a term when what [Registrar.Follow] does is over.
func (r *Registrar) lead() runtime.Future[Led] {
	if r.following.IsZero() {
		return r.records.Lead()
	}
	return runtime.Flatten(runtime.Continue(r, r.following, func(bool, error) (runtime.Future[Led], error) { return r.records.Lead(), nil }))
}

// Follow calls [Registrar.Follow] on a turn of the registrar that ref refers to.
func Follow(ref runtime.Ref[*Registrar], p *registrypb.Registry) runtime.Future[bool] {
	return runtime.Ask(ref, (*Registrar).Follow, p)
}
