package simcluster

import (
	"fmt"

	"meseta/actors/election"
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
	starts  int
	node    *runtime.Node
	ref     runtime.Ref[*master.Master]
}

// Addr implements [Member].
func (m *Master) Addr() string { return masterAddr }

// Start starts a master over the registry of the last one. Its id is m1, that of the next one m2, and so on.
func (m *Master) Start() {
	c := m.cluster
	c.Helper()
	m.starts++
	node := c.node("master", masterAddr, "master")
	m.node = node
	registry, err := runtime.Spawn(node, node.NewID("registrar"), registrar.New(c.Registry, registrar.Defaults()))
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
		Registrar: registry, Contender: election.StandaloneContender{Elected: c.election.Appoint}, Detector: c.election,
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
	m.cluster.World.Crash(masterAddr)
	m.cluster.election.Appoint(nil)
}

// Crash ends the master abruptly. Followers of the election learn of it at once.
func (m *Master) Crash() {
	m.cluster.World.Crash(masterAddr)
	m.cluster.election.Appoint(nil)
}

// Living reports whether there is a master.
func (m *Master) Living() bool { return m.cluster.living(masterAddr) }

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
func (c *Cluster) detector() election.Detector {
	if c.config.Elected {
		return c.election
	}
	return election.NewStandalone(election.MasterInfo(runtime.PID{ID: "master", Addr: masterAddr}))
}

var _ election.Detector = (*announced)(nil)
