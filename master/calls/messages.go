package calls

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// LaunchTasks is the older form of ACCEPT, or of DECLINE if there are no tasks.
//
// Mesos: Master::launchTasks.
func (c *Calls) LaunchTasks(from runtime.PID, msg *internalpb.LaunchTasksMessage) {
	f := c.peers.Sender(from, msg.GetFrameworkId(), "launch tasks")
	if f == nil {
		return
	}
	if len(msg.GetTasks()) == 0 {
		c.decline(f, msg.GetOfferIds(), msg.GetFilters())
		return
	}
	c.accept(f, &schedulerpb.Call_Accept{
		OfferIds: msg.OfferIds, Filters: msg.Filters,
		Operations: []*mesospb.Offer_Operation{{
			Type:   mesospb.Offer_Operation_LAUNCH.Enum(),
			Launch: &mesospb.Offer_Operation_Launch{TaskInfos: msg.Tasks},
		}},
	})
}

// ReviveOffers is the older form of REVIVE.
func (c *Calls) ReviveOffers(from runtime.PID, msg *internalpb.ReviveOffersMessage) {
	if f := c.peers.Sender(from, msg.GetFrameworkId(), "revive offers"); f != nil {
		c.revive(f, msg.GetRoles())
	}
}

// ResourceRequest is the older form of REQUEST.
func (c *Calls) ResourceRequest(from runtime.PID, msg *internalpb.ResourceRequestMessage) {
	if f := c.peers.Sender(from, msg.GetFrameworkId(), "resource request"); f != nil {
		c.cluster.Allocator.RequestResources(f.ID, msg.GetRequests())
	}
}

// KillTask is the older form of KILL.
func (c *Calls) KillTask(from runtime.PID, msg *internalpb.KillTaskMessage) {
	if f := c.peers.Sender(from, msg.GetFrameworkId(), "kill task"); f != nil {
		c.tasks.Kill(f, &schedulerpb.Call_Kill{TaskId: msg.TaskId})
	}
}

// StatusUpdateAcknowledgement is the older form of ACKNOWLEDGE.
func (c *Calls) StatusUpdateAcknowledgement(from runtime.PID, msg *internalpb.StatusUpdateAcknowledgementMessage) {
	f := c.peers.Sender(from, msg.GetFrameworkId(), "status update acknowledgement")
	err := ids.CheckUUID(msg.GetUuid())
	if f == nil || err != nil {
		c.Log().Warn().Err(err).Stringer("from", from).Msg("acknowledgement without a framework or a valid UUID ignored")
		c.counts.Acknowledgements.Invalid++
		return
	}
	c.tasks.Acknowledge(f, msg)
}

// FrameworkToExecutor is the older form of MESSAGE.
func (c *Calls) FrameworkToExecutor(from runtime.PID, msg *internalpb.FrameworkToExecutorMessage) {
	f := c.peers.Sender(from, msg.GetFrameworkId(), "framework message")
	if f == nil {
		c.counts.ToExecutors.Invalid++
		return
	}
	c.tasks.ToExecutor(f, msg)
}

// ReconcileTasks is the older form of RECONCILE.
func (c *Calls) ReconcileTasks(from runtime.PID, msg *internalpb.ReconcileTasksMessage) {
	f := c.peers.Sender(from, msg.GetFrameworkId(), "reconcile tasks")
	if f == nil {
		return
	}
	asked := make([]*schedulerpb.Call_Reconcile_Task, len(msg.GetStatuses()))
	for i, s := range msg.GetStatuses() {
		asked[i] = &schedulerpb.Call_Reconcile_Task{TaskId: s.TaskId, SlaveId: s.SlaveId}
	}
	c.tasks.Reconcile(f, asked)
}

// SubmitScheduler refuses to run a client's scheduler on the master, as Mesos does.
//
// Mesos: Master::submitScheduler.
func (c *Calls) SubmitScheduler(runtime.PID, *internalpb.SubmitSchedulerRequest) {
	c.Reply(&internalpb.SubmitSchedulerResponse{Okay: proto.Bool(false)})
}
