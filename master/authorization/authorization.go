// Package authorization maps the actions of frameworks to the requests that a master makes to its authorizer.
package authorization

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/messages/capabilities"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/roles"
)

// ActionObject is an action on an object, for which a framework needs authorization.
//
// Mesos: ActionObject.
type ActionObject struct {
	Action authorizationpb.Action
	Object *authorizationpb.Object // nil: any object
}

// String describes the action in error messages.
func (d ActionObject) String() string {
	if d.Object == nil {
		return fmt.Sprintf("perform action %s on ANY object", d.Action)
	}
	f := d.Object.GetFrameworkInfo()
	switch d.Action {
	case authorizationpb.Action_REGISTER_FRAMEWORK:
		return fmt.Sprintf("register framework %s with roles { %s }", f.GetId().GetValue(), strings.Join(roles.Of(f), ", "))
	case authorizationpb.Action_RUN_TASK:
		t := d.Object.GetTaskInfo()
		user := cmp.Or(t.GetCommand().GetUser(), t.GetExecutor().GetCommand().GetUser(), f.GetUser())
		return fmt.Sprintf("launch task %s of framework %s under user '%s'", t.GetTaskId().GetValue(), f.GetId().GetValue(), user)
	}
	return fmt.Sprintf("perform action %s on %s", d.Action, resources.FromValid([]*mesospb.Resource{d.Object.GetResource()}))
}

// Allowed reports whether by allows the action. It fails if by cannot decide about it.
func (d ActionObject) Allowed(by authorizer.Approver) (bool, error) {
	if by == nil {
		return true, nil
	}
	return by.Approved(d.Action, d.Object)
}

// Forbidden returns an error if by does not allow the action or cannot decide about it.
func (d ActionObject) Forbidden(by authorizer.Approver) error {
	switch ok, err := d.Allowed(by); {
	case err != nil:
		return fmt.Errorf("Authorization failure: %w", err)
	case !ok:
		return fmt.Errorf("Not authorized to %s", d)
	}
	return nil
}

// RegisterFramework is the registration of the framework info.
func RegisterFramework(info *mesospb.FrameworkInfo) ActionObject {
	object := &authorizationpb.Object{FrameworkInfo: info}
	if !capabilities.OfFramework(info).MultiRole {
		object.Value = proto.String(info.GetRole()) // for authorizers from before frameworks had several roles
	}
	return ActionObject{authorizationpb.Action_REGISTER_FRAMEWORK, object}
}

// RegisterAgent returns what the registration of an agent needs: the registration itself and, if the agent has static
// reservations, all of its resources in each role. Dynamic reservations were authorized when they were made.
//
// Mesos: ActionObject::agentRegistration.
func RegisterAgent(info *mesospb.SlaveInfo) []ActionObject {
	actions := []ActionObject{{Action: authorizationpb.Action_REGISTER_AGENT}}
	if !slices.ContainsFunc(info.GetResources(), hasRole) { // nearly all agents
		return actions
	}
	for r := range resources.FromValid(info.GetResources()).All() {
		if r.IsReserved() {
			return append(actions, inEachRole(authorizationpb.Action_RESERVE_RESOURCES, info.GetResources())...)
		}
	}
	return actions
}

func hasRole(r *mesospb.Resource) bool { return len(r.GetReservations()) > 0 || r.GetRole() != "*" }

// RunTask is the launch of t by a framework.
func RunTask(t *mesospb.TaskInfo, framework *mesospb.FrameworkInfo) ActionObject {
	return ActionObject{authorizationpb.Action_RUN_TASK, &authorizationpb.Object{TaskInfo: t, FrameworkInfo: framework}}
}

// Operation returns all actions that a valid operation needs.
func Operation(op *mesospb.Offer_Operation) []ActionObject {
	switch op.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		return reserving(op.GetReserve())
	case mesospb.Offer_Operation_UNRESERVE:
		return unreserving(op.GetUnreserve().GetResources())
	case mesospb.Offer_Operation_CREATE:
		return inEachRole(authorizationpb.Action_CREATE_VOLUME, op.GetCreate().GetVolumes())
	case mesospb.Offer_Operation_DESTROY:
		var actions []ActionObject
		for _, v := range op.GetDestroy().GetVolumes() {
			actions = append(actions, onResource(authorizationpb.Action_DESTROY_VOLUME, v, v.GetDisk().GetPersistence().GetPrincipal()))
		}
		return actions
	case mesospb.Offer_Operation_GROW_VOLUME:
		return inEachRole(authorizationpb.Action_RESIZE_VOLUME, []*mesospb.Resource{op.GetGrowVolume().GetVolume()})
	case mesospb.Offer_Operation_SHRINK_VOLUME:
		return inEachRole(authorizationpb.Action_RESIZE_VOLUME, []*mesospb.Resource{op.GetShrinkVolume().GetVolume()})
	case mesospb.Offer_Operation_CREATE_DISK:
		action := authorizationpb.Action_CREATE_MOUNT_DISK
		if op.GetCreateDisk().GetTargetType() == mesospb.Resource_DiskInfo_Source_BLOCK {
			action = authorizationpb.Action_CREATE_BLOCK_DISK
		}
		return inEachRole(action, []*mesospb.Resource{op.GetCreateDisk().GetSource()})
	case mesospb.Offer_Operation_DESTROY_DISK:
		return inEachRole(destroying[op.GetDestroyDisk().GetSource().GetDisk().GetSource().GetType()], []*mesospb.Resource{op.GetDestroyDisk().GetSource()})
	}
	return nil
}

// destroying maps types of disks to the action that destroying them needs.
var destroying = map[mesospb.Resource_DiskInfo_Source_Type]authorizationpb.Action{
	mesospb.Resource_DiskInfo_Source_MOUNT: authorizationpb.Action_DESTROY_MOUNT_DISK,
	mesospb.Resource_DiskInfo_Source_BLOCK: authorizationpb.Action_DESTROY_BLOCK_DISK,
	mesospb.Resource_DiskInfo_Source_RAW:   authorizationpb.Action_DESTROY_RAW_DISK,
}

func onResource(action authorizationpb.Action, r *mesospb.Resource, value string) ActionObject {
	return ActionObject{action, &authorizationpb.Object{Resource: r, Value: &value}}
}

// inEachRole returns one action for each role that the resources are reserved to.
func inEachRole(action authorizationpb.Action, ps []*mesospb.Resource) []ActionObject {
	var actions []ActionObject
	seen := map[string]bool{}
	for r := range resources.FromValid(ps).All() {
		role := "*"
		if r.IsReserved() {
			role = r.ReservationRole()
		}
		if !seen[role] {
			seen[role] = true
			actions = append(actions, onResource(action, r.Proto(), role))
		}
	}
	return actions
}

// reserving returns the actions that lead from the source of a reservation, or else from any resources, to the reserved ones: first
// those reservations of the source that the result does not have are taken back, then others are made.
func reserving(op *mesospb.Offer_Operation_Reserve) []ActionObject {
	if len(op.GetSource()) == 0 || len(op.GetResources()) == 0 {
		return inEachRole(authorizationpb.Action_RESERVE_RESOURCES, op.GetResources())
	}
	target := op.GetResources()[0].GetReservations()
	rs, from := resources.FromValid(op.GetSource()), op.GetSource()[0].GetReservations()
	kept := 0
	for kept < min(len(from), len(target)) && proto.Equal(from[kept], target[kept]) {
		kept++
	}
	var actions []ActionObject
	for range from[kept:] {
		actions = append(actions, unreserving(rs.Proto())...)
		rs = rs.PopReservation()
	}
	for _, info := range target[kept:] {
		pushed, err := rs.PushReservation(info)
		if err != nil { // the result is not valid
			return inEachRole(authorizationpb.Action_RESERVE_RESOURCES, op.GetResources())
		}
		rs = pushed
		actions = append(actions, inEachRole(authorizationpb.Action_RESERVE_RESOURCES, rs.Proto())...)
	}
	return actions
}

// unreserving returns one action for each dynamic reservation with a principal, and one for all other resources.
func unreserving(ps []*mesospb.Resource) []ActionObject {
	var actions []ActionObject
	anybodys := false
	for r := range resources.FromValid(ps).All() {
		reservations := r.Reservations()
		if n := len(reservations); n > 0 && reservations[n-1].Principal != nil {
			actions = append(actions, onResource(authorizationpb.Action_UNRESERVE_RESOURCES, r.Proto(), reservations[n-1].GetPrincipal()))
		} else {
			anybodys = true
		}
	}
	if anybodys {
		actions = append(actions, ActionObject{Action: authorizationpb.Action_UNRESERVE_RESOURCES})
	}
	return actions
}
