package simcluster

import (
	"strings"
	"syscall"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/executor/command"
)

// nest starts a container within another: a process on the node of the outermost, which ends with it.
func (c *containers) nest(l containerizer.Launch) runtime.Future[struct{}] {
	root := c.find(rootOf(l.ID))
	if root == nil || !c.agent.cluster.living(root.addr) {
		return runtime.Failed[struct{}](containerizer.ErrUnknown)
	}
	if c.find(l.ID) != nil {
		return runtime.Failed[struct{}](containerizer.ErrExists)
	}
	for _, v := range l.Config.GetCommandInfo().GetEnvironment().GetVariables() {
		if v.GetName() == taskVariable {
			c.agent.started(ids.Task(v.GetValue()))
		}
	}
	p := &process{
		program: parseProgram(l.Config.GetCommandInfo().GetValue()), end: runtime.NewPromise[command.ExitStatus](),
	}
	ref, err := runtime.Spawn(root.node, root.node.NewID("nested"), p)
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	x := &container{
		id: l.ID, addr: root.addr, node: root.node, nested: &child{ref, p.end.Future()},
		ended: runtime.NewPromise[*slavepb.ContainerTermination](),
	}
	c.known = append(c.known, x)
	c.await(x)
	return runtime.Ready(struct{}{})
}

func rootOf(id ids.Container) ids.Container {
	root, _, _ := strings.Cut(string(id), ".")
	return ids.Container(root)
}

// Signal implements [containerizer.Containerizer].
func (c *containers) Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}] {
	x := c.find(id)
	if x == nil || x.nested == nil || x.over() {
		return runtime.Failed[struct{}](containerizer.ErrUnknown)
	}
	if err := x.nested.Signal(s); err != nil {
		return runtime.Failed[struct{}](err)
	}
	return runtime.Ready(struct{}{})
}

// List implements [containerizer.Containerizer].
func (c *containers) List() runtime.Future[[]ids.Container] {
	var all []ids.Container
	for _, x := range c.known {
		if !x.over() {
			all = append(all, x.id)
		}
	}
	return runtime.Ready(all)
}
