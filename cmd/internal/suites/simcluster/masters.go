package simcluster

import (
	"errors"
	"fmt"
	"time"

	"meseta/actors/consensus"
	"meseta/actors/election"
	"meseta/actors/election/electiontest"
	"meseta/actors/registrar"
	"meseta/actors/registrar/replicated"
	"meseta/cmd/internal/suites/simcluster/witness"
	"meseta/master"
	"meseta/runtime"
)

// sessionTimeout is how long ZooKeeper keeps sessions that it does not hear from.
const sessionTimeout = 10 * time.Second

// group is several masters, which find each other and are found in ZooKeeper, and share one registry.
type group struct {
	zk      *electiontest.ZooKeeper
	address *election.ZooKeeper
	witness *witness.Witness
}

// newGroup makes a ZooKeeper for masters that are not there yet.
func (c *Cluster) newGroup() {
	c.Helper()
	address, err := election.ParseZooKeeper("zk://zk.example/mesos")
	if err != nil {
		c.Fatal(err)
	}
	c.group = &group{zk: electiontest.New(sessionTimeout), address: address, witness: witness.New(c.fail)}
	if _, err := runtime.Spawn(c.node("zookeeper", "10.0.4.1:2181", ""), "zookeeper", c.group.zk); err != nil {
		c.Fatal(err)
	}
	for i := range c.config.Masters {
		addr := fmt.Sprintf("10.0.0.%d:5050", i+1)
		d := c.World.Disk(addr)
		if err := errors.Join(d.MkdirAll("/var", 0o755), d.SyncDir("/")); err != nil {
			c.Fatal(err)
		}
		c.Masters = append(c.Masters, &Master{cluster: c, addr: addr})
	}
	c.Master = c.Masters[0]
	for _, m := range c.Masters {
		m.Start()
	}
}

// ZooKeeper is where several masters find each other; nil if there is one.
func (c *Cluster) ZooKeeper() *electiontest.ZooKeeper { return c.group.zk }

// Session is what a master, which lives, is connected to ZooKeeper by.
func (m *Master) Session() *electiontest.Client { return m.client }

// seat is how a master has its registry, and how it is elected.
type seat struct {
	registrar *registrar.Registrar
	contender election.Contender
	detector  election.Detector
}

// join makes m a member of the group.
func (m *Master) join() seat {
	c := m.cluster
	m.client = c.group.zk.Client()
	e, err := c.group.address.Enter(m.node, m.client, sessionTimeout)
	if err != nil {
		c.Fatal(err)
	}
	machine, o := &replicated.Machine{}, consensus.Defaults()
	o.Dir, o.Machine, o.Leader = "/var/consensus", machine, election.NewStandalone(nil)
	o.GiveUp, o.CompactAt, o.Keep, o.Piece = m.giveUp, 20_000, 20, 1000
	o.ZooKeeper = &consensus.ZooKeeper{Election: e, Quorum: (c.config.Masters + 1) / 2, Found: true, Patience: 10 * time.Minute}
	if mistake := c.config.Mistake; mistake != nil {
		mistake(&o)
	}
	member := consensus.New(o)
	ref, err := runtime.Spawn(m.node, consensus.ID, member)
	if err != nil {
		c.Fatal(err)
	}
	replica := c.group.witness.Watch(replicated.NewReplica(ref, machine, member.Size))
	in := consensus.Election{Standalone: o.Leader, Member: ref, ZooKeeper: e}
	return seat{registrar.NewReplicated(replica, registrar.Defaults()), in, in}
}

// leads reports whether m has recovered as the leader.
func (m *Master) leads() (leads bool) {
	if m.Living() {
		m.Do(func(m *master.Master) { leads = m.Leadership().Recovered && m.Leadership().Leads })
	}
	return leads
}

// follow makes Master the one that leads. One that does not is as good as none.
func (c *Cluster) follow() {
	if c.group == nil {
		return
	}
	c.Master = &Master{cluster: c, addr: "10.0.0.0:5050"}
	for _, m := range c.Masters {
		if m.leads() {
			c.Master = m
		}
	}
}

// fail reports what must not be.
func (c *Cluster) fail(problem string) { c.Errorf("at %s: %s", c.elapsed(), problem) }

// Witnessed returns how many terms and how many acknowledged writes of several masters there were.
func (c *Cluster) Witnessed() (terms, writes int) { return c.group.witness.Counts() }
