package master

import (
	"cmp"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/allocator"
	"meseta/actors/authorizer"
	"meseta/master/authorization"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// registerFramework is SUBSCRIBE of old schedulers that are new.
//
// Mesos: Master::registerFramework.
func (m *Master) registerFramework(from runtime.PID, msg *internalpb.RegisterFrameworkMessage) {
	scheduler := book.Connection{PID: from}
	if msg.GetFramework().GetId().GetValue() != "" {
		m.refuse(scheduler, msg.GetFramework(), errors.New("Registering with 'id' already set"))
		return
	}
	m.Subscribe(scheduler, &schedulerpb.Call_Subscribe{FrameworkInfo: msg.Framework})
}

// reregisterFramework is SUBSCRIBE of old schedulers that have an id.
//
// Mesos: Master::reregisterFramework.
func (m *Master) reregisterFramework(from runtime.PID, msg *internalpb.ReregisterFrameworkMessage) {
	scheduler := book.Connection{PID: from}
	if msg.GetFramework().GetId().GetValue() == "" {
		m.refuse(scheduler, msg.GetFramework(), errors.New("Re-registering without an 'id'"))
		return
	}
	m.Subscribe(scheduler, &schedulerpb.Call_Subscribe{FrameworkInfo: msg.Framework, Force: msg.Failover})
}

// refuse tells a scheduler that it cannot be a framework. Its driver aborts; its stream ends.
func (m *Master) refuse(scheduler book.Connection, info *mesospb.FrameworkInfo, why error) {
	m.Log().Info().Err(why).Stringer("from", scheduler.PID).Str("name", info.GetName()).Msg("framework refused")
	m.cluster.TellAt(scheduler, &internalpb.FrameworkErrorMessage{Message: proto.String(why.Error())})
	cluster.HangUp(scheduler)
}

// Subscribe makes a scheduler's wish to be a framework come true, or says why not.
//
// Mesos: Master::subscribe.
func (m *Master) Subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	m.counts.Subscribing(info)
	err := m.validFramework(info)
	if err == nil {
		err = validOptions(info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	}
	if err != nil {
		m.refuse(scheduler, info, err)
		return
	}
	runtime.Await(m, authorizer.OfFramework(m.Authorizer, info), func(a authorizer.Approver, err error) {
		switch {
		case err != nil:
			err = fmt.Errorf("Authorization failure: %w", err)
		default:
			err = cmp.Or(authorization.RegisterFramework(info).Forbidden(a), m.removedFramework(info)) // which may be news
		}
		if err != nil {
			m.refuse(scheduler, info, err)
			return
		}
		m.subscribed(scheduler, a, call)
	})
}

// validFramework checks what a scheduler says of itself.
//
// Mesos: Master::validateFramework.
func (m *Master) validFramework(info *mesospb.FrameworkInfo) error {
	if err := validate.Framework(info); err != nil {
		return err
	}
	if err := validate.Whitelist(info, m.roles.Allows); err != nil {
		return err
	}
	if info.GetUser() == "root" && m.config.RefuseRoot {
		return errors.New("User 'root' is not allowed to run frameworks without --root_submissions set")
	}
	return m.removedFramework(info)
}

// removedFramework says why a framework that was removed cannot subscribe again.
func (m *Master) removedFramework(info *mesospb.FrameworkInfo) error {
	if m.book.IsCompleted(ids.FrameworkOf(info.GetId())) {
		return errors.New("Framework has been removed")
	}
	return nil
}

// validOptions checks what a scheduler says of the offers it wants.
func validOptions(info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) error {
	if err := validate.SuppressedRoles(info, suppressed); err != nil {
		return err
	}
	return validate.OfferConstraints(info, constraints)
}

// subscribed tells apart new frameworks, those that come back, and those that this master has to take on trust.
//
// Mesos: Master::_subscribe.
func (m *Master) subscribed(scheduler book.Connection, a authorizer.Approver, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	id, here := ids.FrameworkOf(info.GetId()), m.book.FrameworkAt(scheduler.PID)
	if here != nil && here.ID != id && !here.Connected() {
		// Differs: the reference takes the newcomer for the old one, or ignores it, until the old one's time is over.
		m.book.Connect(here, book.Connection{})
		here = nil
	}
	switch {
	case id == "" && here != nil:
		m.Log().Info().Stringer("framework_id", here.ID).Msg("framework is subscribed already, acknowledged again")
		m.acknowledgeSubscription(here)
	case id == "":
		m.newFramework(scheduler, a, call)
	case here != nil && here.ID != id:
		m.Log().Error().Stringer("framework_id", id).Stringer("from", scheduler.PID).
			Msg("subscription dropped: another framework is at that address")
	default:
		m.resubscribe(scheduler, a, call)
	}
}

func (m *Master) newFramework(scheduler book.Connection, a authorizer.Approver, call *schedulerpb.Call_Subscribe) {
	info := withFrameworkID(call.GetFrameworkInfo(), m.nextFrameworkID().Proto())
	f := book.NewFramework(info)
	now := m.Now()
	f.Connection, f.State, f.Registered, f.Reregistered = scheduler, book.Active, now, now
	f.Constraints = call.GetOfferConstraints()
	m.book.AddFramework(f)
	m.approvers[f.ID] = a
	m.watch(f)
	m.allocator.AddFramework(info, true, allocator.Wishes{Suppressed: call.GetSuppressedRoles(), Constraints: f.Constraints})
	m.cluster.Feed.FrameworkAdded(f.ID)
	m.acknowledgeSubscription(f)
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("from", f.PID).Str("name", info.GetName()).Strs("roles", f.Roles).
		Msg("framework registered")
}

// withFrameworkID is a copy of info that shares all but the id.
func withFrameworkID(info *mesospb.FrameworkInfo, id *mesospb.FrameworkID) *mesospb.FrameworkInfo {
	info = shallow.Copy(info)
	info.Id = id
	return info
}

// acknowledgeSubscription tells a scheduler, which may be another than before, that it is f's.
func (m *Master) acknowledgeSubscription(f *book.Framework) {
	f.Called(schedulerpb.Call_SUBSCRIBE)
	m.cluster.Tell(f, &internalpb.FrameworkRegisteredMessage{FrameworkId: f.Info.Id, MasterInfo: m.info})
	if f.Stream != nil {
		id := f.ID
		f.Stream.Begin(func() {
			if f := m.book.Framework(id); f != nil {
				f.Told(schedulerpb.Event_HEARTBEAT)
			}
		})
	}
}

// resubscribe connects a framework with a scheduler: the same as before, or, if it insists, another one.
func (m *Master) resubscribe(scheduler book.Connection, a authorizer.Approver, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	if m.book.Framework(ids.FrameworkOf(info.GetId())) == nil {
		m.cluster.RecoverFramework(info)
	}
	f := m.book.Framework(ids.FrameworkOf(info.GetId()))
	info = validate.PreserveImmutable(f.Info, info)
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		m.refuse(scheduler, info, err)
		return
	}
	insists := call.GetForce() || scheduler.IsHTTP() // who opens a stream has given up the one before
	if f.State != book.Recovered && f.Connection != scheduler && !insists {
		m.refuse(scheduler, info, errors.New("Framework failed over"))
		return
	}
	m.cluster.ChangeFramework(f, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	m.approvers[f.ID] = a
	switch {
	case f.State == book.Recovered:
		m.connectRecovered(f, scheduler)
	case insists:
		m.failover(f, scheduler)
	default:
		m.reconnect(f)
	}
	m.cluster.Broadcast(f)
}

// connectRecovered welcomes the first scheduler of a framework since this master leads.
func (m *Master) connectRecovered(f *book.Framework, scheduler book.Connection) {
	now := m.Now()
	f.Registered, f.Reregistered = now, now
	m.book.Connect(f, scheduler)
	m.watch(f)
	m.cluster.Activate(f)
	m.acknowledgeSubscription(f)
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("from", f.PID).Msg("framework reconnected after a failover of the master")
}

// failover puts a scheduler in the place of the one before, whichever way they speak.
//
// Mesos: Master::failoverFramework.
func (m *Master) failover(f *book.Framework, scheduler book.Connection) {
	if before := f.Connection; before != scheduler && f.Connected() {
		m.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework failed over")})
		cluster.HangUp(before)
	}
	f.Reregistered = m.Now()
	m.book.Connect(f, scheduler)
	m.watch(f)
	for _, o := range f.Offers() {
		m.cluster.Offers.Discard(o, nil)
	}
	m.cluster.InverseOffers.DropOf(f, false)
	m.cluster.Activate(f)
	m.acknowledgeSubscription(f)
	m.Log().Info().Stringer("framework_id", f.ID).Stringer("from", f.PID).Msg("framework failed over")
}

// reconnect welcomes the same scheduler again, which may have forgotten its offers.
func (m *Master) reconnect(f *book.Framework) {
	f.Reregistered = m.Now()
	for _, o := range f.Offers() {
		m.cluster.Offers.Rescind(o)
	}
	m.cluster.InverseOffers.DropOf(f, true)
	m.watch(f)
	m.cluster.Activate(f)
	m.cluster.Tell(f, &internalpb.FrameworkReregisteredMessage{FrameworkId: f.Info.Id, MasterInfo: m.info})
	m.Log().Info().Stringer("framework_id", f.ID).Msg("framework re-registered")
}
