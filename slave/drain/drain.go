// Package drain holds the draining of an agent, and its effect on how tasks end.
package drain

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
)

// Drain is the draining of an agent. The zero value means that the agent is not draining.
type Drain struct {
	config  *mesospb.DrainConfig // nil if the agent is not draining
	started time.Time
}

// Begin starts draining, or changes its configuration.
func (d *Drain) Begin(config *mesospb.DrainConfig, now time.Time) { d.config, d.started = config, now }

// Recover continues the draining that an earlier run of the agent began, at an unknown time. nil means that there was
// none.
func (d *Drain) Recover(config *mesospb.DrainConfig) { d.config = config }

// End ends draining.
func (d *Drain) End() { *d = Drain{} }

// Config returns the configuration, or nil if the agent is not draining.
func (d *Drain) Config() *mesospb.DrainConfig { return d.config }

// Started returns when draining began. It is zero if the agent is not draining or an earlier run began it.
func (d *Drain) Started() time.Time { return d.started }

// Policy returns the kill policy that replaces own, or nil if own grants no more time than the drain.
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

// Mark adds to the status of a killed task that the agent is draining. If the agent will be marked gone and the
// framework is partition-aware, the state becomes the one for that. Other statuses do not change.
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
