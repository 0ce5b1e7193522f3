// Package hooks lets modules of operators see and change what passes through a master or an agent: the labels and
// resources of tasks, the environment of executors, the statuses of tasks, the resources and attributes of agents.
//
// A [Hook] is a module of that kind, built in or a program of its own ([Kind]). [Hooks] are those that --hooks names. They
// are called in that order, each with what the ones before it have made. One that fails changes nothing; the daemon logs
// the error and goes on with the others.
//
// Differs: Mesos calls hooks while the daemon waits. Here functions may block, because daemons call them beside their
// turns.
package hooks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
)

// Hook is a module with functions that a daemon calls. A nil function is not called. Functions may block until ctx ends,
// and several may be called at the same time. Their arguments must not be changed. A decorator returns nil if it changes
// nothing.
//
// Mesos: Hook.
type Hook struct {
	// MasterLaunchTaskLabelDecorator returns the labels with which a task is sent to its agent.
	MasterLaunchTaskLabelDecorator func(ctx context.Context, t *mesospb.TaskInfo, f *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) (*mesospb.Labels, error)
	// MasterLaunchTaskResourceDecorator returns the resources of a task that a framework launches, before they are validated.
	// total are those of the agent. An empty slice that is not nil means none.
	MasterLaunchTaskResourceDecorator func(ctx context.Context, t *mesospb.TaskInfo, total []*mesospb.Resource) ([]*mesospb.Resource, error)
	// MasterSlaveLostHook is told of an agent that was removed or is unreachable, after the frameworks.
	MasterSlaveLostHook func(ctx context.Context, agent *mesospb.SlaveInfo) error

	// SlaveRunTaskLabelDecorator returns the labels of a task that an agent was sent.
	SlaveRunTaskLabelDecorator func(ctx context.Context, t *mesospb.TaskInfo, e *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo, agent *mesospb.SlaveInfo) (*mesospb.Labels, error)
	// SlaveExecutorEnvironmentDecorator returns environment variables for an executor. Those of its command take precedence.
	SlaveExecutorEnvironmentDecorator func(ctx context.Context, e *mesospb.ExecutorInfo) (*mesospb.Environment, error)
	// SlavePreLaunchDockerTaskExecutorDecorator returns environment variables for an executor that Docker runs, and for its
	// task. They take precedence over all others.
	SlavePreLaunchDockerTaskExecutorDecorator func(ctx context.Context, l DockerLaunch) (*modulepb.DockerTaskExecutorPrepareInfo, error)
	// SlavePostFetchHook is told of a container whose URIs were fetched into directory, its sandbox.
	SlavePostFetchHook func(ctx context.Context, id *mesospb.ContainerID, directory string) error
	// SlaveRemoveExecutorHook is told of an executor that has ended and is removed.
	SlaveRemoveExecutorHook func(ctx context.Context, f *mesospb.FrameworkInfo, e *mesospb.ExecutorInfo) error
	// SlaveTaskStatusDecorator returns a status whose labels and container status, if it has any, replace those of status.
	// Its other fields do not count.
	SlaveTaskStatusDecorator func(ctx context.Context, f *mesospb.FrameworkID, status *mesospb.TaskStatus) (*mesospb.TaskStatus, error)
	// SlaveResourcesDecorator returns the resources of the agent, when it starts. An empty slice that is not nil means none.
	SlaveResourcesDecorator func(ctx context.Context, agent *mesospb.SlaveInfo) ([]*mesospb.Resource, error)
	// SlaveAttributesDecorator returns the attributes of the agent, when it starts. An empty slice that is not nil means none.
	SlaveAttributesDecorator func(ctx context.Context, agent *mesospb.SlaveInfo) ([]*mesospb.Attribute, error)
}

// DockerLaunch is a container that Docker is about to start.
type DockerLaunch struct {
	Task          *mesospb.TaskInfo // nil unless the executor is one for commands
	Executor      *mesospb.ExecutorInfo
	Container     string // its name
	Sandbox       string // its path on the agent
	MappedSandbox string // its path in the container
	Environment   map[string]string
}

// Hooks are the hooks of a daemon, in order. nil has none. After the last Add its methods may be called from any
// goroutine. They block while hooks do.
//
// Mesos: HookManager.
type Hooks struct {
	// Limit bounds each hook. nil means [plugin.RealTime].
	Limit plugin.Limit

	all []named
}

type named struct {
	Hook
	name string
}

// Parse returns the hooks in a list of names that commas separate, which the operator has chosen in s.
//
// Mesos: HookManager::initialize.
func Parse(s *modules.Set, list string) (*Hooks, error) {
	h := &Hooks{}
	for name := range strings.SplitSeq(list, ",") {
		if s.Kind(name) != "Hook" {
			return nil, fmt.Errorf("No hook module named '%s' available", name)
		}
		x, err := modules.Create[Hook](s, name)
		if err != nil {
			return nil, fmt.Errorf("Failed to instantiate hook module '%s': %w", name, err)
		}
		if err := h.Add(name, x); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// Add adds a hook, which is called after those that were added before.
func (h *Hooks) Add(name string, x Hook) error {
	for _, before := range h.all {
		if before.name == name {
			return fmt.Errorf("Hook module '%s' already loaded", name)
		}
	}
	h.all = append(h.all, named{x, name})
	return nil
}

// Has reports whether any hook has a function, such as
//
//	h.Has(func(x hooks.Hook) bool { return x.SlaveTaskStatusDecorator != nil })
func (h *Hooks) Has(function func(Hook) bool) bool {
	if h == nil {
		return false
	}
	for _, x := range h.all {
		if function(x.Hook) {
			return true
		}
	}
	return false
}

// each calls do for every hook, in order, and returns all errors. Each hook has [Patience]. what is the kind of hook, for
// errors.
func (h *Hooks) each(ctx context.Context, what string, do func(context.Context, Hook) error) error {
	if h == nil {
		return nil
	}
	var failed []error
	for _, x := range h.all {
		if err := h.patiently(ctx, x.Hook, do); err != nil {
			failed = append(failed, fmt.Errorf("%s hook failed for module '%s': %w", what, x.name, err))
		}
	}
	return errors.Join(failed...)
}

// patiently calls do with a context that ends after [Patience].
func (h *Hooks) patiently(ctx context.Context, x Hook, do func(context.Context, Hook) error) error {
	limit := h.Limit
	if limit == nil {
		limit = plugin.RealTime
	}
	ctx, cancel := limit(ctx, Patience)
	defer cancel()
	return do(ctx, x)
}
