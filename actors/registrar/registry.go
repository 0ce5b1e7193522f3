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
	agents      list[*registrypb.Registry_Slave]
	unreachable list[*registrypb.Registry_UnreachableSlave]
	gone        list[*registrypb.Registry_GoneSlave]
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
	dirty := map[string]struct{}{}
	return &registry{
		agents:      newList[*registrypb.Registry_Slave](agentPrefix, dirty),
		unreachable: newList[*registrypb.Registry_UnreachableSlave](unreachablePrefix, dirty),
		gone:        newList[*registrypb.Registry_GoneSlave](gonePrefix, dirty),
		cluster:     &registrypb.Registry{},
		dirty:       dirty,
	}
}

// list is one of the registry's lists of agents, by their ids.
type list[M proto.Message] struct {
	prefix  string // of the keys of its records
	entries map[ids.Agent]M
	dirty   map[string]struct{} // the registry's
}

func newList[M proto.Message](prefix string, dirty map[string]struct{}) list[M] {
	return list[M]{prefix, map[ids.Agent]M{}, dirty}
}

func (l list[M]) set(agent ids.Agent, entry M) {
	l.entries[agent] = entry
	l.dirty[l.prefix+string(agent)] = struct{}{}
}

func (l list[M]) drop(agent ids.Agent) {
	delete(l.entries, agent)
	l.dirty[l.prefix+string(agent)] = struct{}{}
}

// encode returns the record of an agent, or nil if there is none any more.
func (l list[M]) encode(agent ids.Agent) ([]byte, error) {
	entry, ok := l.entries[agent]
	if !ok {
		return nil, nil
	}
	return deterministic.Marshal(entry)
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
		r.agents.entries[agent] = &registrypb.Registry_Slave{}
		return proto.Unmarshal(value, r.agents.entries[agent])
	case unreachablePrefix:
		r.unreachable.entries[agent] = &registrypb.Registry_UnreachableSlave{}
		return proto.Unmarshal(value, r.unreachable.entries[agent])
	case gonePrefix:
		r.gone.entries[agent] = &registrypb.Registry_GoneSlave{}
		return proto.Unmarshal(value, r.gone.entries[agent])
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
		return r.agents.encode(agent)
	case unreachablePrefix:
		return r.unreachable.encode(agent)
	case gonePrefix:
		return r.gone.encode(agent)
	}
	return deterministic.Marshal(r.cluster)
}

func (r *registry) touch(key string) { r.dirty[key] = struct{}{} }

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
	if len(r.agents.entries) > 0 {
		p.Slaves = &registrypb.Registry_Slaves{Slaves: slices.SortedFunc(maps.Values(r.agents.entries),
			func(a, b *registrypb.Registry_Slave) int {
				return compareIDs(a.GetInfo().GetId().GetValue(), b.GetInfo().GetId().GetValue())
			})}
	}
	if len(r.unreachable.entries) > 0 {
		p.Unreachable = &registrypb.Registry_UnreachableSlaves{Slaves: slices.SortedFunc(maps.Values(r.unreachable.entries),
			func(a, b *registrypb.Registry_UnreachableSlave) int { return compareLost(a, b) })}
	}
	if len(r.gone.entries) > 0 {
		p.Gone = &registrypb.Registry_GoneSlaves{Slaves: slices.SortedFunc(maps.Values(r.gone.entries),
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
