package simcluster

import (
	"fmt"

	"meseta/actors/election"
	"meseta/actors/election/electiontest"
	"meseta/actors/registrar"
	"meseta/master"
	"meseta/master/api"
	"meseta/runtime"
)

const masterAddr = "10.0.0.1:5050"

// Master is the cluster's master, of which there is one at a time.
type Master struct {
	GaveUp error // why the last one gave up, if it did

	cluster *Cluster
	addr    string
	client  *electiontest.Client // to ZooKeeper, of the latest process; nil: the only master has none
	starts  int
	node    *runtime.Node
	ref     runtime.Ref[*master.Master]
}

// Addr implements [Member].
func (m *Master) Addr() string { return m.addr }

// Start starts a master over the registry of the last one. Its id is m1, that of the next one m2, and so on.
func (m *Master) Start() {
	c := m.cluster
	c.Helper()
	c.starts++
	m.starts = c.starts
	node := c.node("master", m.addr, "master")
	m.node = node
	in := m.alone()
	if c.group != nil {
		in = m.join()
	}
	registry, err := runtime.Spawn(node, node.NewID("registrar"), in.registrar)
	if err != nil {
		c.Fatal(err)
	}
	if c.doors {
		m.openDoor()
	}
	config := master.Defaults()
	if c.config.Configure != nil {
		c.config.Configure(&config)
	}
	config.ID = fmt.Sprintf("m%d", m.starts)
	m.ref, err = runtime.Spawn(node, "master", master.New(config, master.Partners{
		Serve:     api.Serve,
		Registrar: registry, Contender: in.contender, Detector: in.detector,
		GiveUp: m.giveUp,
	}))
	if err != nil {
		c.Fatal(err)
	}
}

// openDoor lets schedulers that speak HTTP in.
func (m *Master) openDoor() {
	if _, err := runtime.Spawn(m.node, doorPID.ID, &door{}); err != nil {
		m.cluster.Fatal(err)
	}
}

// giveUp is the end of a master that cannot go on: of its process.
func (m *Master) giveUp(reason error) {
	m.GaveUp = reason
	m.cluster.Note("master gives up: %v", reason)
	m.end(m.cluster.World.Crash)
}

// alone is how the only master has its registry and is elected.
func (m *Master) alone() seat {
	c := m.cluster
	return seat{registrar.New(c.Registry, registrar.Defaults()), election.StandaloneContender{Elected: c.election.Appoint}, c.election}
}

// end ends the process of a master. Followers of the election learn of it at once if it is the only one.
func (m *Master) end(how func(addr string)) {
	how(m.addr)
	if m.client != nil {
		m.client.Die()
		return
	}
	m.cluster.election.Appoint(nil)
}

// Kill ends the master's process, but not its machine, whose disk loses nothing.
func (m *Master) Kill() { m.end(m.cluster.World.Kill) }

// Crash ends the master abruptly. Followers of the election learn of it at once.
func (m *Master) Crash() { m.end(m.cluster.World.Crash) }

// Living reports whether there is a master.
func (m *Master) Living() bool { return m.cluster.living(m.addr) }

// Do runs f on the master's turn, now.
func (m *Master) Do(f func(*master.Master)) {
	m.cluster.Helper()
	done := false
	runtime.Tell(m.ref, func(m *master.Master) {
		f(m)
		done = true
	})
	if m.cluster.World.Settle(); !done {
		m.cluster.Fatal("the master is dead")
	}
}

// announced names the leader. It stands for ZooKeeper.
type announced struct{ election.Standalone }

// detector returns how agents and schedulers find the master.
func (c *Cluster) detector(node *runtime.Node) election.Detector {
	if c.group != nil {
		e, err := c.group.address.Enter(node, c.group.zk.Client(), sessionTimeout)
		if err != nil {
			c.Fatal(err)
		}
		return e
	}
	if c.config.Elected {
		return c.election
	}
	return election.NewStandalone(election.MasterInfo(runtime.PID{ID: "master", Addr: masterAddr}))
}

var _ election.Detector = (*announced)(nil)
