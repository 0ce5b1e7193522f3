package command

import (
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
	return executor.StartActor(node, "command-executor", x, env, o, func(x *Executor, d *executor.Driver) { x.driver = d })
}

// Registered implements [executor.Executor].
func (x *Executor) Registered(_ *executor.Driver, _ *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) {
	for _, k := range framework.GetCapabilities() {
		x.capabilities = append(x.capabilities, k.GetType())
	}
}
