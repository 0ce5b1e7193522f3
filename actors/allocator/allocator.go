package allocator

import (
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// shortestInterval is the shortest pause between periodic cycles.
const shortestInterval = time.Millisecond

// Config configures an [Allocator]. The zero value of a field is a value, not a request for a default; [Defaults]
// returns the values that Mesos uses without flags.
type Config struct {
	// AllocationInterval is the time between cycles over all agents (--allocation_interval). Values below one
	// millisecond, including zero, count as one millisecond.
	AllocationInterval time.Duration
	// Minimum lists alternatives of which an offer must contain at least one (--min_allocatable_resources). If it is empty,
	// offers may be of any size. A framework's own offer filters override it.
	Minimum []resources.Quantities
	// FairnessExcluded names the resources that do not count towards a role's dominant share
	// (--fair_sharing_excluded_resource_names).
	FairnessExcluded []string
	// GPUsForAll makes the allocator offer agents with GPUs to frameworks without the capability GPU_RESOURCES as well
	// (--filter_gpu_resources=false).
	GPUsForAll bool
	// Domain is the master's domain (--domain). Agents in another region are offered to frameworks with the capability
	// REGION_AWARE only. nil means the master is in no region.
	Domain *mesospb.DomainInfo
	// HideFrameworks omits the metrics of individual frameworks (--publish_per_framework_metrics=false).
	HideFrameworks bool
	// RecoveryFactor is the share of the known agents, from 0 to 1, that have to come back after a failover before offers are
	// made, if there are quotas (--allocator_agent_recovery_factor). With 0 the allocator waits for none.
	RecoveryFactor float64
	// RecoveryTimeout is how long the allocator waits for them (--allocator_recovery_timeout). 0 means not at all.
	RecoveryTimeout time.Duration
	// Realm is the authentication realm of the allocator's endpoint; see [web.RouteIn].
	Realm string
	// Authorizer decides which frameworks that endpoint shows. nil means all.
	Authorizer authorizer.Authorizer
}

// Defaults returns the configuration of a master started without flags: a cycle every second, offers of at least 0.01 cpus
// or 32 MB of memory, and a wait for four fifths of the agents, ten minutes at most, if there are quotas.
func Defaults() Config {
	return Config{
		AllocationInterval: time.Second, RecoveryFactor: 0.8, RecoveryTimeout: 10 * time.Minute,
		Minimum: []resources.Quantities{
			resources.QuantitiesOf(map[string]resources.Quantity{"cpus": resources.Unit / 100}),
			resources.QuantitiesOf(map[string]resources.Quantity{"mem": 32 * resources.Unit}),
		},
	}
}

// Offer is the offered resources of one agent for one of a framework's roles. The resources are allocated to that
// role.
type Offer struct {
	Role      string
	Agent     ids.Agent
	Resources resources.Resources
}

// OfferCallback receives new offers for a framework. It is called on the allocator's turn, so it must neither block
// nor touch the state of another actor (the master's callback dispatches to the master). No two of the offers are for
// the same role and agent. The framework counts as holding offered resources until they are returned with
// [Allocator.RecoverResources].
type OfferCallback func(framework ids.Framework, offers []Offer)

// Allocator decides which agents' resources are offered to which frameworks. It is an actor: call its methods on its
// turn, with [runtime.Tell] or [runtime.Dispatch]. Every agent and framework passed to a method must have been added
// before; otherwise the allocator panics, which ends the node. Resources may, however, be recovered from agents and
// frameworks that have been removed.
type Allocator struct {
	runtime.Actor
	config Config
	offer  OfferCallback
	book   *book
	policy policy

	asked   request   // what the next cycle looks at
	askedAt time.Time // when it was requested
	awaited int       // no offers are made before there are as many agents; see Recover
	timers  struct{ run, latency metrics.Timer }
	runs    uint64
}

// request says which agents a cycle looks at.
type request struct {
	pending bool // a cycle is scheduled
	all     bool
	agents  []*agent
}

// New returns an allocator that passes its offers to offer. The caller spawns it.
func New(config Config, offer OfferCallback) *Allocator {
	config.AllocationInterval = max(config.AllocationInterval, shortestInterval)
	return &Allocator{
		config: config,
		offer:  offer,
		book:   newBook(config.FairnessExcluded),
		policy: policy{
			minimum:    config.Minimum,
			gpusForAll: config.GPUsForAll,
			region:     config.Domain.GetFaultDomain().GetRegion().GetName(),
		},
	}
}

// Initialize exports the metrics and the debug endpoint, and starts the periodic cycles.
func (a *Allocator) Initialize() {
	metrics.Export(a, a.measure)
	web.RouteIn(a, a.config.Realm, "/offer_constraints_debug",
		web.Help{TLDR: "Shows the agents that frameworks exclude from their offers."}, a.serveConstraints)
	a.Delay(a.config.AllocationInterval, a.tick)
}

// tick requests a cycle over all agents once per interval.
func (a *Allocator) tick() {
	a.askAll()
	a.Delay(a.config.AllocationInterval, a.tick)
}

// askAll requests a cycle over all agents.
func (a *Allocator) askAll() {
	a.asked.all = true
	a.ask()
}

// askFor requests a cycle over one agent.
func (a *Allocator) askFor(of *agent) {
	a.asked.agents = append(a.asked.agents, of)
	a.ask()
}

// ask schedules a cycle on a later turn, so that the cycle covers everything that is already queued.
func (a *Allocator) ask() {
	if a.asked.pending || a.awaited > 0 {
		return
	}
	a.asked.pending = true
	a.askedAt = a.Now()
	runtime.Await(a, runtime.Ready(struct{}{}), func(struct{}, error) { a.allocate() })
}

// allocate runs the requested cycle and passes on its offers. It visits agents in random order to spread load. Mesos:
// _generateOffers.
func (a *Allocator) allocate() {
	start := a.Now()
	asked, askedAt := a.asked, a.askedAt
	a.asked = request{}
	a.book.expire(start)

	var agents []*agent
	if asked.all {
		agents = a.book.takeAll()
	} else {
		agents = a.book.take(asked.agents)
	}
	a.Rand().Shuffle(len(agents), func(i, j int) { agents[i], agents[j] = agents[j], agents[i] })
	c := newCycle(a.book, &a.policy)
	c.run(agents)
	a.book.settle(agents, asked.all)
	a.runs++
	for _, f := range c.order {
		a.offer(f.id, c.offers[f])
	}
	end := a.Now()
	a.timers.run.Observe(end, end.Sub(start))
	a.timers.latency.Observe(end, start.Sub(askedAt))
}
