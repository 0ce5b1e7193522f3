package master

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/authorizationpb"
	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/messages/schedulerpb"
	"meseta/runtime"
)

// registerFramework is SUBSCRIBE of old schedulers that are new.
//
// Mesos: Master::registerFramework.
func (m *Master) registerFramework(from runtime.PID, msg *internalpb.RegisterFrameworkMessage) {
	if msg.GetFramework().GetId().GetValue() != "" {
		m.refuse(from, msg.GetFramework(), errors.New("Registering with 'id' already set"))
		return
	}
	m.subscribe(from, &schedulerpb.Call_Subscribe{FrameworkInfo: msg.Framework})
}

// reregisterFramework is SUBSCRIBE of old schedulers that have an id.
//
// Mesos: Master::reregisterFramework.
func (m *Master) reregisterFramework(from runtime.PID, msg *internalpb.ReregisterFrameworkMessage) {
	if msg.GetFramework().GetId().GetValue() == "" {
		m.refuse(from, msg.GetFramework(), errors.New("Re-registering without an 'id'"))
		return
	}
	m.subscribe(from, &schedulerpb.Call_Subscribe{FrameworkInfo: msg.Framework, Force: msg.Failover})
}

// refuse tells a scheduler that it cannot be a framework. Its driver aborts.
func (m *Master) refuse(from runtime.PID, info *mesospb.FrameworkInfo, why error) {
	m.Log().Info().Err(why).Stringer("from", from).Str("name", info.GetName()).Msg("framework refused")
	m.Send(from, &internalpb.FrameworkErrorMessage{Message: proto.String(why.Error())})
}

// subscribe makes a scheduler's wish to be a framework come true, or says why not.
//
// Mesos: Master::subscribe.
func (m *Master) subscribe(from runtime.PID, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	if err := m.validFramework(info, call.GetSuppressedRoles(), call.GetOfferConstraints()); err != nil {
		m.refuse(from, info, err)
		return
	}
	runtime.Await(m, m.approver(info.GetPrincipal()), func(a Approver, err error) {
		if err == nil {
			err = authorizedRoles(a, info)
		}
		if err != nil {
			m.refuse(from, info, err)
			return
		}
		m.subscribed(from, a, call)
	})
}

// validFramework checks what a scheduler says of itself.
//
// Mesos: Master::validateFramework.
func (m *Master) validFramework(info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) error {
	if err := validate.Framework(info); err != nil {
		return err
	}
	if err := validate.Whitelist(info, m.whitelist); err != nil {
		return err
	}
	if info.GetUser() == "root" && m.config.RefuseRoot {
		return errors.New("User 'root' is not allowed to run frameworks without --root_submissions set")
	}
	if m.book.IsCompleted(ids.FrameworkOf(info.GetId())) {
		return errors.New("Framework has been removed")
	}
	if err := validate.SuppressedRoles(info, suppressed); err != nil {
		return err
	}
	return validate.OfferConstraintsRoles(info, constraints)
}

func authorizedRoles(a Approver, info *mesospb.FrameworkInfo) error {
	for _, role := range validate.Roles(info) {
		object := &authorizationpb.Object{FrameworkInfo: info, Value: proto.String(role)}
		if err := authorized(a, authorizationpb.Action_REGISTER_FRAMEWORK, object); err != nil {
			return err
		}
	}
	return nil
}

// subscribed tells apart new frameworks, those that come back, and those that this master has to take on trust.
//
// Mesos: Master::_subscribe.
func (m *Master) subscribed(from runtime.PID, a Approver, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	id, here := ids.FrameworkOf(info.GetId()), m.book.FrameworkAt(from)
	if here != nil && here.ID != id && !here.Connected() {
		// Differs: the reference takes the newcomer for the old one, or ignores it, until the old one's time is over.
		m.book.MoveFramework(here, runtime.PID{})
		here = nil
	}
	switch {
	case id == "" && here != nil:
		m.Log().Info().Stringer("framework_id", here.ID).Msg("framework is subscribed already, acknowledged again")
		m.acknowledgeSubscription(here)
	case id == "":
		m.newFramework(from, a, call)
	case here != nil && here.ID != id:
		m.Log().Error().Stringer("framework_id", id).Stringer("from", from).Msg("subscription dropped: another framework is at that address")
	default:
		m.resubscribe(from, a, call)
	}
}

func (m *Master) newFramework(from runtime.PID, a Approver, call *schedulerpb.Call_Subscribe) {
	info := withFrameworkID(call.GetFrameworkInfo(), m.nextFrameworkID().Proto())
	f := book.NewFramework(info)
	f.PID, f.State, f.Registered, f.Reregistered = from, book.Active, m.Now(), m.Now()
	m.book.AddFramework(f)
	m.approvers[f.ID] = a
	m.Link(from)
	m.allocator.AddFramework(info, true, call.GetSuppressedRoles())
	m.acknowledgeSubscription(f)
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("from", from).Str("name", info.GetName()).Strs("roles", f.Roles).
		Msg("framework registered")
}

// withFrameworkID is a copy of info that shares all but the id.
func withFrameworkID(info *mesospb.FrameworkInfo, id *mesospb.FrameworkID) *mesospb.FrameworkInfo {
	return &mesospb.FrameworkInfo{
		User: info.User, Name: info.Name, Id: id, FailoverTimeout: info.FailoverTimeout, Checkpoint: info.Checkpoint,
		Role: info.Role, Roles: info.Roles, Hostname: info.Hostname, Principal: info.Principal,
		WebuiUrl: info.WebuiUrl, Capabilities: info.Capabilities, Labels: info.Labels, OfferFilters: info.OfferFilters,
	}
}

func (m *Master) acknowledgeSubscription(f *book.Framework) {
	m.send(f, &internalpb.FrameworkRegisteredMessage{FrameworkId: f.Info.Id, MasterInfo: m.info})
}

// recoverFramework enters a framework whose scheduler has not come to this master yet.
//
// Mesos: Master::recoverFramework.
func (m *Master) recoverFramework(info *mesospb.FrameworkInfo) {
	f := book.NewFramework(info)
	m.book.AddFramework(f)
	m.allocator.AddFramework(info, false, nil)
	m.Log().Info().Stringer("framework_id", f.ID).Msg("framework recovered")
}

// resubscribe connects a framework with the scheduler at from: the same as before, or, if it insists, another one.
func (m *Master) resubscribe(from runtime.PID, a Approver, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	if m.book.Framework(ids.FrameworkOf(info.GetId())) == nil {
		m.recoverFramework(info)
	}
	f := m.book.Framework(ids.FrameworkOf(info.GetId()))
	info = validate.PreserveImmutable(f.Info, info)
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		m.refuse(from, info, err)
		return
	}
	if f.State != book.Recovered && f.PID != from && !call.GetForce() {
		m.refuse(from, info, errors.New("Framework failed over"))
		return
	}
	m.changeFramework(f, info, call.GetSuppressedRoles())
	m.approvers[f.ID] = a
	switch {
	case f.State == book.Recovered:
		m.connectRecovered(f, from)
	case call.GetForce():
		m.failover(f, from)
	default:
		m.reconnect(f)
	}
	m.broadcast(f)
}

// connectRecovered welcomes the first scheduler of a framework since this master leads.
func (m *Master) connectRecovered(f *book.Framework, from runtime.PID) {
	f.Registered, f.Reregistered = m.Now(), m.Now()
	m.book.MoveFramework(f, from)
	m.Link(from)
	m.activate(f)
	m.acknowledgeSubscription(f)
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("from", from).Msg("framework reconnected after a failover of the master")
}

// failover puts the scheduler at from in the place of the one before.
//
// Mesos: Master::failoverFramework.
func (m *Master) failover(f *book.Framework, from runtime.PID) {
	if f.PID != from && f.Connected() {
		m.send(f, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework failed over")})
	}
	f.Reregistered = m.Now()
	m.book.MoveFramework(f, from)
	m.Link(from)
	for _, o := range f.Offers() {
		m.discard(o, nil)
	}
	m.activate(f)
	m.acknowledgeSubscription(f)
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("from", from).Msg("framework failed over")
}

// reconnect welcomes the same scheduler again, which may have forgotten its offers.
func (m *Master) reconnect(f *book.Framework) {
	f.Reregistered = m.Now()
	for _, o := range f.Offers() {
		m.rescind(o)
	}
	m.Link(f.PID)
	m.activate(f)
	m.send(f, &internalpb.FrameworkReregisteredMessage{FrameworkId: f.Info.Id, MasterInfo: m.info})
	m.Log().Info().Stringer("framework_id", f.ID).Msg("framework re-registered")
}

func (m *Master) activate(f *book.Framework) {
	if !f.IsActive() {
		f.State = book.Active
		m.allocator.ActivateFramework(f.ID)
	}
}

// broadcast tells all agents where the scheduler of f is, and who f is, now.
//
// Mesos: Master::sendFrameworkUpdates.
func (m *Master) broadcast(f *book.Framework) {
	update := frameworkUpdate(f)
	for _, a := range m.book.Agents() {
		m.Send(a.PID, update)
	}
}

func frameworkUpdate(f *book.Framework) *internalpb.UpdateFrameworkMessage {
	return &internalpb.UpdateFrameworkMessage{
		FrameworkId: f.Info.Id, FrameworkInfo: f.Info, Pid: proto.String(schedulerPID(f)),
	}
}

// schedulerPID is how agents are told where the scheduler of f is.
func schedulerPID(f *book.Framework) string {
	if f.PID.IsZero() {
		return noPID
	}
	return f.PID.String()
}

// changeFramework takes over a new description, and takes back what f is offered in roles that it left.
func (m *Master) changeFramework(f *book.Framework, info *mesospb.FrameworkInfo, suppressed []string) {
	m.allocator.UpdateFramework(info, suppressed)
	m.book.UpdateFramework(f, info)
	for _, o := range f.Offers() {
		if !f.HasRole(o.Role) {
			m.rescind(o)
		}
	}
}

// updateFramework is the call UPDATE_FRAMEWORK.
//
// Mesos: Master::updateFramework.
func (m *Master) updateFramework(f *book.Framework, call *schedulerpb.Call_UpdateFramework) {
	info := call.GetFrameworkInfo()
	err := m.validFramework(info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	if err == nil {
		err = validate.FrameworkUpdate(f.Info, info)
	}
	if err == nil {
		err = authorizedRoles(m.approvers[f.ID], info)
	}
	if err != nil {
		m.refuse(f.PID, info, err)
		return
	}
	changed := !proto.Equal(f.Info, info)
	m.changeFramework(f, info, call.GetSuppressedRoles())
	if changed {
		m.broadcast(f)
	}
}
