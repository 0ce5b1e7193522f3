package executor

import (
	"context"
	"os"
	"sync/atomic"
	"syscall"

	"meseta/actors/driver"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/processtree"
)

// The states of a [Driver].
const (
	NotStarted = mesospb.Status_DRIVER_NOT_STARTED
	Running    = mesospb.Status_DRIVER_RUNNING
	Aborted    = mesospb.Status_DRIVER_ABORTED
	Stopped    = mesospb.Status_DRIVER_STOPPED
)

// Options tune a [Driver].
type Options struct {
	// Die ends the whole executor when it has overstayed its grace period. nil means that it kills this process with
	// all that it started.
	Die func()
	// HTTP is the way to the agent in v1; nil: the driver speaks v0.
	HTTP HTTP
}

// Driver connects an [Executor] to its agent. All methods may be called from anywhere, also from callbacks; they never
// wait, except for [Driver.Join] and [Driver.Run]. Calls made while the driver is not running do nothing and return its
// state.
//
// Mesos: class MesosExecutorDriver.
type Driver struct {
	node     *runtime.Node
	executor Executor
	env      Environment
	options  Options

	life      *driver.Life[*ExecutorProcess]
	container atomic.Pointer[mesospb.ContainerID] // set before Registered is called
}

// NewDriver prepares a driver on node, which stays the caller's.
func NewDriver(node *runtime.Node, x Executor, env Environment, o Options) *Driver {
	if o.Die == nil {
		o.Die = Die
	}
	return &Driver{node: node, executor: x, env: env, options: o, life: driver.New[*ExecutorProcess](node)}
}

// Die ends this process and all that it started, whatever group or session that went to.
//
// Mesos: ShutdownProcess::kill, which ends its process group only.
func Die() {
	_, _ = processtree.Signal(os.Getpid(), syscall.SIGKILL)
	os.Exit(1)
}

// Start registers with the agent.
func (d *Driver) Start() mesospb.Status {
	status, err := d.life.Start(func() (runtime.Ref[*ExecutorProcess], error) {
		return runtime.Spawn(d.node, d.node.NewID("executor"), newProcess(d))
	})
	if err != nil {
		panic(err) // NewID made a name that is taken
	}
	return status
}

// Stop ends the driver. Updates that the agent has not acknowledged are lost if the process ends as well.
func (d *Driver) Stop() mesospb.Status { return d.life.Stop((*ExecutorProcess).stop) }

// Abort ends all callbacks.
func (d *Driver) Abort() mesospb.Status { return d.life.Abort((*ExecutorProcess).finish) }

// Join waits until the driver is stopped or aborted. Not for callbacks.
func (d *Driver) Join() mesospb.Status { return d.life.Join() }

// Run is Start and then Join.
func (d *Driver) Run() mesospb.Status { return d.life.Run(d.Start) }

// Done is closed when Join would return.
func (d *Driver) Done() <-chan struct{} { return d.life.Done() }

// Wait returns once the driver's actor is gone. It ends early with ctx.
func (d *Driver) Wait(ctx context.Context) error { return d.life.Wait(ctx) }

// Status returns the driver's state.
func (d *Driver) Status() mesospb.Status { return d.life.Status() }

// PID returns the driver's address once it is started.
func (d *Driver) PID() runtime.PID { return d.life.PID() }

// Container is the one the executor runs in, as an agent that speaks v1 tells before it calls Registered; "" before that.
func (d *Driver) Container() ids.Container { return ids.ContainerOf(d.container.Load()) }

// Environment returns what the agent told.
func (d *Driver) Environment() Environment { return d.env }

// SendStatusUpdate tells the agent, and through it the scheduler, how a task fares: the task id and the state are
// enough. The driver adds time and identity, and keeps the update until it is acknowledged.
func (d *Driver) SendStatusUpdate(status *mesospb.TaskStatus) mesospb.Status {
	return d.life.Do(func(p *ExecutorProcess) { p.sendStatusUpdate(status) })
}

// SendFrameworkMessage sends data to the scheduler. Delivery is at most once. data must not be changed afterwards.
func (d *Driver) SendFrameworkMessage(data []byte) mesospb.Status {
	return d.life.Do(func(p *ExecutorProcess) { p.sendFrameworkMessage(data) })
}
