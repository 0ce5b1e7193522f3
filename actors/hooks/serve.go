package hooks

import (
	"context"
	"fmt"
	"slices"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/pluginpb"
	"meseta/runtime"
)

// makeServed makes a hook in the program that has it.
func makeServed(_ *runtime.Node, s *modules.Set, name string) (plugin.Answer, *pluginpb.Created, error) {
	h, err := modules.Create[Hook](s, name)
	if err != nil {
		return nil, nil, err
	}
	return func(r *pluginpb.Request) (*pluginpb.Response, error) {
		answer, err := serve(h, r.GetHook())
		return &pluginpb.Response{Answer: &pluginpb.Response_Hooked{Hooked: answer}}, err
	}, &pluginpb.Created{Functions: present(h)}, nil
}

// present returns the functions that a hook has.
func present(h Hook) (has []pluginpb.Function) {
	for i, f := range functions(&h) {
		if f.present {
			has = append(has, pluginpb.Function(i+1))
		}
	}
	return has
}

func resourcesOf(rs []*mesospb.Resource) *pluginpb.Resources {
	if rs == nil {
		return nil
	}
	return &pluginpb.Resources{Resources: rs}
}

// serve has a hook answer a daemon's call.
func serve(h Hook, q *pluginpb.Hook) (a *pluginpb.Hooked, err error) {
	ctx, a := context.Background(), &pluginpb.Hooked{}
	if !slices.Contains(present(h), q.GetFunction()) {
		return nil, fmt.Errorf("hook %q has no function %s", q.GetName(), q.GetFunction())
	}
	switch q.GetFunction() {
	case pluginpb.Function_MASTER_LAUNCH_TASK_LABEL_DECORATOR:
		a.Labels, err = h.MasterLaunchTaskLabelDecorator(ctx, q.GetTask(), q.GetFramework(), q.GetAgent())
	case pluginpb.Function_MASTER_LAUNCH_TASK_RESOURCE_DECORATOR:
		rs, failed := h.MasterLaunchTaskResourceDecorator(ctx, q.GetTask(), q.GetResources())
		a.Resources, err = resourcesOf(rs), failed
	case pluginpb.Function_MASTER_SLAVE_LOST_HOOK:
		err = h.MasterSlaveLostHook(ctx, q.GetAgent())
	case pluginpb.Function_SLAVE_RUN_TASK_LABEL_DECORATOR:
		a.Labels, err = h.SlaveRunTaskLabelDecorator(ctx, q.GetTask(), q.GetExecutor(), q.GetFramework(), q.GetAgent())
	case pluginpb.Function_SLAVE_EXECUTOR_ENVIRONMENT_DECORATOR:
		a.Environment, err = h.SlaveExecutorEnvironmentDecorator(ctx, q.GetExecutor())
	case pluginpb.Function_SLAVE_PRE_LAUNCH_DOCKER_TASK_EXECUTOR_DECORATOR:
		d := q.GetDocker()
		a.Docker, err = h.SlavePreLaunchDockerTaskExecutorDecorator(ctx, DockerLaunch{
			Task: q.GetTask(), Executor: q.GetExecutor(), Container: d.GetContainerName(), Sandbox: d.GetSandbox(),
			MappedSandbox: d.GetMappedSandbox(), Environment: d.GetEnvironment(),
		})
	case pluginpb.Function_SLAVE_POST_FETCH_HOOK:
		err = h.SlavePostFetchHook(ctx, q.GetContainerId(), q.GetDirectory())
	case pluginpb.Function_SLAVE_REMOVE_EXECUTOR_HOOK:
		err = h.SlaveRemoveExecutorHook(ctx, q.GetFramework(), q.GetExecutor())
	case pluginpb.Function_SLAVE_TASK_STATUS_DECORATOR:
		a.Status, err = h.SlaveTaskStatusDecorator(ctx, q.GetFrameworkId(), q.GetStatus())
	case pluginpb.Function_SLAVE_RESOURCES_DECORATOR:
		rs, failed := h.SlaveResourcesDecorator(ctx, q.GetAgent())
		a.Resources, err = resourcesOf(rs), failed
	case pluginpb.Function_SLAVE_ATTRIBUTES_DECORATOR:
		as, failed := h.SlaveAttributesDecorator(ctx, q.GetAgent())
		if err = failed; as != nil {
			a.Attributes = &pluginpb.Attributes{Attributes: as}
		}
	}
	return a, err
}
