package pod

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

// Start spawns x and a driver for it on the same node, and subscribes to the agent.
func Start(node *runtime.Node, x *Executor, env executor.Environment, o executor.Options) (*executor.Driver, error) {
	o.HTTP = x.options.HTTP
	if o.Die == nil {
		sandbox := x.options.Sandbox
		o.Die = func() {
			_ = endContainers(sandbox) // what cannot be killed stays
			executor.Die()
		}
	}
	ref, err := runtime.Spawn(node, node.NewID("default-executor"), x)
	if err != nil {
		return nil, err
	}
	d := executor.NewDriver(node, callbacks{ref: ref}, env, o)
	runtime.Tell(ref, func(x *Executor) { x.driver = d })
	d.Start()
	return d, nil
}

// callbacks passes the driver's callbacks on to the executor's own turns, in order.
type callbacks struct {
	executor.Base
	ref runtime.Ref[*Executor]
}

func (c callbacks) Registered(_ *executor.Driver, _ *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) {
	runtime.Tell(c.ref, func(x *Executor) {
		x.connected = true
		for _, k := range framework.GetCapabilities() {
			x.capabilities = append(x.capabilities, k.GetType())
		}
	})
}

func (c callbacks) Reregistered(*executor.Driver, *mesospb.SlaveInfo) {
	runtime.Tell(c.ref, (*Executor).reconnected)
}

func (c callbacks) Disconnected(*executor.Driver) { runtime.Tell(c.ref, (*Executor).disconnected) }

// LaunchTask shuts the executor down, because it runs task groups only.
//
// Mesos: DefaultExecutor::received.
func (c callbacks) LaunchTask(*executor.Driver, *mesospb.TaskInfo) {
	runtime.Tell(c.ref, func(x *Executor) {
		x.Log().Error().Msg("asked to run a task outside of a group; shutting down")
		x.shutdown()
	})
}

// LaunchGroup implements [executor.GroupExecutor].
func (c callbacks) LaunchGroup(_ *executor.Driver, tasks []*mesospb.TaskInfo) {
	runtime.Tell(c.ref, func(x *Executor) { x.launch(tasks) })
}

func (c callbacks) KillTask(_ *executor.Driver, task ids.Task, policy *mesospb.KillPolicy) {
	runtime.Tell(c.ref, func(x *Executor) { x.kill(task, policy) })
}

func (c callbacks) Acknowledged(*executor.Driver, ids.Task, mesospb.TaskState) {
	runtime.Tell(c.ref, (*Executor).acknowledged)
}

func (c callbacks) Shutdown(*executor.Driver) { runtime.Tell(c.ref, (*Executor).shutdown) }
