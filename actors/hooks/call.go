package hooks

import (
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/messages/resources"
	"meseta/messages/shallow"
)

// MasterLaunchTaskLabelDecorator returns the labels with which a task is sent to its agent. All decorators return what
// was there before if no hook changes it, even if they also return an error.
func (h *Hooks) MasterLaunchTaskLabelDecorator(ctx context.Context, t *mesospb.TaskInfo, f *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) (*mesospb.Labels, error) {
	t = shallow.Copy(t)
	err := h.each(ctx, "Master label decorator", func(ctx context.Context, x Hook) error {
		if x.MasterLaunchTaskLabelDecorator == nil {
			return nil
		}
		labels, err := x.MasterLaunchTaskLabelDecorator(ctx, t, f, agent)
		return set(&t.Labels, labels, err)
	})
	return t.Labels, err
}

// MasterLaunchTaskResourceDecorator returns the resources of a task that a framework launches.
func (h *Hooks) MasterLaunchTaskResourceDecorator(ctx context.Context, t *mesospb.TaskInfo, total []*mesospb.Resource) ([]*mesospb.Resource, error) {
	t = shallow.Copy(t)
	err := h.each(ctx, "Master resource decorator", func(ctx context.Context, x Hook) error {
		if x.MasterLaunchTaskResourceDecorator == nil {
			return nil
		}
		rs, err := x.MasterLaunchTaskResourceDecorator(ctx, t, total)
		return setResources(&t.Resources, rs, err)
	})
	return t.Resources, err
}

// MasterSlaveLostHook tells the hooks that an agent was removed or is unreachable.
func (h *Hooks) MasterSlaveLostHook(ctx context.Context, agent *mesospb.SlaveInfo) error {
	return h.each(ctx, "Master agent-lost", func(ctx context.Context, x Hook) error {
		if x.MasterSlaveLostHook == nil {
			return nil
		}
		return x.MasterSlaveLostHook(ctx, agent)
	})
}

// SlaveRunTaskLabelDecorator returns the labels of a task that an agent was sent.
func (h *Hooks) SlaveRunTaskLabelDecorator(ctx context.Context, t *mesospb.TaskInfo, e *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) (*mesospb.Labels, error) {
	t = shallow.Copy(t)
	err := h.each(ctx, "Agent label decorator", func(ctx context.Context, x Hook) error {
		if x.SlaveRunTaskLabelDecorator == nil {
			return nil
		}
		labels, err := x.SlaveRunTaskLabelDecorator(ctx, t, e, f, agent)
		return set(&t.Labels, labels, err)
	})
	return t.Labels, err
}

// SlaveExecutorEnvironmentDecorator returns environment variables for an executor. If no hook has any, these are those of
// its command.
func (h *Hooks) SlaveExecutorEnvironmentDecorator(ctx context.Context, e *mesospb.ExecutorInfo) (*mesospb.Environment, error) {
	e = shallow.Copy(e)
	if e.Command == nil {
		e.Command = &mesospb.CommandInfo{}
	}
	e.Command = shallow.Copy(e.Command)
	err := h.each(ctx, "Agent environment decorator", func(ctx context.Context, x Hook) error {
		if x.SlaveExecutorEnvironmentDecorator == nil {
			return nil
		}
		environment, err := x.SlaveExecutorEnvironmentDecorator(ctx, e)
		return set(&e.Command.Environment, environment, err)
	})
	return e.Command.Environment, err
}

// SlavePreLaunchDockerTaskExecutorDecorator returns environment variables for an executor that Docker runs, and for its
// task. Of variables with one name the last counts. The container must not be started if there is an error.
func (h *Hooks) SlavePreLaunchDockerTaskExecutorDecorator(ctx context.Context, l DockerLaunch) (*modulepb.DockerTaskExecutorPrepareInfo, error) {
	all := &modulepb.DockerTaskExecutorPrepareInfo{}
	err := h.each(ctx, "Agent pre-launch docker task executor decorator", func(ctx context.Context, x Hook) error {
		if x.SlavePreLaunchDockerTaskExecutorDecorator == nil {
			return nil
		}
		one, err := x.SlavePreLaunchDockerTaskExecutorDecorator(ctx, l)
		if one != nil && err == nil {
			proto.Merge(all, one)
		}
		return err
	})
	return all, err
}

// SlavePostFetchHook tells the hooks that a container's URIs were fetched.
func (h *Hooks) SlavePostFetchHook(ctx context.Context, id *mesospb.ContainerID, directory string) error {
	return h.each(ctx, "Agent post fetch", func(ctx context.Context, x Hook) error {
		if x.SlavePostFetchHook == nil {
			return nil
		}
		return x.SlavePostFetchHook(ctx, id, directory)
	})
}

// SlaveRemoveExecutorHook tells the hooks that an executor is removed.
func (h *Hooks) SlaveRemoveExecutorHook(ctx context.Context, f *mesospb.FrameworkInfo, e *mesospb.ExecutorInfo) error {
	return h.each(ctx, "Agent remove executor", func(ctx context.Context, x Hook) error {
		if x.SlaveRemoveExecutorHook == nil {
			return nil
		}
		return x.SlaveRemoveExecutorHook(ctx, f, e)
	})
}

// SlaveTaskStatusDecorator returns status with the labels and the container status that the hooks give it. status does
// not change.
func (h *Hooks) SlaveTaskStatusDecorator(ctx context.Context, f *mesospb.FrameworkID, status *mesospb.TaskStatus) (*mesospb.TaskStatus, error) {
	status = shallow.Copy(status)
	err := h.each(ctx, "Agent TaskStatus decorator", func(ctx context.Context, x Hook) error {
		if x.SlaveTaskStatusDecorator == nil {
			return nil
		}
		decorated, err := x.SlaveTaskStatusDecorator(ctx, f, status)
		set(&status.ContainerStatus, decorated.GetContainerStatus(), err) //nolint:errcheck // the next one returns it, too
		return set(&status.Labels, decorated.GetLabels(), err)
	})
	return status, err
}

// SlaveResourcesDecorator returns the resources of an agent that starts.
func (h *Hooks) SlaveResourcesDecorator(ctx context.Context, agent *mesospb.SlaveInfo) ([]*mesospb.Resource, error) {
	agent = shallow.Copy(agent)
	err := h.each(ctx, "Agent Resources decorator", func(ctx context.Context, x Hook) error {
		if x.SlaveResourcesDecorator == nil {
			return nil
		}
		rs, err := x.SlaveResourcesDecorator(ctx, agent)
		return setResources(&agent.Resources, rs, err)
	})
	return agent.Resources, err
}

// SlaveAttributesDecorator returns the attributes of an agent that starts.
func (h *Hooks) SlaveAttributesDecorator(ctx context.Context, agent *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) {
	agent = shallow.Copy(agent)
	err := h.each(ctx, "Agent Attributes decorator", func(ctx context.Context, x Hook) error {
		if x.SlaveAttributesDecorator == nil {
			return nil
		}
		as, err := x.SlaveAttributesDecorator(ctx, agent)
		if as != nil && err == nil {
			agent.Attributes = as
		}
		return err
	})
	return agent.Attributes, err
}

// set replaces what is at target, unless a hook failed or changes nothing.
func set[M any](target **M, decorated *M, err error) error {
	if decorated != nil && err == nil {
		*target = decorated
	}
	return err
}

// setResources is set for resources, which have to be valid.
func setResources(target *[]*mesospb.Resource, decorated []*mesospb.Resource, err error) error {
	if decorated == nil || err != nil {
		return err
	}
	if _, err := resources.FromProto(decorated); err != nil {
		return fmt.Errorf("it returned invalid resources: %w", err)
	}
	*target = decorated
	return nil
}
