// Package docker implements the executor that runs the command of a task in a Docker container.
//
// [Executor] is an actor beside that of the driver (package executor), which calls it on its own turns. The engine runs the
// container; its output is the executor's, which the sandbox gets. The executor reports TASK_STARTING, TASK_RUNNING with a
// description of the container, and then its end: TASK_FINISHED for exit status 0, TASK_KILLED if it was asked to end, and
// TASK_FAILED otherwise. To kill a task, it has the engine stop the container, which kills it after the grace period.
//
// The executor performs the task's check and health check, commands in the container and others in its network.
package docker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/request"
	"meseta/slave/executor"
)

const (
	// linger is how long the executor waits for the acknowledgement of its last update.
	linger = time.Minute
	// startPatience is how long a kill waits for the start of the container.
	//
	// Mesos: DOCKER_INSPECT_TIMEOUT.
	startPatience = 5 * time.Second
	// killRetry is the time after which a task is killed again that is not healthy.
	//
	// Mesos: KILL_RETRY_INTERVAL.
	killRetry = 10 * time.Second
	// reapAllowance is subtracted from the shutdown grace period, so that there is time to report the container's end.
	//
	// Mesos: MAX_REAP_INTERVAL and a second.
	reapAllowance = 2 * time.Second
)

// Engine runs containers. The futures belong to b and may be discarded.
type Engine interface {
	// Run runs a container to its end, and returns its exit status. It calls started when it has been started, on any goroutine.
	Run(b runtime.Behavior, name string, r *engine.Create, started func(*engine.Container)) runtime.Future[int]
	// Stop asks a container to end, and kills it after the grace period.
	Stop(b runtime.Behavior, name string, grace time.Duration) runtime.Future[struct{}]
	// Exec runs a command in a container that runs, and returns its exit status.
	Exec(b runtime.Behavior, name string, command, env []string) runtime.Future[int]
}

// Options configures an [Executor].
type Options struct {
	Engine      Engine
	Container   string                       // its name
	Sandbox     string                       // its path on the agent
	Mapped      string                       // its path in the container
	Environment map[string]string            // takes precedence over the task's
	Binds       []string                     // see [request.Options]
	CFS         bool                         // see [request.Options]
	DNS         *internalpb.ContainerDNSInfo // see [request.Options]
	Prober      health.Prober                // of checks; nil means the container's commands and its network
}

// Executor runs one container. It is an actor; [Start] connects it with a driver.
//
// Mesos: class DockerExecutorProcess.
type Executor struct {
	runtime.Actor
	executor.Base
	options Options
	driver  *executor.Driver

	capabilities []mesospb.FrameworkInfo_Capability_Type
	task         *mesospb.TaskInfo    // nil until it is launched
	network      *mesospb.NetworkInfo // of the container; nil if it has none of its own
	pid          int                  // of the container's first process; 0 if it is not known
	started      bool                 // the container has been started
	ended        bool                 // a terminal update was sent
	last         mesospb.TaskState    // of all that were sent
	checks       *health.Watch

	killed     bool           // it was asked to end
	overdue    bool           // because of max_completion_time
	sick       bool           // because of failed health checks
	pending    *time.Duration // the grace period of a kill that waits for the start
	stopping   runtime.Future[struct{}]
	again      runtime.Timer // of a kill
	completion runtime.Timer // max_completion_time
}

// Start spawns an executor and a driver for it on the same node, and registers with the agent.
func Start(node *runtime.Node, o Options, env executor.Environment, d executor.Options) (*executor.Driver, error) {
	x := &Executor{options: o}
	return executor.StartActor(node, "docker-executor", x, env, d, func(x *Executor, d *executor.Driver) { x.driver = d })
}

// Registered implements [executor.Executor].
func (x *Executor) Registered(_ *executor.Driver, _ *mesospb.ExecutorInfo, framework *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) {
	for _, k := range framework.GetCapabilities() {
		x.capabilities = append(x.capabilities, k.GetType())
	}
}

// LaunchTask starts the container of the first task. A second task fails.
//
// Mesos: DockerExecutorProcess::launchTask.
func (x *Executor) LaunchTask(_ *executor.Driver, task *mesospb.TaskInfo) {
	if x.task != nil {
		x.driver.SendStatusUpdate(&mesospb.TaskStatus{
			TaskId: task.GetTaskId(), State: mesospb.TaskState_TASK_FAILED.Enum(),
			Message: proto.String(`Attempted to run multiple tasks using a "docker" executor`),
		})
		return
	}
	x.task = task
	x.Log().Info().Stringer("task_id", x.id()).Str("container", x.options.Container).Msg("starting task")
	x.send(x.status(mesospb.TaskState_TASK_STARTING))
	if limit := time.Duration(task.GetMaxCompletionTime().GetNanoseconds()); limit > 0 {
		x.completion = x.Delay(limit, x.completionTimeout)
	}
	r, err := request.New(request.Options{
		Container: task.GetContainer(), Command: task.GetCommand(), Name: x.options.Container, Sandbox: x.options.Sandbox,
		Mapped: x.options.Mapped, Resources: task.GetResources(), Limits: task.GetLimits(), CFS: x.options.CFS,
		DNS:         x.options.DNS.GetDocker(),
		Environment: x.options.Environment, Binds: x.options.Binds,
	})
	if err != nil {
		x.end(mesospb.TaskState_TASK_FAILED, "Failed to create docker run options: "+err.Error(), nil)
		return
	}
	x.run(r)
}

// run runs the container to its end.
func (x *Executor) run(r *engine.Create) {
	self := runtime.RefOf(x)
	over := x.options.Engine.Run(x, x.options.Container, r, func(c *engine.Container) { runtime.Tell(self, func(x *Executor) { x.runs(c) }) })
	runtime.Await(x, over, x.reaped)
}

// runs reports that the container runs, or has run.
func (x *Executor) runs(c *engine.Container) {
	x.started, x.pid = true, c.State.Pid
	x.network = x.networkOf(c)
	if x.pending != nil {
		x.stop(*x.pending)
		return
	}
	status := x.status(mesospb.TaskState_TASK_RUNNING)
	status.Data = describe(c)
	x.send(status)
	x.watch()
}

// describe returns the description of a container as docker inspect prints it.
func describe(c *engine.Container) []byte {
	var text bytes.Buffer
	if json.Indent(&text, append(append([]byte("["), bytes.TrimSpace(c.Raw)...), ']'), "", "    ") != nil {
		return nil
	}
	text.WriteByte('\n')
	return text.Bytes()
}

// networkOf returns the network of the container with its addresses, or nil if it has none.
func (x *Executor) networkOf(c *engine.Container) *mesospb.NetworkInfo {
	ip, ip6 := c.Addresses()
	if ip == "" && ip6 == "" {
		return nil
	}
	info := &mesospb.NetworkInfo{}
	if given := x.task.GetContainer().GetNetworkInfos(); len(given) > 0 {
		info = proto.CloneOf(given[0])
		info.IpAddresses = nil
	}
	if ip != "" {
		info.IpAddresses = append(info.IpAddresses, &mesospb.NetworkInfo_IPAddress{IpAddress: &ip})
	}
	if ip6 != "" {
		info.IpAddresses = append(info.IpAddresses, &mesospb.NetworkInfo_IPAddress{
			IpAddress: &ip6, Protocol: mesospb.NetworkInfo_IPv6.Enum(),
		})
	}
	return info
}

// reaped reports the end of the task when the container has ended.
//
// Mesos: DockerExecutorProcess::_reaped.
//
// Differs: the end of a container that could not be started is reported at once, not after five seconds.
func (x *Executor) reaped(status int, err error) {
	state, message := mesospb.TaskState_TASK_FAILED, fmt.Sprintf("Container exited with status %d", status)
	var reason *mesospb.TaskStatus_Reason
	switch {
	case err != nil:
		message = "Failed to get exit status of container: " + err.Error()
	case x.overdue:
		reason = mesospb.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED.Enum()
	case x.killed:
		state = mesospb.TaskState_TASK_KILLED
	case status == 0:
		state = mesospb.TaskState_TASK_FINISHED
	}
	x.Log().Info().Stringer("task_id", x.id()).Msg(message)
	x.end(state, message, reason)
}

// end sends the last update, and waits for its acknowledgement.
func (x *Executor) end(state mesospb.TaskState, message string, reason *mesospb.TaskStatus_Reason) {
	x.again.Cancel()
	x.completion.Cancel()
	x.checks.End()
	x.ended = true
	status := x.status(state)
	status.Message, status.Reason = &message, reason
	if x.killed && x.sick {
		status.Healthy = proto.Bool(false)
	}
	x.send(status)
	x.Delay(linger, func() { x.driver.Stop() })
}

// Acknowledged stops the executor when its last update was acknowledged.
func (x *Executor) Acknowledged(_ *executor.Driver, task ids.Task, state mesospb.TaskState) {
	if x.ended && task == x.id() && state == x.last {
		x.driver.Stop()
	}
}

// status returns a status of the task. It has the latest result of the check if the task has one.
func (x *Executor) status(state mesospb.TaskState) *mesospb.TaskStatus {
	s := &mesospb.TaskStatus{TaskId: x.task.GetTaskId(), State: state.Enum()}
	if info := x.task.GetCheck(); info != nil {
		s.CheckStatus = health.Unknown(info)
	}
	if x.network != nil && state == mesospb.TaskState_TASK_RUNNING {
		s.ContainerStatus = &mesospb.ContainerStatus{NetworkInfos: []*mesospb.NetworkInfo{x.network}}
	}
	return s
}

func (x *Executor) send(s *mesospb.TaskStatus) {
	x.last = s.GetState()
	x.driver.SendStatusUpdate(s)
}

func (x *Executor) id() ids.Task { return ids.TaskOf(x.task.GetTaskId()) }
