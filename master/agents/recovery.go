package agents

import (
	"fmt"
	"time"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/registrypb"
	"meseta/runtime"
)

// Recovery deals with the agents in the registry that are not registered: those that a new leader expects to
// re-register, and those that have been unreachable or gone for so long that they are pruned.
type Recovery struct {
	*core
	removals *Removals
	giveUp   func(reason error) // ends the master
	timeout  time.Duration      // for agents to re-register after a failover
	limit    float64            // of them that may stay away, as a share from 0 to 1
	interval time.Duration      // between two prunings
	maxAge   time.Duration      // of unreachable and gone agents
	maxCount int                // of each
}

// Recover takes over the agents in the registry.
//
// Mesos: Master::_recover.
func (r *Recovery) Recover(from *registrypb.Registry) {
	for _, a := range from.GetSlaves().GetSlaves() {
		r.book.AddRecovered(a.GetInfo())
		r.book.SetDeactivation(ids.AgentOf(a.GetInfo().GetId()), book.Deactivation{Deactivated: a.GetDeactivated(), Drain: a.GetDrainInfo()})
	}
	for _, a := range from.GetUnreachable().GetSlaves() {
		r.book.AddUnreachable(ids.AgentOf(a.GetId()), a.GetTimestamp())
		r.book.SetDeactivation(ids.AgentOf(a.GetId()), book.Deactivation{Deactivated: a.GetDeactivated(), Drain: a.GetDrainInfo()})
	}
	for _, a := range from.GetGone().GetSlaves() {
		r.book.AddGone(ids.AgentOf(a.GetId()), a.GetTimestamp())
	}
	expected := r.book.NumRecovered()
	r.Delay(r.interval, r.prune)
	r.Delay(r.timeout, func() { r.timedOut(expected) })
}

// timedOut marks agents unreachable that did not re-register after a failover.
//
// Mesos: Master::recoveredSlavesTimeout.
func (r *Recovery) timedOut(expected int) {
	missing := r.book.AllRecovered()
	if share := float64(len(missing)) / float64(max(expected, 1)); share > r.limit {
		r.giveUp(fmt.Errorf("%d of %d agents did not come back, more than the removal limit allows", len(missing), expected))
		return
	}
	for _, info := range missing {
		r.markUnreachable(info)
	}
}

// markUnreachable marks an agent unreachable that did not re-register with this master.
func (r *Recovery) markUnreachable(info *mesospb.SlaveInfo) {
	r.counts.Unreachable.Scheduled++
	runtime.Await(r, r.removals.permit(), func(struct{}, error) {
		r.counts.Unreachable.Decided(r.book.Recovered(ids.AgentOf(info.GetId())) != nil)
		r.removals.MarkUnreachable(info, true, fmt.Sprintf("did not reregister within %s after master failover", r.timeout))
	})
}
