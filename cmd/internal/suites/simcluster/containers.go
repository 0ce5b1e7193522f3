package simcluster

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

// containers is the containerizer of one run of an agent. A container is a node of the world beside the agent's, which
// outlives the agent's process as the children of a real one do.
type containers struct {
	containerizer.Flat
	agent *Agent
	reap  runtime.Ref[*reaper]
	known []*container
}

// container is an executor's process.
type container struct {
	id    ids.Container
	addr  string
	ended runtime.Promise[*slavepb.ContainerTermination]
}

// reaper notices on the agent's node that processes have ended.
type reaper struct{ runtime.Actor }

func newContainers(a *Agent, n *runtime.Node) *containers {
	reap, err := runtime.Spawn(n, n.NewID("reaper"), &reaper{})
	if err != nil {
		panic(err) // the id is fresh
	}
	return &containers{agent: a, reap: reap}
}

// Launch implements [containerizer.Containerizer].
func (c *containers) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	a := c.agent
	a.processes++
	x := &container{
		id: l.ID, addr: fmt.Sprintf("%s:%d", a.ip, 40000+a.processes),
		ended: runtime.NewPromise[*slavepb.ContainerTermination](),
	}
	c.known = append(c.known, x)
	env, err := executor.ParseEnvironment(func(name string) (string, bool) {
		v, ok := l.Environment[name]
		return v, ok
	})
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	n := a.cluster.node(a.Name+"/"+string(env.ExecutorID), x.addr, "")
	options := executor.Options{Die: func() { c.exit(x, 9) }}
	var driver *executor.Driver
	if l.Config.TaskInfo != nil {
		shell := &shell{agent: a, node: n, task: ids.TaskOf(l.Config.GetTaskInfo().GetTaskId())}
		driver, err = command.Start(n, command.New(command.Options{Launcher: shell}), env, options)
	} else {
		driver, err = startRunner(n, a, env, options)
	}
	if err == nil {
		err = live(n, driver.PID(), func() { c.exit(x, 0) })
	}
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	return runtime.Ready(struct{}{})
}

// exit ends a container's process, with that wait status.
func (c *containers) exit(x *container, status int32) {
	if status == 0 {
		c.agent.cluster.World.Exit(x.addr)
	} else {
		c.agent.cluster.World.Crash(x.addr)
	}
	c.notice(x, status)
}

// died tells of a process that has ended already.
func (c *containers) died(addr string, status int32) {
	for _, x := range c.known {
		if x.addr == addr {
			c.notice(x, status)
		}
	}
}

// notice lets those know who wait for x.
func (c *containers) notice(x *container, status int32) {
	runtime.Tell(c.reap, func(r *reaper) {
		r.Delay(reapInterval, func() { x.ended.Set(&slavepb.ContainerTermination{Status: proto.Int32(status)}) })
	})
}

func (c *containers) find(id ids.Container) *container {
	i := slices.IndexFunc(c.known, func(x *container) bool { return x.id == id })
	if i < 0 {
		return nil
	}
	return c.known[i]
}

// Update implements [containerizer.Containerizer].
func (c *containers) Update(ids.Container, []*mesospb.Resource) runtime.Future[struct{}] {
	return runtime.Ready(struct{}{})
}

// Status implements [containerizer.Containerizer].
func (c *containers) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	if c.find(id) == nil {
		return runtime.Failed[*mesospb.ContainerStatus](containerizer.ErrUnknown)
	}
	return runtime.Ready(&mesospb.ContainerStatus{ContainerId: id.Proto()})
}

// Usage implements [containerizer.Containerizer].
func (c *containers) Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	if c.find(id) == nil {
		return runtime.Failed[*mesospb.ResourceStatistics](containerizer.ErrUnknown)
	}
	return runtime.Ready(&mesospb.ResourceStatistics{Timestamp: proto.Float64(0)})
}

// Wait implements [containerizer.Containerizer].
func (c *containers) Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	x := c.find(id)
	if x == nil {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	return x.ended.Future()
}

// Destroy implements [containerizer.Containerizer].
func (c *containers) Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	x := c.find(id)
	if x == nil {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	if _, _, over := x.ended.Future().Peek(); !over {
		c.exit(x, 9)
	}
	return x.ended.Future()
}
