// Package ledger keeps what an agent has, alike on its master and on the agent itself: what it was started with, changed by
// operations that reserve and make volumes, and what it lends beyond that.
package ledger

import (
	"bytes"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Ledger is what an agent has. It is a value: a copy does not change with the original.
type Ledger struct {
	Total           resources.Resources // not allocated; with what is revocable and what resource providers have
	Checkpointed    resources.Resources // the part of the total that the agent has to remember to have it after a restart
	ResourceVersion *mesospb.UUID       // of what is not a resource provider's; nil for old agents
}

// New returns the ledger of an agent that was started with some resources and remembers others, which replace those that they
// were made of. What does not fit is remembered, but not part of the total.
//
// Mesos: applyCheckpointedResources.
func New(started, checkpointed []*mesospb.Resource, version *mesospb.UUID) Ledger {
	l := Ledger{Total: resources.FromValid(started), Checkpointed: resources.FromValid(checkpointed), ResourceVersion: version}
	for r := range l.Checkpointed.All() {
		if total, err := l.Total.WithCheckpointed(resources.Of(r)); err == nil {
			l.Total = total
		}
	}
	return l
}

// Apply changes what the agent has as an operation says. It fails, and changes nothing, if the agent does not have what
// one of the conversions consumes.
//
// Mesos: Slave::apply of the master.
func (l *Ledger) Apply(conversions ...resources.Conversion) error {
	unallocated := make([]resources.Conversion, 0, len(conversions))
	for _, c := range conversions {
		unallocated = append(unallocated, c.Unallocate())
	}
	total, err := l.Total.Apply(unallocated...)
	if err != nil {
		return err
	}
	l.Total, l.Checkpointed = total, total.Checkpointed()
	return nil
}

// Update takes over what the agent says that it lends beyond its own, and the version of its resources. It reports whether
// the total has changed.
//
// Mesos: Master::updateSlave.
func (l *Ledger) Update(m *internalpb.UpdateSlaveMessage) (changed bool) {
	if m.ResourceVersionUuid != nil {
		l.ResourceVersion = m.ResourceVersionUuid
	}
	total := l.updated(m)
	changed = !total.Equal(l.Total)
	l.Total = total
	return changed
}

func (l *Ledger) updated(m *internalpb.UpdateSlaveMessage) resources.Resources {
	own := l.Total.Filter(func(r resources.Resource) bool { return !isProvided(r) })
	revocable := own.Revocable()
	if m.UpdateOversubscribedResources == nil || m.GetUpdateOversubscribedResources() {
		revocable = resources.FromValid(m.GetOversubscribedResources())
	}
	total := own.NonRevocable().Plus(revocable)
	if m.ResourceProviders == nil {
		return total.Plus(l.Total.Filter(isProvided))
	}
	for _, p := range m.GetResourceProviders().GetProviders() {
		total = total.Plus(resources.FromValid(p.GetTotalResources()))
	}
	return total
}

func isProvided(r resources.Resource) bool {
	_, provided := r.Provider()
	return provided
}

// Lacks reports whether some of what is used was reserved or made at run time, and is not known here.
//
// Mesos: Slave::run, about checkpointed resources.
func (l *Ledger) Lacks(used resources.Resources) bool {
	return !l.Checkpointed.Contains(used.Unallocate().Checkpointed())
}

// IsOutdated reports whether what was offered is of another version than what is here.
func (l *Ledger) IsOutdated(versions []*internalpb.ResourceVersionUUID) bool {
	for _, v := range versions {
		if v.GetResourceProviderId() == nil && !bytes.Equal(v.GetUuid().GetValue(), l.ResourceVersion.GetValue()) {
			return true
		}
	}
	return false
}
