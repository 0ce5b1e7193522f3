package simcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave"
	"meseta/slave/slavetest"
)

// Agent is an agent, and the machine that it is on.
type Agent struct {
	Name  string // a1, a2 …
	Fatal error  // why the last run of it could not go on, if so
	// OnHTTP is called before each request of an executor that uses HTTP, each answer and each event; nil means not.
	OnHTTP func()

	cluster    *Cluster
	ip         string
	dir        string
	node       *runtime.Node
	ref        runtime.Ref[*slave.Slave]
	containers *containers
	processes  int // executors started so far
	boots      int // of the machine
}

// Join adds a machine to the cluster and starts its agent.
func (c *Cluster) Join() *Agent {
	c.Helper()
	n := len(c.Agents) + 1
	a := &Agent{Name: fmt.Sprintf("a%d", n), cluster: c, ip: fmt.Sprintf("10.0.2.%d", n), dir: c.TempDir()}
	a.containers = &containers{agent: a}
	c.Agents = append(c.Agents, a)
	a.Start()
	return a
}

// Addr implements [Member].
func (a *Agent) Addr() string { return a.ip + ":5051" }

// Start starts the agent's process, in the work directory of the last one.
func (a *Agent) Start() {
	c := a.cluster
	c.Helper()
	node := c.node(a.Name, a.Addr(), "slave(1)")
	a.node = node
	a.containers.serve(node)
	config := slave.Defaults()
	config.Detector, config.WorkDir, config.Hostname, config.LauncherDir = c.detector(node), a.dir, a.Name, "/launcher"
	config.Resources, config.Containerizer, config.System, config.Fatal = c.config.Resources, a.containers, &slavetest.System{Boot: fmt.Sprintf("boot %d", a.boots)}, a.fatal
	if c.config.Agent != nil {
		c.config.Agent(&config)
	}
	var err error
	if a.ref, err = slave.Spawn(node, config); err != nil {
		c.Fatal(err)
	}
	if err := live(node, a.ref.PID(), func() { c.World.Exit(a.Addr()) }); err != nil {
		c.Fatal(err)
	}
}

// fatal is the end of an agent that cannot go on: of its process.
func (a *Agent) fatal(reason error) {
	a.Fatal = reason
	a.cluster.Note("%s cannot go on: %v", a.Name, reason)
	a.cluster.World.Exit(a.Addr())
}

// Kill ends the agent's process as kill -9 does: its executors notice by their connections.
func (a *Agent) Kill() { a.cluster.World.Kill(a.Addr()) }

// PowerOff ends the agent with all that runs on its machine, whose disk loses what was not synced.
func (a *Agent) PowerOff() {
	a.cluster.World.Crash(a.Addr())
	for _, n := range a.cluster.World.Living() {
		if strings.HasPrefix(n.Addr(), a.ip+":") {
			a.cluster.World.Crash(n.Addr())
		}
	}
	a.containers.clear()
	a.boots++
}

// ID is what the last agent of the machine was called by its master; empty: nothing yet.
func (a *Agent) ID() ids.Agent {
	latest, err := a.cluster.World.Disk(a.Addr()).Readlink(filepath.Join(a.dir, "meta", "slaves", "latest"))
	if err != nil {
		return ""
	}
	return ids.Agent(filepath.Base(latest))
}

// Replace puts an empty machine in the place of this one, and starts an agent there.
func (a *Agent) Replace() {
	a.cluster.Helper()
	a.PowerOff()
	if err := errors.Join(os.RemoveAll(a.dir), a.cluster.World.Disk(a.Addr()).RemoveAll(a.dir)); err != nil {
		a.cluster.Fatal(err)
	}
	if err := os.Mkdir(a.dir, 0o755); err != nil {
		a.cluster.Fatal(err)
	}
	a.Start()
}

// Machine is how operators call the machine.
func (a *Agent) Machine() *mesospb.MachineID {
	return &mesospb.MachineID{Hostname: proto.String(a.Name), Ip: proto.String(a.ip)}
}

// Shutdown has the agent unregister and end, as SIGUSR1 does.
func (a *Agent) Shutdown() {
	runtime.Tell(a.ref, func(s *slave.Slave) { s.Shutdown("signaled") })
}

// Living reports whether the agent's process is there.
func (a *Agent) Living() bool { return a.cluster.living(a.Addr()) }

// Executors are the addresses of the executors that run on the agent's machine.
func (a *Agent) Executors() []string {
	var running []string
	for _, n := range a.cluster.World.Living() {
		if strings.HasPrefix(n.Addr(), a.ip+":") && n.Addr() != a.Addr() {
			running = append(running, n.Addr())
		}
	}
	return running
}

// CrashExecutors ends the processes of all executors on the machine, as kill -9 does.
func (a *Agent) CrashExecutors() {
	for _, addr := range a.Executors() {
		a.cluster.World.Crash(addr)
		a.containers.died(addr, 9)
	}
}

// Do runs f on the agent's turn, now.
func (a *Agent) Do(f func(*slave.Slave)) {
	a.cluster.Helper()
	done := false
	runtime.Tell(a.ref, func(s *slave.Slave) {
		f(s)
		done = true
	})
	if a.cluster.World.Settle(); !done {
		a.cluster.Fatalf("%s is dead", a.Name)
	}
}

// started counts the runs of a task.
func (a *Agent) started(t ids.Task) {
	a.cluster.runs[t]++
	if n := a.cluster.runs[t]; n > 1 {
		a.cluster.Errorf("task %s is run %d times, now on %s", t, n, a.Name)
	}
}
