package composing

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
	node   *runtime.Node
	ref    runtime.Ref[*Containerizer]
	joined []containerizer.Containerizer
}

// Close ends the actor, and those of the joined containerizers that can be closed.
func (p port) Close() {
	p.node.Terminate(p.ref.PID())
	for _, one := range p.joined {
		if c, ok := one.(interface{ Close() }); ok {
			c.Close()
		}
	}
}

// forward calls do with the containerizer that has the container. Calls for the same container stay in order.
func forward[T any](p port, id ids.Container, do func(containerizer.Containerizer) runtime.Future[T]) runtime.Future[T] {
	return runtime.Flatten(runtime.Dispatch(p.ref, func(x *Containerizer) runtime.Future[T] {
		if home := x.home(id); home != nil {
			return do(home)
		}
		return runtime.Failed[T](containerizer.ErrUnknown)
	}))
}

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
	return runtime.Flatten(runtime.Dispatch(p.ref, func(x *Containerizer) runtime.Future[struct{}] {
		if home := x.home(id); home != nil {
			return home.Update(id, rs, limits)
		}
		return runtime.Ready(struct{}{}) // it has just ended, which its owner will learn
	}))
}

// Status implements [containerizer.Containerizer].
func (p port) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	return forward(p, id, func(c containerizer.Containerizer) runtime.Future[*mesospb.ContainerStatus] { return c.Status(id) })
}

// Usage implements [containerizer.Containerizer].
func (p port) Usage(id ids.Container) runtime.Future[*mesospb.ResourceStatistics] {
	return forward(p, id, func(c containerizer.Containerizer) runtime.Future[*mesospb.ResourceStatistics] { return c.Usage(id) })
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
	return forward(p, id, func(c containerizer.Containerizer) runtime.Future[struct{}] { return c.Signal(id, s) })
}

// Attach implements [containerizer.Containerizer].
func (p port) Attach(id ids.Container) runtime.Future[containerizer.Board] {
	return forward(p, id, func(c containerizer.Containerizer) runtime.Future[containerizer.Board] { return c.Attach(id) })
}

// Remove implements [containerizer.Containerizer].
func (p port) Remove(id ids.Container) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Dispatch(p.ref, func(x *Containerizer) runtime.Future[struct{}] {
		if home := x.home(id); home != nil {
			return home.Remove(id)
		}
		return x.removeUnknown(id)
	}))
}

// List implements [containerizer.Containerizer].
func (p port) List() runtime.Future[[]ids.Container] {
	return runtime.Flatten(runtime.Dispatch(p.ref, (*Containerizer).list))
}

// PruneImages implements [containerizer.ImagePruner], with all that keep images.
func (p port) PruneImages(excluded []*mesospb.Image) runtime.Future[struct{}] {
	var all []runtime.Future[struct{}]
	for _, c := range p.joined {
		if pruner, ok := c.(containerizer.ImagePruner); ok {
			all = append(all, pruner.PruneImages(excluded))
		}
	}
	return runtime.Then(runtime.Collect(all...), func([]struct{}) (struct{}, error) { return struct{}{}, nil })
}
