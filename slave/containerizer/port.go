package containerizer

import (
	"syscall"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer/switchboard"
)

// posix is the port to a Posix.
type posix struct {
	node *runtime.Node
	ref  runtime.Ref[*Posix]
}

// Close ends the actor and all its containers.
func (x posix) Close() { x.node.Terminate(x.ref.PID()) }

// Launch implements [Containerizer].
func (x posix) Launch(l Launch) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).launch, l))
}

// Update implements [Containerizer].
func (x posix) Update(id ids.Container, rs []*mesospb.Resource) runtime.Future[struct{}] {
	updated := runtime.Dispatch(x.ref, func(p *Posix) error { return p.update(id, rs) })
	return runtime.Then(updated, func(err error) (struct{}, error) { return struct{}{}, err })
}

// Status implements [Containerizer].
func (x posix) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).status, id))
}

// Usage implements [Containerizer].
func (x posix) Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).usage, id))
}

// Wait implements [Containerizer].
func (x posix) Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).wait, id))
}

// Destroy implements [Containerizer].
func (x posix) Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).destroy, id))
}

// Signal implements [Containerizer].
func (x posix) Signal(id ids.Container, s syscall.Signal) runtime.Future[struct{}] {
	sent := runtime.Dispatch(x.ref, func(p *Posix) error { return p.signal(id, s) })
	return runtime.Then(sent, func(err error) (struct{}, error) { return struct{}{}, err })
}

// Attach implements [Containerizer].
func (x posix) Attach(id ids.Container) runtime.Future[*switchboard.Board] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).attach, id))
}

// Remove implements [Containerizer].
func (x posix) Remove(id ids.Container) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Call(x.ref, (*Posix).remove, id))
}

// List implements [Containerizer].
func (x posix) List() runtime.Future[[]ids.Container] {
	return runtime.Dispatch(x.ref, (*Posix).list)
}
