// Package consensustest runs groups of masters in the simulator, for tests of what they agree on.
package consensustest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"meseta/actors/consensus"
	"meseta/actors/election"
	"meseta/actors/election/electiontest"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// Config is how a cluster is to be.
type Config struct {
	Seed    uint64 // of the world, as in [sim.New]; 0 is a seed like any other
	Masters int    // number of members; 0 makes an empty world
	// Quorum has the masters find each other in ZooKeeper; 0: they know each other's addresses.
	Quorum int
	// Late has no master start by itself.
	Late bool
	// Machine makes the machine of a member that starts.
	Machine func() consensus.Machine
	Options func(*consensus.Options) // changes the options of members; nil: nothing
	Member  func(*consensus.Member)  // changes a member before it is spawned; nil: nothing
}

// Cluster is a group of masters in a world of its own. It is for the test's goroutine, between two moves of the world.
type Cluster struct {
	*sim.World
	Nodes     []*Node
	ZooKeeper *electiontest.ZooKeeper // nil if they know each other's addresses

	config Config
}

// Node is a machine on which a member runs, or has run.
type Node struct {
	Addr    string
	Ref     runtime.Ref[*consensus.Member]
	Member  *consensus.Member // of the latest process
	Machine consensus.Machine // likewise
	Master  *Master           // likewise; nil without ZooKeeper
	Leader  *election.Standalone
	GaveUp  error // why the latest process gave up, if it did
	Up      bool
	Client  *electiontest.Client // to ZooKeeper, of the latest process

	cluster *Cluster
	process *runtime.Node
	starts  int
}

// Directory is where members keep their logs.
const Directory = "/var/consensus"

// New starts a cluster.
func New(config Config) (*Cluster, error) {
	c := &Cluster{World: sim.New(config.Seed), config: config}
	if config.Quorum > 0 {
		c.ZooKeeper = electiontest.New(SessionTimeout)
		if _, err := runtime.Spawn(c.Node("10.0.1.1:2181"), "zookeeper", c.ZooKeeper); err != nil {
			return nil, err
		}
	}
	for i := range config.Masters {
		c.Nodes = append(c.Nodes, &Node{Addr: fmt.Sprintf("10.0.0.%d:5050", i+1), cluster: c})
	}
	for _, n := range c.Nodes {
		err := n.format()
		if err == nil && !config.Late {
			err = n.Start()
		}
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Addresses returns the addresses of all machines.
func (c *Cluster) Addresses() []string {
	var all []string
	for _, n := range c.Nodes {
		all = append(all, n.Addr)
	}
	return all
}

func (n *Node) format() error {
	d := n.cluster.Disk(n.Addr)
	return errors.Join(d.MkdirAll("/var", 0o755), d.SyncDir("/"))
}

// Start starts a process, unless there is one.
func (n *Node) Start() error {
	if n.Up {
		return nil
	}
	o := consensus.Defaults()
	n.process = nil
	n.starts++
	n.Machine, n.Leader, n.GaveUp, n.Up = n.cluster.config.Machine(), election.NewStandalone(nil), nil, true
	o.Dir, o.Masters, o.Machine, o.Leader = Directory, n.cluster.Addresses(), n.Machine, n.Leader
	o.GiveUp = func(reason error) {
		n.GaveUp, n.Up = reason, false
		n.cluster.Exit(n.Addr)
		n.leave()
	}
	if err := n.enter(&o); err != nil {
		return err
	}
	if n.cluster.config.Options != nil {
		n.cluster.config.Options(&o)
	}
	n.Member = consensus.New(o)
	if n.cluster.config.Member != nil {
		n.cluster.config.Member(n.Member)
	}
	var err error
	n.Ref, err = runtime.Spawn(n.node(), consensus.ID, n.Member)
	if err != nil || o.ZooKeeper == nil {
		return err
	}
	return n.contend(consensus.Election{Standalone: o.Leader, Member: n.Ref, ZooKeeper: o.ZooKeeper.Election})
}

func (n *Node) node() *runtime.Node {
	if n.process == nil {
		n.process = n.cluster.Node(n.Addr)
	}
	return n.process
}

// Crash is the end of the machine: its disk loses what was not synced.
func (n *Node) Crash() {
	n.cluster.Crash(n.Addr)
	n.Up = false
	n.leave()
}

// Kill is the end of the process.
func (n *Node) Kill() {
	n.cluster.Kill(n.Addr)
	n.Up = false
	n.leave()
}

// Wipe is the end of the machine, in place of which there is an empty one.
func (n *Node) Wipe() error {
	n.Crash()
	return errors.Join(n.cluster.Disk(n.Addr).RemoveAll(Directory), n.cluster.Disk(n.Addr).SyncDir("/var"))
}

// Leads reports whether the node believes that it leads.
func (n *Node) Leads() bool { return n.Up && n.Member.Leads() }

// Leaders returns the nodes that believe that they lead.
func (c *Cluster) Leaders() []*Node {
	return slices.DeleteFunc(slices.Clone(c.Nodes), func(n *Node) bool { return !n.Leads() })
}

// Elect waits until there is one leader, at most for max, and returns it.
func (c *Cluster) Elect(max time.Duration) (*Node, error) {
	var leaders []*Node
	c.RunUntil(func() bool {
		leaders = c.Leaders()
		return len(leaders) == 1
	}, max)
	if len(leaders) != 1 {
		return nil, fmt.Errorf("after %s, %d masters lead", max, len(leaders))
	}
	return leaders[0], nil
}

// Propose proposes a command at n and waits until it is done.
func (n *Node) Propose(command []byte, max time.Duration) error {
	_, err := sim.Await(n.cluster.World, consensus.Propose(n.Ref, command), max)
	return err
}
