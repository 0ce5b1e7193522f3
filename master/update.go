package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/events"
	"meseta/master/validate"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// broadcast tells all agents and subscribers where the scheduler of f is, and who f is, now.
//
// Mesos: Master::sendFrameworkUpdates.
func (m *Master) broadcast(f *book.Framework) {
	update := frameworkUpdate(f)
	for _, a := range m.book.Agents() {
		m.Send(a.PID, update)
	}
	m.publishFrameworkUpdated(f.ID)
}

func frameworkUpdate(f *book.Framework) *internalpb.UpdateFrameworkMessage {
	return &internalpb.UpdateFrameworkMessage{
		FrameworkId: f.Info.Id, FrameworkInfo: f.Info, Pid: proto.String(schedulerPID(f)),
	}
}

// schedulerPID is how agents are told where the scheduler of f is.
func schedulerPID(f *book.Framework) string {
	if f.PID.IsZero() {
		return events.NoPID
	}
	return f.PID.String()
}

// changeFramework takes over a new description, and takes back what f is offered in roles that it left.
func (m *Master) changeFramework(f *book.Framework, info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) {
	m.allocator.UpdateFramework(info, allocator.Wishes{Suppressed: suppressed, Constraints: constraints})
	m.book.UpdateFramework(f, info)
	f.Constraints = constraints
	for _, o := range f.Offers() {
		if !f.HasRole(o.Role) {
			m.rescind(o)
		}
	}
}

// updateFramework is the call UPDATE_FRAMEWORK: 200, or why not.
//
// Mesos: Master::updateFramework.
func (m *Master) updateFramework(f *book.Framework, call *schedulerpb.Call_UpdateFramework) *runtime.Response {
	info := call.GetFrameworkInfo()
	if err := m.validFramework(info); err != nil {
		return runtime.BadRequest("Supplied FrameworkInfo is not valid: " + err.Error())
	}
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		return runtime.BadRequest("FrameworkInfo update is not valid: " + err.Error())
	}
	if err := validOptions(info, call.GetSuppressedRoles(), call.GetOfferConstraints()); err != nil {
		return runtime.BadRequest("'UpdateFramework' call is not valid: " + err.Error())
	}
	if err := authorization.RegisterFramework(info).Forbidden(m.approvers[f.ID]); err != nil {
		return runtime.Forbidden(err.Error())
	}
	changed := !proto.Equal(f.Info, info)
	m.changeFramework(f, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	if changed {
		m.broadcast(f)
	}
	return runtime.OK()
}
