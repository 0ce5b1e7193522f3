package allocator

import (
	"time"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// shortestInterval keeps cycles from following each other without a pause.
const shortestInterval = time.Millisecond

// Config tunes an [Allocator]. Every field is taken as it is; [Defaults] is what Mesos does without flags.
type Config struct {
	// AllocationInterval is the time between cycles over all agents: --allocation_interval. Less than a millisecond counts
	// as a millisecond.
	AllocationInterval time.Duration
	Minimum            []resources.Quantities // an offer has at least one of these; none: any offer will do
	FairnessExcluded   []string               // names of resources that do not count for fairness
	GPUsForAll         bool                   // offer agents with gpus also to frameworks without the capability GPU_RESOURCES
	Domain             *mesospb.DomainInfo    // of the master; agents elsewhere are for region-aware frameworks
	HideFrameworks     bool                   // show no metrics of single frameworks
	Realm              string                 // of the endpoint, see [web.RouteIn]
}

// Defaults returns the configuration of a master started without flags: cycles every second, and offers with at least
// 0.01 cpus or 32 MB of memory.
func Defaults() Config {
	return Config{
		AllocationInterval: time.Second,
		Minimum: []resources.Quantities{
			resources.QuantitiesOf(map[string]resources.Quantity{"cpus": resources.Unit / 100}),
			resources.QuantitiesOf(map[string]resources.Quantity{"mem": 32 * resources.Unit}),
		},
	}
}

// Offer is what a framework is offered of an agent for one of its roles. The resources are allocated to that role.
type Offer struct {
	Role      string
	Agent     ids.Agent
	Resources resources.Resources
}

// OfferCallback is told of new offers to a framework, on the allocator's turn: it must not block, and it must not touch
// what another actor owns (the master's dispatches to the master). At most one of the offers is for the same role and
// agent. What is offered counts as held by the framework until [Allocator.RecoverResources].
type OfferCallback func(framework ids.Framework, offers []Offer)

// Allocator decides which framework is offered the resources of which agent. It is an actor: its methods are called on
// its turn, with [runtime.Tell] or [runtime.Dispatch]. The master speaks only of agents and frameworks it has added;
// anything else is a bug and ends the node, except that resources may be recovered from what is no longer there.
type Allocator struct {
	runtime.Actor
	config Config
	offer  OfferCallback
	book   *book
	policy policy

	asked   request   // what the next cycle is to look at
	askedAt time.Time // when it was asked for
	timers  struct{ run, latency metrics.Timer }
	runs    uint64
}

// request is what a cycle is asked to look at.
type request struct {
	pending bool // a cycle is on its way
	all     bool
	agents  []*agent
}

// New returns an allocator, to be spawned by the caller, that gives its offers to offer.
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

// Initialize starts the clock of cycles.
func (a *Allocator) Initialize() {
	metrics.Export(a, a.measure)
	web.RouteIn(a, a.config.Realm, "/offer_constraints_debug",
		web.Help{TLDR: "What frameworks do not want to be offered."}, a.serveConstraints)
	a.Delay(a.config.AllocationInterval, a.tick)
}

// tick asks for a cycle over all agents, again and again.
func (a *Allocator) tick() {
	a.askAll()
	a.Delay(a.config.AllocationInterval, a.tick)
}

// askAll asks for a cycle over all agents.
func (a *Allocator) askAll() {
	a.asked.all = true
	a.ask()
}

// askFor asks for a cycle over one agent.
func (a *Allocator) askFor(of *agent) {
	a.asked.agents = append(a.asked.agents, of)
	a.ask()
}

// ask books a cycle on a later turn, so that what is already queued before it is part of it.
func (a *Allocator) ask() {
	if a.asked.pending {
		return
	}
	a.asked.pending = true
	a.askedAt = a.Now()
	runtime.Await(a, runtime.Ready(struct{}{}), func(struct{}, error) { a.allocate() })
}

// allocate runs the cycle that was asked for and tells of its offers. Agents are looked at in random order, so that
// load spreads. Mesos: _generateOffers.
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
