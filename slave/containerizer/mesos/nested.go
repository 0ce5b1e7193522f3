package mesos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/sandbox"
)

// find returns a container that is not forgotten, or nil.
func (x *Containerizer) find(id ids.Container) *container {
	if c := x.containers[id]; c != nil {
		return c
	}
	if root := x.containers[id.Root()]; root != nil {
		return root.ended[id]
	}
	return nil
}

// enter adds a new container to the tree.
func (x *Containerizer) enter(c *container) {
	x.containers[c.ID] = c
	if c.outer == nil {
		return
	}
	if c.outer.inner == nil {
		c.outer.inner = map[ids.Container]*container{}
	}
	c.outer.inner[c.ID] = c
}

// leave removes a container that has ended from the tree. The termination of a nested container is kept as long as its
// outermost container exists, that of an outermost one until it was delivered.
func (x *Containerizer) leave(c *container) {
	if c.outer == nil {
		c.ended = nil
		if c.waited {
			delete(x.containers, c.ID)
		}
		return
	}
	delete(x.containers, c.ID)
	delete(c.outer.inner, c.ID)
	root := x.containers[c.ID.Root()]
	if root.ended == nil {
		root.ended = map[ids.Container]*container{}
	}
	root.ended[c.ID] = c
}

// nested returns the containers directly in c that have not ended, in order.
func (c *container) nested() []ids.Container { return slices.Sorted(maps.Keys(c.inner)) }

// place returns a new container at its place in the tree. It refuses containers that need an image or a network of
// their own, if no isolator provides that.
//
// Mesos: MesosContainerizerProcess::launch, ProvisionerProcess::provision.
func (x *Containerizer) place(l containerizer.Launch) (*container, error) {
	if err := x.supported(l.Config.GetContainerInfo()); err != nil {
		return nil, err
	}
	if _, grouped := x.launcher.(*linux); grouped && reserved(string(l.ID.Root())) {
		return nil, fmt.Errorf("the container ID '%s' is that of the agent's own control group", l.ID.Root())
	}
	c := &container{Container: Container{Launch: l, Runtime: x.folder(l.ID)}, resources: l.Config.GetResources(), limits: l.Config.GetLimits(),
		images: imagesOf(l.Config.GetContainerInfo())}
	parent := l.ID.Parent()
	if parent == "" {
		c.Place = sandbox.Place{Root: l.Config.GetDirectory()}
		return c, nil
	}
	outer, root := x.containers[parent], x.containers[l.ID.Root()]
	switch {
	case outer == nil:
		return nil, fmt.Errorf("Parent container %s does not exist", parent)
	case outer.over || outer.unwanted:
		return nil, destroying(parent)
	}
	c.outer, c.Parent, c.Place = outer, &outer.Container, root.Place.Within(nestedFolders(l.ID)...)
	config := proto.CloneOf(l.Config)
	if config.User == nil {
		config.User = outer.Config.User
	}
	config.Directory = proto.String(c.Place.Path())
	config.ExecutorInfo = root.Config.GetExecutorInfo()
	c.Config = config
	if config.GetContainerClass() == slavepb.ContainerClass_DEBUG {
		c.Beside = c.Parent
	}
	return c, nil
}

// destroying returns the error for a container in one that is being destroyed.
func destroying(parent ids.Container) error {
	return fmt.Errorf("Parent container %s is in 'DESTROYING' state", parent)
}

// supported returns an error for containers that this containerizer cannot run.
func (x *Containerizer) supported(info *mesospb.ContainerInfo) error {
	switch image := info.GetMesos().GetImage(); {
	case info != nil && info.GetType() != mesospb.ContainerInfo_MESOS:
		return containerizer.ErrUnsupported
	case image != nil && x.images == nil:
		return fmt.Errorf("Unsupported container image type: %s", image.GetType())
	}
	for _, n := range info.GetNetworkInfos() {
		if n.Name != nil && len(x.networkers) == 0 {
			return fmt.Errorf("Unknown CNI network '%s'", n.GetName())
		}
	}
	return nil
}

// nestedFolders returns the directories from the outermost sandbox to that of a nested container, with "containers" on
// each level.
func nestedFolders(id ids.Container) []string {
	var folders []string
	for _, name := range strings.Split(string(id), ".")[1:] {
		folders = append(folders, "containers", name)
	}
	return folders
}

// signal sends a signal to the first process only. What that leaves behind is killed when it has ended. A container
// that has not started yet does not start.
func (x *Containerizer) signal(id ids.Container, s syscall.Signal) error {
	c := x.find(id)
	switch {
	case c == nil || c.over:
		return containerizer.ErrUnknown
	case c.process == nil:
		x.destroy(id)
		return nil
	}
	return c.process.signal(s)
}

func (x *Containerizer) remove(id ids.Container) runtime.Future[struct{}] {
	c, root := x.find(id), x.containers[id.Root()]
	switch {
	case c == nil && id.Parent() != "" && root == nil:
		return runtime.Failed[struct{}](errors.New("Unknown root container"))
	case c == nil:
		return runtime.Ready(struct{}{})
	case !c.over:
		return runtime.Failed[struct{}](errors.New("Nested container has not terminated yet"))
	}
	c.removed = true
	delete(root.ended, id)
	if c.outer == nil {
		delete(x.containers, id)
	}
	return runtime.Chain(x, x.retrieve(c), func(bool, error) runtime.Future[struct{}] {
		return runtime.Go(x, func(context.Context) (struct{}, error) {
			if err := x.disk.RemoveAll(string(c.Runtime)); err != nil {
				return struct{}{}, fmt.Errorf("Failed to remove the runtime directory: %w", err)
			}
			return struct{}{}, c.Place.Remove()
		})
	})
}
