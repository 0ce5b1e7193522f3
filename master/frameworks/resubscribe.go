package frameworks

import (
	"errors"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
)

// resubscribe connects a known framework with its scheduler, or with a new one if the call forces that.
func (all *Frameworks) resubscribe(scheduler book.Connection, a authorizer.Approver, call *schedulerpb.Call_Subscribe) {
	info := call.GetFrameworkInfo()
	if all.book.Framework(ids.FrameworkOf(info.GetId())) == nil {
		all.cluster.RecoverFramework(info)
	}
	f := all.book.Framework(ids.FrameworkOf(info.GetId()))
	info = validate.PreserveImmutable(f.Info, info)
	if err := validate.FrameworkUpdate(f.Info, info); err != nil {
		all.refuse(scheduler, info, err)
		return
	}
	insists := call.GetForce() || scheduler.IsHTTP() // a client that opens a stream has given up its earlier one
	if f.State != book.Recovered && f.Connection != scheduler && !insists {
		all.refuse(scheduler, info, errors.New("Framework failed over"))
		return
	}
	all.cluster.ChangeFramework(f, info, call.GetSuppressedRoles(), call.GetOfferConstraints())
	all.peers.Admit(f, a)
	switch {
	case f.State == book.Recovered:
		all.connectRecovered(f, scheduler)
	case insists:
		all.failover(f, scheduler)
	default:
		all.reconnect(f)
	}
	all.cluster.Broadcast(f)
}

// connectRecovered connects the first scheduler of a framework since this master leads.
func (all *Frameworks) connectRecovered(f *book.Framework, scheduler book.Connection) {
	now := all.Now()
	f.Registered, f.Reregistered = now, now
	all.book.Connect(f, scheduler)
	all.watch(f)
	all.cluster.Activate(f)
	all.acknowledge(f)
	all.Log().Info().Stringer("framework_id", f.ID).Stringer("from", f.PID).Msg("framework reconnected after a failover of the master")
}

// failover replaces the scheduler of a framework. Either may use either API.
//
// Mesos: Master::failoverFramework.
func (all *Frameworks) failover(f *book.Framework, scheduler book.Connection) {
	if before := f.Connection; before != scheduler && f.Connected() {
		all.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework failed over")})
		cluster.HangUp(before)
	}
	f.Reregistered = all.Now()
	all.book.Connect(f, scheduler)
	all.watch(f)
	for _, o := range f.Offers() {
		all.cluster.Offers.Discard(o, nil)
	}
	all.cluster.InverseOffers.DropOf(f, false)
	all.cluster.Activate(f)
	all.acknowledge(f)
	all.Log().Info().Stringer("framework_id", f.ID).Stringer("from", f.PID).Msg("framework failed over")
}

// reconnect connects the same scheduler again. It may have lost its offers.
func (all *Frameworks) reconnect(f *book.Framework) {
	f.Reregistered = all.Now()
	for _, o := range f.Offers() {
		all.cluster.Offers.Rescind(o)
	}
	all.cluster.InverseOffers.DropOf(f, true)
	all.watch(f)
	all.cluster.Activate(f)
	all.cluster.Tell(f, &internalpb.FrameworkReregisteredMessage{FrameworkId: f.Info.Id, MasterInfo: all.master})
	all.Log().Info().Stringer("framework_id", f.ID).Msg("framework re-registered")
}
