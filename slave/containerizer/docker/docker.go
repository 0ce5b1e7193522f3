// Package docker implements a containerizer with the containers of a Docker engine.
//
// The task of a container, or its executor, runs in a container of the engine, which mesos-docker-executor starts and watches.
// That is a process beside the container, which outlives the agent; containerizer mesos runs it, with an isolator that fetches
// the image before, measures the container, and stops it afterwards. So the sandbox, URIs, records, and recovery are the same
// as those of other containers.
package docker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/mesos"
)

const (
	// prefix is the beginning of the names of containers.
	prefix = "mesos-"
	// program runs containers.
	program = "mesos-docker-executor"
)

// Variables of the process that runs a container.
const (
	// RequestVariable has the request for the container of an executor, as JSON. The process does nothing else then.
	RequestVariable = "MESETA_DOCKER_REQUEST"
	// VolumesVariable has the persistent volumes of a task, as a JSON array of binds.
	VolumesVariable = "MESETA_DOCKER_VOLUMES"
)

// Launch is a container that is about to be launched, as hooks see it.
type Launch = hooks.DockerLaunch

// Options configures the containerizer.
type Options struct {
	// Socket is that of the engine (--docker_socket).
	Socket string
	// Command is the name of Docker's command (--docker). It is not run, but errors name what it would have said.
	Command string
	// LauncherDir has mesos-docker-executor (--launcher_dir).
	LauncherDir string
	// WorkDir is that of the agent (--work_dir).
	WorkDir string
	// Mapped is the path of the sandbox in containers (--sandbox_directory).
	Mapped string
	// StopTimeout is how long a container may take to end before it is killed (--docker_stop_timeout).
	StopTimeout time.Duration
	// RemoveDelay is how long a container is kept that has ended (--docker_remove_delay).
	RemoveDelay time.Duration
	// KillOrphans removes containers that no executor has any more, when the agent starts (--docker_kill_orphans).
	KillOrphans bool
	// Credentials are those for registries (--docker_config).
	Credentials engine.Credentials
	// CFS says that containers get no more processors than they requested (--cgroups_enable_cfs).
	CFS bool
	// DNS has the name servers of containers (--default_container_dns); nil means the engine's.
	DNS *internalpb.ContainerDNSInfo
	// Decorate returns environment variables of hooks. nil means none.
	Decorate func(context.Context, Launch) (*modulepb.DockerTaskExecutorPrepareInfo, error)
}

// Default returns the options of an agent started without flags.
func Default() Options {
	return Options{
		Socket: "/var/run/docker.sock", Command: "docker", Mapped: mesos.DefaultSandboxDirectory, RemoveDelay: 6 * time.Hour, KillOrphans: true,
	}
}

// Containerizer is the [containerizer.Containerizer]. Nested containers and all others that are not Docker's are refused.
//
// Mesos: DockerContainerizer.
type Containerizer struct {
	containerizer.Containerizer // of the processes that run containers
	node                        *runtime.Node
	isolator                    *isolator

	mu     sync.Mutex
	killed map[ids.Container]bool
}

// New starts the containerizer on n. processes are the options for the processes that run containers. It fails if the engine
// does not run. It blocks.
func New(n *runtime.Node, o Options, processes mesos.Options) (*Containerizer, error) {
	client := engine.Dial(o.Socket)
	err := client.Connect(context.Background())
	if err != nil {
		return nil, fmt.Errorf("Could not create DockerContainerizer: Failed to create docker: %w; start the Docker engine, name its socket with --docker_socket, or leave docker out of --containerizers", err)
	}
	janitor, err := runtime.Spawn(n, n.NewID("docker-containerizer"), &janitor{engine: client, delay: o.RemoveDelay})
	if err != nil {
		return nil, err
	}
	x := &isolator{options: o, engine: client, janitor: janitor, names: map[ids.Container]string{}}
	processes.Prepared = []mesos.Isolator{x}
	processes.SkipCPU, processes.SkipMemory, processes.HardCPULimit = true, true, o.CFS
	processes.Launcher = mesos.Posix
	if processes.RuntimeDir != "" {
		processes.RuntimeDir = filepath.Join(processes.RuntimeDir, "docker")
	}
	inner, err := mesos.New(n, processes)
	return &Containerizer{Containerizer: inner, node: n, isolator: x, killed: map[ids.Container]bool{}}, err
}

// Close ends the containerizer. Containers go on.
func (x *Containerizer) Close() {
	if c, ok := x.Containerizer.(interface{ Close() }); ok {
		c.Close()
	}
	x.node.Terminate(x.isolator.janitor.PID())
	x.isolator.engine.Close()
}

// Recover implements [containerizer.Containerizer].
func (x *Containerizer) Recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	var ours []containerizer.Survivor
	for _, s := range known {
		if s.Docker {
			s.Docker = false // for the processes, all are theirs
			ours = append(ours, s)
		}
	}
	if err := x.isolator.know(context.Background()); err != nil {
		return runtime.Failed[[]ids.Container](err)
	}
	return x.Containerizer.Recover(ours)
}

// Launch implements [containerizer.Containerizer].
//
// Mesos: DockerContainerizerProcess::launch.
func (x *Containerizer) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	if l.ID.Parent() != "" {
		return runtime.Failed[struct{}](errors.New("Nested containers are not supported"))
	}
	info := l.Config.GetContainerInfo()
	if info == nil || info.GetType() != mesospb.ContainerInfo_DOCKER || l.Config.ExecutorInfo == nil {
		return runtime.Failed[struct{}](containerizer.ErrUnsupported)
	}
	config := proto.CloneOf(l.Config)
	config.ExecutorInfo.Container, config.ExecutorInfo.Resources = info, config.GetResources()
	config.ContainerInfo, config.Resources = nil, own(config.GetResources())
	l.Config = config
	return x.Containerizer.Launch(l)
}

// Status implements [containerizer.Containerizer].
//
// Mesos: DockerContainerizerProcess::status.
func (x *Containerizer) Status(id ids.Container) runtime.Future[*mesospb.ContainerStatus] {
	return runtime.Then(x.Containerizer.Status(id), func(*mesospb.ContainerStatus) (*mesospb.ContainerStatus, error) {
		return &mesospb.ContainerStatus{ContainerId: id.Proto()}, nil
	})
}

// Destroy implements [containerizer.Containerizer].
func (x *Containerizer) Destroy(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	x.mu.Lock()
	x.killed[id] = true
	x.mu.Unlock()
	return x.told(id, x.Containerizer.Destroy(id))
}

// Wait implements [containerizer.Containerizer].
func (x *Containerizer) Wait(id ids.Container) runtime.Future[*slavepb.ContainerTermination] {
	return x.told(id, x.Containerizer.Wait(id))
}

// told adds to a termination whether the container was killed.
//
// Mesos: the end of DockerContainerizerProcess::____destroy.
func (x *Containerizer) told(id ids.Container, over runtime.Future[*slavepb.ContainerTermination]) runtime.Future[*slavepb.ContainerTermination] {
	return runtime.Then(over, func(t *slavepb.ContainerTermination) (*slavepb.ContainerTermination, error) {
		x.mu.Lock()
		killed := x.killed[id]
		x.mu.Unlock()
		t = proto.CloneOf(t)
		switch {
		case t.Message != nil:
		case killed:
			t.Message = proto.String("Container killed")
		default:
			t.Message = proto.String("Container terminated")
		}
		return t, nil
	})
}

// Signal implements [containerizer.Containerizer]. The process beside the container passes on no signals.
func (x *Containerizer) Signal(ids.Container, syscall.Signal) runtime.Future[struct{}] {
	return runtime.Failed[struct{}](containerizer.ErrUnknown)
}

// Attach implements [containerizer.Containerizer].
func (x *Containerizer) Attach(ids.Container) runtime.Future[containerizer.Board] {
	return runtime.Failed[containerizer.Board](containerizer.ErrUnattachable)
}
