package master

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"meseta/actors/allocator"
	"meseta/actors/hooks"
	"meseta/actors/version"
	"meseta/master/agents"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/messages/pb/mesospb"
)

// The authentication realms of endpoints that show the state of a master, and of those that change it.
const (
	ReadonlyRealm  = "mesos-master-readonly"
	ReadwriteRealm = "mesos-master-readwrite"
)

// Config is the configuration of a master. Numbers and durations have no default: zero has the meaning that each field
// says. [Defaults] returns the configuration that Mesos has without flags.
type Config struct {
	// ID identifies this run of the master, as a UUID. Empty means a random one.
	ID string
	// Hostname is the name that others use to reach the master (--hostname). Empty means its IP address.
	Hostname string
	// Cluster is the name of the cluster that is shown to people (--cluster). Empty means none.
	Cluster string
	// Domain is the region and zone of the master (--domain). nil means none; agents then must not have any either.
	Domain *mesospb.DomainInfo
	// Flags are shown by /flags and /state.
	Flags map[string]string
	// Build describes the running program, for people and for peers. An empty Version means 1.12.0.
	Build version.Build

	// HideFrameworkMetrics removes the metrics of single frameworks (--no-publish_per_framework_metrics).
	HideFrameworkMetrics bool
	// Limits bounds how many completed frameworks and tasks are remembered.
	Limits book.Limits

	// Roles are the only roles that frameworks may use (--roles). nil means any.
	Roles []string
	// Weights are the weights of roles (--weights). The weights in the registry, if there are any, replace them.
	Weights map[string]float64
	// RefuseRoot refuses frameworks whose user is root (--no-root_submissions).
	RefuseRoot bool
	// RequireDomain refuses agents without a domain (--require_agent_domain).
	RequireDomain bool

	// Allocator configures the allocator. Its AllocationInterval is at least a millisecond.
	Allocator allocator.Config
	// Whitelist is the path of a file with the hosts whose agents are offered (--whitelist). Empty or * means all.
	Whitelist string
	// RateLimits bounds the rate of messages from frameworks (--rate_limits). nil means no limits. See
	// [ratelimit.Check] for those that are valid.
	RateLimits *mesospb.RateLimits

	// Hooks see and change what frameworks launch (--hooks). nil means none.
	Hooks *hooks.Hooks

	// MaxSubscribers is the maximal number of subscribers of the operator API. One more ends the oldest stream
	// (--max_operator_event_stream_subscribers). With 0 each stream ends at once.
	MaxSubscribers int

	// AuthenticateAgents and AuthenticateFrameworks refuse agents and drivers that are not authenticated
	// (--authenticate_agents, --authenticate_frameworks).
	AuthenticateAgents, AuthenticateFrameworks bool
	// AuthenticationTimeout is how long the authentication of one of them may take (--authentication_v0_timeout). With 0
	// it always fails.
	AuthenticationTimeout time.Duration

	// AgentPingTimeout is the time between two pings of an agent (--agent_ping_timeout). It must not be 0, which would ping
	// without a pause; mesos-master accepts one second to 15 minutes.
	AgentPingTimeout time.Duration
	// MaxAgentPingTimeouts is how many pings in a row an agent must miss to become unreachable
	// (--max_agent_ping_timeouts). 0 means one.
	MaxAgentPingTimeouts int
	// AgentReregisterTimeout is the time in which agents have to re-register after a failover of the master or after
	// their connection broke. Then they become unreachable (--agent_reregister_timeout). With 0 they do so at once; mesos-master
	// accepts ten minutes or more.
	AgentReregisterTimeout time.Duration
	// RecoveryRemovalLimit is the share of agents, from 0 to 1, that may fail to re-register after a failover. If more
	// do, the master exits instead of marking them unreachable (--recovery_agent_removal_limit).
	RecoveryRemovalLimit float64
	// AgentRemovalRate bounds how fast agents become unreachable (--agent_removal_rate_limit). The zero Rate means no
	// bound.
	AgentRemovalRate Rate
	// OfferTimeout is the time after which unused offers are rescinded (--offer_timeout). Zero rescinds them at once;
	// [Never] keeps them.
	OfferTimeout time.Duration

	// RegistryGCInterval is the time between two prunings of the registry (--registry_gc_interval). Less than a
	// millisecond, such as 0, means a millisecond.
	RegistryGCInterval time.Duration
	// RegistryMaxAgentAge is the time for which the registry keeps unreachable and gone agents
	// (--registry_max_agent_age). With 0 it forgets them at the next pruning.
	RegistryMaxAgentAge time.Duration
	// RegistryMaxAgentCount is the number of unreachable agents, and the number of gone agents, that the registry
	// keeps (--registry_max_agent_count). 0 means none.
	RegistryMaxAgentCount int
}

// Never is the OfferTimeout of offers that do not time out.
const Never = cluster.Never

// Rate is a maximal rate of events.
type Rate = agents.Rate

// shortestInterval is the least interval of periodic work, so that an interval of 0 is not a busy loop.
const shortestInterval = time.Millisecond

// Defaults returns the configuration of a master started without flags.
func Defaults() Config {
	return Config{
		Limits: book.DefaultLimits, Allocator: allocator.Defaults(), MaxSubscribers: 1000,
		AgentPingTimeout: 15 * time.Second, MaxAgentPingTimeouts: 5, AgentReregisterTimeout: 10 * time.Minute,
		RecoveryRemovalLimit: 1, OfferTimeout: Never, AuthenticationTimeout: 15 * time.Second,
		RegistryGCInterval: 15 * time.Minute, RegistryMaxAgentAge: 14 * 24 * time.Hour, RegistryMaxAgentCount: 102_400,
	}
}

func (c Config) complete() Config {
	c.Build.Version = cmp.Or(c.Build.Version, "1.12.0")
	c.Allocator.HideFrameworks = c.HideFrameworkMetrics
	c.RegistryGCInterval = max(c.RegistryGCInterval, shortestInterval)
	return c
}

// randomUUID returns a UUID of version 4.
func randomUUID(r *rand.Rand) string {
	var b [16]byte
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	s := hex.EncodeToString(b[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

func pad4(n int) string { return fmt.Sprintf("%04d", n) }
