package api

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/containerizer"
	"meseta/slave/sandbox"
)

// Containers that are launched by calls: nested in those of executors, or standalone.

// nested returns the configuration of such a container.
func (a *API) nested(command *mesospb.CommandInfo, info *mesospb.ContainerInfo) *slavepb.ContainerConfig {
	config := &slavepb.ContainerConfig{
		CommandInfo: command, ContainerInfo: info, Directory: proto.String(""), ContainerClass: slavepb.ContainerClass_DEFAULT.Enum(),
	}
	if config.CommandInfo == nil {
		config.CommandInfo = &mesospb.CommandInfo{}
	}
	if a.options.SwitchUser && command.GetUser() != "" {
		config.User = command.User
	}
	return config
}

// launchContainer launches a container. It succeeds if the container exists already.
//
// Mesos: Http::_launchContainer.
func (a *API) launchContainer(id *mesospb.ContainerID, config *slavepb.ContainerConfig) runtime.Future[*web.Response] {
	c := ids.ContainerOf(id)
	l := containerizer.Launch{ID: c, Config: config}
	a.Log().WithLevel(l.Level()).Stringer("container_id", c).Msg("asked to launch a container")
	return runtime.Chain(a, a.placed(c, config), func(_ struct{}, err error) answer {
		if err != nil {
			return runtime.Ready(web.Text(http.StatusInternalServerError, "Failed to create sandbox: "+err.Error()))
		}
		return runtime.Continue(a, a.options.Containers.Launch(l), func(_ struct{}, err error) (*web.Response, error) {
			return a.containerLaunched(c, err), nil
		})
	})
}

// placed creates the sandbox of a standalone container. The containerizer creates that of a nested one.
func (a *API) placed(id ids.Container, config *slavepb.ContainerConfig) runtime.Future[struct{}] {
	if id.Parent() != "" {
		return runtime.Ready(struct{}{})
	}
	dir, owner := filepath.Join(string(a.options.WorkDir), "containers", string(id)), config.GetUser()
	config.Directory = &dir
	return runtime.Go(a, func(context.Context) (struct{}, error) { return struct{}{}, sandbox.Make(a.options.Disk, dir, owner) })
}

// containerLaunched answers a launch. A standalone container is removed when it ends, and at once if it was not
// started.
func (a *API) containerLaunched(id ids.Container, err error) *web.Response {
	if errors.Is(err, containerizer.ErrExists) {
		return web.Accepted()
	}
	if err != nil {
		a.Log().Warn().Err(err).Stringer("container_id", id).Msg("container not launched")
		a.forget(id, err)
	}
	if id.Parent() == "" {
		a.options.Containers.Wait(id)
	}
	switch {
	case err == nil:
		return web.OK()
	case errors.Is(err, containerizer.ErrUnsupported):
		return web.BadRequest("The provided ContainerInfo is not supported")
	}
	return web.BadRequest(err.Error())
}

// forget destroys a container whose launch failed. A container that was refused at the start does not exist.
func (a *API) forget(id ids.Container, why error) {
	destroyed := a.options.Containers.Destroy(id)
	if errors.Is(why, containerizer.ErrUnsupported) {
		runtime.Await(a, destroyed, func(*slavepb.ContainerTermination, error) { a.options.Containers.Remove(id) })
	}
}

// waitContainer answers when a container has ended.
//
// Mesos: Http::_waitContainer.
func (a *API) waitContainer(c *apiCall, id *mesospb.ContainerID) runtime.Future[*web.Response] {
	over := runtime.Then(a.options.Containers.Wait(ids.ContainerOf(id)), func(t *slavepb.ContainerTermination) (*web.Response, error) {
		return c.answer(termination(c.GetType(), t)), nil
	})
	return unknownContainer(over, "Container "+string(ids.ContainerOf(id))+" cannot be found")
}

// termination returns how a container ended, as the response to a call of that type.
func termination(call agentpb.Call_Type, t *slavepb.ContainerTermination) *agentpb.Response {
	var limitation *mesospb.TaskResourceLimitation
	if rs := t.GetLimitedResources(); len(rs) > 0 {
		limitation = &mesospb.TaskResourceLimitation{Resources: rs}
	}
	if call == agentpb.Call_WAIT_NESTED_CONTAINER {
		return &agentpb.Response{
			WaitNestedContainer: &agentpb.Response_WaitNestedContainer{
				ExitStatus: t.Status, State: t.State, Reason: t.Reason, Limitation: limitation, Message: t.Message,
			},
		}
	}
	return &agentpb.Response{
		WaitContainer: &agentpb.Response_WaitContainer{
			ExitStatus: t.Status, State: t.State, Reason: t.Reason, Limitation: limitation, Message: t.Message,
		},
	}
}

// killContainer sends a signal, SIGKILL by default.
//
// Mesos: Http::_killContainer.
func (a *API) killContainer(id *mesospb.ContainerID, signal *int32) runtime.Future[*web.Response] {
	number := syscall.SIGKILL
	if signal != nil {
		number = syscall.Signal(*signal)
	}
	c := ids.ContainerOf(id)
	a.Log().Info().Stringer("container_id", c).Stringer("signal", number).Msg("asked to signal a container")
	return unknownContainer(okay(a.options.Containers.Signal(c, number)), "Container '"+string(c)+"' cannot be found (or is already killed)")
}

// removeContainer removes a container that has ended, and deletes its sandbox.
//
// Mesos: Http::_removeContainer.
func (a *API) removeContainer(id *mesospb.ContainerID) runtime.Future[*web.Response] {
	return runtime.Recover(okay(a.options.Containers.Remove(ids.ContainerOf(id))), func(err error) (*web.Response, error) {
		return web.Text(http.StatusInternalServerError, err.Error()), nil
	})
}

func okay(f runtime.Future[struct{}]) runtime.Future[*web.Response] {
	return runtime.Then(f, func(struct{}) (*web.Response, error) { return web.OK(), nil })
}

// unknownContainer answers 404 if f fails because there is no such container.
func unknownContainer(f runtime.Future[*web.Response], text string) runtime.Future[*web.Response] {
	return runtime.Recover(f, func(err error) (*web.Response, error) {
		if errors.Is(err, containerizer.ErrUnknown) {
			return web.Text(http.StatusNotFound, text), nil
		}
		return nil, err
	})
}
