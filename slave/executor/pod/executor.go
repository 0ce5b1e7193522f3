package pod

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/elliotchance/orderedmap/v3"
	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/processtree"
)

const (
	defaultKillGrace = 3 * time.Second
	// linger is how long the executor waits for the acknowledgement of its last updates.
	linger = time.Minute
	// again is the delay before a call is repeated that the agent did not answer.
	again = time.Second
)

// Options configures an [Executor].
type Options struct {
	HTTP    executor.HTTP // the connection to the agent
	Sandbox string        // where links to the sandboxes of tasks are made; empty means nowhere
	Address string        // MESOS_CONTAINER_IP of the tasks
	Prober  health.Prober // of checks; nil means commands in nested containers, and the network
}

// Executor runs task groups.
//
// Mesos: class DefaultExecutor.
type Executor struct {
	runtime.Actor
	executor.Base
	options Options
	driver  *executor.Driver

	capabilities []mesospb.FrameworkInfo_Capability_Type
	tasks        *orderedmap.OrderedMap[ids.Task, *task] // that are not terminal
	unheard      int                                     // number of unacknowledged updates
	connected    bool
	shutting     bool
	sick         bool // a task was killed because of failed health checks
}

// New returns an executor, to be passed to [Start].
func New(o Options) *Executor {
	return &Executor{options: o, tasks: orderedmap.NewOrderedMap[ids.Task, *task]()}
}

// task is a task that is not terminal, with its container.
type task struct {
	info      *mesospb.TaskInfo
	group     []*mesospb.TaskInfo
	container ids.Container

	launched    bool
	launchError string         // why there is no container
	killing     bool           // SIGTERM was sent
	wanted      *time.Duration // the grace period of a kill that came during the launch
	groupDies   bool           // its group is being killed
	overdue     bool           // it was killed because of its max_completion_time
	completion  runtime.Timer
	latest      *mesospb.TaskStatus
	checks      *health.Watch
	waiting     runtime.Future[*agentpb.Response]
	waits       bool
}

func (t *task) id() ids.Task { return ids.TaskOf(t.info.GetTaskId()) }

// LaunchGroup launches a container for each task of a group, all at once.
//
// Mesos: DefaultExecutor::launchGroup.
func (x *Executor) LaunchGroup(_ *executor.Driver, group []*mesospb.TaskInfo) {
	if x.shutting {
		x.Log().Warn().Msg("group ignored: the executor is shutting down")
		return
	}
	var launches []runtime.Future[*agentpb.Response]
	for _, info := range group {
		t := &task{
			info: info, group: group,
			container: x.driver.Container() + "." + ids.Container(ids.NewUUID(x.Rand()).String()),
		}
		x.tasks.Set(t.id(), t)
		x.tell(t, &mesospb.TaskStatus{State: mesospb.TaskState_TASK_STARTING.Enum()})
		launches = append(launches, x.options.HTTP.Operate(x, x.launchCall(t)))
	}
	runtime.Await(x, runtime.Settled(launches...), func(results []runtime.Result[*agentpb.Response], _ error) {
		x.launched(group, results)
	})
}

// launchCall returns the call that launches the container of a task. A volume that the task shares with the executor
// becomes one of the parent.
func (x *Executor) launchCall(t *task) *agentpb.Call {
	command, container := proto.CloneOf(t.info.GetCommand()), proto.CloneOf(t.info.GetContainer())
	if command == nil {
		command = &mesospb.CommandInfo{}
	}
	if command.Environment == nil {
		command.Environment = &mesospb.Environment{}
	}
	variable := func(name, value string) {
		command.Environment.Variables = append(command.Environment.Variables, &mesospb.Environment_Variable{Name: &name, Value: &value})
	}
	variable("MESOS_CONTAINER_IP", x.options.Address)
	for _, r := range t.info.GetResources() {
		if v := r.GetDisk().GetVolume(); v != nil {
			if container == nil {
				container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum()}
			}
			container.Volumes = append(container.Volumes, fromParent(v))
		}
	}
	if r := t.info.GetResources(); len(r) > 0 {
		variable("MESOS_ALLOCATION_ROLE", r[0].GetAllocationInfo().GetRole())
	}
	return &agentpb.Call{
		Type: agentpb.Call_LAUNCH_CONTAINER.Enum(),
		LaunchContainer: &agentpb.Call_LaunchContainer{
			ContainerId: t.container.Proto(), Command: command, Container: container,
			Resources: t.info.GetResources(), Limits: t.info.GetLimits(),
		},
	}
}

func fromParent(v *mesospb.Volume) *mesospb.Volume {
	return &mesospb.Volume{
		Mode: v.Mode, ContainerPath: v.ContainerPath,
		Source: &mesospb.Volume_Source{
			Type: mesospb.Volume_Source_SANDBOX_PATH.Enum(),
			SandboxPath: &mesospb.Volume_Source_SandboxPath{
				Type: mesospb.Volume_Source_SandboxPath_PARENT.Enum(), Path: v.ContainerPath,
			},
		},
	}
}

// launched waits for the end of all tasks, including those whose launch failed, which end the others.
//
// Mesos: DefaultExecutor::__launchGroup.
func (x *Executor) launched(group []*mesospb.TaskInfo, results []runtime.Result[*agentpb.Response]) {
	for i, info := range group {
		t, err := x.tasks.GetOrDefault(ids.TaskOf(info.GetTaskId()), nil), results[i].Err
		if text, refused := refusal(err); refused {
			x.Log().Error().Err(err).Stringer("task_id", t.id()).Msg("container of task not launched")
			t.launchError = text
			continue
		}
		if err != nil {
			x.Log().Error().Err(err).Msg("the agent was not reached")
			x.finish()
			return
		}
		x.runs(t)
	}
	for _, info := range group {
		x.wait(ids.TaskOf(info.GetTaskId()))
	}
}

// runs handles a task whose container runs.
func (x *Executor) runs(t *task) {
	t.launched = true
	x.Log().Info().Stringer("task_id", t.id()).Stringer("container_id", t.container).Msg("task runs")
	x.link(t)
	if limit := time.Duration(t.info.GetMaxCompletionTime().GetNanoseconds()); limit > 0 {
		id := t.id()
		t.completion = x.Delay(limit, func() { x.completionTimeout(id) })
	}
	x.tell(t, &mesospb.TaskStatus{State: mesospb.TaskState_TASK_RUNNING.Enum()})
	if t.wanted != nil {
		x.killWithin(t, *t.wanted)
		return
	}
	x.watch(t)
}

// link creates a link to the sandbox of a task: tasks/<id> in the executor's.
func (x *Executor) link(t *task) {
	if x.options.Sandbox == "" {
		return
	}
	_, nested, _ := cutLast(string(t.container))
	target := filepath.Join(x.options.Sandbox, "containers", nested)
	linked := runtime.Go(x, func(context.Context) (struct{}, error) {
		return struct{}{}, linkTask(x.options.Sandbox, t.id(), target)
	})
	runtime.Await(x, linked, func(_ struct{}, err error) {
		if err != nil {
			x.Log().Warn().Err(err).Msg("sandbox of task not linked")
		}
	})
}

// linkTask creates the link in a sandbox. It does not follow links that tasks have put there.
func linkTask(sandbox string, id ids.Task, target string) error {
	at, err := os.OpenRoot(sandbox)
	if err != nil {
		return err
	}
	defer at.Close()
	if err := at.MkdirAll("tasks", 0o755); err != nil {
		return err
	}
	return at.Symlink(target, filepath.Join("tasks", string(id)))
}

// tell sends an update of a task.
func (x *Executor) tell(t *task, status *mesospb.TaskStatus) {
	status.TaskId = t.info.GetTaskId()
	status.ContainerStatus = &mesospb.ContainerStatus{ContainerId: t.container.Proto()}
	if info := t.info.GetCheck(); info != nil {
		status.CheckStatus = health.Unknown(info)
	}
	x.send(t, status)
}

func (x *Executor) send(t *task, status *mesospb.TaskStatus) {
	t.latest = status
	x.unheard++
	x.driver.SendStatusUpdate(proto.CloneOf(status))
}

// Finalize kills tasks that are not terminal. If there are any, the agent is gone, and nobody else would kill them.
//
// Differs: Mesos leaves them to the agent, which may never come back.
func (x *Executor) Finalize() {
	if x.tasks.Len() == 0 {
		return
	}
	x.Log().Warn().Int("tasks", x.tasks.Len()).Msg("ending the processes of tasks that are not over")
	if err := endContainers(x.options.Sandbox); err != nil {
		x.Log().Error().Err(err).Msg("processes of tasks not ended")
	}
}

// endContainers kills the processes in containers inside that of the executor.
func endContainers(sandbox string) error {
	if sandbox == "" {
		return nil
	}
	within := filepath.Join(sandbox, "containers") + string(filepath.Separator)
	return processtree.KillSandboxed(func(s string) bool { return strings.HasPrefix(s, within) })
}

// Acknowledged stops the executor when all its updates are acknowledged.
func (x *Executor) Acknowledged(*executor.Driver, ids.Task, mesospb.TaskState) {
	x.unheard--
	if x.unheard == 0 && x.tasks.Len() == 0 {
		x.driver.Stop()
	}
}

// finish waits until all updates are acknowledged.
//
// Mesos: DefaultExecutor::_shutdown.
func (x *Executor) finish() {
	if x.unheard == 0 {
		x.driver.Stop()
		return
	}
	x.Delay(linger, func() { x.driver.Stop() })
}

// Shutdown ends all tasks, and the executor with the last of them.
//
// Mesos: DefaultExecutor::shutdown.
func (x *Executor) Shutdown(*executor.Driver) {
	if x.shutting {
		return
	}
	x.shutting = true
	if x.tasks.Len() == 0 || !x.connected {
		x.finish()
		return
	}
	for t := range x.tasks.Values() {
		if !t.killing {
			x.killWithin(t, defaultKillGrace)
		}
	}
}

// signal sends a signal to the container of a task.
func (x *Executor) signal(t *task, s syscall.Signal) runtime.Future[*agentpb.Response] {
	return x.options.HTTP.Operate(x, &agentpb.Call{
		Type: agentpb.Call_KILL_NESTED_CONTAINER.Enum(),
		KillNestedContainer: &agentpb.Call_KillNestedContainer{
			ContainerId: t.container.Proto(), Signal: proto.Int32(int32(s)),
		},
	})
}
