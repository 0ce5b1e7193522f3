package mesos

import (
	"syscall"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// port is the [containerizer.Containerizer] of an actor.
type port struct {
	node *runtime.Node
	ref  runtime.Ref[*Containerizer]

	fetching *fetching
}

// Close terminates the actor and kills all its containers.
func (p port) Close() { p.node.Terminate(p.ref.PID()) }

// Recover implements [containerizer.Containerizer].
func (p port) Recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).recover, known))
}

// Launch implements [containerizer.Containerizer].
func (p port) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).launch, l))
}

// Update implements [containerizer.Containerizer].
func (p port) Update(id ids.Container, rs []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Dispatch(p.ref, func(x *Containerizer) runtime.Future[struct{}] { return x.update(id, rs, limits) }))
}

// Status implements [containerizer.Containerizer].
func (p port) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).status, id))
}

// Usage implements [containerizer.Containerizer].
func (p port) Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).usage, id))
}

// Wait implements [containerizer.Containerizer].
func (p port) Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).wait, id))
}

// Destroy implements [containerizer.Containerizer].
func (p port) Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).destroy, id))
}

// Signal implements [containerizer.Containerizer].
func (p port) Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}] {
	sent := runtime.Dispatch(p.ref, func(x *Containerizer) error { return x.signal(id, s) })
	return runtime.Then(sent, func(err error) (struct{}, error) { return struct{}{}, err })
}

// Attach implements [containerizer.Containerizer].
func (p port) Attach(id ids.Container) runtime.Future[containerizer.Board] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).attach, id))
}

// Remove implements [containerizer.Containerizer].
func (p port) Remove(id ids.Container) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Call(p.ref, (*Containerizer).remove, id))
}

// List implements [containerizer.Containerizer].
func (p port) List() runtime.Future[[]ids.Container] {
	return runtime.Dispatch(p.ref, (*Containerizer).list)
}
