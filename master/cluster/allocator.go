package cluster

import (
	"cmp"
	"fmt"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/quotapb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Allocator is the master's interface to the allocator. Its methods return at once; what the allocator decides arrives
// later as offers.
type Allocator struct {
	ref   runtime.Ref[*allocator.Allocator]
	actor *runtime.Actor
	news  *news
}

// news counts what the allocator was told and may not have processed yet. Offers that it made before that refer to an
// earlier state.
type news struct {
	removedFrameworks map[ids.Framework]int
	removedAgents     map[ids.Agent]int
	updatedAgents     map[ids.Agent]int
	totals            uint64 // how often it was told the total resources of an agent
}

// breaks tells the allocator something that makes its offers of k obsolete. Until it has processed that, k is counted
// in until.
func breaks[K comparable](p Allocator, until map[K]int, k K, f func(*allocator.Allocator)) {
	until[k]++
	heard := runtime.Dispatch(p.ref, func(a *allocator.Allocator) struct{} {
		f(a)
		return struct{}{}
	})
	runtime.Await(p.actor, heard, func(struct{}, error) {
		if until[k]--; until[k] == 0 {
			delete(until, k)
		}
	})
}

// forgets reports whether an offer concerns a framework or an agent that the allocator has yet to remove. Removal
// returns the offer's resources. A new framework or agent may have the same ID.
func (p Allocator) forgets(framework ids.Framework, agent ids.Agent) bool {
	return p.news.removedFrameworks[framework] > 0 || p.news.removedAgents[agent] > 0
}

// changes reports whether the allocator has yet to process a change of the agent's resources.
func (p Allocator) changes(agent ids.Agent) bool { return p.news.updatedAgents[agent] > 0 }

// spawnAllocator spawns the allocator, whose offers are passed to offer.
func spawnAllocator(actor *runtime.Actor, config allocator.Config, offer func(ids.Framework, []allocator.Offer)) Allocator {
	owner, node := runtime.RefOf(actor), actor.Node()
	offers := func(framework ids.Framework, offers []allocator.Offer) {
		runtime.Tell(owner, func(*runtime.Actor) { offer(framework, offers) })
	}
	id := "allocator" // Mesos's name, which is part of the endpoint /allocator/…
	if _, taken := runtime.Find[*allocator.Allocator](node, id); taken {
		id = node.NewID(id)
	}
	ref, err := runtime.Spawn(node, id, allocator.New(config, offers))
	if err != nil {
		panic(fmt.Sprintf("master: spawn the allocator: %v", err)) // the id is fresh
	}
	return Allocator{ref, actor, &news{
		removedFrameworks: map[ids.Framework]int{}, removedAgents: map[ids.Agent]int{}, updatedAgents: map[ids.Agent]int{},
	}}
}

// Ref returns the allocator's actor.
func (p Allocator) Ref() runtime.Ref[*allocator.Allocator] { return p.ref }

func (p Allocator) tell(f func(*allocator.Allocator)) { runtime.Tell(p.ref, f) }

// UpdateWeights replaces the weights of roles.
func (p Allocator) UpdateWeights(infos []*mesospb.WeightInfo) {
	p.tell(func(a *allocator.Allocator) { a.UpdateWeights(infos) })
}

// UpdateQuotas replaces the quotas of roles.
func (p Allocator) UpdateQuotas(configs []*quotapb.QuotaConfig) {
	quotas := quotasOf(configs)
	p.tell(func(a *allocator.Allocator) { a.UpdateQuotas(quotas) })
}

// RecoverQuotas sets the quotas of the registry, which also has that many agents.
func (p Allocator) RecoverQuotas(known int, configs []*quotapb.QuotaConfig) {
	quotas := quotasOf(configs)
	if len(quotas) == 0 {
		return
	}
	p.tell(func(a *allocator.Allocator) { a.Recover(known, quotas) })
}

func quotasOf(configs []*quotapb.QuotaConfig) []allocator.Quota {
	var quotas []allocator.Quota
	for _, c := range configs {
		quotas = append(quotas, allocator.Quota{
			Role: c.GetRole(), Guarantees: resources.QuantitiesOf(resources.Amounts(c.GetGuarantees())),
			Limits: resources.LimitsOf(resources.Amounts(c.GetLimits())),
		})
	}
	return quotas
}

// AddFramework adds a framework, which is offered resources if it is active.
func (p Allocator) AddFramework(info *mesospb.FrameworkInfo, active bool, wishes allocator.Wishes) {
	p.tell(func(a *allocator.Allocator) { a.AddFramework(info, active, wishes) })
}

// UpdateFramework updates the description of a framework.
func (p Allocator) UpdateFramework(info *mesospb.FrameworkInfo, wishes allocator.Wishes) {
	p.tell(func(a *allocator.Allocator) { a.UpdateFramework(info, wishes) })
}

// RemoveFramework removes a framework, all of whose resources were recovered before.
func (p Allocator) RemoveFramework(id ids.Framework) {
	breaks(p, p.news.removedFrameworks, id, func(a *allocator.Allocator) { a.RemoveFramework(id) })
}

// ActivateFramework starts offers to a framework.
func (p Allocator) ActivateFramework(id ids.Framework) {
	p.tell(func(a *allocator.Allocator) { a.ActivateFramework(id) })
}

// DeactivateFramework stops offers to a framework.
func (p Allocator) DeactivateFramework(id ids.Framework) {
	p.tell(func(a *allocator.Allocator) { a.DeactivateFramework(id) })
}

// SuppressOffers stops offers to a framework in some roles, or in all if there are none.
func (p Allocator) SuppressOffers(id ids.Framework, roles []string) {
	p.tell(func(a *allocator.Allocator) { a.SuppressOffers(id, roles) })
}

// ReviveOffers undoes SuppressOffers and removes the filters of a framework, in some roles or in all if there are none.
func (p Allocator) ReviveOffers(id ids.Framework, roles []string) {
	p.tell(func(a *allocator.Allocator) { a.ReviveOffers(id, roles) })
}

// UpdateWhitelist restricts offers to agents on these hosts.
func (p Allocator) UpdateWhitelist(hosts []string) {
	p.tell(func(a *allocator.Allocator) { a.UpdateWhitelist(hosts) })
}

// RequestResources passes on a framework's request for resources.
func (p Allocator) RequestResources(id ids.Framework, requests []*mesospb.Request) {
	p.tell(func(a *allocator.Allocator) { a.RequestResources(id, requests) })
}

// AddAgent adds an agent and what is used on it.
func (p Allocator) AddAgent(of *book.Agent) {
	agent, used := asAllocated(of), of.UsedBy()
	p.news.totals++
	p.tell(func(a *allocator.Allocator) { a.AddAgent(agent, used) })
}

// UpdateAgent updates the resources of an agent.
func (p Allocator) UpdateAgent(of *book.Agent) {
	agent := asAllocated(of)
	p.news.totals++
	breaks(p, p.news.updatedAgents, of.ID, func(a *allocator.Allocator) { a.UpdateAgent(agent) })
}

// Convert applies conversions to what is available of an agent, and to its total. It is refused, and changes nothing, if the
// resources are not available: they may be in an offer that is on its way. then is called with the refusal, if any, on the turn on which the
// allocator's answer arrives. overtaken says that the allocator was told another total meanwhile, so that UpdateAgent has to be
// called. The future holds the result of then.
func (p Allocator) Convert(agent ids.Agent, conversions []resources.Conversion, then func(refused error, overtaken bool) error) runtime.Future[struct{}] {
	before := p.news.totals
	converted := runtime.Dispatch(p.ref, func(a *allocator.Allocator) error { return a.UpdateAvailable(agent, conversions) })
	return runtime.Continue(p.actor, converted, func(refused, err error) (struct{}, error) {
		return struct{}{}, then(cmp.Or(err, refused), p.news.totals != before)
	})
}

// asAllocated returns the allocator's description of an agent.
func asAllocated(a *book.Agent) allocator.Agent {
	return allocator.Agent{Info: a.Info, Capabilities: a.Announced, Total: a.Total}
}

// RemoveAgent removes an agent.
func (p Allocator) RemoveAgent(id ids.Agent) {
	breaks(p, p.news.removedAgents, id, func(a *allocator.Allocator) { a.RemoveAgent(id) })
}

// ActivateAgent starts offers of an agent.
func (p Allocator) ActivateAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.ActivateAgent(id) })
}

// DeactivateAgent stops offers of an agent.
func (p Allocator) DeactivateAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.DeactivateAgent(id) })
}

// Recover returns resources that were used, or that were offered and are refused as filters say. nil filters refuse
// nothing.
func (p Allocator) Recover(framework ids.Framework, agent ids.Agent, rs resources.Resources, filters *mesospb.Filters, inUse bool) {
	p.tell(func(a *allocator.Allocator) { a.RecoverResources(framework, agent, rs, filters, inUse) })
}

// Settlement is the outcome of an acceptance of offers, which are all of one agent.
type Settlement struct {
	Offered     resources.Resources
	Conversions []resources.Conversion // that changed the offered resources, in this order
	Used        resources.Resources    // by tasks and executors
	Made        resources.Resources    // by conversions, and not used; not refused either
	Declined    resources.Resources    // refused as Filters say
	Filters     *mesospb.Filters
}

// Settle tells the allocator the outcome of an acceptance.
func (p Allocator) Settle(framework ids.Framework, agent ids.Agent, s Settlement) {
	p.tell(func(a *allocator.Allocator) {
		if len(s.Conversions) > 0 {
			a.UpdateAllocation(framework, agent, s.Offered, s.Conversions)
		}
		a.RecoverResources(framework, agent, s.Made, nil, false)
		a.RecoverResources(framework, agent, s.Declined, s.Filters, false)
		if !s.Used.IsEmpty() {
			a.TransitionOfferedToAllocated(agent, s.Used)
		}
	})
}
