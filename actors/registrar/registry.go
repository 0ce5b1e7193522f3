package registrar

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
)

// registry is the shared state of the masters, indexed, with the set of records that differ from those in the storage.
//
// Every agent has a record of its own, so that the size of a write does not grow with the cluster. Everything that is
// small and rarely changes is in one more record.
//
// Invariant: an agent is in at most one of agents, unreachable and gone.
type registry struct {
	agents      map[ids.Agent]*registrypb.Registry_Slave
	unreachable map[ids.Agent]*registrypb.Registry_UnreachableSlave
	gone        map[ids.Agent]*registrypb.Registry_GoneSlave
	cluster     *registrypb.Registry // everything except the three lists above
	dirty       map[string]struct{}
}

const (
	clusterKey        = "cluster"
	agentPrefix       = "agents/"
	unreachablePrefix = "unreachable/"
	gonePrefix        = "gone/"
)

func newRegistry() *registry {
	return &registry{
		agents:      map[ids.Agent]*registrypb.Registry_Slave{},
		unreachable: map[ids.Agent]*registrypb.Registry_UnreachableSlave{},
		gone:        map[ids.Agent]*registrypb.Registry_GoneSlave{},
		cluster:     &registrypb.Registry{},
		dirty:       map[string]struct{}{},
	}
}

// loadRegistry decodes the records that [registry.changes] produced.
func loadRegistry(records map[string][]byte) (*registry, error) {
	r := newRegistry()
	for _, key := range slices.Sorted(maps.Keys(records)) {
		if err := r.load(key, records[key]); err != nil {
			return nil, fmt.Errorf("read record %q of the registry: %w", key, err)
		}
	}
	return r, nil
}

func (r *registry) load(key string, value []byte) error {
	kind, id, _ := strings.Cut(key, "/")
	agent := ids.Agent(id)
	switch kind + "/" {
	case agentPrefix:
		r.agents[agent] = &registrypb.Registry_Slave{}
		return proto.Unmarshal(value, r.agents[agent])
	case unreachablePrefix:
		r.unreachable[agent] = &registrypb.Registry_UnreachableSlave{}
		return proto.Unmarshal(value, r.unreachable[agent])
	case gonePrefix:
		r.gone[agent] = &registrypb.Registry_GoneSlave{}
		return proto.Unmarshal(value, r.gone[agent])
	case clusterKey + "/":
		return proto.Unmarshal(value, r.cluster)
	}
	return fmt.Errorf("the key is unknown; was it written by a newer version?")
}

// changes returns the records to write, in key order, and marks them as written.
func (r *registry) changes() ([]Change, error) {
	if len(r.dirty) == 0 {
		return nil, nil
	}
	changes := make([]Change, 0, len(r.dirty))
	for _, key := range slices.Sorted(maps.Keys(r.dirty)) {
		value, err := r.encode(key)
		if err != nil {
			return nil, fmt.Errorf("encode record %q of the registry: %w", key, err)
		}
		changes = append(changes, Change{Key: key, Value: value})
	}
	clear(r.dirty)
	return changes, nil
}

var deterministic = proto.MarshalOptions{Deterministic: true}

// encode returns the record stored under key, or nil if it no longer exists.
func (r *registry) encode(key string) ([]byte, error) {
	kind, id, _ := strings.Cut(key, "/")
	agent := ids.Agent(id)
	switch kind + "/" {
	case agentPrefix:
		return encodeEntry(r.agents, agent)
	case unreachablePrefix:
		return encodeEntry(r.unreachable, agent)
	case gonePrefix:
		return encodeEntry(r.gone, agent)
	}
	return deterministic.Marshal(r.cluster)
}

func encodeEntry[M proto.Message](entries map[ids.Agent]M, agent ids.Agent) ([]byte, error) {
	entry, ok := entries[agent]
	if !ok {
		return nil, nil
	}
	return deterministic.Marshal(entry)
}

func (r *registry) touch(key string) { r.dirty[key] = struct{}{} }

func (r *registry) setAgent(agent ids.Agent, entry *registrypb.Registry_Slave) {
	r.agents[agent] = entry
	r.touch(agentPrefix + string(agent))
}

func (r *registry) dropAgent(agent ids.Agent) {
	delete(r.agents, agent)
	r.touch(agentPrefix + string(agent))
}

func (r *registry) setUnreachable(agent ids.Agent, entry *registrypb.Registry_UnreachableSlave) {
	r.unreachable[agent] = entry
	r.touch(unreachablePrefix + string(agent))
}

func (r *registry) dropUnreachable(agent ids.Agent) {
	delete(r.unreachable, agent)
	r.touch(unreachablePrefix + string(agent))
}

func (r *registry) setGone(agent ids.Agent, entry *registrypb.Registry_GoneSlave) {
	r.gone[agent] = entry
	r.touch(gonePrefix + string(agent))
}

func (r *registry) dropGone(agent ids.Agent) {
	delete(r.gone, agent)
	r.touch(gonePrefix + string(agent))
}

// proto returns the registry in Mesos's format. Admitted agents are ordered by ID, the others by when they were lost.
// The entries are shared with r, which replaces entries and never changes them.
func (r *registry) proto() *registrypb.Registry {
	p := &registrypb.Registry{
		Master:              r.cluster.Master,
		Machines:            r.cluster.Machines,
		Schedules:           r.cluster.Schedules,
		Quotas:              r.cluster.Quotas,
		QuotaConfigs:        r.cluster.QuotaConfigs,
		Weights:             r.cluster.Weights,
		MinimumCapabilities: r.cluster.MinimumCapabilities,

		ResourceProviderRegistry: r.cluster.ResourceProviderRegistry,
	}
	if len(r.agents) > 0 {
		p.Slaves = &registrypb.Registry_Slaves{Slaves: slices.SortedFunc(maps.Values(r.agents),
			func(a, b *registrypb.Registry_Slave) int {
				return compareIDs(a.GetInfo().GetId().GetValue(), b.GetInfo().GetId().GetValue())
			})}
	}
	if len(r.unreachable) > 0 {
		p.Unreachable = &registrypb.Registry_UnreachableSlaves{Slaves: slices.SortedFunc(maps.Values(r.unreachable),
			func(a, b *registrypb.Registry_UnreachableSlave) int { return compareLost(a, b) })}
	}
	if len(r.gone) > 0 {
		p.Gone = &registrypb.Registry_GoneSlaves{Slaves: slices.SortedFunc(maps.Values(r.gone),
			func(a, b *registrypb.Registry_GoneSlave) int { return compareLost(a, b) })}
	}
	return p
}

// compareIDs orders agent IDs so that …-S2 comes before …-S10.
func compareIDs(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

type lost interface {
	GetId() *mesospb.SlaveID
	GetTimestamp() *mesospb.TimeInfo
}

func compareLost(a, b lost) int {
	return cmp.Or(
		cmp.Compare(a.GetTimestamp().GetNanoseconds(), b.GetTimestamp().GetNanoseconds()),
		compareIDs(a.GetId().GetValue(), b.GetId().GetValue()))
}
