package registrar

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/registrypb"
)

// Encode returns the records of a registry, as changes of an empty [Storage]. It fails if the registry is not one that a
// master can have written: an agent is listed twice, or a message lacks a required field.
func Encode(p *registrypb.Registry) ([]Change, error) {
	if err := proto.CheckInitialized(p); err != nil {
		return nil, fmt.Errorf("the registry is incomplete: %w", err)
	}
	r := newRegistry()
	r.cluster = &registrypb.Registry{
		Master: p.Master, Machines: p.Machines, Schedules: p.Schedules, Quotas: p.Quotas, QuotaConfigs: p.QuotaConfigs,
		Weights: p.Weights, MinimumCapabilities: p.MinimumCapabilities, ResourceProviderRegistry: p.ResourceProviderRegistry,
	}
	r.touch(clusterKey)
	seen := map[ids.Agent]bool{}
	first := func(id ids.Agent) error {
		if id == "" || seen[id] {
			return fmt.Errorf("the registry lists agent %q twice, or an agent without an ID", id)
		}
		seen[id] = true
		return nil
	}
	for _, a := range p.GetSlaves().GetSlaves() {
		id := ids.AgentOf(a.GetInfo().GetId())
		if err := first(id); err != nil {
			return nil, err
		}
		r.agents.set(id, a)
	}
	for _, a := range p.GetUnreachable().GetSlaves() {
		id := ids.AgentOf(a.GetId())
		if err := first(id); err != nil {
			return nil, err
		}
		r.unreachable.set(id, a)
	}
	for _, a := range p.GetGone().GetSlaves() {
		id := ids.AgentOf(a.GetId())
		if err := first(id); err != nil {
			return nil, err
		}
		r.gone.set(id, a)
	}
	return r.changes()
}

// Decode returns the registry that records hold.
func Decode(records map[string][]byte) (*registrypb.Registry, error) {
	r, err := loadRegistry(records)
	if err != nil {
		return nil, err
	}
	return r.proto(), nil
}
