// Package ledger keeps track of the resources of one agent, for its master and for the agent itself: those that it was
// started with, as changed by operations on reservations and volumes, and the revocable ones that it offers in
// addition.
package ledger

import (
	"bytes"
	"maps"
	"slices"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Ledger holds the resources of an agent. It is a value: changing a copy does not change the original.
type Ledger struct {
	Total           resources.Resources // not allocated; including revocable resources and those of resource providers
	Checkpointed    resources.Resources // the part of Total that the agent has to checkpoint
	ResourceVersion *mesospb.UUID       // of the agent's own resources; nil for agents from before resource versions

	providers map[string]*mesospb.UUID // versions of the resources of resource providers, by ID; never changed, but replaced
}

// New returns the ledger of an agent that was started with the resources in started and has checkpointed others, which
// replace those that they were made from. If checkpointed does not fit into started, Total does not contain it.
//
// Mesos: applyCheckpointedResources.
func New(started, checkpointed []*mesospb.Resource, version *mesospb.UUID) Ledger {
	return Start(resources.FromValid(started), checkpointed, version)
}

// Start is [New] with the resources of messages that were read before.
func Start(started resources.Resources, checkpointed []*mesospb.Resource, version *mesospb.UUID) Ledger {
	l := Ledger{Total: started, Checkpointed: resources.FromValid(checkpointed), ResourceVersion: version}
	for r := range l.Checkpointed.All() {
		if total, err := l.Total.WithCheckpointed(resources.Of(r)); err == nil {
			l.Total = total
		}
	}
	return l
}

// Apply applies the conversions of an operation. It fails, and changes nothing, if the agent lacks resources that one
// of the conversions consumes.
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

// Update takes over the revocable resources and the resource version that an agent reports. It reports whether Total
// changed.
//
// Mesos: Master::updateSlave.
func (l *Ledger) Update(m *internalpb.UpdateSlaveMessage) (changed bool) {
	if m.ResourceVersionUuid != nil {
		l.ResourceVersion = m.ResourceVersionUuid
	}
	total := l.updated(m)
	changed = !total.Equal(l.Total)
	l.Total = total
	if m.ResourceProviders != nil {
		l.providers = map[string]*mesospb.UUID{}
		for _, p := range m.GetResourceProviders().GetProviders() {
			l.providers[p.GetInfo().GetId().GetValue()] = p.GetResourceVersionUuid()
		}
	}
	return changed
}

// Version returns the version of the resources of a resource provider, or of the agent's own if provider is nil. It returns nil if
// that is unknown.
func (l *Ledger) Version(provider *mesospb.ResourceProviderID) *mesospb.UUID {
	if provider == nil {
		return l.ResourceVersion
	}
	return l.providers[provider.GetValue()]
}

// HasProvider reports whether the agent has reported a resource provider.
func (l *Ledger) HasProvider(provider *mesospb.ResourceProviderID) bool {
	_, known := l.providers[provider.GetValue()]
	return known
}

// Versions returns the versions of the agent's own resources, unless they are unknown, and of those of its resource providers.
func (l *Ledger) Versions() []*internalpb.ResourceVersionUUID {
	var all []*internalpb.ResourceVersionUUID
	if l.ResourceVersion != nil {
		all = append(all, &internalpb.ResourceVersionUUID{Uuid: l.ResourceVersion})
	}
	for _, id := range slices.Sorted(maps.Keys(l.providers)) {
		all = append(all, &internalpb.ResourceVersionUUID{ResourceProviderId: &mesospb.ResourceProviderID{Value: &id}, Uuid: l.providers[id]})
	}
	return all
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

// Lacks reports whether used contains a dynamic reservation or persistent volume that is not in the ledger.
//
// Mesos: Slave::run, about checkpointed resources.
func (l *Ledger) Lacks(used resources.Resources) bool {
	return !l.Checkpointed.Contains(used.Unallocate().Checkpointed())
}

// IsOutdated reports whether versions, which came with an offer, name another version than the ledger has.
func (l *Ledger) IsOutdated(versions []*internalpb.ResourceVersionUUID) bool {
	for _, v := range versions {
		if v.GetResourceProviderId() == nil && !bytes.Equal(v.GetUuid().GetValue(), l.ResourceVersion.GetValue()) {
			return true
		}
	}
	return false
}
