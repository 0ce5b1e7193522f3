package simcluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
	"meseta/slave/executor/executortest"
	"meseta/slave/executor/pod"
)

// containers is the containerizer of a machine. A container is a node of the world beside the agent's, which outlives the
// agent's process as the children of a real one do.
type containers struct {
	containerizer.Flat
	agent *Agent
	node  *runtime.Node // of the agent that runs now, or ran last
	reap  runtime.Ref[*reaper]
	known []*container
}

// container is an executor's process, or one within that.
type container struct {
	id     ids.Container
	addr   string
	node   *runtime.Node        // of the executor
	way    *executortest.Direct // of the executor, if it speaks HTTP
	nested *child               // nil: it is the executor's
	status *int32               // nil: the process runs
	ended  runtime.Promise[*slavepb.ContainerTermination]
}

func (x *container) over() bool {
	_, over, _ := x.ended.Future().Peek()
	return over
}

// reaper notices on the agent's node that processes have ended.
type reaper struct{ runtime.Actor }

// serve makes the containers those of an agent that starts on n.
func (c *containers) serve(n *runtime.Node) {
	reap, err := runtime.Spawn(n, n.NewID("reaper"), &reaper{})
	if err != nil {
		panic(err) // the id is fresh
	}
	c.node, c.reap = n, reap
}

// Recover implements [containerizer.Containerizer].
func (c *containers) Recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	var taken []ids.Container
	for _, x := range c.known {
		expected := slices.ContainsFunc(known, func(s containerizer.Survivor) bool { return s.ID == rootOf(x.id) })
		switch {
		case expected:
			if x.nested == nil {
				taken = append(taken, x.id)
			}
			c.await(x)
		case x.nested == nil && x.status == nil:
			c.exit(x, 9)
		}
	}
	slices.Sort(taken)
	return runtime.Ready(taken)
}

// await has the agent that runs now notice the end of x.
func (c *containers) await(x *container) {
	switch {
	case x.status != nil:
		c.reapLater(x)
	case x.nested != nil:
		runtime.Tell(c.reap, func(r *reaper) {
			runtime.Await(r, x.nested.end, func(status command.ExitStatus, _ error) { c.notice(x, int32(status)) })
		})
	}
}

// clear ends all processes, as a loss of power does.
func (c *containers) clear() { c.known = nil }

// Launch implements [containerizer.Containerizer].
func (c *containers) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	if rootOf(l.ID) != l.ID {
		return c.nest(l)
	}
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
	if err := c.record(l.PIDFile); err != nil {
		return runtime.Failed[struct{}](err)
	}
	x.node = a.cluster.node(a.Name+"/"+string(env.ExecutorID), x.addr, "")
	driver, err := c.execute(x, l, env)
	switch {
	case err != nil:
	case x.way != nil:
		err = liveBy(x.node, driver, func() { c.exit(x, 0) })
	default:
		err = live(x.node, driver.PID(), func() { c.exit(x, 0) })
	}
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	return runtime.Ready(struct{}{})
}

// record writes the ID of a process.
func (c *containers) record(file string) error {
	if file == "" {
		return nil
	}
	d := disk.Of(c.node)
	if err := checkpoint.RunOf(file).Make(d); err != nil {
		return err
	}
	return disk.Replace(d, file, []byte(strconv.Itoa(40000+c.agent.processes)), 0o600)
}

// overHTTP begins the ids of a framework's own executors that speak HTTP.
const overHTTP = "http-"

// execute starts the executor of x: that of Mesos for a command, that for groups, or a framework's own.
func (c *containers) execute(x *container, l containerizer.Launch, env executor.Environment) (*executor.Driver, error) {
	a, options := c.agent, executor.Options{Die: func() { c.exit(x, 9) }}
	switch {
	case l.Config.TaskInfo != nil:
		shell := &shell{agent: a, node: x.node, task: ids.TaskOf(l.Config.GetTaskInfo().GetTaskId())}
		return command.Start(x.node, command.New(command.Options{Launcher: shell}), env, options)
	case l.Config.GetExecutorInfo().GetType() == mesospb.ExecutorInfo_DEFAULT:
		return pod.Start(x.node, pod.New(pod.Options{HTTP: c.direct(x, env)}), env, options)
	case strings.HasPrefix(string(env.ExecutorID), overHTTP):
		options.HTTP = c.direct(x, env)
	}
	return startRunner(x.node, a, env, options)
}

// direct is how the executor of x speaks HTTP with the agent, which is on the same machine.
func (c *containers) direct(x *container, env executor.Environment) *executortest.Direct {
	a := c.agent
	x.way = &executortest.Direct{
		ID: "slave(1)", Node: func() *runtime.Node { return a.node }, Away: func() bool { return !a.Living() },
		Clock: x.node.Clock(), Look: look, Said: func() {
			if a.OnHTTP != nil {
				a.OnHTTP()
			}
		},
		Heard: func(e *executorpb.Event) {
			if u := e.GetAcknowledged(); u != nil && a.cluster.OnAcknowledged != nil {
				a.cluster.OnAcknowledged(env.AgentID, env.FrameworkID, ids.TaskOf(u.GetTaskId()), u.GetUuid())
			}
		},
	}
	return x.way
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
		if x.addr == addr && x.nested == nil {
			c.notice(x, status)
		}
	}
}

// notice completes what waits for x, which has ended with all that is in it.
func (c *containers) notice(x *container, status int32) {
	if x.status != nil {
		return
	}
	if x.way != nil {
		x.way.Break()
	}
	for _, within := range c.known {
		if x.nested == nil && within.nested != nil && rootOf(within.id) == x.id {
			c.notice(within, 9)
		}
	}
	x.status = &status
	c.reapLater(x)
}

// reapLater has the agent that runs now notice the end of a process that has ended.
func (c *containers) reapLater(x *container) {
	runtime.Tell(c.reap, func(r *reaper) {
		r.Delay(reapInterval, func() { x.ended.Set(&slavepb.ContainerTermination{Status: x.status}) })
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
func (c *containers) Update(ids.Container, []*mesospb.Resource, map[string]*mesospb.Value_Scalar) runtime.Future[struct{}] {
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
	switch {
	case x.status != nil:
	case x.nested != nil:
		_ = x.nested.Signal(syscall.SIGKILL) // it never fails
	default:
		c.exit(x, 9)
	}
	return x.ended.Future()
}
