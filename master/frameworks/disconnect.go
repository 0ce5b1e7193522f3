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

// watch makes sure that the master learns of the end of f's connection.
func (all *Frameworks) watch(f *book.Framework) {
	if f.Stream == nil {
		all.Link(f.PID)
		return
	}
	id, s := f.ID, f.Stream
	runtime.Await(all, s.Gone(), func(struct{}, error) { all.inOrder(id, func() { all.streamGone(id, s) }) })
}

// streamGone handles the end of a scheduler's stream.
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

// Exited handles a broken connection to the driver of f, after all its earlier messages.
func (all *Frameworks) Exited(f *book.Framework) {
	id, pid := f.ID, f.PID
	all.limits.InOrder(f, func() { all.inOrder(id, func() { all.schedulerExited(pid) }) })
}

// schedulerExited handles a broken connection to a driver. The driver may still send on a connection of its own, so it
// is told that it is disconnected.
func (all *Frameworks) schedulerExited(pid runtime.PID) {
	if f := all.book.FrameworkAt(pid); f != nil {
		all.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework disconnected")})
		all.exited(f)
	}
}

// exited disconnects a framework and gives its scheduler the failover timeout to come back.
//
// Mesos: Master::_exited.
func (all *Frameworks) exited(f *book.Framework) {
	if f.Stream == nil {
		all.peers.Left(f.PID)
	}
	if f.Connected() {
		all.cluster.DisconnectFramework(f)
	}
	timeout := units.Seconds(f.Info.GetFailoverTimeout())
	all.Log().Info().Stringer("framework_id", f.ID).Stringer("failover_timeout", timeout).Msg("framework disconnected")
	id, since := f.ID, f.Reregistered
	all.Delay(timeout, func() { all.failoverTimeout(id, since) })
}

// failoverTimeout ends a framework that has not subscribed again since the given time.
func (all *Frameworks) failoverTimeout(id ids.Framework, since time.Time) {
	f := all.book.Framework(id)
	if f != nil && !f.Connected() && f.Reregistered.Equal(since) {
		all.Log().Info().Stringer("framework_id", id).Msg("framework did not fail over in time")
		all.Teardown(f)
	}
}
