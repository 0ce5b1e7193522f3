package local

import (
	"strings"

	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
)

// claimant approves what executors and resource providers need. They are authenticated by claims and have no name.
//
// Mesos: LocalImplicitExecutorObjectApprover, LocalImplicitResourceProviderObjectApprover.
type claimant struct{ claims map[string]string }

// Approved implements [authorizer.Approver]. An executor may use the containers inside of its own one, and a resource
// provider the standalone containers whose IDs begin with its prefix.
func (c claimant) Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error) {
	id := object.GetContainerId()
	if id == nil {
		return false, nil
	}
	switch action {
	case authorizationpb.Action_LAUNCH_NESTED_CONTAINER, authorizationpb.Action_WAIT_NESTED_CONTAINER,
		authorizationpb.Action_KILL_NESTED_CONTAINER, authorizationpb.Action_LAUNCH_NESTED_CONTAINER_SESSION,
		authorizationpb.Action_REMOVE_NESTED_CONTAINER, authorizationpb.Action_ATTACH_CONTAINER_OUTPUT:
		own, ok := c.claims["cid"]
		return ok && outermost(id).GetValue() == own, nil
	case authorizationpb.Action_LAUNCH_STANDALONE_CONTAINER, authorizationpb.Action_WAIT_STANDALONE_CONTAINER,
		authorizationpb.Action_KILL_STANDALONE_CONTAINER, authorizationpb.Action_REMOVE_STANDALONE_CONTAINER,
		authorizationpb.Action_VIEW_STANDALONE_CONTAINER:
		prefix, ok := c.claims["cid_prefix"]
		return ok && strings.HasPrefix(id.GetValue(), prefix), nil
	}
	return false, nil
}

// outermost returns the container that a container is in, at any depth, or itself.
func outermost(id *mesospb.ContainerID) *mesospb.ContainerID {
	for id.Parent != nil {
		id = id.Parent
	}
	return id
}
