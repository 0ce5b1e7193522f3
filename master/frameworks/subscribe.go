package frameworks

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

// Register is the older form of SUBSCRIBE without an ID.
//
// Mesos: Master::registerFramework.
func (all *Frameworks) Register(from runtime.PID, msg *internalpb.RegisterFrameworkMessage) {
	scheduler := book.Connection{PID: from}
	if msg.GetFramework().GetId().GetValue() != "" {
		all.refuse(scheduler, msg.GetFramework(), errors.New("Registering with 'id' already set"))
		return
	}
	all.Subscribe(scheduler, &schedulerpb.Call_Subscribe{FrameworkInfo: msg.Framework})
}

// Reregister is the older form of SUBSCRIBE with an ID.
//
// Mesos: Master::reregisterFramework.
func (all *Frameworks) Reregister(from runtime.PID, msg *internalpb.ReregisterFrameworkMessage) {
	scheduler := book.Connection{PID: from}
	if msg.GetFramework().GetId().GetValue() == "" {
		all.refuse(scheduler, msg.GetFramework(), errors.New("Re-registering without an 'id'"))
		return
	}
	all.Subscribe(scheduler, &schedulerpb.Call_Subscribe{FrameworkInfo: msg.Framework, Force: msg.Failover})
}

// refuse sends a scheduler an error. A driver then aborts; a stream ends.
func (all *Frameworks) refuse(scheduler book.Connection, info *mesospb.FrameworkInfo, why error) {
	all.Log().Info().Err(why).Stringer("from", scheduler.PID).Str("name", info.GetName()).Msg("framework refused")
	all.cluster.TellAt(scheduler, &internalpb.FrameworkErrorMessage{Message: proto.String(why.Error())})
	cluster.HangUp(scheduler)
}

// Subscribe subscribes a scheduler, or sends it an error.
//
// Mesos: Master::subscribe.
func (all *Frameworks) Subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe) {
	all.counts.Subscribing(call.GetFrameworkInfo())
	if !scheduler.IsHTTP() && all.peers.Queue(scheduler.PID, func() { all.subscribe(scheduler, call) }) {
		return
	}
	all.subscribe(scheduler, call)
}

// subscribe subscribes a scheduler that is not being authenticated.
func (all *Frameworks) subscribe(scheduler book.Connection, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	err := all.validFramework(info)
	if err == nil {
		err = all.peers.CheckFramework(scheduler, info)
	}
	if err == nil {
		err = validOptions(info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	}
	if err != nil {
		all.refuse(scheduler, info, err)
		return
	}
	if named := all.peers.Named(scheduler, info); named != info {
		info, call = named, shallow.Copy(call)
		call.FrameworkInfo = info
	}
	runtime.Await(all, all.peers.Scheduler(scheduler, info), func(a authorizer.Approver, err error) {
		if err := all.peers.CheckFramework(scheduler, info); err != nil { // it has begun to authenticate again
			all.Log().Info().Err(err).Stringer("from", scheduler.PID).Msg("subscription dropped")
			return
		}
		switch {
		case err != nil:
			err = fmt.Errorf("Authorization failure: %w", err)
		default:
			err = cmp.Or(authorization.RegisterFramework(info).Forbidden(a), all.removedFramework(info)) // it may have been removed meanwhile
		}
		if err != nil {
			all.refuse(scheduler, info, err)
			return
		}
		all.subscribed(scheduler, a, call)
	})
}

// validFramework returns an error if a FrameworkInfo is invalid.
//
// Mesos: Master::validateFramework.
func (all *Frameworks) validFramework(info *mesospb.FrameworkInfo) error {
	if err := validate.Framework(info); err != nil {
		return err
	}
	if err := validate.Whitelist(info, all.allowsRole); err != nil {
		return err
	}
	if info.GetUser() == "root" && all.refuseRoot {
		return errors.New("User 'root' is not allowed to run frameworks without --root_submissions set")
	}
	return all.removedFramework(info)
}

// removedFramework returns an error if info is of a framework that was removed.
func (all *Frameworks) removedFramework(info *mesospb.FrameworkInfo) error {
	if all.book.IsCompleted(ids.FrameworkOf(info.GetId())) {
		return errors.New("Framework has been removed")
	}
	return nil
}

// validOptions returns an error if the suppressed roles or the offer constraints are invalid.
func validOptions(info *mesospb.FrameworkInfo, suppressed []string, constraints *schedulerpb.OfferConstraints) error {
	if err := validate.SuppressedRoles(info, suppressed); err != nil {
		return err
	}
	return validate.OfferConstraints(info, constraints)
}

// subscribed adds a new framework or reconnects a known one. A framework with an unknown ID is trusted: it subscribed
// to an earlier master.
//
// Mesos: Master::_subscribe.
func (all *Frameworks) subscribed(scheduler book.Connection, a authorizer.Approver, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	id, here := ids.FrameworkOf(info.GetId()), all.book.FrameworkAt(scheduler.PID)
	if here != nil && here.ID != id && !here.Connected() {
		// Differs: Mesos takes the new scheduler for the old one, or ignores it, until the failover timeout of the old
		// one.
		all.book.Connect(here, book.Connection{})
		here = nil
	}
	switch {
	case id == "" && here != nil:
		all.Log().Info().Stringer("framework_id", here.ID).Msg("framework is subscribed already, acknowledged again")
		all.acknowledge(here)
	case id == "":
		all.newFramework(scheduler, a, call)
	case here != nil && here.ID != id:
		all.Log().Error().Stringer("framework_id", id).Stringer("from", scheduler.PID).
			Msg("subscription dropped: another framework is at that address")
	default:
		all.resubscribe(scheduler, a, call)
	}
}

func (all *Frameworks) newFramework(scheduler book.Connection, a authorizer.Approver, call *schedulerpb.Call_Subscribe) {
	info := withFrameworkID(call.GetFrameworkInfo(), all.nextID().Proto())
	f := book.NewFramework(info)
	now := all.Now()
	f.Connection, f.State, f.Registered, f.Reregistered = scheduler, book.Active, now, now
	f.Constraints = call.GetOfferConstraints()
	all.book.AddFramework(f)
	all.peers.Admit(f, a)
	all.watch(f)
	all.cluster.Allocator.AddFramework(info, true, allocator.Wishes{Suppressed: call.GetSuppressedRoles(), Constraints: f.Constraints})
	all.cluster.Feed.FrameworkAdded(f.ID)
	all.acknowledge(f)
	all.Log().Info().Stringer("framework_id", f.ID).Stringer("from", f.PID).Str("name", info.GetName()).Strs("roles", f.Roles).
		Msg("framework registered")
}

// withFrameworkID returns a copy of info with another ID. The copy shares all other fields.
func withFrameworkID(info *mesospb.FrameworkInfo, id *mesospb.FrameworkID) *mesospb.FrameworkInfo {
	info = shallow.Copy(info)
	info.Id = id
	return info
}

// acknowledge tells a scheduler that it is connected as f's.
func (all *Frameworks) acknowledge(f *book.Framework) {
	f.Called(schedulerpb.Call_SUBSCRIBE)
	all.cluster.Tell(f, &internalpb.FrameworkRegisteredMessage{FrameworkId: f.Info.Id, MasterInfo: all.master})
	if f.Stream != nil {
		id := f.ID
		f.Stream.Begin(func() {
			if f := all.book.Framework(id); f != nil {
				f.Told(schedulerpb.Event_HEARTBEAT)
			}
		})
	}
}
