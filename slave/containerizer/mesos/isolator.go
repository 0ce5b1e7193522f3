package mesos

import (
	"context"
	"os"
	"syscall"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/sandbox"
)

// Isolator implements one aspect of preparing, limiting or measuring a container. A containerizer calls its isolators
// in order; each sees what earlier ones have prepared or recovered.
//
// All methods but Watch may block. They are called outside the containerizer's turns, one after the other for each
// container, except that Usage and Update may be called at any time. Cleanup is called for each container whose Prepare
// or Recover was called, even if that failed, in reverse order.
//
// Mesos: mesos::slave::Isolator.
type Isolator interface {
	// Prepare prepares the container's process. ctx ends when the container is destroyed.
	Prepare(ctx context.Context, c *Container) error
	// Recover prepares for a container of an earlier agent what Prepare prepared for it. info is how it was launched; nil
	// means that it is unknown.
	Recover(c *Container, info *slavepb.ContainerLaunchInfo) error
	// Isolate isolates the first process of the container, which is running.
	Isolate(c *Container, pid int) error
	// Watch completes when the container must be destroyed because it exceeds a limit. Without limits it never does.
	Watch(c *Container) runtime.Future[*slavepb.ContainerLimitation]
	// Update changes the resource limits of the container.
	Update(c *Container, resources []*mesospb.Resource) error
	// Usage adds the isolator's measurements to u. pid is the first process of the container.
	Usage(c *Container, pid int, u *mesospb.ResourceStatistics) error
	// Cleanup undoes Prepare, when the container has no processes any more.
	Cleanup(c *Container) error
}

// Base is for embedding by isolators that do not need all methods.
type Base struct{}

// Prepare implements [Isolator].
func (Base) Prepare(context.Context, *Container) error { return nil }

// Recover implements [Isolator].
func (Base) Recover(*Container, *slavepb.ContainerLaunchInfo) error { return nil }

// Isolate implements [Isolator].
func (Base) Isolate(*Container, int) error { return nil }

// Watch implements [Isolator].
func (Base) Watch(*Container) runtime.Future[*slavepb.ContainerLimitation] {
	return runtime.NewPromise[*slavepb.ContainerLimitation]().Future()
}

// Update implements [Isolator].
func (Base) Update(*Container, []*mesospb.Resource) error { return nil }

// Usage implements [Isolator].
func (Base) Usage(*Container, int, *mesospb.ResourceStatistics) error { return nil }

// Cleanup implements [Isolator].
func (Base) Cleanup(*Container) error { return nil }

// Container is a container as isolators and launchers see it. They prepare its process here.
type Container struct {
	containerizer.Launch
	Parent *Container // nil if it is not nested
	Beside *Container // the parent whose environment and directory a debug container shares; nil if there is none
	Place  sandbox.Place

	// Runtime is the directory with the container's records.
	Runtime runtimedir.Folder

	// Prepared for the process.
	Owner       sandbox.Owner       // of the sandbox; nil means the agent's user
	Credential  *syscall.Credential // nil means the agent's own
	Sandbox     *os.Root            // open until the process is started
	Logs        [2]*os.File         // stdout and stderr in the sandbox; open until the process is started
	Environment map[string]string
	Directory   sandbox.Place // the working directory of the process
}

// close closes the files that were opened for the process.
func (c *Container) close() {
	if c.Sandbox != nil {
		c.Sandbox.Close()
		c.Sandbox = nil
	}
	closeAll(c.Logs[:])
	c.Logs = [2]*os.File{}
}
