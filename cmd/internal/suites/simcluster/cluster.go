package simcluster

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/consensus"
	"meseta/actors/registrar"
	"meseta/master"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
	"meseta/slave"
)

// Config is how a cluster is to be.
type Config struct {
	Seed   uint64 // of the world; 0: 1
	Agents int    // number of agents; 0 is a master alone
	// Masters is how many there are. Several find each other in ZooKeeper, where agents and schedulers find the leader; 0 is
	// one, over a registry in memory.
	Masters int
	// Mistake has several masters make a mistake on purpose; nil: none.
	Mistake   func(*consensus.Options)
	Resources string // of each agent; empty: 4 cpus, 4 GB of memory, 8 GB of disk and a thousand ports
	// Elected has agents and schedulers follow an election, as they do with ZooKeeper. Otherwise they know the master
	// by its address, as with --master=host:port, and are not told that it has changed.
	Elected   bool
	Network   *sim.Network         // nil: every message takes a millisecond
	Trace     bool                 // remember all events of all nodes; see [Cluster.Story]
	Pings     bool                 // write them into the conversation
	Silent    bool                 // write no conversation
	Log       io.Writer            // what the daemons log; nil: nowhere, or with MESETA_TEST_LOG to the test's
	Configure func(*master.Config) // changes the master from Mesos's defaults; its ID is given by the cluster
	Agent     func(*slave.Config)  // changes each agent's configuration; may be nil
}

const ordinary = "cpus:4;mem:4096;disk:8192;ports:[31000-31999]"

// Cluster is a master, agents and frameworks in one simulated world. Its methods are for the test's goroutine, between
// two moves of the world.
type Cluster struct {
	testing.TB
	World      *sim.World
	Registry   *registrar.Memory // outlives masters
	Master     *Master           // of several, the one that leads, or one that does not live
	Masters    []*Master         // nil: there is one
	Agents     []*Agent
	Frameworks []*Framework
	// OnAcknowledged is called when an executor that uses HTTP hears that its agent has an update of a task, with the UUID of
	// that; nil means not.
	OnAcknowledged func(agent ids.Agent, framework ids.Framework, task ids.Task, uuid []byte)

	config   Config
	group    *group // nil: there is one master
	starts   int    // of masters
	election *announced
	words    *words
	doors    bool              // masters listen to schedulers that speak HTTP
	names    map[string]string // of nodes, by address
	events   []runtime.Event
	traces   []*runtime.Trace // of all nodes there were
	asked    []*Asked         // by operators
	runs     map[ids.Task]int // how often each task was started
	prelude  int              // the length of the world's log when the test began
}

// epoch is when every world begins.
var epoch = sim.New(1).Now()

// steady is a network on which every message takes as long, so that a conversation depends on little but what is said.
var steady = sim.Network{MinDelay: time.Millisecond, MaxDelay: time.Millisecond, Detection: sim.DefaultNetwork.Detection}

// New starts a cluster and lets its agents register.
func New(t testing.TB, config Config) *Cluster {
	t.Helper()
	if config.Seed == 0 {
		config.Seed = 1
	}
	if config.Resources == "" {
		config.Resources = ordinary
	}
	c := &Cluster{
		TB: t, World: sim.New(config.Seed), Registry: &registrar.Memory{}, config: config,
		election: &announced{}, names: map[string]string{}, runs: map[ids.Task]int{},
	}
	if config.Network == nil {
		config.Network = &steady
	}
	c.World.SetNetwork(*config.Network)
	c.words = newWords(config.Pings)
	c.World.Describe(c.words.describe)
	if config.Silent {
		c.World.Describe(func(runtime.Envelope) (string, bool) { return "", false })
	}
	t.Cleanup(c.end)
	if config.Masters > 1 {
		c.newGroup()
	} else {
		c.Master = &Master{cluster: c, addr: masterAddr}
		c.Master.Start()
	}
	for range config.Agents {
		c.Join()
	}
	c.Advance(4 * time.Second)
	if c.group != nil {
		c.Advance(6 * time.Second) // until the group is founded
	}
	c.prelude = len(c.World.Log())
	return c
}

// end is the end of every test: nothing panicked, and everything ends when asked to.
func (c *Cluster) end() {
	runtimetest.End(c.TB, c.World)
	if c.Failed() && !c.config.Silent {
		c.Logf("seed %d; the conversation was\n%s", c.config.Seed, c.Conversation())
	}
}

// Advance lets time pass.
func (c *Cluster) Advance(d time.Duration) {
	c.World.Advance(d)
	c.follow()
}

// Note writes what happens next into the conversation.
func (c *Cluster) Note(format string, args ...any) { c.World.Note(format, args...) }

// Partition stops everything between the processes of two members.
func (c *Cluster) Partition(a, b Member) { c.World.Partition(a.Addr(), b.Addr()) }

// Heal ends a partition.
func (c *Cluster) Heal(a, b Member) { c.World.Heal(a.Addr(), b.Addr()) }

// Member is a process of the cluster.
type Member interface{ Addr() string }

// node starts a process called name at addr.
func (c *Cluster) node(name, addr, delegate string) *runtime.Node {
	c.names[addr] = name
	n := c.World.NodeWith(addr, func(o *runtime.Options) {
		o.Log = c.log(name)
		if c.config.Trace {
			o.TraceRing = 1 << 16
		}
	})
	web.SetDelegate(n, delegate)
	if c.config.Trace {
		c.traces = append(c.traces, n.Trace())
		n.Trace().Watch(func(e runtime.Event) { c.events = append(c.events, e) })
	}
	return n
}

// log shows what the daemons log only on request.
func (c *Cluster) log(name string) zerolog.Logger {
	if c.config.Log != nil {
		return zerolog.New(c.config.Log).With().Str("node", name).Logger()
	}
	if os.Getenv("MESETA_TEST_LOG") == "" {
		return zerolog.Nop()
	}
	return zerolog.New(zerolog.NewTestWriter(c.TB)).With().Str("node", name).Logger()
}

// living reports whether there is a process at addr.
func (c *Cluster) living(addr string) bool { return c.World.Lives(addr) }
