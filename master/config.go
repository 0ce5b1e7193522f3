package master

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"meseta/actors/allocator"
	"meseta/actors/version"
	"meseta/master/agents"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/messages/pb/mesospb"
)

// The realms of what clients read of a master, and of what they change.
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

// Never is an offer timeout that does not end.
const Never = cluster.Never

// Rate is how often something may happen.
type Rate = agents.Rate

// shortestInterval keeps what is repeated from following itself without a pause.
const shortestInterval = time.Millisecond

// Defaults returns the configuration of a master started without flags.
func Defaults() Config {
	return Config{
		Limits: book.DefaultLimits, Allocator: allocator.Defaults(), MaxSubscribers: 1000,
		AgentPingTimeout: 15 * time.Second, MaxAgentPingTimeouts: 5, AgentReregisterTimeout: 10 * time.Minute,
		RecoveryRemovalLimit: 1, OfferTimeout: Never,
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
