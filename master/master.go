// Package master is Mesos's master: it keeps the book of a cluster's agents and frameworks, offers the agents' resources
// to the frameworks as its allocator decides, passes tasks to agents and their updates back, and notices who went away.
//
// The [Master] is an actor called "master". Agents and schedulers talk to it in libprocess messages, whose handlers are
// grouped by conversation, one file each; schedulers also over HTTP, with calls that come to the same handlers and a
// stream of events for what they are told. It spawns one observer for each agent. Its partners on the same node are the
// allocator, the registrar, and whatever elects the leader; they are given to [New].
//
// What the master knows is in package book, what it accepts is decided by package validate; the files here say what it
// does. Handlers look everything up by id after every wait, and send, or tell the allocator, when the book is in order.
//
// A master gives up when it cannot read or write its registry, when it cannot follow the election or loses it, and when more
// agents stay away after a failover than it may remove: it is safe to be replaced at any moment, since agents and schedulers
// bring back all that is not in the registry. It panics where an invariant of its book or of the allocator's is broken, where
// an actor cannot be spawned under a fresh id, and where an event that it made cannot be encoded. Nothing that a peer or an
// operator says may lead to either: a change that the registry refuses, since things changed between the question and the
// answer, is dropped or answered with an error.
package master

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/actors/authorizer"
	"meseta/actors/election"
	"meseta/actors/metrics"
	"meseta/actors/registrar"
	"meseta/actors/version"
	"meseta/master/accept"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/master/leadership"
	"meseta/master/observer"
	"meseta/master/ratelimit"
	"meseta/master/subscribers"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// The realms of those who look at a master, and of those who change something.
const (
	ReadonlyRealm  = "mesos-master-readonly"
	ReadwriteRealm = "mesos-master-readwrite"
)

// Config says how a master behaves. Every number is taken as it is, zero too; [Defaults] is what Mesos does without flags.
type Config struct {
	ID       string              // of this run: a UUID; empty: a random one
	Hostname string              // advertised to others: --hostname; empty: the IP address
	Cluster  string              // shown to people: --cluster
	Domain   *mesospb.DomainInfo // --domain
	Flags    map[string]string   // shown by /flags and /state
	Build    version.Build       // what runs, shown to people and told to others; without a Version: 1.12.0

	HideFrameworkMetrics bool        // --no-publish_per_framework_metrics
	Limits               book.Limits // how much of the past is remembered

	Roles         []string           // the only roles allowed: --roles; nil: any
	Weights       map[string]float64 // of roles, unless the registry has some: --weights
	RefuseRoot    bool               // frameworks of the user root are refused: --no-root_submissions
	RequireDomain bool               // agents must have a domain: --require_agent_domain

	Allocator  allocator.Config
	Whitelist  string              // a file with the hosts whose agents may be offered: --whitelist; empty or *: all
	RateLimits *mesospb.RateLimits // of messages from frameworks: --rate_limits; nil: none. See [ratelimit.Check]

	// MaxSubscribers is how many operators may follow the changes at once; one more closes the oldest stream:
	// --max_operator_event_stream_subscribers.
	MaxSubscribers int

	AgentPingTimeout       time.Duration // between pings: --agent_ping_timeout
	MaxAgentPingTimeouts   int           // pings missed in a row that make an agent unreachable: --max_agent_ping_timeouts
	AgentReregisterTimeout time.Duration // after a failover or a broken connection: --agent_reregister_timeout
	// RecoveryRemovalLimit is the share of agents, from 0 to 1, that may stay away after a failover. If more do, the master
	// gives up rather than remove them: --recovery_agent_removal_limit.
	RecoveryRemovalLimit float64
	AgentRemovalRate     Rate          // of agents that become unreachable: --agent_removal_rate_limit; the zero Rate: no bound
	OfferTimeout         time.Duration // until unused offers are rescinded: --offer_timeout; [Never]: they are not

	RegistryGCInterval    time.Duration // between two looks for old agents: --registry_gc_interval; at least a millisecond
	RegistryMaxAgentAge   time.Duration // of unreachable and gone agents in the registry: --registry_max_agent_age
	RegistryMaxAgentCount int           // of unreachable, and of gone, agents in the registry: --registry_max_agent_count
}

// Partners are what a master works with. All but Authorizer, GiveUp and Serve are required.
type Partners struct {
	Registrar  runtime.Ref[*registrar.Registrar]
	Contender  election.Contender
	Detector   election.Detector
	Authorizer authorizer.Authorizer // nil: everybody may do everything
	// GiveUp is called, on the master's turn, when the master has to end: it lost its leadership, or the registry
	// cannot be written. nil: panic, which ends the node.
	GiveUp func(reason error)
	// Serve installs HTTP routes, on the master's first turn: api.Serve. nil: there are none.
	Serve func(*Master)
}

// Master is the actor. Its id must be "master".
type Master struct {
	runtime.Actor
	Partners
	config Config
	info   *mesospb.MasterInfo

	started    time.Time
	leadership *leadership.Leadership
	registry   *leadership.Registry

	book      *book.Book
	cluster   *cluster.Cluster
	accepts   *accept.Acceptor
	planning  *runtime.Sequence // of changes of the plan of maintenance
	roles     *book.Roles
	next      struct{ framework, agent, offer int }
	allocator cluster.Allocator
	approvers map[ids.Framework]authorizer.Approver
	observers map[ids.Agent]runtime.Ref[*observer.Observer]
	timers    struct {
		disconnect map[ids.Agent]runtime.Timer // of agents whose connection broke
		leave      runtime.Timer               // of the next inverse offers
	}
	removals removals
	limits   *ratelimit.Limits // of messages from frameworks
	counts   *counts.Counts
}

// New returns a master, to be spawned by the caller as "master".
func New(config Config, partners Partners) *Master {
	config = config.complete()
	m := &Master{
		Partners: partners, config: config,
		book:      book.New(config.Limits),
		counts:    &counts.Counts{},
		roles:     book.NewRoles(config.Roles),
		approvers: map[ids.Framework]authorizer.Approver{},
		observers: map[ids.Agent]runtime.Ref[*observer.Observer]{},
	}
	m.timers.disconnect = map[ids.Agent]runtime.Timer{}
	return m
}

// Initialize implements [runtime.Initializer].
//
// Mesos: Master::initialize.
func (m *Master) Initialize() {
	m.started = m.Now()
	m.planning = runtime.NewSequence(m)
	m.introduce()
	m.leadership = leadership.New(&m.Actor, leadership.Options{
		Info: m.info, Contender: m.Contender, Detector: m.Detector, Registrar: m.Registrar,
		Recover: m.recoverFrom, GiveUp: m.GiveUp,
	})
	m.registry = leadership.NewRegistry(&m.Actor, m.Registrar, m.leadership.GiveUp)
	m.limitRemovals()
	m.limits = ratelimit.New(m, m.config.RateLimits)
	m.cluster = m.newCluster()
	m.allocator = m.cluster.Allocator
	m.accepts = accept.New(&m.Actor, m.cluster)

	m.installAgents()
	m.installFrameworks()
	m.installTasks()
	if m.Serve != nil {
		m.Serve(m)
	}
	metrics.Export(m, m.measure)

	m.watchWhitelist(nil)
	m.leadership.Begin()
}

// installAgents installs what agents say.
func (m *Master) installAgents() {
	whileLeading(m, m.registerAgent)         // RegisterSlaveMessage
	whileLeading(m, m.reregisterAgent)       // ReregisterSlaveMessage
	whileLeading(m, m.unregisterAgent)       // UnregisterSlaveMessage
	whileLeading(m, m.updateAgent)           // UpdateSlaveMessage
	whileLeading(m, m.statusUpdate)          // StatusUpdateMessage
	whileLeading(m, m.executorMessage)       // ExecutorToFrameworkMessage
	whileLeading(m, m.exitedExecutor)        // ExitedExecutorMessage
	whileLeading(m, m.updateOperationStatus) // UpdateOperationStatusMessage
	whileLeading(m, m.authenticate)          // AuthenticateMessage, also from schedulers
}

// installFrameworks installs what schedulers say about themselves.
func (m *Master) installFrameworks() {
	whileLeading(m, m.call)                // scheduler.Call: all that follows, from today's schedulers
	whileLeading(m, m.registerFramework)   // RegisterFrameworkMessage
	whileLeading(m, m.reregisterFramework) // ReregisterFrameworkMessage
	whileLeading(m, m.unregisterFramework) // UnregisterFrameworkMessage
	whileLeading(m, m.deactivateFramework) // DeactivateFrameworkMessage
	whileLeading(m, m.submitScheduler)     // SubmitSchedulerRequest
}

// installTasks installs what schedulers of old say about offers and tasks.
func (m *Master) installTasks() {
	whileLeading(m, m.resourceRequest)             // ResourceRequestMessage
	whileLeading(m, m.launchTasks)                 // LaunchTasksMessage
	whileLeading(m, m.reviveOffers)                // ReviveOffersMessage
	whileLeading(m, m.killTask)                    // KillTaskMessage
	whileLeading(m, m.statusUpdateAcknowledgement) // StatusUpdateAcknowledgementMessage
	whileLeading(m, m.schedulerMessage)            // FrameworkToExecutorMessage
	whileLeading(m, m.reconcileTasks)              // ReconcileTasksMessage
}

// whileLeading installs h for the time in which this master leads and has recovered. Others are not answered: they
// try again. Messages of schedulers may have to wait. A message without a sender is dropped: every peer has a PID.
//
// Differs: the reference handles such a message if its handler does not look at the sender.
func whileLeading[M any, P interface {
	*M
	proto.Message
}](m *Master, h func(runtime.PID, P)) {
	heard := new(uint64)
	m.counts.HeardOf(P(new(M)), heard)
	runtime.Install(m, func(from runtime.PID, msg P) {
		switch f := m.book.FrameworkAt(from); {
		case f != nil:
			m.hear(f, from, msg, func() {
				*heard++
				h(from, msg)
			})
		case !m.leadership.Serves() || from.IsZero():
			m.counts.Dropped++
		default:
			*heard++
			h(from, msg)
		}
	})
}

// hear handles a message of f's scheduler as fast as its principal is allowed.
func (m *Master) hear(f *book.Framework, from runtime.PID, msg proto.Message, handle func()) {
	m.limits.Received(f)
	if !m.leadership.Serves() {
		m.counts.Dropped++
		return
	}
	if err := m.limits.Handle(f, handle); err != nil {
		name := msg.ProtoReflect().Descriptor().FullName()
		m.Log().Warn().Err(err).Stringer("framework_id", f.ID).Str("message", string(name)).Msg("message dropped: too many wait")
		m.Send(from, &internalpb.FrameworkErrorMessage{Message: proto.String(fmt.Sprintf("Message %s dropped: %v", name, err))})
	}
}

// newCluster returns a cluster without agents and frameworks.
func (m *Master) newCluster() *cluster.Cluster {
	config := m.config.Allocator
	config.Realm, config.Domain = ReadonlyRealm, m.config.Domain
	return cluster.New(&m.Actor, cluster.Options{
		Book: m.book, Counts: m.counts, Allocator: config, AllocationInterval: max(config.AllocationInterval, shortestInterval),
		OfferTimeout: m.config.OfferTimeout, MaxSubscribers: m.config.MaxSubscribers, OfferID: m.nextOfferID,
		Master: m.describeItself,
	})
}

// introduce decides who this master is.
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

// Book is what the master knows, on its turn. Others only read it.
func (m *Master) Book() *book.Book { return m.book }

// Allocator is who decides about offers; for tests, on the master's turn.
func (m *Master) Allocator() runtime.Ref[*allocator.Allocator] { return m.allocator.Ref() }

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

// describeItself is what readers see of the master besides its cluster.
func (m *Master) describeItself() view.Master {
	now := m.leadership.State()
	return view.Master{
		Info: m.info, Leader: now.Leader, Build: m.config.Build, Started: m.started, Elected: now.Elected,
		Cluster: m.config.Cluster, Flags: m.config.Flags, Weights: m.roles.Weights(),
		Whitelist: m.roles.Whitelist(),
	}
}

// Leadership is who leads now.
func (m *Master) Leadership() leadership.State { return m.leadership.State() }

// Config is how the master behaves.
func (m *Master) Config() Config { return m.config }

// Look returns what the master knows now, to be read beside its turns.
func (m *Master) Look() *view.Cluster { return m.cluster.Look() }

// Counts is how often things happened.
func (m *Master) Counts() *counts.Counts { return m.counts }

// Follow subscribes somebody to the changes of the cluster: add is called on a turn of who tells them.
func (m *Master) Follow(add func(*subscribers.Subscribers)) { m.cluster.Feed.Add(add) }

// measure shows the master's metrics.
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

// Finalize implements [runtime.Finalizer]: what the master spawned ends with it.
func (m *Master) Finalize() {
	for _, o := range m.observers {
		m.Node().Terminate(o.PID())
	}
	m.cluster.End()
}
