package master

import (
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/refusal"
	"meseta/master/validate"
	"meseta/messages/equal"
	"meseta/messages/pb/schedulerpb"
)

// updateFramework is the call UPDATE_FRAMEWORK.
//
// Mesos: Master::updateFramework.
func (m *Master) updateFramework(f *book.Framework, call *schedulerpb.Call_UpdateFramework) error {
	info := call.GetFrameworkInfo()
	if err := m.validFramework(info); err != nil {
		return refusal.New(refusal.Invalid, "Supplied FrameworkInfo is not valid: %v", err)
	}
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		return refusal.New(refusal.Invalid, "FrameworkInfo update is not valid: %v", err)
	}
	if err := validOptions(info, call.GetSuppressedRoles(), call.GetOfferConstraints()); err != nil {
		return refusal.New(refusal.Invalid, "'UpdateFramework' call is not valid: %v", err)
	}
	if err := authorization.RegisterFramework(info).Forbidden(m.approvers[f.ID]); err != nil {
		return refusal.New(refusal.Forbidden, "%v", err)
	}
	changed := !equal.Framework(f.Info, info)
	m.cluster.ChangeFramework(f, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	if changed {
		m.cluster.Broadcast(f)
	}
	return nil
}
