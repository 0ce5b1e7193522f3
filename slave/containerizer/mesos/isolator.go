package mesos

import (
	"context"
	"os"
	"syscall"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/sandbox"
)

// Isolator is one aspect of how a container is set up, kept apart, bounded and measured. A containerizer has them in
// order: each sees what those before it have prepared.
//
// All methods but Watch may block and are called off the containerizer's turn, for one container one after the other,
// save that Usage and Update may come at the same time as anything. Cleanup is called for each container whose Prepare
// was called, in the opposite order, also if that failed.
//
// Mesos: mesos::slave::Isolator.
type Isolator interface {
	// Prepare adds to what the container's process is started with. ctx ends when the container is not wanted any more.
	Prepare(ctx context.Context, c *Container) error
	// Isolate confines the first process of the container, which runs.
	Isolate(c *Container, pid int) error
	// Watch completes when the container must end for what it uses. It never does if nothing is bounded.
	Watch(c *Container) runtime.Future[*slavepb.ContainerLimitation]
	// Update changes what the container may use.
	Update(c *Container, resources []*mesospb.Resource) error
	// Usage adds what the isolator measures. pid is the first process of the container.
	Usage(c *Container, pid int, u *mesospb.ResourceStatistics) error
	// Cleanup undoes Prepare when nothing runs in the container any more.
	Cleanup(c *Container) error
}

// Base is embedded by isolators that do not do everything.
type Base struct{}

// Prepare implements [Isolator].
func (Base) Prepare(context.Context, *Container) error { return nil }

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

// Container is what isolators and launchers know of a container, and prepare for its process.
type Container struct {
	containerizer.Launch
	Parent *Container // nil: it is not nested
	Beside *Container // the parent whose environment and directory a container for debugging shares; nil: none
	Place  sandbox.Place

	// What is prepared for the process.
	Owner       sandbox.Owner       // whom the sandbox is for; nil: the agent's user
	Credential  *syscall.Credential // nil: the agent's own
	Sandbox     *os.Root            // open until the process is started
	Logs        [2]*os.File         // stdout and stderr in the sandbox, until the process is started
	Environment map[string]string
	Directory   sandbox.Place // where the process starts
}

// close closes what was opened for the process.
func (c *Container) close() {
	if c.Sandbox != nil {
		c.Sandbox.Close()
		c.Sandbox = nil
	}
	closeAll(c.Logs[:])
	c.Logs = [2]*os.File{}
}
