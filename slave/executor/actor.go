package executor

import (
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Actor is an [Executor] that is an actor.
type Actor interface {
	runtime.Behavior
	Executor
}

// StartActor spawns x under a fresh name on node, and beside it a driver that calls x's methods on x's own turns, in order.
// attach gives the driver to x before it registers with the agent.
func StartActor[A Actor](node *runtime.Node, name string, x A, env Environment, o Options, attach func(A, *Driver)) (*Driver, error) {
	ref, err := runtime.Spawn(node, node.NewID(name), x)
	if err != nil {
		return nil, err
	}
	turns := onTurns[A]{ref: ref}
	d := NewDriver(node, turns, env, o)
	if _, ok := any(x).(GroupExecutor); ok {
		d.executor = groupsOnTurns[A]{turns}
	}
	runtime.Tell(ref, func(x A) { attach(x, d) })
	d.Start()
	return d, nil
}

// onTurns is an [Executor] that carries all calls over to the turns of an actor.
type onTurns[A Actor] struct{ ref runtime.Ref[A] }

// Registered implements [Executor].
func (t onTurns[A]) Registered(d *Driver, executor *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) {
	runtime.Tell(t.ref, func(x A) { x.Registered(d, executor, framework, agent) })
}

// Reregistered implements [Executor].
func (t onTurns[A]) Reregistered(d *Driver, agent *mesospb.SlaveInfo) {
	runtime.Tell(t.ref, func(x A) { x.Reregistered(d, agent) })
}

// Disconnected implements [Executor].
func (t onTurns[A]) Disconnected(d *Driver) { runtime.Tell(t.ref, func(x A) { x.Disconnected(d) }) }

// LaunchTask implements [Executor].
func (t onTurns[A]) LaunchTask(d *Driver, task *mesospb.TaskInfo) {
	runtime.Tell(t.ref, func(x A) { x.LaunchTask(d, task) })
}

// KillTask implements [Executor].
func (t onTurns[A]) KillTask(d *Driver, task ids.Task, policy *mesospb.KillPolicy) {
	runtime.Tell(t.ref, func(x A) { x.KillTask(d, task, policy) })
}

// Acknowledged implements [Executor].
func (t onTurns[A]) Acknowledged(d *Driver, task ids.Task, state mesospb.TaskState) {
	runtime.Tell(t.ref, func(x A) { x.Acknowledged(d, task, state) })
}

// FrameworkMessage implements [Executor].
func (t onTurns[A]) FrameworkMessage(d *Driver, data []byte) {
	runtime.Tell(t.ref, func(x A) { x.FrameworkMessage(d, data) })
}

// Shutdown implements [Executor].
func (t onTurns[A]) Shutdown(d *Driver) { runtime.Tell(t.ref, func(x A) { x.Shutdown(d) }) }

// Error implements [Executor].
func (t onTurns[A]) Error(d *Driver, message string) {
	runtime.Tell(t.ref, func(x A) { x.Error(d, message) })
}

// groupsOnTurns is the same for a [GroupExecutor].
type groupsOnTurns[A Actor] struct{ onTurns[A] }

// LaunchGroup implements [GroupExecutor].
func (t groupsOnTurns[A]) LaunchGroup(d *Driver, tasks []*mesospb.TaskInfo) {
	runtime.Tell(t.ref, func(x A) { any(x).(GroupExecutor).LaunchGroup(d, tasks) })
}
