package frameworks

import (
	"meseta/master/book"
	"meseta/messages/pb/internalpb"
	"meseta/runtime"
)

// Unregister is the older form of TEARDOWN.
//
// Mesos: Master::unregisterFramework.
func (all *Frameworks) Unregister(from runtime.PID, msg *internalpb.UnregisterFrameworkMessage) {
	if f := all.peers.Sender(from, msg.GetFrameworkId(), "unregister"); f != nil {
		all.Teardown(f)
	}
}

// Teardown ends a framework and everything that it runs.
//
// Mesos: Master::removeFramework.
func (all *Frameworks) Teardown(f *book.Framework) {
	all.cluster.RemoveFramework(f)
	all.peers.Forget(f)
	all.limits.Forget(f.Info.GetPrincipal(), all.book.Frameworks())
	for _, a := range all.book.Draining() {
		all.ended(a)
	}
	all.Log().Info().Stringer("framework_id", f.ID).Msg("framework removed")
}
