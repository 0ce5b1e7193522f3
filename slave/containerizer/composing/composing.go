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

// errDestroyed is what a launch fails with when the container was destroyed while it was refused.
var errDestroyed = errors.New("Container was destroyed while launching")

// Containerizer knows which of the joined containerizers has which outermost container. Nested containers are where the
// outermost one around them is.
//
// Mesos: ComposingContainerizerProcess.
type Containerizer struct {
	runtime.Actor
	joined     []containerizer.Containerizer // in order of preference
	containers map[ids.Container]*container  // outermost ones, until their end was heard
}

// container is an outermost one.
type container struct {
	home      containerizer.Containerizer // that runs it, or is asked to
	launching runtime.Future[struct{}]    // complete when one has accepted it, or none has
	unwanted  bool                        // was asked to be destroyed
}

// New returns the port to all of them in one. With a single one that is it.
func New(n *runtime.Node, joined ...containerizer.Containerizer) (containerizer.Containerizer, error) {
	if len(joined) == 1 {
		return joined[0], nil
	}
	x := &Containerizer{joined: joined, containers: map[ids.Container]*container{}}
	ref, err := runtime.Spawn(n, n.NewID("composing-containerizer"), x)
	return port{n, ref, joined}, err
}

// launch asks one after the other to launch a container, until one does not say that it is of another kind.
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

// launchNested goes where the outermost container is.
func (x *Containerizer) launchNested(l containerizer.Launch) runtime.Future[struct{}] {
	root := x.containers[l.ID.Root()]
	if root == nil {
		return runtime.Failed[struct{}](fmt.Errorf("Root container %s not found", l.ID.Root()))
	}
	return root.home.Launch(l)
}

// ask asks the first of those that are left to be asked.
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
			return runtime.Failed[struct{}](err) // it has failed there, and is to be destroyed there
		case c.unwanted && len(left) > 1:
			return x.refused(c, l.ID, errDestroyed)
		}
		return x.ask(c, l, left[1:])
	})
}

// refused forgets a container that nobody has launched.
func (x *Containerizer) refused(c *container, id ids.Container, err error) runtime.Future[struct{}] {
	x.forget(c, id)
	return runtime.Failed[struct{}](err)
}

func (x *Containerizer) forget(c *container, id ids.Container) {
	if x.containers[id] == c {
		delete(x.containers, id)
	}
}

// home returns the containerizer that has a container, or the outermost one around it; nil if none has.
func (x *Containerizer) home(id ids.Container) containerizer.Containerizer {
	if c := x.containers[id.Root()]; c != nil {
		return c.home
	}
	return nil
}

// wait waits until it is known who has the container, and forgets an outermost one when its end was heard.
func (x *Containerizer) wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	c := x.containers[id.Root()]
	switch {
	case c == nil:
		return runtime.Failed[*slavepb.ContainerTermination](containerizer.ErrUnknown)
	case id.Parent() != "":
		return c.home.Wait(id)
	}
	launched := runtime.Undiscardable(c.launching) // a wait that is given up does not end the launch
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

// destroy ends a container, and a launch for which no containerizer has been found yet: no other is asked any more.
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

// recover has all of them recover at the same time, and then asks each what it has taken over.
func (x *Containerizer) recover(known []containerizer.Survivor) runtime.Future[struct{}] {
	var recovered []runtime.Future[struct{}]
	for _, one := range x.joined {
		recovered = append(recovered, one.Recover(known))
	}
	return runtime.Chain(x, runtime.Collect(recovered...), func(_ []struct{}, err error) runtime.Future[struct{}] {
		if err != nil {
			return runtime.Failed[struct{}](err)
		}
		var lists []runtime.Future[[]ids.Container]
		for _, one := range x.joined {
			lists = append(lists, one.List())
		}
		return runtime.Continue(x, runtime.Collect(lists...), x.recovered)
	})
}

func (x *Containerizer) recovered(lists [][]ids.Container, err error) (struct{}, error) {
	for i, list := range lists {
		for _, id := range list {
			if id.Parent() == "" {
				x.containers[id] = &container{home: x.joined[i], launching: runtime.Ready(struct{}{})}
			}
		}
	}
	return struct{}{}, err
}

// list brings together what all of them have.
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

// removeUnknown has nothing to remove.
func (x *Containerizer) removeUnknown(id ids.Container) runtime.Future[struct{}] {
	if id.Parent() != "" {
		return runtime.Failed[struct{}](errors.New("Unknown root container"))
	}
	return runtime.Ready(struct{}{})
}
