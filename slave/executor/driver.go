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

// Options configures a [Driver].
type Options struct {
	// Die ends the executor when it has not stopped within its grace period. nil means [Die].
	Die func()
	// HTTP is the connection to the agent for v1. nil means v0.
	HTTP HTTP
}

// Driver connects an [Executor] to its agent. All methods may be called from any goroutine, including in callbacks.
// They do not block, except [Driver.Join], [Driver.Run] and [Driver.Wait]. Calls made while the driver is not running
// do nothing and return its state.
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

// NewDriver returns a driver that runs on node, which the caller owns.
func NewDriver(node *runtime.Node, x Executor, env Environment, o Options) *Driver {
	if o.Die == nil {
		o.Die = Die
	}
	return &Driver{node: node, executor: x, env: env, options: o, life: driver.New[*ExecutorProcess](node)}
}

// Die kills this process and everything that it started, in any process group or session.
//
// Mesos: ShutdownProcess::kill, which kills its process group only.
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
		panic(err) // NewID made an ID that is in use
	}
	return status
}

// Stop stops the driver. Updates that the agent has not acknowledged are lost if the process then ends.
func (d *Driver) Stop() mesospb.Status { return d.life.Stop((*ExecutorProcess).stop) }

// Abort stops the callbacks.
func (d *Driver) Abort() mesospb.Status { return d.life.Abort((*ExecutorProcess).finish) }

// Join waits until the driver is stopped or aborted. It must not be called in a callback.
func (d *Driver) Join() mesospb.Status { return d.life.Join() }

// Run calls Start and then Join.
func (d *Driver) Run() mesospb.Status { return d.life.Run(d.Start) }

// Done returns a channel that is closed when Join would return.
func (d *Driver) Done() <-chan struct{} { return d.life.Done() }

// Wait waits until the driver's actor has terminated, or ctx ends.
func (d *Driver) Wait(ctx context.Context) error { return d.life.Wait(ctx) }

// Status returns the driver's state.
func (d *Driver) Status() mesospb.Status { return d.life.Status() }

// PID returns the driver's address, once it is started.
func (d *Driver) PID() runtime.PID { return d.life.PID() }

// Container returns the ID of the executor's container. Only agents that use v1 report it, before Registered is called;
// until then it is "".
func (d *Driver) Container() ids.Container { return ids.ContainerOf(d.container.Load()) }

// Environment returns what the agent's environment variables said.
func (d *Driver) Environment() Environment { return d.env }

// SendStatusUpdate sends an update of a task to the agent, and through it to the scheduler. The task ID and the state
// are enough: the driver adds the time and the identity, and keeps the update until it is acknowledged.
func (d *Driver) SendStatusUpdate(status *mesospb.TaskStatus) mesospb.Status {
	return d.life.Do(func(p *ExecutorProcess) { p.sendStatusUpdate(status) })
}

// SendFrameworkMessage sends data to the scheduler, which gets it at most once. data must not be changed afterwards.
func (d *Driver) SendFrameworkMessage(data []byte) mesospb.Status {
	return d.life.Do(func(p *ExecutorProcess) { p.sendFrameworkMessage(data) })
}
