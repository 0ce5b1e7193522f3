// Package cluster runs a Mesos cluster on this machine: one master and several agents, each a process of its own on
// loopback with its own port, work directory and resources. mesos-local is this package with flags; the black-box
// tests use it, too.
//
// Nothing is left behind: Stop ends all processes and the executors of the agents. If the launcher itself is killed,
// its daemons notice and exit.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"meseta/runtime"
)

// Options configures a cluster. Bin and Dir are required.
type Options struct {
	Bin    string // directory with mesos-master, mesos-agent and mesos-executor
	Dir    string // directory for work directories and logs; created if missing
	Agents int    // number of agents; 0 means 3, a negative number none
	// Masters is the number of masters, which agree on who leads. Agents are for a cluster of one, which 0 means as well.
	Masters int

	Port       int      // of the master; 0 means any free port
	Resources  string   // of each agent, as for --resources; "" means a share of this machine
	MasterArgs []string // further flags
	AgentArgs  []string // additional flags of each agent
	Env        []string // additional environment variables of every daemon; those of Mesos and libprocess are not inherited
	MasterEnv  []string // further ones of the master
}

// Cluster is a running cluster.
type Cluster struct {
	Master string   // "ip:port" of the master, or of all masters, separated by commas
	Agents []string // "ip:port" of each agent

	options  Options
	master   *process
	group    []*process // the masters, if there are several
	agents   []*process
	failed   chan error
	hold     *os.File // the reading end of lifeline, which the daemons inherit
	lifeline *os.File // while it is open, the daemons run
}

// grace is how long daemons may take to exit when asked to.
const grace = 15 * time.Second

// Start starts a cluster and returns when every daemon is reachable. If ctx ends before that or a daemon fails, all
// daemons are stopped.
func Start(ctx context.Context, o Options) (c *Cluster, err error) {
	if o.Agents == 0 {
		o.Agents = 3
	}
	o.Agents = max(o.Agents, 0)
	hold, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	c = &Cluster{options: o, hold: hold, lifeline: lifeline, failed: make(chan error, max(1, o.Masters)+o.Agents)}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.Stop())
			c = nil
		}
	}()
	if o.Masters > 1 {
		return c, c.startGroup(ctx)
	}
	if err = c.startMaster(ctx, o.Port); err != nil {
		return c, err
	}
	for i := range o.Agents {
		if err = c.startAgent(ctx, i+1); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (c *Cluster) startMaster(ctx context.Context, port int) (err error) {
	again := c.master != nil
	if c.master, err = c.launchMaster(ctx, "master", fmt.Sprint(port), again); err == nil {
		c.Master, err = address(c.master.pid)
	}
	return err
}

// launchMaster starts a master whose work directory and log have that name.
func (c *Cluster) launchMaster(ctx context.Context, name, port string, again bool, more ...string) (*process, error) {
	o := c.options
	dir := filepath.Join(o.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	args := append([]string{"--ip=127.0.0.1", "--port=" + port, "--hostname=localhost", "--work_dir=" + dir}, o.MasterArgs...)
	return c.start(ctx, launch{
		name: name, program: filepath.Join(o.Bin, "mesos-master"), args: append(args, more...), env: o.MasterEnv,
		log: filepath.Join(o.Dir, name+".log"), again: again,
	})
}

func (c *Cluster) startAgent(ctx context.Context, number int) error {
	o := c.options
	name := fmt.Sprintf("agent-%d", number)
	dir := filepath.Join(o.Dir, name)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	resources := o.Resources
	if resources == "" {
		resources = share(o.Agents)
	}
	args := append([]string{
		"--master=" + c.Master, "--ip=127.0.0.1", "--port=0", "--hostname=" + name, "--work_dir=" + dir,
		"--runtime_dir=", // containers end with the cluster
		"--resources=" + resources + fmt.Sprintf(";ports:[%d-%d]", 30000+1000*number, 30999+1000*number),
		"--attributes=" + o.attributes(name), "--launcher_dir=" + o.Bin,
		"--fetcher_cache_dir=" + filepath.Join(dir, "fetch"),
	}, o.AgentArgs...)
	p, err := c.start(ctx, launch{
		name: name, program: filepath.Join(o.Bin, "mesos-agent"), args: args, log: filepath.Join(o.Dir, name+".log"),
	})
	if err != nil {
		return err
	}
	c.agents = append(c.agents, p)
	addr, err := address(p.pid)
	c.Agents = append(c.Agents, addr)
	return err
}

// attributes returns those of an agent: its name, and what the environment of the daemons adds.
func (o Options) attributes(agent string) string {
	all := "node:" + agent
	for _, v := range o.Env {
		if more, ok := strings.CutPrefix(v, "MESOS_ATTRIBUTES="); ok {
			all += ";" + more
		}
	}
	return all
}

// address returns the "ip:port" of a PID.
func address(text string) (string, error) {
	pid, err := runtime.ParsePID(text)
	return pid.Addr, err
}

// share returns the resources of each of n agents: an equal share of this machine's memory and processors, but at
// least two CPUs, so that tasks can run in parallel on a small machine.
func share(n int) string {
	var system unix.Sysinfo_t
	memory := uint64(2 << 30)
	if unix.Sysinfo(&system) == nil {
		memory = uint64(system.Totalram) * uint64(system.Unit)
	}
	cpus := max(2, (goruntime.NumCPU()+n-1)/n)
	return fmt.Sprintf("cpus:%d;mem:%d", cpus, max(512, memory/2/uint64(n)>>20))
}

// Failed returns a channel that receives the reason when a daemon ends unexpectedly.
func (c *Cluster) Failed() <-chan error { return c.failed }

// MasterProcess returns the process ID of the master.
func (c *Cluster) MasterProcess() int { return c.master.cmd.Process.Pid }

// ReplaceMaster kills the master with SIGKILL and starts another one at its address and with its work directory.
func (c *Cluster) ReplaceMaster(ctx context.Context) error {
	_, port, err := net.SplitHostPort(c.Master)
	if err != nil {
		return err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	c.master.kill()
	return c.startMaster(ctx, number)
}

// Stop ends the agents with their executors and tasks, then the master. It returns when no process is left.
func (c *Cluster) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	stopped := make(chan struct{}, len(c.agents))
	for _, a := range c.agents {
		go func() {
			a.stop(ctx, syscall.SIGUSR1)
			stopped <- struct{}{}
		}()
	}
	for range c.agents {
		<-stopped
	}
	if c.master != nil {
		c.master.stop(ctx, syscall.SIGTERM)
	}
	for _, m := range c.group {
		m.stop(ctx, syscall.SIGKILL) // one that leads would wait for others to take over
	}
	return errors.Join(c.lifeline.Close(), c.hold.Close())
}
