package command

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

// Start spawns x and a driver for it on the same node, and registers with the agent.
func Start(node *runtime.Node, x *Executor, env executor.Environment, o executor.Options) (*executor.Driver, error) {
	x.linger = linger
	if o.HTTP != nil {
		x.linger = lingerHTTP
	}
	ref, err := runtime.Spawn(node, node.NewID("command-executor"), x)
	if err != nil {
		return nil, err
	}
	d := executor.NewDriver(node, callbacks{ref: ref, env: env}, env, o)
	runtime.Tell(ref, func(x *Executor) { x.driver = d })
	d.Start()
	return d, nil
}

// callbacks passes the driver's callbacks on to the executor's own turns, in order.
type callbacks struct {
	executor.Base
	ref runtime.Ref[*Executor]
	env executor.Environment
}

func (c callbacks) Registered(_ *executor.Driver, _ *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) {
	runtime.Tell(c.ref, func(x *Executor) {
		for _, k := range framework.GetCapabilities() {
			x.capabilities = append(x.capabilities, k.GetType())
		}
	})
}

func (c callbacks) LaunchTask(_ *executor.Driver, task *mesospb.TaskInfo) {
	runtime.Tell(c.ref, func(x *Executor) { x.launch(task) })
}

func (c callbacks) KillTask(_ *executor.Driver, task ids.Task, policy *mesospb.KillPolicy) {
	runtime.Tell(c.ref, func(x *Executor) { x.kill(task, policy) })
}

func (c callbacks) Acknowledged(_ *executor.Driver, task ids.Task, state mesospb.TaskState) {
	runtime.Tell(c.ref, func(x *Executor) { x.acknowledged(task, state) })
}

func (c callbacks) Shutdown(*executor.Driver) {
	runtime.Tell(c.ref, func(x *Executor) { x.shutdown(c.env.ShutdownGrace) })
}
