// Package authorizer defines the interface to the component that decides which principal may do what, and the
// functions that consult it.
//
// An [Approver] is obtained once for a principal that an endpoint's realm has authenticated. After that every decision
// is a call that does not block: it can be made for each of the thousands of objects in a response, and outside the
// turns of actors.
//
// A nil [Authorizer] and a nil [Approver] allow everything.
package authorizer

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Authorizer decides which principal may do what.
type Authorizer interface {
	// Approver returns the permissions of a principal; nil is an unauthenticated client.
	Approver(who *web.Principal) runtime.Future[Approver]
}

// Approver holds the permissions of one principal.
//
// Mesos: ObjectApprover.
type Approver interface {
	// Approved reports whether action is allowed on object, which is nil for actions that have no object. It is called
	// on any goroutine and must not block.
	Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error)
}

// Of returns the permissions of a principal according to a.
func Of(a Authorizer, who *web.Principal) runtime.Future[Approver] {
	if a == nil {
		return runtime.Ready[Approver](nil)
	}
	return a.Approver(who)
}

// OfFramework returns the permissions of the principal that a framework names in its description.
func OfFramework(a Authorizer, info *mesospb.FrameworkInfo) runtime.Future[Approver] {
	if info.Principal == nil {
		return Of(a, nil)
	}
	return OfName(a, info.GetPrincipal())
}

// OfName returns the permissions of the principal with a name.
func OfName(a Authorizer, name string) runtime.Future[Approver] {
	return Of(a, &web.Principal{Name: name})
}

// Check returns an error if the action is not allowed.
func Check(by Approver, action authorizationpb.Action, object *authorizationpb.Object) error {
	if by == nil {
		return nil
	}
	ok, err := by.Approved(action, object)
	if err == nil && !ok {
		err = fmt.Errorf("not authorized to %s", action)
	}
	return err
}

// Allows reports whether an action is allowed. It returns false if that cannot be decided.
func Allows(by Approver, action authorizationpb.Action, object *authorizationpb.Object) bool {
	return Check(by, action, object) == nil
}

// Permission returns a function that reports whether a principal may perform one fixed action, for callers that do not
// know about actions.
func Permission(a Authorizer, action authorizationpb.Action, object *authorizationpb.Object) func(*web.Principal) runtime.Future[bool] {
	return func(who *web.Principal) runtime.Future[bool] {
		return runtime.Then(Of(a, who), func(by Approver) (bool, error) { return Allows(by, action, object), nil })
	}
}

// Guard installs a as the authorizer of the endpoints of n that every program has and that have a permission of their
// own.
//
// Mesos: createAuthorizationCallbacks.
func Guard(n *runtime.Node, a Authorizer) {
	for route, path := range map[string]string{
		"/logging/toggle": "/logging/toggle", "/metrics/snapshot": "/metrics/snapshot", "/metrics/": "/metrics/snapshot",
		"/trace/": "/trace", "/trace/actors": "/trace/actors", "/trace/record": "/trace/record", "/trace/save": "/trace/save",
	} {
		may := Permission(a, authorizationpb.Action_GET_ENDPOINT_WITH_PATH, &authorizationpb.Object{Value: proto.String(path)})
		web.SetAuthorizer(n, route, func(req *web.Request) runtime.Future[bool] { return may(req.Principal) })
	}
}

// ---- visibility ----

// SeesFlags reports whether flags may be seen.
func SeesFlags(by Approver) bool { return Allows(by, authorizationpb.Action_VIEW_FLAGS, nil) }

// SeesFramework reports whether a framework may be seen.
func SeesFramework(by Approver, f *mesospb.FrameworkInfo) bool {
	return by == nil || Allows(by, authorizationpb.Action_VIEW_FRAMEWORK, &authorizationpb.Object{FrameworkInfo: f})
}

// SeesTask reports whether a task of a framework may be seen.
func SeesTask(by Approver, t *mesospb.Task, f *mesospb.FrameworkInfo) bool {
	return by == nil || Allows(by, authorizationpb.Action_VIEW_TASK, &authorizationpb.Object{Task: t, FrameworkInfo: f})
}

// SeesExecutor reports whether an executor of a framework may be seen.
func SeesExecutor(by Approver, e *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo) bool {
	return by == nil || Allows(by, authorizationpb.Action_VIEW_EXECUTOR, &authorizationpb.Object{ExecutorInfo: e, FrameworkInfo: f})
}

// SeesRole reports whether a role may be seen.
func SeesRole(by Approver, role string) bool {
	return by == nil || Allows(by, authorizationpb.Action_VIEW_ROLE, &authorizationpb.Object{Value: proto.String(role)})
}

// SeesResource reports whether all roles that a resource is reserved for or allocated to may be seen.
func SeesResource(by Approver, r *mesospb.Resource) bool {
	if by == nil {
		return true
	}
	if r.GetRole() != "*" && !SeesRole(by, r.GetRole()) {
		return false
	}
	for _, reservation := range r.GetReservations() {
		if !SeesRole(by, reservation.GetRole()) {
			return false
		}
	}
	return r.AllocationInfo == nil || SeesRole(by, r.GetAllocationInfo().GetRole())
}

// Seen returns the resources that may be seen.
func Seen(by Approver, all []*mesospb.Resource) []*mesospb.Resource {
	if by == nil {
		return all
	}
	var seen []*mesospb.Resource
	for _, r := range all {
		if SeesResource(by, r) {
			seen = append(seen, r)
		}
	}
	return seen
}
