// Package master implements Mesos's master. It keeps track of a cluster's agents and frameworks, offers the agents'
// resources to the frameworks as its allocator decides, passes tasks to agents and their updates back, and detects
// agents that are gone.
//
// The [Master] is an actor with the ID "master". Agents and schedulers send it libprocess messages. Schedulers may also
// use HTTP; their calls come to the same handlers, and their events form a stream. The allocator runs on the same node,
// as do the partners that [New] is given: the registrar and the election.
//
// Initialize is the contents page. It installs a handler for every message and makes the parts of the master, one
// package for each kind of conversation: leadership holds the election and the registry; agents, registration and
// removal of agents; frameworks, the same for frameworks; tasks, the messages that pass between agents and frameworks;
// calls, the calls of schedulers. They ask package peers who a peer is and package validate whether a message is
// acceptable, and change package cluster, which holds the book. Handlers look everything up by ID after every wait.
// They change the book first, and then send messages and tell the allocator.
//
// A master gives up when it cannot read or write its registry, when the election fails or it loses its leadership, and
// when more agents fail to re-register after a failover than it may mark unreachable. Another master can take over at
// any moment, because agents and schedulers bring back everything that is not in the registry. A master panics if an
// invariant of its book or of the allocator is broken, if it cannot spawn an actor under a fresh ID, or if it cannot
// encode an event that it made. No message of a peer and no call of an operator may lead to either. A change that the
// registry refuses because the situation changed meanwhile is dropped or answered with an error.
package master

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/election"
	"meseta/actors/metrics"
	"meseta/actors/registrar"
	"meseta/master/agents"
	"meseta/master/book"
	"meseta/master/calls"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/master/decorate"
	"meseta/master/frameworks"
	"meseta/master/leadership"
	"meseta/master/operations"
	"meseta/master/peers"
	"meseta/master/ratelimit"
	"meseta/master/tasks"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/messages/sharing"
	"meseta/runtime"
)

// Partners holds what a master works with. Registrar, Contender and Detector are required.
type Partners struct {
	Registrar  runtime.Ref[*registrar.Registrar]
	Contender  election.Contender
	Detector   election.Detector
	Authorizer authorizer.Authorizer // nil allows everything
	// Authenticator authenticates agents and schedulers that speak libprocess. nil means that none can be.
	Authenticator peers.Authenticator
	// GiveUp is called, on the master's turn, when the master has to end because it lost its leadership or cannot write
	// the registry. nil means to panic, which ends the node.
	GiveUp func(reason error)
	// Serve installs HTTP routes on the master's first turn. Its usual value is api.Serve; nil installs none.
	Serve func(*Master)
}

// Master is the master's actor. Its ID must be "master".
type Master struct {
	runtime.Actor
	Partners
	config  Config
	info    *mesospb.MasterInfo
	started time.Time
	next    struct{ framework, agent, offer int } // numbers for the next IDs

	book    *book.Book
	roles   *book.Roles
	counts  *counts.Counts
	limits  *ratelimit.Limits // of messages from frameworks
	cluster *cluster.Cluster
	peers   *peers.Peers
	hooked  *decorate.Decorator // of launches
	decoder *sharing.Decoder    // of what agents and schedulers tell about tasks

	leadership *leadership.Leadership
	registry   *leadership.Registry
	agents     *agents.Agents
	frameworks *frameworks.Frameworks
	tasks      *tasks.Tasks
	operations *operations.Operations
	calls      *calls.Calls
}

// New returns a master. The caller spawns it as "master".
func New(config Config, partners Partners) *Master {
	config = config.complete()
	return &Master{
		Partners: partners, config: config, book: book.New(config.Limits), counts: &counts.Counts{}, roles: book.NewRoles(config.Roles),
		decoder: sharing.New(32 << 20),
	}
}

// Initialize implements [runtime.Initializer].
//
// Mesos: Master::initialize.
func (m *Master) Initialize() {
	m.started = m.Now()
	m.introduce()
	m.assemble()

	m.installAgents()
	m.installTasks()
	m.installFrameworks()
	m.installCalls()
	if m.Serve != nil {
		m.Serve(m)
	}
	metrics.Export(m, m.measure)

	m.watchWhitelist(nil)
	m.leadership.Begin()
}

// installAgents installs the messages in which agents report about themselves.
func (m *Master) installAgents() {
	whileLeading(m, m.agents.Registrations.Register, m.decoder.Registration)     // RegisterSlaveMessage
	whileLeading(m, m.agents.Registrations.Reregister, m.decoder.Reregistration) // ReregisterSlaveMessage
	whileLeading(m, fromAgent(m, (*internalpb.UpdateSlaveMessage).GetSlaveId, m.agents.Registrations.Update))
	whileLeading(m, m.agents.Removals.Unregister) // UnregisterSlaveMessage
	whileLeading(m, m.peers.Authenticate)         // AuthenticateMessage, from schedulers as well
}

// installTasks installs the messages in which agents report about tasks and operations.
func (m *Master) installTasks() {
	updated := func(u *internalpb.StatusUpdateMessage) *mesospb.SlaveID { return u.GetUpdate().GetSlaveId() }
	whileLeading(m, fromAgent(m, updated, m.tasks.StatusUpdate), m.decoder.Update)
	whileLeading(m, fromAgent(m, (*internalpb.ExecutorToFrameworkMessage).GetSlaveId, m.tasks.ToFramework))
	whileLeading(m, fromAgent(m, (*internalpb.ExitedExecutorMessage).GetSlaveId, m.agents.Registrations.Exited(m.tasks.ExitedExecutor)))
	whileLeading(m, fromAgent(m, (*internalpb.UpdateOperationStatusMessage).GetSlaveId, m.operations.Update))
}

// installFrameworks installs the messages in which drivers register frameworks.
func (m *Master) installFrameworks() {
	whileLeading(m, m.frameworks.Register)   // RegisterFrameworkMessage
	whileLeading(m, m.frameworks.Reregister) // ReregisterFrameworkMessage
	whileLeading(m, m.frameworks.Unregister) // UnregisterFrameworkMessage
	whileLeading(m, m.frameworks.Deactivate) // DeactivateFrameworkMessage
}

// installCalls installs the calls of schedulers, and the older messages with the same meaning.
func (m *Master) installCalls() {
	whileLeading(m, m.calls.Call, m.decoder.Call)        // scheduler.Call
	whileLeading(m, m.calls.ResourceRequest)             // ResourceRequestMessage
	whileLeading(m, m.calls.LaunchTasks)                 // LaunchTasksMessage
	whileLeading(m, m.calls.ReviveOffers)                // ReviveOffersMessage
	whileLeading(m, m.calls.KillTask)                    // KillTaskMessage
	whileLeading(m, m.calls.StatusUpdateAcknowledgement) // StatusUpdateAcknowledgementMessage
	whileLeading(m, m.calls.FrameworkToExecutor)         // FrameworkToExecutorMessage
	whileLeading(m, m.calls.ReconcileTasks)              // ReconcileTasksMessage
	whileLeading(m, m.calls.SubmitScheduler)             // SubmitSchedulerRequest
}

// assemble makes the parts of the master and connects them.
func (m *Master) assemble() {
	m.limits = ratelimit.New(m, m.config.RateLimits)
	m.hooked = decorate.New(&m.Actor, m.book, m.config.Hooks)
	m.cluster = m.newCluster()
	m.peers = peers.New(&m.Actor, m.book, peers.Authentication{
		Authenticator: m.Authenticator, Timeout: m.config.AuthenticationTimeout,
		Agents: m.config.AuthenticateAgents, Frameworks: m.config.AuthenticateFrameworks,
	}, m.Authorizer)
	m.leadership = leadership.New(&m.Actor, leadership.Options{
		Info: m.info, Contender: m.Contender, Detector: m.Detector, Registrar: m.Registrar,
		Recover: m.recover, GiveUp: m.GiveUp,
	})
	m.registry = leadership.NewRegistry(&m.Actor, m.Registrar, m.leadership.GiveUp)
	m.agents = m.newAgents()
	m.frameworks = frameworks.New(&m.Actor, frameworks.Options{
		Cluster: m.cluster, Peers: m.peers, Limits: m.limits, InOrder: m.hooked.InOrder, Master: m.info, NextID: m.nextFrameworkID,
		AllowsRole: m.roles.Allows, RefuseRoot: m.config.RefuseRoot, Ended: m.agents.Drains.Check,
	})
	m.tasks = tasks.New(&m.Actor, m.cluster, m.agents.Drains.Check)
	m.operations = operations.New(&m.Actor, m.cluster, m.agents.Drains.Check)
	m.calls = calls.New(&m.Actor, m.cluster, m.peers, m.frameworks, m.tasks, m.operations, m.hooked)
}

// newCluster returns a cluster without agents and frameworks.
func (m *Master) newCluster() *cluster.Cluster {
	config := m.config.Allocator
	config.Realm, config.Domain, config.Authorizer = ReadonlyRealm, m.config.Domain, m.Authorizer
	return cluster.New(&m.Actor, cluster.Options{
		Book: m.book, Counts: m.counts, Allocator: config, AllocationInterval: max(config.AllocationInterval, shortestInterval),
		OfferTimeout: m.config.OfferTimeout, MaxSubscribers: m.config.MaxSubscribers, OfferID: m.nextOfferID,
		Master: m.describeItself, Lost: m.hooked.Lost,
	})
}

// newAgents returns the conversations with agents, of which there are none yet.
func (m *Master) newAgents() *agents.Agents {
	c := &m.config
	return agents.New(&m.Actor, agents.Options{
		Cluster: m.cluster, Registry: m.registry, Peers: m.peers, NextID: m.nextAgentID, GiveUp: m.leadership.GiveUp,
		Domain: c.Domain != nil, RequireDomain: c.RequireDomain,
		PingInterval: c.AgentPingTimeout, MaxPings: c.MaxAgentPingTimeouts, ReregisterTimeout: c.AgentReregisterTimeout,
		RemovalRate: c.AgentRemovalRate, RemovalLimit: c.RecoveryRemovalLimit,
		PruneInterval: c.RegistryGCInterval, MaxAge: c.RegistryMaxAgentAge, MaxCount: c.RegistryMaxAgentCount,
	})
}

// recover takes over the registry.
//
// Mesos: Master::_recover.
func (m *Master) recover(r *registrypb.Registry) {
	m.agents.Recovery.Recover(r)
	m.agents.Maintenance.Recover(r)
	m.recoverWeights(r)
	m.recoverQuotas(r)
}

// introduce fills in the MasterInfo of this master.
func (m *Master) introduce() {
	id := m.config.ID
	if id == "" {
		id = randomUUID(m.Rand())
	}
	m.info = &mesospb.MasterInfo{
		Id: proto.String(id), Pid: proto.String(m.Self().String()), Version: proto.String(m.config.Build.Version),
		Domain: m.config.Domain,
	}
	for _, c := range []mesospb.MasterInfo_Capability_Type{
		mesospb.MasterInfo_Capability_AGENT_UPDATE,
		mesospb.MasterInfo_Capability_AGENT_DRAINING,
		mesospb.MasterInfo_Capability_QUOTA_V2,
	} {
		m.info.Capabilities = append(m.info.Capabilities, &mesospb.MasterInfo_Capability{Type: c.Enum()})
	}
	election.Address(m.info, m.Self().Addr, m.config.Hostname)
	m.Log().Info().Str("master_id", id).Stringer("pid", m.Self()).Msg("master started")
}

func (m *Master) nextFrameworkID() ids.Framework {
	m.next.framework++
	return ids.Framework(m.info.GetId() + "-" + pad4(m.next.framework-1))
}

func (m *Master) nextAgentID() ids.Agent {
	m.next.agent++
	return ids.Agent(m.info.GetId() + "-S" + strconv.Itoa(m.next.agent-1))
}

func (m *Master) nextOfferID() ids.Offer {
	m.next.offer++
	return ids.Offer(m.info.GetId() + "-O" + strconv.Itoa(m.next.offer-1))
}

// describeItself returns the part of the state that readers see besides the cluster.
func (m *Master) describeItself() view.Master {
	now := m.leadership.State()
	return view.Master{
		Info: m.info, Leader: now.Leader, Build: m.config.Build, Started: m.started, Elected: now.Elected,
		Cluster: m.config.Cluster, Flags: m.config.Flags, Weights: m.roles.Weights(), Quotas: m.roles.Quotas(),
		Whitelist: m.roles.Whitelist(),
	}
}

// measure adds the master's metrics to s.
func (m *Master) measure(s *metrics.Sample) {
	s.Gauge("master/uptime_secs", m.Now().Sub(m.started).Seconds())
	s.Flag("master/elected", m.leadership.State().Leads)
	q := m.Queued()
	s.Gauge("master/event_queue_messages", float64(q.Messages))
	s.Gauge("master/event_queue_dispatches", float64(q.Dispatches))
	s.Gauge("master/event_queue_http_requests", float64(q.Requests))
	s.Gauge("master/outstanding_offers", float64(m.book.NumOffers()))
	s.Gauge("master/operator_event_stream_subscribers", float64(m.cluster.Feed.Subscribers()))

	counts.MeasureAgents(s, m.book)
	counts.MeasureFrameworks(s, m.book, m.config.HideFrameworkMetrics)
	m.limits.Measure(s, m.book.Frameworks())
	m.counts.Measure(s)
}

// Exited implements [runtime.Exiter]. It handles a broken connection to a scheduler or an agent.
//
// Mesos: Master::exited.
func (m *Master) Exited(pid runtime.PID) {
	if f := m.book.FrameworkAt(pid); f != nil {
		m.frameworks.Exited(f)
		return
	}
	m.peers.Left(pid)
	m.agents.Watch.Exited(pid)
}

// Finalize implements [runtime.Finalizer]. It terminates the actors that the master spawned.
func (m *Master) Finalize() {
	m.agents.Watch.End()
	m.cluster.End()
}
