// Package composing implements a containerizer that joins several: each container runs in the first of them that accepts
// its kind, in the order in which they are given.
package composing

import (
	"errors"
	"fmt"
	"slices"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
)

// errDestroyed is the error of a launch whose container was destroyed while a containerizer refused it.
var errDestroyed = errors.New("Container was destroyed while launching")

// Containerizer is the actor of the joined containerizers. It knows which of them has which outermost container; nested
// containers are where their outermost container is.
//
// Mesos: ComposingContainerizerProcess.
type Containerizer struct {
	runtime.Actor
	joined     []containerizer.Containerizer // in order of preference
	containers map[ids.Container]*container  // outermost ones, until their end was delivered
}

// container is an outermost container.
type container struct {
	home      containerizer.Containerizer // has it, or is being asked to launch it
	launching runtime.Future[struct{}]    // complete when one has accepted it or all have refused
	unwanted  bool                        // destroy was called
}

// New returns the port to all of them. If there is only one, it returns that one.
func New(n *runtime.Node, joined ...containerizer.Containerizer) (containerizer.Containerizer, error) {
	if len(joined) == 1 {
		return joined[0], nil
	}
	x := &Containerizer{joined: joined, containers: map[ids.Container]*container{}}
	ref, err := runtime.Spawn(n, n.NewID("composing-containerizer"), x)
	return port{n, ref, joined}, err
}

// launch asks one containerizer after the other to launch a container, until one does not refuse its kind.
func (x *Containerizer) launch(l containerizer.Launch) runtime.Future[struct{}] {
	if l.ID.Parent() != "" {
		return x.launchNested(l)
	}
	if x.containers[l.ID] != nil {
		return runtime.Failed[struct{}](fmt.Errorf("%w: %s", containerizer.ErrExists, l.ID))
	}
	c := &container{}
	x.containers[l.ID] = c
	c.launching = x.ask(c, l, x.joined)
	return c.launching
}

// launchNested launches a container where its outermost container is.
func (x *Containerizer) launchNested(l containerizer.Launch) runtime.Future[struct{}] {
	root := x.containers[l.ID.Root()]
	if root == nil {
		return runtime.Failed[struct{}](fmt.Errorf("Root container %s not found", l.ID.Root()))
	}
	return root.home.Launch(l)
}

// ask asks the first of left, and then the others.
func (x *Containerizer) ask(c *container, l containerizer.Launch, left []containerizer.Containerizer) runtime.Future[struct{}] {
	if len(left) == 0 {
		return x.refused(c, l.ID, containerizer.ErrUnsupported)
	}
	c.home = left[0]
	return runtime.Chain(x, c.home.Launch(l), func(_ struct{}, err error) runtime.Future[struct{}] {
		switch {
		case err == nil:
			return runtime.Ready(struct{}{})
		case errors.Is(err, containerizer.ErrExists):
			return x.refused(c, l.ID, err)
		case !errors.Is(err, containerizer.ErrUnsupported):
			return runtime.Failed[struct{}](err) // the launch failed there, and the container must be destroyed there
		case c.unwanted && len(left) > 1:
			return x.refused(c, l.ID, errDestroyed)
		}
		return x.ask(c, l, left[1:])
	})
}

// refused forgets a container that no containerizer launched.
func (x *Containerizer) refused(c *container, id ids.Container, err error) runtime.Future[struct{}] {
	x.forget(c, id)
	return runtime.Failed[struct{}](err)
}

func (x *Containerizer) forget(c *container, id ids.Container) {
	if x.containers[id] == c {
		delete(x.containers, id)
	}
}

// home returns the containerizer that has a container or its outermost container, or nil.
func (x *Containerizer) home(id ids.Container) containerizer.Containerizer {
	if c := x.containers[id.Root()]; c != nil {
		return c.home
	}
	return nil
}

// wait waits for the end of a container, which may still be being launched. It then forgets an outermost container.
func (x *Containerizer) wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := x.containers[id.Root()]
	switch {
	case c == nil:
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	case id.Parent() != "":
		return c.home.Wait(id)
	}
	launched := runtime.Undiscardable(c.launching) // discarding the wait must not discard the launch
	return runtime.Chain(x, launched, func(struct{}, error) runtime.Future[*slavepb.ContainerTermination] {
		if x.containers[id] != c {
			return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
		}
		return runtime.Continue(x, c.home.Wait(id), func(t *slavepb.ContainerTermination, err error) (*slavepb.ContainerTermination, error) {
			if err == nil || errors.Is(err, containerizer.ErrUnknown) {
				x.forget(c, id)
			}
			return t, err
		})
	})
}

// destroy destroys a container. If its launch has not found a containerizer yet, no other one is asked.
func (x *Containerizer) destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := x.containers[id.Root()]
	if c == nil {
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	}
	if id.Parent() == "" {
		c.unwanted = true
	}
	return c.home.Destroy(id)
}

// recover recovers all containerizers at the same time, and then asks each for its containers. A known container may
// have ended, so that it is not listed, but must be found by its end.
func (x *Containerizer) recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	var recovered []runtime.Future[[]ids.Container]
	for _, one := range x.joined {
		recovered = append(recovered, one.Recover(known))
	}
	return runtime.Chain(x, runtime.Collect(recovered...), func(taken [][]ids.Container, err error) runtime.Future[[]ids.Container] {
		if err != nil {
			return runtime.Failed[[]ids.Container](err)
		}
		x.adopt(taken)
		var lists []runtime.Future[[]ids.Container]
		for _, one := range x.joined {
			lists = append(lists, one.List())
		}
		return runtime.Continue(x, runtime.Collect(lists...), func(lists [][]ids.Container, err error) ([]ids.Container, error) {
			x.adopt(lists)
			return slices.Sorted(slices.Values(slices.Concat(taken...))), err
		})
	})
}

// adopt notes which of the joined containerizers has which outermost container.
func (x *Containerizer) adopt(lists [][]ids.Container) {
	for i, list := range lists {
		for _, id := range list {
			if id.Parent() == "" {
				x.containers[id] = &container{home: x.joined[i], launching: runtime.Ready(struct{}{})}
			}
		}
	}
}

// list returns the containers of all containerizers.
func (x *Containerizer) list() runtime.Future[[]ids.Container] {
	var lists []runtime.Future[[]ids.Container]
	for _, one := range x.joined {
		lists = append(lists, one.List())
	}
	return runtime.Then(runtime.Collect(lists...), func(lists [][]ids.Container) ([]ids.Container, error) {
		all := slices.Concat(lists...)
		slices.Sort(all)
		return all, nil
	})
}

// removeUnknown handles the removal of an unknown container.
func (x *Containerizer) removeUnknown(id ids.Container) runtime.Future[struct{}] {
	if id.Parent() != "" {
		return runtime.Failed[struct{}](errors.New("Unknown root container"))
	}
	return runtime.Ready(struct{}{})
}
