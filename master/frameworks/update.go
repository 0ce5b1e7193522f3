package frameworks

import (
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/refusal"
	"meseta/master/validate"
	"meseta/messages/equal"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Update carries out UPDATE_FRAMEWORK.
//
// Mesos: Master::updateFramework.
func (all *Frameworks) Update(f *book.Framework, call *schedulerpb.Call_UpdateFramework) error {
	info := call.GetFrameworkInfo()
	if err := all.validFramework(info); err != nil {
		return refusal.New(refusal.Invalid, "Supplied FrameworkInfo is not valid: %v", err)
	}
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		return refusal.New(refusal.Invalid, "FrameworkInfo update is not valid: %v", err)
	}
	if err := validOptions(info, call.GetSuppressedRoles(), call.GetOfferConstraints()); err != nil {
		return refusal.New(refusal.Invalid, "'UpdateFramework' call is not valid: %v", err)
	}
	if err := authorization.RegisterFramework(info).Forbidden(all.peers.Of(f)); err != nil {
		return refusal.New(refusal.Forbidden, "%v", err)
	}
	changed := !equal.Framework(f.Info, info)
	all.cluster.ChangeFramework(f, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	if changed {
		all.cluster.Broadcast(f)
	}
	return nil
}

// Deactivate handles the message of a driver that aborts: the framework stays registered and gets no offers.
//
// Mesos: Master::deactivateFramework.
func (all *Frameworks) Deactivate(from runtime.PID, msg *internalpb.DeactivateFrameworkMessage) {
	f := all.peers.Sender(from, msg.GetFrameworkId(), "deactivate")
	if f != nil && f.IsActive() {
		all.Log().Info().Stringer("framework_id", f.ID).Msg("framework deactivated")
		all.cluster.Deactivate(f, true)
	}
}
