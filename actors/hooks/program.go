package hooks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/messages/pb/pluginpb"
)

// Patience is how long a hook may take. After that its context ends, and the hook has failed; a program has to end.
const Patience = 10 * time.Second

// LaunchPatience is how long all hooks together may take for one launch, however many tasks it has. After that daemons go
// on as if the hooks had changed nothing.
const LaunchPatience = time.Minute

// ErrPatience tells that hooks have exceeded [LaunchPatience].
var ErrPatience = fmt.Errorf("hooks did not return within %s", LaunchPatience)

// Kind is the kind of modules that are hooks.
var Kind = plugin.Kind{Name: "Hook", Add: addRemote, Make: makeServed}

func addRemote(c *modules.Catalogue, p *plugin.Program, name string) {
	modules.Add(c, name, func(parameters modules.Parameters) (Hook, error) {
		created, err := p.Create(name, parameters)
		if err != nil {
			return Hook{}, err
		}
		return (&remote{name, p}).hook(created.GetFunctions())
	})
}

// remote is a hook of a program.
type remote struct {
	name    string
	program *plugin.Program
}

// call has the program carry out a function.
func (r *remote) call(ctx context.Context, f pluginpb.Function, h *pluginpb.Hook) (*pluginpb.Hooked, error) {
	h.Name, h.Function = r.name, f
	answer, err := r.program.Call(ctx, &pluginpb.Request{Call: &pluginpb.Request_Hook{Hook: h}})
	return answer.GetHooked(), err
}

// hook returns a hook with some functions.
func (r *remote) hook(has []pluginpb.Function) (Hook, error) {
	h := Hook{
		MasterLaunchTaskLabelDecorator:            r.masterLaunchTaskLabels,
		MasterLaunchTaskResourceDecorator:         r.masterLaunchTaskResources,
		MasterSlaveLostHook:                       r.masterSlaveLost,
		SlaveRunTaskLabelDecorator:                r.slaveRunTaskLabels,
		SlaveExecutorEnvironmentDecorator:         r.slaveExecutorEnvironment,
		SlavePreLaunchDockerTaskExecutorDecorator: r.slavePreLaunchDocker,
		SlavePostFetchHook:                        r.slavePostFetch,
		SlaveRemoveExecutorHook:                   r.slaveRemoveExecutor,
		SlaveTaskStatusDecorator:                  r.slaveTaskStatus,
		SlaveResourcesDecorator:                   r.slaveResources,
		SlaveAttributesDecorator:                  r.slaveAttributes,
	}
	all := functions(&h)
	for _, f := range has {
		if f <= pluginpb.Function_NONE || int(f) > len(all) {
			return Hook{}, fmt.Errorf("it has a function of number %d, which is not known here", f)
		}
	}
	for i, x := range all {
		if !slices.Contains(has, pluginpb.Function(i+1)) {
			x.clear()
		}
	}
	return h, nil
}

// function is one of the functions of a hook.
type function struct {
	present bool
	clear   func()
}

// functions returns all functions of a hook, in the order of their numbers, which begin with 1.
func functions(h *Hook) []function {
	return []function{
		{h.MasterLaunchTaskLabelDecorator != nil, func() { h.MasterLaunchTaskLabelDecorator = nil }},
		{h.MasterLaunchTaskResourceDecorator != nil, func() { h.MasterLaunchTaskResourceDecorator = nil }},
		{h.MasterSlaveLostHook != nil, func() { h.MasterSlaveLostHook = nil }},
		{h.SlaveRunTaskLabelDecorator != nil, func() { h.SlaveRunTaskLabelDecorator = nil }},
		{h.SlaveExecutorEnvironmentDecorator != nil, func() { h.SlaveExecutorEnvironmentDecorator = nil }},
		{h.SlavePreLaunchDockerTaskExecutorDecorator != nil, func() { h.SlavePreLaunchDockerTaskExecutorDecorator = nil }},
		{h.SlavePostFetchHook != nil, func() { h.SlavePostFetchHook = nil }},
		{h.SlaveRemoveExecutorHook != nil, func() { h.SlaveRemoveExecutorHook = nil }},
		{h.SlaveTaskStatusDecorator != nil, func() { h.SlaveTaskStatusDecorator = nil }},
		{h.SlaveResourcesDecorator != nil, func() { h.SlaveResourcesDecorator = nil }},
		{h.SlaveAttributesDecorator != nil, func() { h.SlaveAttributesDecorator = nil }},
	}
}

func (r *remote) masterLaunchTaskLabels(ctx context.Context, t *mesospb.TaskInfo, f *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) (*mesospb.Labels, error) {
	answer, err := r.call(ctx, pluginpb.Function_MASTER_LAUNCH_TASK_LABEL_DECORATOR, &pluginpb.Hook{Task: t, Framework: f, Agent: agent})
	return answer.GetLabels(), err
}

func (r *remote) masterLaunchTaskResources(ctx context.Context, t *mesospb.TaskInfo, total []*mesospb.Resource) ([]*mesospb.Resource, error) {
	answer, err := r.call(ctx, pluginpb.Function_MASTER_LAUNCH_TASK_RESOURCE_DECORATOR, &pluginpb.Hook{Task: t, Resources: total})
	return resourcesIn(answer), err
}

func (r *remote) masterSlaveLost(ctx context.Context, agent *mesospb.SlaveInfo) error {
	_, err := r.call(ctx, pluginpb.Function_MASTER_SLAVE_LOST_HOOK, &pluginpb.Hook{Agent: agent})
	return err
}

func (r *remote) slaveRunTaskLabels(ctx context.Context, t *mesospb.TaskInfo, e *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) (*mesospb.Labels, error) {
	answer, err := r.call(ctx, pluginpb.Function_SLAVE_RUN_TASK_LABEL_DECORATOR, &pluginpb.Hook{Task: t, Executor: e, Framework: f, Agent: agent})
	return answer.GetLabels(), err
}

func (r *remote) slaveExecutorEnvironment(ctx context.Context, e *mesospb.ExecutorInfo) (*mesospb.Environment, error) {
	answer, err := r.call(ctx, pluginpb.Function_SLAVE_EXECUTOR_ENVIRONMENT_DECORATOR, &pluginpb.Hook{Executor: e})
	return answer.GetEnvironment(), err
}

func (r *remote) slavePreLaunchDocker(ctx context.Context, l DockerLaunch) (*modulepb.DockerTaskExecutorPrepareInfo, error) {
	answer, err := r.call(ctx, pluginpb.Function_SLAVE_PRE_LAUNCH_DOCKER_TASK_EXECUTOR_DECORATOR, &pluginpb.Hook{
		Task: l.Task, Executor: l.Executor, Docker: &pluginpb.DockerLaunch{
			ContainerName: l.Container, Sandbox: l.Sandbox, MappedSandbox: l.MappedSandbox, Environment: l.Environment,
		},
	})
	return answer.GetDocker(), err
}

func (r *remote) slavePostFetch(ctx context.Context, id *mesospb.ContainerID, directory string) error {
	_, err := r.call(ctx, pluginpb.Function_SLAVE_POST_FETCH_HOOK, &pluginpb.Hook{ContainerId: id, Directory: directory})
	return err
}

func (r *remote) slaveRemoveExecutor(ctx context.Context, f *mesospb.FrameworkInfo, e *mesospb.ExecutorInfo) error {
	_, err := r.call(ctx, pluginpb.Function_SLAVE_REMOVE_EXECUTOR_HOOK, &pluginpb.Hook{Framework: f, Executor: e})
	return err
}

func (r *remote) slaveTaskStatus(ctx context.Context, f *mesospb.FrameworkID, status *mesospb.TaskStatus) (*mesospb.TaskStatus, error) {
	answer, err := r.call(ctx, pluginpb.Function_SLAVE_TASK_STATUS_DECORATOR, &pluginpb.Hook{FrameworkId: f, Status: status})
	return answer.GetStatus(), err
}

func (r *remote) slaveResources(ctx context.Context, agent *mesospb.SlaveInfo) ([]*mesospb.Resource, error) {
	answer, err := r.call(ctx, pluginpb.Function_SLAVE_RESOURCES_DECORATOR, &pluginpb.Hook{Agent: agent})
	return resourcesIn(answer), err
}

func (r *remote) slaveAttributes(ctx context.Context, agent *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) {
	answer, err := r.call(ctx, pluginpb.Function_SLAVE_ATTRIBUTES_DECORATOR, &pluginpb.Hook{Agent: agent})
	if answer.GetAttributes() == nil {
		return nil, err
	}
	return append([]*mesospb.Attribute{}, answer.GetAttributes().GetAttributes()...), err
}

// resourcesIn returns the resources in an answer; nil means that there are none in it.
func resourcesIn(answer *pluginpb.Hooked) []*mesospb.Resource {
	if answer.GetResources() == nil {
		return nil
	}
	return append([]*mesospb.Resource{}, answer.GetResources().GetResources()...)
}
