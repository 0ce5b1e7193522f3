package master

import (
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/equal"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime/web"
)

// updateFramework is the call UPDATE_FRAMEWORK: 200, or why not.
//
// Mesos: Master::updateFramework.
func (m *Master) updateFramework(f *book.Framework, call *schedulerpb.Call_UpdateFramework) *web.Response {
	info := call.GetFrameworkInfo()
	if err := m.validFramework(info); err != nil {
		return web.BadRequest("Supplied FrameworkInfo is not valid: " + err.Error())
	}
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		return web.BadRequest("FrameworkInfo update is not valid: " + err.Error())
	}
	if err := validOptions(info, call.GetSuppressedRoles(), call.GetOfferConstraints()); err != nil {
		return web.BadRequest("'UpdateFramework' call is not valid: " + err.Error())
	}
	if err := authorization.RegisterFramework(info).Forbidden(m.approvers[f.ID]); err != nil {
		return web.Forbidden(err.Error())
	}
	changed := !equal.Framework(f.Info, info)
	m.cluster.ChangeFramework(f, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	if changed {
		m.cluster.Broadcast(f)
	}
	return web.OK()
}
