package master

import (
	"cmp"
	"fmt"
	"slices"

	"meseta/actors/allocator"
	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// allocatorProxy is the allocator as the master sees it: every method returns at once, and what the allocator decides
// comes later as offers.
type allocatorProxy struct {
	ref runtime.Ref[*allocator.Allocator]
}

// spawnAllocator starts the allocator, whose offers come to [Master.offer].
func (m *Master) spawnAllocator() {
	master, node := runtime.RefOf(m), m.Node()
	offers := func(framework ids.Framework, offers []allocator.Offer) {
		runtime.Tell(master, func(m *Master) { m.offer(framework, offers) })
	}
	id := "allocator" // as the reference calls it, whose endpoint is /allocator/…
	if _, taken := runtime.Find[*allocator.Allocator](node, id); taken {
		id = node.NewID(id)
	}
	config := m.config.Allocator
	config.Realm = ReadonlyRealm
	ref, err := runtime.Spawn(node, id, allocator.New(config, offers))
	if err != nil {
		panic(fmt.Sprintf("master: spawn the allocator: %v", err)) // the id is fresh
	}
	m.allocator = allocatorProxy{ref}
}

func (p allocatorProxy) tell(f func(*allocator.Allocator)) { runtime.Tell(p.ref, f) }

func (p allocatorProxy) UpdateWeights(weights map[string]float64) {
	var infos []*mesospb.WeightInfo
	for role, weight := range weights {
		infos = append(infos, &mesospb.WeightInfo{Role: &role, Weight: &weight})
	}
	slices.SortFunc(infos, func(a, b *mesospb.WeightInfo) int { return cmp.Compare(a.GetRole(), b.GetRole()) })
	p.tell(func(a *allocator.Allocator) { a.UpdateWeights(infos) })
}

func (p allocatorProxy) AddFramework(info *mesospb.FrameworkInfo, active bool, wishes allocator.Wishes) {
	p.tell(func(a *allocator.Allocator) { a.AddFramework(info, active, wishes) })
}

func (p allocatorProxy) UpdateFramework(info *mesospb.FrameworkInfo, wishes allocator.Wishes) {
	p.tell(func(a *allocator.Allocator) { a.UpdateFramework(info, wishes) })
}

func (p allocatorProxy) RemoveFramework(id ids.Framework) {
	p.tell(func(a *allocator.Allocator) { a.RemoveFramework(id) })
}

func (p allocatorProxy) ActivateFramework(id ids.Framework) {
	p.tell(func(a *allocator.Allocator) { a.ActivateFramework(id) })
}

func (p allocatorProxy) DeactivateFramework(id ids.Framework) {
	p.tell(func(a *allocator.Allocator) { a.DeactivateFramework(id) })
}

func (p allocatorProxy) SuppressOffers(id ids.Framework, roles []string) {
	p.tell(func(a *allocator.Allocator) { a.SuppressOffers(id, roles) })
}

func (p allocatorProxy) ReviveOffers(id ids.Framework, roles []string) {
	p.tell(func(a *allocator.Allocator) { a.ReviveOffers(id, roles) })
}

func (p allocatorProxy) UpdateWhitelist(hosts []string) {
	p.tell(func(a *allocator.Allocator) { a.UpdateWhitelist(hosts) })
}

func (p allocatorProxy) RequestResources(id ids.Framework, requests []*mesospb.Request) {
	p.tell(func(a *allocator.Allocator) { a.RequestResources(id, requests) })
}

func (p allocatorProxy) AddAgent(of *book.Agent) {
	agent, used := asAllocated(of), of.UsedBy()
	p.tell(func(a *allocator.Allocator) { a.AddAgent(agent, used) })
}

func (p allocatorProxy) UpdateAgent(of *book.Agent) {
	agent := asAllocated(of)
	p.tell(func(a *allocator.Allocator) { a.UpdateAgent(agent) })
}

// asAllocated is what the allocator knows of an agent.
func asAllocated(a *book.Agent) allocator.Agent {
	return allocator.Agent{Info: a.Info, Capabilities: a.Announced, Total: a.Total}
}

func (p allocatorProxy) RemoveAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.RemoveAgent(id) })
}

func (p allocatorProxy) ActivateAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.ActivateAgent(id) })
}

func (p allocatorProxy) DeactivateAgent(id ids.Agent) {
	p.tell(func(a *allocator.Allocator) { a.DeactivateAgent(id) })
}

// Recover takes back resources that were in use, or that were offered and are refused as filters say; nil filters
// refuse nothing.
func (p allocatorProxy) Recover(framework ids.Framework, agent ids.Agent, rs resources.Resources, filters *mesospb.Filters, inUse bool) {
	p.tell(func(a *allocator.Allocator) { a.RecoverResources(framework, agent, rs, filters, inUse) })
}

// Settle ends an acceptance: of what was offered, used is in use now, and declined is not.
func (p allocatorProxy) Settle(framework ids.Framework, agent ids.Agent, used, declined resources.Resources, filters *mesospb.Filters) {
	p.tell(func(a *allocator.Allocator) {
		if !declined.IsEmpty() {
			a.RecoverResources(framework, agent, declined, filters, false)
		}
		if !used.IsEmpty() {
			a.TransitionOfferedToAllocated(agent, used)
		}
	})
}
