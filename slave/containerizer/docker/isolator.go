package docker

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/docker/request"
	"meseta/slave/containerizer/mesos"
)

// isolator provides the containers of the engine for the processes that run them.
type isolator struct {
	mesos.Base
	options Options
	engine  *engine.Client
	janitor runtime.Ref[*janitor]

	mu    sync.Mutex
	names map[ids.Container]string // of containers that an earlier agent named in another way
}

var _ mesos.Sweeper = (*isolator)(nil)

// name returns the name of a container.
func (x *isolator) name(id ids.Container) string {
	x.mu.Lock()
	defer x.mu.Unlock()
	if name, other := x.names[id]; other {
		return name
	}
	return prefix + string(id)
}

// Prepare fetches the image, and turns the process into one that runs the container. The process has the rights of the agent,
// which the engine needs; the user is that of the files that were fetched.
//
// Mesos: DockerContainerizerProcess::_launch.
func (x *isolator) Prepare(ctx context.Context, c *mesos.Container) error {
	c.Credential = nil
	info := c.Config.GetExecutorInfo().GetContainer()
	if err := x.pull(ctx, c, info.GetDocker()); err != nil {
		return err
	}
	executor, task, err := x.decorate(ctx, c)
	if err != nil {
		return err
	}
	command := &mesospb.CommandInfo{
		Shell: proto.Bool(false), Value: proto.String(filepath.Join(x.options.LauncherDir, program)), Arguments: x.arguments(c, task),
	}
	binds, err := x.volumes(c)
	if err != nil {
		return err
	}
	if c.Config.TaskInfo == nil {
		maps.Copy(executor, task)
		err = x.request(c, info, executor, binds)
	} else if err = x.tell(c, VolumesVariable, binds); err == nil {
		maps.Copy(c.Environment, executor)
	}
	if err != nil {
		return err
	}
	config := proto.CloneOf(c.Config)
	config.CommandInfo = command
	c.Config = config
	return nil
}

// request describes the container of an executor to the process that runs it.
//
// Mesos: DockerContainerizerProcess::launchExecutorContainer.
func (x *isolator) request(c *mesos.Container, info *mesospb.ContainerInfo, more map[string]string, binds []string) error {
	env := maps.Clone(c.Launch.Environment)
	maps.Copy(env, more)
	r, err := request.New(request.Options{
		Container: info, Command: c.Config.GetExecutorInfo().GetCommand(), Name: x.name(c.ID), Sandbox: c.Place.Path(), Mapped: x.options.Mapped,
		Resources: c.Config.GetResources(), Limits: c.Config.GetLimits(), CFS: x.options.CFS, DNS: x.options.DNS.GetDocker(), Environment: env,
		Binds: binds,
	})
	if err != nil {
		return err
	}
	return x.tell(c, RequestVariable, r)
}

// tell gives the process a variable, which is not recorded: it may have an executor's token.
func (x *isolator) tell(c *mesos.Container, name string, what any) error {
	text, err := json.Marshal(what)
	if err != nil {
		return err
	}
	c.Environment[name] = string(text)
	if c.Hidden == nil {
		c.Hidden = map[string]bool{}
	}
	c.Hidden[name] = true
	return nil
}

// arguments returns the arguments of the process, in Mesos's order.
//
// Mesos: dockerFlags.
func (x *isolator) arguments(c *mesos.Container, task map[string]string) []string {
	o := x.options
	all := []string{
		program, fmt.Sprintf("--cgroups_enable_cfs=%t", o.CFS), "--container=" + x.name(c.ID),
	}
	if o.DNS != nil {
		all = append(all, "--default_container_dns="+string(mesosjson.Marshal(o.DNS)))
	}
	all = append(all, "--docker="+o.Command, "--docker_socket="+o.Socket, "--launcher_dir="+o.LauncherDir, "--mapped_directory="+o.Mapped,
		"--sandbox_directory="+c.Place.Path())
	if c.Config.TaskInfo != nil && len(task) > 0 {
		text, _ := json.Marshal(task) // strings only
		all = append(all, "--task_environment="+string(text))
	}
	return all
}

// decorate returns variables of hooks for the executor and for the task.
func (x *isolator) decorate(ctx context.Context, c *mesos.Container) (executor, task map[string]string, err error) {
	executor, task = map[string]string{}, map[string]string{}
	if x.options.Decorate == nil {
		return executor, task, nil
	}
	info, err := x.options.Decorate(ctx, Launch{
		Task: c.Config.GetTaskInfo(), Executor: c.Config.GetExecutorInfo(), Container: x.name(c.ID), Sandbox: c.Place.Path(),
		MappedSandbox: x.options.Mapped, Environment: c.Launch.Environment,
	})
	for _, v := range info.GetExecutorEnvironment().GetVariables() {
		executor[v.GetName()] = v.GetValue()
	}
	for _, v := range info.GetTaskEnvironment().GetVariables() {
		task[v.GetName()] = v.GetValue()
	}
	return executor, task, err
}

// Cleanup stops a container whose process has ended, and removes it after a while.
//
// Mesos: DockerContainerizerProcess::_destroy.
//
// Differs: Mesos leaves a container running whose executor has died, until it is removed.
func (x *isolator) Cleanup(c *mesos.Container) error {
	ctx, name := context.Background(), x.name(c.ID)
	x.mu.Lock()
	delete(x.names, c.ID)
	x.mu.Unlock()
	one, err := x.engine.Inspect(ctx, name)
	if engine.Missing(err) {
		return nil
	}
	if err == nil && one.State.Running {
		err = x.engine.Stop(ctx, name, x.options.StopTimeout)
	}
	runtime.Tell(x.janitor, func(j *janitor) { j.remove(name) })
	return err
}

// janitor removes containers that have ended. What it has not removed at its end the next agent will.
type janitor struct {
	runtime.Actor
	engine *engine.Client
	delay  time.Duration
}

// remove removes a container after a while.
//
// Mesos: DockerContainerizerProcess::remove.
func (j *janitor) remove(name string) {
	j.Delay(j.delay, func() {
		removed := runtime.Go(j, func(ctx context.Context) (struct{}, error) { return struct{}{}, j.engine.Remove(ctx, name) })
		runtime.Await(j, removed, func(_ struct{}, err error) {
			if err != nil {
				j.Log().Warn().Err(err).Str("container", name).Msg("Docker container not removed")
			}
		})
	})
}
