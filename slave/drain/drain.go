// Package drain knows whether an agent is being emptied, and what that means for how its tasks end.
package drain

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
)

// Drain is the emptying of an agent. The zero Drain has not begun.
type Drain struct {
	config  *mesospb.DrainConfig // nil: the agent is not being emptied
	started time.Time
}

// Begin begins it, or begins it anew on other terms.
func (d *Drain) Begin(config *mesospb.DrainConfig, now time.Time) { d.config, d.started = config, now }

// Recover goes on with what an earlier agent began, nobody knows when; nil: there is nothing to go on with.
func (d *Drain) Recover(config *mesospb.DrainConfig) { d.config = config }

// End ends it.
func (d *Drain) End() { *d = Drain{} }

// Config are the terms; nil: the agent is not being emptied.
func (d *Drain) Config() *mesospb.DrainConfig { return d.config }

// Started is when it began; zero: it has not, or an earlier agent began it.
func (d *Drain) Started() time.Time { return d.started }

// Policy returns the policy that a task is killed with in place of its own; nil: with its own, which grants no more time than
// the drain does.
func (d *Drain) Policy(own *mesospb.KillPolicy) *mesospb.KillPolicy {
	limit := d.config.GetMaxGracePeriod()
	if limit == nil {
		return nil
	}
	if p := own.GetGracePeriod(); p != nil && p.GetNanoseconds() <= limit.GetNanoseconds() {
		return nil
	}
	return &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(limit.GetNanoseconds())}}
}

// Mark says in the status of a task that is killed that the agent is being emptied, and that the task is gone if the agent
// will be and its framework knows that state. Other statuses stay as they are.
//
// Mesos: Slave::statusUpdate.
func (d *Drain) Mark(status *mesospb.TaskStatus, f *mesospb.FrameworkInfo) {
	state := status.GetState()
	if d.config == nil || state != mesospb.TaskState_TASK_KILLING && state != mesospb.TaskState_TASK_KILLED {
		return
	}
	status.Reason = mesospb.TaskStatus_REASON_SLAVE_DRAINING.Enum()
	if d.config.GetMarkGone() && capabilities.OfFramework(f).PartitionAware {
		status.State = mesospb.TaskState_TASK_GONE_BY_OPERATOR.Enum()
	}
}
