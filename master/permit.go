package master

import (
	"cmp"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/master/validate"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// deed is what a framework may be allowed to do, or not. Mesos: ActionObject.
type deed struct {
	action authorizationpb.Action
	object *authorizationpb.Object
}

// String is for those who are not allowed to.
func (d deed) String() string {
	if d.object == nil {
		return fmt.Sprintf("perform action %s on ANY object", d.action)
	}
	f := d.object.GetFrameworkInfo()
	switch d.action {
	case authorizationpb.Action_REGISTER_FRAMEWORK:
		return fmt.Sprintf("register framework %s with roles { %s }", f.GetId().GetValue(), strings.Join(validate.Roles(f), ", "))
	case authorizationpb.Action_RUN_TASK:
		t := d.object.GetTaskInfo()
		user := cmp.Or(t.GetCommand().GetUser(), t.GetExecutor().GetCommand().GetUser(), f.GetUser())
		return fmt.Sprintf("launch task %s of framework %s under user '%s'", t.GetTaskId().GetValue(), f.GetId().GetValue(), user)
	}
	return fmt.Sprintf("perform action %s on %s", d.action, resources.FromValid([]*mesospb.Resource{d.object.GetResource()}))
}

// forbidden says that a deed is not allowed, or cannot be judged.
func (d deed) forbidden(by authorizer.Approver) error {
	if by == nil {
		return nil
	}
	switch ok, err := by.Approved(d.action, d.object); {
	case err != nil:
		return fmt.Errorf("Authorization failure: %w", err)
	case !ok:
		return fmt.Errorf("Not authorized to %s", d)
	}
	return nil
}

// registering is the deed of being the framework of info.
func registering(info *mesospb.FrameworkInfo) deed {
	object := &authorizationpb.Object{FrameworkInfo: info}
	if !validate.HasCapability(info, mesospb.FrameworkInfo_Capability_MULTI_ROLE) {
		object.Value = proto.String(info.GetRole()) // for authorizers from before frameworks had several
	}
	return deed{authorizationpb.Action_REGISTER_FRAMEWORK, object}
}

// mayLaunch says why the framework must not launch a task.
func (x *acceptance) mayLaunch(t *mesospb.TaskInfo) error {
	by := x.approvers[x.framework.ID]
	if by == nil {
		return nil
	}
	return deed{authorizationpb.Action_RUN_TASK, &authorizationpb.Object{TaskInfo: t, FrameworkInfo: x.framework.Info}}.forbidden(by)
}

// mayDo says why the framework must not do a valid operation.
func (x *acceptance) mayDo(op *mesospb.Offer_Operation) error {
	by := x.approvers[x.framework.ID]
	if by == nil {
		return nil
	}
	for _, d := range deedsOf(op) {
		if err := d.forbidden(by); err != nil {
			return err
		}
	}
	return nil
}

// deedsOf lists what has to be allowed for a valid operation.
func deedsOf(op *mesospb.Offer_Operation) []deed {
	switch op.GetType() {
	case mesospb.Offer_Operation_RESERVE:
		return inEachRole(authorizationpb.Action_RESERVE_RESOURCES, op.GetReserve().GetResources())
	case mesospb.Offer_Operation_UNRESERVE:
		return unreserving(op.GetUnreserve().GetResources())
	case mesospb.Offer_Operation_CREATE:
		return inEachRole(authorizationpb.Action_CREATE_VOLUME, op.GetCreate().GetVolumes())
	case mesospb.Offer_Operation_DESTROY:
		var deeds []deed
		for _, v := range op.GetDestroy().GetVolumes() {
			deeds = append(deeds, onResource(authorizationpb.Action_DESTROY_VOLUME, v, v.GetDisk().GetPersistence().GetPrincipal()))
		}
		return deeds
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

// destroying is what has to be allowed for a kind of disk.
var destroying = map[mesospb.Resource_DiskInfo_Source_Type]authorizationpb.Action{
	mesospb.Resource_DiskInfo_Source_MOUNT: authorizationpb.Action_DESTROY_MOUNT_DISK,
	mesospb.Resource_DiskInfo_Source_BLOCK: authorizationpb.Action_DESTROY_BLOCK_DISK,
	mesospb.Resource_DiskInfo_Source_RAW:   authorizationpb.Action_DESTROY_RAW_DISK,
}

func onResource(action authorizationpb.Action, r *mesospb.Resource, value string) deed {
	return deed{action, &authorizationpb.Object{Resource: r, Value: &value}}
}

// inEachRole is one deed for each role that the resources are reserved to.
func inEachRole(action authorizationpb.Action, ps []*mesospb.Resource) []deed {
	var deeds []deed
	seen := map[string]bool{}
	for r := range resources.FromValid(ps).All() {
		role := "*"
		if r.IsReserved() {
			role = r.ReservationRole()
		}
		if !seen[role] {
			seen[role] = true
			deeds = append(deeds, onResource(action, r.Proto(), role))
		}
	}
	return deeds
}

// unreserving is one deed for each reservation that somebody made, and one for all others.
func unreserving(ps []*mesospb.Resource) []deed {
	var deeds []deed
	anybodys := false
	for r := range resources.FromValid(ps).All() {
		reservations := r.Reservations()
		if n := len(reservations); n > 0 && reservations[n-1].Principal != nil {
			deeds = append(deeds, onResource(authorizationpb.Action_UNRESERVE_RESOURCES, r.Proto(), reservations[n-1].GetPrincipal()))
		} else {
			anybodys = true
		}
	}
	if anybodys {
		deeds = append(deeds, deed{action: authorizationpb.Action_UNRESERVE_RESOURCES})
	}
	return deeds
}
