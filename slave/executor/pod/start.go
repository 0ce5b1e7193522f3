package pod

import (
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
	return executor.StartActor(node, "default-executor", x, env, o, func(x *Executor, d *executor.Driver) { x.driver = d })
}

// Registered implements [executor.Executor].
func (x *Executor) Registered(_ *executor.Driver, _ *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) {
	x.connected = true
	for _, k := range framework.GetCapabilities() {
		x.capabilities = append(x.capabilities, k.GetType())
	}
}

// LaunchTask ends the executor, which runs groups only.
//
// Mesos: DefaultExecutor::received.
func (x *Executor) LaunchTask(d *executor.Driver, _ *mesospb.TaskInfo) {
	x.Log().Error().Msg("asked to run a task outside of a group; shutting down")
	x.Shutdown(d)
}
