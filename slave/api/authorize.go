package api

import (
	"net/http"
	"strings"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/messages/ids"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/book"
)

// askGet is like [operator.Ask]. If the agent has an authorizer, it refuses other methods than GET.
func (a *API) askGet(req *web.Request, then func(operator.Caller) answer) answer {
	if a.options.Authorizer != nil && req.Method != http.MethodGet {
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodGet))
	}
	return operator.Ask(a, a.options.Authorizer, req, then)
}

// mayGet reports whether an endpoint with a permission of its own may be read.
//
// Mesos: authorizeEndpoint.
func mayGet(may authorizer.Approver, req *web.Request) bool {
	path := "/" + strings.TrimPrefix(req.Route, "/")
	return authorizer.Allows(may, authorizationpb.Action_GET_ENDPOINT_WITH_PATH, &authorizationpb.Object{Value: &path})
}

// permissions holds the actions that calls about the whole agent require.
var permissions = map[agentpb.Call_Type]authorizationpb.Action{
	agentpb.Call_PRUNE_IMAGES:                    authorizationpb.Action_PRUNE_IMAGES,
	agentpb.Call_ADD_RESOURCE_PROVIDER_CONFIG:    authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG,
	agentpb.Call_UPDATE_RESOURCE_PROVIDER_CONFIG: authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG,
	agentpb.Call_REMOVE_RESOURCE_PROVIDER_CONFIG: authorizationpb.Action_MODIFY_RESOURCE_PROVIDER_CONFIG,
	agentpb.Call_MARK_RESOURCE_PROVIDER_GONE:     authorizationpb.Action_MARK_RESOURCE_PROVIDER_GONE,
}

// containerPermissions holds the actions that calls about a container require: nested for containers inside those of
// executors, standalone for standalone containers and those inside them. A call without a standalone action is for
// nested ones only.
var containerPermissions = map[agentpb.Call_Type]struct{ nested, standalone authorizationpb.Action }{
	agentpb.Call_LAUNCH_NESTED_CONTAINER:         {nested: authorizationpb.Action_LAUNCH_NESTED_CONTAINER},
	agentpb.Call_WAIT_NESTED_CONTAINER:           {nested: authorizationpb.Action_WAIT_NESTED_CONTAINER},
	agentpb.Call_KILL_NESTED_CONTAINER:           {nested: authorizationpb.Action_KILL_NESTED_CONTAINER},
	agentpb.Call_REMOVE_NESTED_CONTAINER:         {nested: authorizationpb.Action_REMOVE_NESTED_CONTAINER},
	agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION: {nested: authorizationpb.Action_LAUNCH_NESTED_CONTAINER_SESSION},
	agentpb.Call_ATTACH_CONTAINER_INPUT:          {nested: authorizationpb.Action_ATTACH_CONTAINER_INPUT},
	agentpb.Call_ATTACH_CONTAINER_OUTPUT:         {nested: authorizationpb.Action_ATTACH_CONTAINER_OUTPUT},
	agentpb.Call_LAUNCH_CONTAINER: {
		authorizationpb.Action_LAUNCH_NESTED_CONTAINER, authorizationpb.Action_LAUNCH_STANDALONE_CONTAINER,
	},
	agentpb.Call_WAIT_CONTAINER: {
		authorizationpb.Action_WAIT_NESTED_CONTAINER, authorizationpb.Action_WAIT_STANDALONE_CONTAINER,
	},
	agentpb.Call_KILL_CONTAINER: {
		authorizationpb.Action_KILL_NESTED_CONTAINER, authorizationpb.Action_KILL_STANDALONE_CONTAINER,
	},
	agentpb.Call_REMOVE_CONTAINER: {
		authorizationpb.Action_REMOVE_NESTED_CONTAINER, authorizationpb.Action_REMOVE_STANDALONE_CONTAINER,
	},
}

// forbids reports whether the caller is not authorized for a call. Calls that list something are always allowed, and
// show less.
//
// Differs: Mesos first starts the container of a session, and then refuses a caller that may not attach to its output.
func (a *API) forbids(c *apiCall) bool {
	if c.May == nil {
		return false
	}
	if action, ok := permissions[c.GetType()]; ok {
		return !authorizer.Allows(c.May, action, nil)
	}
	action, ok := containerPermissions[c.GetType()]
	if !ok {
		return false
	}
	id, command := targetOf(c.Call)
	wanted := action.nested
	if id.GetParent() == nil && action.standalone != authorizationpb.Action_UNKNOWN {
		wanted = action.standalone
	}
	object := &authorizationpb.Object{ContainerId: id}
	if e := a.executorIn(ids.ContainerOf(id).Root()); e != nil {
		object.ExecutorInfo, object.CommandInfo = e.Info, command
		if f := a.Book().Framework(e.Framework); f != nil {
			object.FrameworkInfo = f.Info
		}
	}
	return !authorizer.Allows(c.May, wanted, object) || c.GetType() == agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION &&
		!authorizer.Allows(c.May, authorizationpb.Action_ATTACH_CONTAINER_OUTPUT, object) // the answer is the output
}

// targetOf returns the container that a call is about, and the command to run in it.
func targetOf(c *agentpb.Call) (*mesospb.ContainerID, *mesospb.CommandInfo) {
	switch c.GetType() {
	case agentpb.Call_LAUNCH_NESTED_CONTAINER:
		return c.GetLaunchNestedContainer().GetContainerId(), c.GetLaunchNestedContainer().GetCommand()
	case agentpb.Call_LAUNCH_NESTED_CONTAINER_SESSION:
		return c.GetLaunchNestedContainerSession().GetContainerId(), c.GetLaunchNestedContainerSession().GetCommand()
	case agentpb.Call_LAUNCH_CONTAINER:
		return c.GetLaunchContainer().GetContainerId(), c.GetLaunchContainer().GetCommand()
	case agentpb.Call_WAIT_NESTED_CONTAINER:
		return c.GetWaitNestedContainer().GetContainerId(), nil
	case agentpb.Call_WAIT_CONTAINER:
		return c.GetWaitContainer().GetContainerId(), nil
	case agentpb.Call_KILL_NESTED_CONTAINER:
		return c.GetKillNestedContainer().GetContainerId(), nil
	case agentpb.Call_KILL_CONTAINER:
		return c.GetKillContainer().GetContainerId(), nil
	case agentpb.Call_REMOVE_NESTED_CONTAINER:
		return c.GetRemoveNestedContainer().GetContainerId(), nil
	case agentpb.Call_REMOVE_CONTAINER:
		return c.GetRemoveContainer().GetContainerId(), nil
	case agentpb.Call_ATTACH_CONTAINER_INPUT:
		return c.GetAttachContainerInput().GetContainerId(), nil
	case agentpb.Call_ATTACH_CONTAINER_OUTPUT:
		return c.GetAttachContainerOutput().GetContainerId(), nil
	}
	return nil, nil
}

// seesContainer reports whether the container of an executor may be seen.
func seesContainer(may authorizer.Approver, e *book.Executor, f *book.Framework) bool {
	return may == nil || authorizer.Allows(may, authorizationpb.Action_VIEW_CONTAINER,
		&authorizationpb.Object{ExecutorInfo: e.Info, FrameworkInfo: f.Info})
}

// seesStandalone reports whether a standalone container, or one inside it, may be seen.
func seesStandalone(may authorizer.Approver, root ids.Container) bool {
	return may == nil || authorizer.Allows(may, authorizationpb.Action_VIEW_STANDALONE_CONTAINER,
		&authorizationpb.Object{ContainerId: root.Proto()})
}
