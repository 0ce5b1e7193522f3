package mesos

import (
	"context"
	"os"
	"syscall"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/forker/serve"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/sandbox"
)

// Isolator implements one aspect of preparing, limiting or measuring a container. A containerizer calls its isolators
// in order; each sees what earlier ones have prepared or recovered.
//
// The methods may block. They are called outside the containerizer's turns, one after the other for each
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
	// Update changes the resources of the container and their limits, as [containerizer.Containerizer] has it.
	Update(c *Container, resources []*mesospb.Resource, limits map[string]*mesospb.Value_Scalar) error
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

// Watcher is an isolator that has a container destroyed when it exceeds a limit.
type Watcher interface {
	Isolator
	// Watch blocks until the container exceeds a limit, and returns that. It fails when ctx ends, which is when the
	// container's first process has ended.
	Watch(ctx context.Context, c *Container) (*slavepb.ContainerLimitation, error)
	// Exceeded returns the limit that the container has exceeded, or nil. It is called when the container's first process has ended, before
	// the launcher destroys what is left: with that the control groups of version 2 go, where the limit can be seen.
	Exceeded(c *Container) *slavepb.ContainerLimitation
}

// Pause blocks for d, which a watcher does between two looks at a container. It returns early, with an error, when ctx ends.
func Pause(ctx context.Context, clock runtime.Clock, d time.Duration) error {
	passed := make(chan struct{})
	stop := clock.AfterFunc(d, func() { close(passed) })
	select {
	case <-passed:
		return nil
	case <-ctx.Done():
		stop()
		return ctx.Err()
	}
}

// Networker is an isolator that attaches containers to networks.
type Networker interface {
	Isolator
	// Networks returns the networks of a container, with its addresses, or nil if it is on those of the agent. It does not
	// block.
	Networks(c *Container) []*mesospb.NetworkInfo
}

// Logger is an isolator that logs.
type Logger interface {
	Isolator
	// UseLog says where. It is called before the first container is prepared or recovered; nothing is logged until then.
	UseLog(zerolog.Logger)
}

// Sweeper is an isolator that keeps something of containers outside their records.
type Sweeper interface {
	Isolator
	// Sweep removes what an earlier agent left of containers for which kept returns false. No process of theirs is left.
	Sweep(kept func(ids.Container) bool) error
}

// Update implements [Isolator].
func (Base) Update(*Container, []*mesospb.Resource, map[string]*mesospb.Value_Scalar) error {
	return nil
}

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

	// Setup is what an init does before it starts the command: namespaces, mounts, limits, capabilities. nil means that the
	// container needs no init.
	Setup *slavepb.ContainerLaunchInfo

	Secrets []serve.Secret // the files that the init makes in memory; they are in no record, and need Setup

	Filter []byte // the program for Setup's Seccomp profile, as the kernel reads it; none means that all system calls are allowed

	pid     int  // of the first process; 0 until it runs
	scribed bool // processes write its output, or may do so because an earlier agent has started it

	// Prepared for the process.
	Owner        sandbox.Owner       // of the sandbox; nil means the agent's user
	Credential   *syscall.Credential // nil means the agent's own
	VolumeGroups []uint32            // groups of shared volumes, in which the process is, too
	Sandbox      *os.Root            // open until the process is started
	Logs         [2]*os.File         // stdout and stderr in the sandbox, or pipes to processes that write them; open until the process is started
	Environment  map[string]string
	Hidden       map[string]bool // the variables with secrets, which are not recorded
	Directory    sandbox.Place   // the working directory of the process
	Inside       string          // its path in the file system of the container; "" means that it is the same there
	Groups       []cgroups.Group // the control groups of the process, which are its parent's if it shares them
	Class        uint32          // that the packets of the process have, in its group of net_cls; 0 means none
	Network      string          // the file of a network namespace that was made for the container; "" means none
	Hostname     string          // in a uts namespace that the container gets; "" means that of the agent
}

// Command returns the command of the container: that of its image and its configuration together if an isolator has put
// that into Setup.
func (c *Container) Command() *mesospb.CommandInfo {
	if c.Setup.GetCommand() != nil {
		return c.Setup.Command
	}
	return c.Config.GetCommandInfo()
}

// Delegates reports whether the program of the container is an executor that sees the files of the agent and has its rights, to
// start the command of a task that sees an image and has its own.
func (c *Container) Delegates() bool {
	return c.Parent == nil && c.Config.GetTaskInfo() != nil && c.Config.Rootfs != nil
}

// AddArguments adds arguments to the command of the container.
func (c *Container) AddArguments(all ...string) {
	command := proto.CloneOf(c.Command())
	command.Arguments = append(command.Arguments, all...)
	c.Init().Command = command
}

// Provision gives the container a file system of its own: a directory that was made for it, and that is removed by whoever
// made it. The isolator filesystem/linux uses it, so that it has to be called before.
//
// Mesos: ProvisionInfo, ContainerConfig.rootfs.
func (c *Container) Provision(rootfs string) {
	config := proto.CloneOf(c.Config)
	config.Rootfs = &rootfs
	c.Config = config
}

// Init returns Setup, and makes it if there is none yet.
func (c *Container) Init() *slavepb.ContainerLaunchInfo {
	if c.Setup == nil {
		c.Setup = &slavepb.ContainerLaunchInfo{}
	}
	return c.Setup
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
