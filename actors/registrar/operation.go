package registrar

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/equal"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/resources"
)

// Operation is one change of the registry, as a value: [AdmitAgent], [UpdateAgent], [MarkUnreachable],
// [MarkReachable], [RemoveAgent], [MarkGone], [Prune], [UpdateWeights], [UpdateQuotas]. The messages in it must not be changed after
// it is passed to the registrar.
type Operation interface {
	// perform applies the operation to r. If the operation is not allowed, perform returns the reason and leaves r
	// unchanged. An operation whose effect is already there changes nothing and returns nil.
	perform(r *registry) error
}

// The operations. Mesos: src/master/registry_operations.cpp, src/master/weights.cpp and
// src/master/quota.cpp.
type (
	// AdmitAgent admits a new agent. It is refused if the ID is taken.
	AdmitAgent struct{ Info *mesospb.SlaveInfo }
	// UpdateAgent replaces the description of an admitted agent.
	UpdateAgent struct{ Info *mesospb.SlaveInfo }
	// MarkUnreachable moves an admitted agent to the list of unreachable agents.
	MarkUnreachable struct {
		Info  *mesospb.SlaveInfo
		Since *mesospb.TimeInfo
	}
	// MarkReachable admits an agent that was unreachable or is unknown. It is refused if the agent is gone.
	MarkReachable struct{ Info *mesospb.SlaveInfo }
	// RemoveAgent removes an admitted agent.
	RemoveAgent struct{ ID ids.Agent }
	// MarkGone moves an admitted or unreachable agent to the list of agents that will never come back.
	MarkGone struct {
		ID    ids.Agent
		Since *mesospb.TimeInfo
	}
	// Prune removes agents from the lists of unreachable and gone agents. IDs that are not listed are ignored.
	Prune struct{ Unreachable, Gone []ids.Agent }
	// UpdateWeights sets the weights of the given roles and keeps those of the others.
	UpdateWeights struct{ Weights []*mesospb.WeightInfo }

	// UpdateQuotas sets the quotas of the given roles and keeps those of the others. A quota that neither guarantees nor limits
	// anything removes the role's.
	UpdateQuotas struct{ Quotas []*quotapb.QuotaConfig }

	// recoverMaster writes the leading master, which proves that this master can write.
	recoverMaster struct{ info *mesospb.MasterInfo }
)

// complete reports whether the messages of an operation have all their required fields. A record that lacks one can be
// neither encoded nor decoded, and would end the registrar because of a single bad operation.
func complete(op Operation) error {
	var parts []proto.Message
	switch o := op.(type) {
	case AdmitAgent:
		parts = []proto.Message{o.Info}
	case UpdateAgent:
		parts = []proto.Message{o.Info}
	case MarkUnreachable:
		parts = []proto.Message{o.Info, o.Since}
	case MarkReachable:
		parts = []proto.Message{o.Info}
	case MarkGone:
		parts = []proto.Message{o.Since}
	case UpdateWeights:
		for _, w := range o.Weights {
			parts = append(parts, w)
		}
	case UpdateQuotas:
		for _, q := range o.Quotas {
			parts = append(parts, q)
		}
	case DeactivateAgent:
		parts = []proto.Message{o.Drain}
	case UpdateSchedule:
		parts = []proto.Message{o.Schedule}
	case recoverMaster:
		parts = []proto.Message{o.info}
	}
	for _, part := range parts {
		if err := proto.CheckInitialized(part); err != nil {
			return err
		}
	}
	return nil
}

var errNotAdmitted = errors.New("the agent is not admitted")

func (o AdmitAgent) perform(r *registry) error {
	id := ids.AgentOf(o.Info.GetId())
	if _, taken := r.agents.entries[id]; taken {
		return fmt.Errorf("agent %s is admitted already", id)
	}
	r.agents.set(id, &registrypb.Registry_Slave{Info: o.Info})
	return nil
}

func (o UpdateAgent) perform(r *registry) error {
	id := ids.AgentOf(o.Info.GetId())
	old, ok := r.agents.entries[id]
	if !ok {
		return errNotAdmitted
	}
	if equal.Agent(old.GetInfo(), o.Info) {
		return nil
	}
	r.agents.set(id, &registrypb.Registry_Slave{Info: o.Info, DrainInfo: old.DrainInfo, Deactivated: old.Deactivated})
	return nil
}

func (o MarkUnreachable) perform(r *registry) error {
	id := ids.AgentOf(o.Info.GetId())
	old, ok := r.agents.entries[id]
	if !ok {
		return errNotAdmitted
	}
	r.agents.drop(id)
	r.unreachable.set(id, &registrypb.Registry_UnreachableSlave{
		Id: id.Proto(), Timestamp: o.Since, DrainInfo: old.DrainInfo, Deactivated: proto.Bool(old.GetDeactivated()),
	})
	return nil
}

func (o MarkReachable) perform(r *registry) error {
	id := ids.AgentOf(o.Info.GetId())
	if _, ok := r.agents.entries[id]; ok {
		return nil
	}
	if r.gone.entries[id] != nil {
		return fmt.Errorf("agent %s is gone", id)
	}
	entry := &registrypb.Registry_Slave{Info: o.Info}
	if old, ok := r.unreachable.entries[id]; ok {
		entry.DrainInfo, entry.Deactivated = old.DrainInfo, proto.Bool(old.GetDeactivated())
		r.unreachable.drop(id)
	}
	r.agents.set(id, entry)
	return nil
}

func (o RemoveAgent) perform(r *registry) error {
	if _, ok := r.agents.entries[o.ID]; !ok {
		return errNotAdmitted
	}
	r.agents.drop(o.ID)
	return nil
}

func (o MarkGone) perform(r *registry) error {
	_, admitted := r.agents.entries[o.ID]
	_, unreachable := r.unreachable.entries[o.ID]
	switch {
	case r.gone.entries[o.ID] != nil:
		return fmt.Errorf("agent %s is gone already", o.ID)
	case admitted:
		r.agents.drop(o.ID)
	case unreachable:
		r.unreachable.drop(o.ID)
	default:
		return fmt.Errorf("agent %s is neither admitted nor unreachable", o.ID)
	}
	r.gone.set(o.ID, &registrypb.Registry_GoneSlave{Id: o.ID.Proto(), Timestamp: o.Since})
	return nil
}

func (o Prune) perform(r *registry) error {
	for _, id := range o.Unreachable {
		if _, ok := r.unreachable.entries[id]; ok {
			r.unreachable.drop(id)
		}
	}
	for _, id := range o.Gone {
		if _, ok := r.gone.entries[id]; ok {
			r.gone.drop(id)
		}
	}
	return nil
}

func (o UpdateWeights) perform(r *registry) error {
	weights := map[string]*mesospb.WeightInfo{}
	for _, w := range r.cluster.Weights {
		weights[w.GetInfo().GetRole()] = w.GetInfo()
	}
	for _, w := range o.Weights {
		weights[w.GetRole()] = w
	}
	var entries []*registrypb.Registry_Weight
	for _, role := range slices.Sorted(maps.Keys(weights)) {
		entries = append(entries, &registrypb.Registry_Weight{Info: weights[role]})
	}
	r.cluster.Weights = entries
	r.touch(clusterKey)
	return nil
}

// perform also removes what masters before Mesos 1.9 have written of the roles. A registry with quotas is for masters that
// know them.
func (o UpdateQuotas) perform(r *registry) error {
	configs, old := slices.Clone(r.cluster.QuotaConfigs), slices.Clone(r.cluster.Quotas)
	for _, q := range o.Quotas {
		old = slices.DeleteFunc(old, func(other *registrypb.Registry_Quota) bool { return other.GetInfo().GetRole() == q.GetRole() })
		i := slices.IndexFunc(configs, func(other *quotapb.QuotaConfig) bool { return other.GetRole() == q.GetRole() })
		switch none := isNoQuota(q); {
		case none && i >= 0:
			configs = slices.Delete(configs, i, i+1)
		case !none && i >= 0:
			configs[i] = q
		case !none:
			configs = append(configs, q)
		}
	}
	r.cluster.QuotaConfigs, r.cluster.Quotas = configs, old
	if len(configs) > 0 {
		r.require(mesospb.MasterInfo_Capability_QUOTA_V2)
	} else {
		r.unrequire(mesospb.MasterInfo_Capability_QUOTA_V2)
	}
	r.touch(clusterKey)
	return nil
}

// isNoQuota reports whether a quota neither guarantees nor limits anything.
func isNoQuota(q *quotapb.QuotaConfig) bool {
	return len(q.GetLimits()) == 0 && resources.QuantitiesOf(resources.Amounts(q.GetGuarantees())).IsEmpty()
}

func (o recoverMaster) perform(r *registry) error {
	r.cluster.Master = &registrypb.Registry_Master{Info: o.info}
	r.touch(clusterKey)
	return nil
}
