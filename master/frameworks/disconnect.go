package frameworks

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/units"
	"meseta/runtime"
)

// watch makes sure that the master hears of the end of the connection with f.
func (all *Frameworks) watch(f *book.Framework) {
	if f.Stream == nil {
		all.Link(f.PID)
		return
	}
	id, s := f.ID, f.Stream
	runtime.Await(all, s.Gone(), func(struct{}, error) { all.streamGone(id, s) })
}

// streamGone is Exited of a scheduler that speaks HTTP.
//
// Mesos: Master::exited(FrameworkID, StreamingHttpConnection).
func (all *Frameworks) streamGone(id ids.Framework, s book.Stream) {
	s.Close()
	f := all.book.Framework(id)
	if f == nil || f.Stream != s {
		all.Log().Debug().Stringer("framework_id", id).Msg("a former stream of the framework ended")
		return
	}
	all.exited(f)
}

// Exited hears that the connection to the driver of f broke, when all that it said before is handled.
func (all *Frameworks) Exited(f *book.Framework) {
	pid := f.PID
	all.limits.InOrder(f, func() { all.schedulerExited(pid) })
}

// schedulerExited hears that the connection to a driver broke. It may be talking still, on a connection of its own: it has
// to know that nobody listens.
func (all *Frameworks) schedulerExited(pid runtime.PID) {
	if f := all.book.FrameworkAt(pid); f != nil {
		all.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework disconnected")})
		all.exited(f)
	}
}

// exited gives a scheduler the time to come back that its framework asked for.
//
// Mesos: Master::_exited.
func (all *Frameworks) exited(f *book.Framework) {
	if f.Connected() {
		all.cluster.DisconnectFramework(f)
	}
	timeout := units.Seconds(f.Info.GetFailoverTimeout())
	all.Log().Info().Stringer("framework_id", f.ID).Stringer("failover_timeout", timeout).Msg("framework disconnected")
	id, since := f.ID, f.Reregistered
	all.Delay(timeout, func() { all.failoverTimeout(id, since) })
}

// failoverTimeout ends a framework that did not subscribe again since.
func (all *Frameworks) failoverTimeout(id ids.Framework, since time.Time) {
	f := all.book.Framework(id)
	if f != nil && !f.Connected() && f.Reregistered.Equal(since) {
		all.Log().Info().Stringer("framework_id", id).Msg("framework did not fail over in time")
		all.Teardown(f)
	}
}
