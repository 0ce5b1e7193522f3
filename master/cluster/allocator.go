package cluster

import (
	"fmt"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Allocator is the allocator as the master sees it: every method returns at once, and what the allocator decides
// comes later as offers.
type Allocator struct {
	ref   runtime.Ref[*allocator.Allocator]
	actor *runtime.Actor
	news  *news
}

// news is what the allocator was told and may not have heard yet. Offers that it made before are of what was there then.
type news struct {
	removedFrameworks map[ids.Framework]int
	removedAgents     map[ids.Agent]int
	updatedAgents     map[ids.Agent]int
}

// breaks tells the allocator what makes its offers of k obsolete, and notes in until that it has not heard it.
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

// forgets reports whether an offer that the allocator makes is of a framework or an agent that it has yet to remove, which
// gives the resources back; there may be another of the same id.
func (p Allocator) forgets(framework ids.Framework, agent ids.Agent) bool {
	return p.news.removedFrameworks[framework] > 0 || p.news.removedAgents[agent] > 0
}

// changes reports whether the allocator made an offer before it heard what the agent has now.
func (p Allocator) changes(agent ids.Agent) bool { return p.news.updatedAgents[agent] > 0 }

// spawnAllocator starts the allocator, whose offers come to [Offers.Offer].
func spawnAllocator(actor *runtime.Actor, config allocator.Config, offer func(ids.Framework, []allocator.Offer)) Allocator {
	owner, node := runtime.RefOf(actor), actor.Node()
	offers := func(framework ids.Framework, offers []allocator.Offer) {
		runtime.Tell(owner, func(*runtime.Actor) { offer(framework, offers) })
	}
	id := "allocator" // as the reference calls it, whose endpoint is /allocator/…
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

// Ref is the actor.
func (p Allocator) Ref() runtime.Ref[*allocator.Allocator] { return p.ref }

func (p Allocator) tell(f func(*allocator.Allocator)) { runtime.Tell(p.ref, f) }

// UpdateWeights replaces the weights of roles.
func (p Allocator) UpdateWeights(infos []*mesospb.WeightInfo) {
	p.tell(func(a *allocator.Allocator) { a.UpdateWeights(infos) })
}

// AddFramework has a framework offered resources, unless it is inactive.
func (p Allocator) AddFramework(info *mesospb.FrameworkInfo, active bool, wishes allocator.Wishes) {
	p.tell(func(a *allocator.Allocator) { a.AddFramework(info, active, wishes) })
}

// UpdateFramework takes over a new description of a framework.
func (p Allocator) UpdateFramework(info *mesospb.FrameworkInfo, wishes allocator.Wishes) {
	p.tell(func(a *allocator.Allocator) { a.UpdateFramework(info, wishes) })
}

// RemoveFramework forgets a framework, all of whose resources were recovered.
func (p Allocator) RemoveFramework(id ids.Framework) {
	breaks(p, p.news.removedFrameworks, id, func(a *allocator.Allocator) { a.RemoveFramework(id) })
}

// ActivateFramework has a framework offered resources.
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

// ReviveOffers undoes SuppressOffers and forgets what the framework refused, in some roles or in all.
func (p Allocator) ReviveOffers(id ids.Framework, roles []string) {
	p.tell(func(a *allocator.Allocator) { a.ReviveOffers(id, roles) })
}

// UpdateWhitelist has only agents of these hosts offered.
func (p Allocator) UpdateWhitelist(hosts []string) {
	p.tell(func(a *allocator.Allocator) { a.UpdateWhitelist(hosts) })
}

// RequestResources tells what a framework asks for.
func (p Allocator) RequestResources(id ids.Framework, requests []*mesospb.Request) {
	p.tell(func(a *allocator.Allocator) { a.RequestResources(id, requests) })
}

// AddAgent has an agent offered, less what is in use there.
func (p Allocator) AddAgent(of *book.Agent) {
	agent, used := asAllocated(of), of.UsedBy()
	p.tell(func(a *allocator.Allocator) { a.AddAgent(agent, used) })
}

// UpdateAgent takes over what an agent has now.
func (p Allocator) UpdateAgent(of *book.Agent) {
	agent := asAllocated(of)
	breaks(p, p.news.updatedAgents, of.ID, func(a *allocator.Allocator) { a.UpdateAgent(agent) })
}

// asAllocated is what the allocator knows of an agent.
func asAllocated(a *book.Agent) allocator.Agent {
	return allocator.Agent{Info: a.Info, Capabilities: a.Announced, Total: a.Total}
}

// RemoveAgent forgets an agent.
func (p Allocator) RemoveAgent(id ids.Agent) {
	breaks(p, p.news.removedAgents, id, func(a *allocator.Allocator) { a.RemoveAgent(id) })
}

// ActivateAgent has an agent offered.
func (p Allocator) ActivateAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.ActivateAgent(id) })
}

// DeactivateAgent stops offers of an agent.
func (p Allocator) DeactivateAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.DeactivateAgent(id) })
}

// Recover takes back resources that were in use, or that were offered and are refused as filters say; nil filters
// refuse nothing.
func (p Allocator) Recover(framework ids.Framework, agent ids.Agent, rs resources.Resources, filters *mesospb.Filters, inUse bool) {
	p.tell(func(a *allocator.Allocator) { a.RecoverResources(framework, agent, rs, filters, inUse) })
}

// Settlement is what became of offers, all of one agent, that a framework accepted.
type Settlement struct {
	Offered     resources.Resources
	Conversions []resources.Conversion // changed what was offered, in this order
	Used        resources.Resources    // by tasks and executors
	Made        resources.Resources    // by conversions, and not used: it is not refused
	Declined    resources.Resources    // as Filters say
	Filters     *mesospb.Filters
}

// Settle ends an acceptance.
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
