package cluster

import (
	"meseta/master/book"
	"meseta/master/maintenance"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
)

// DeactivateAgent rescinds the offers of a and prevents new ones.
func (c *Cluster) DeactivateAgent(a *book.Agent) {
	a.Active = false
	c.Allocator.DeactivateAgent(a.ID)
	c.Offers.RescindOn(a)
	c.InverseOffers.RescindOn(a)
}

// RemoveFrameworkFrom makes everything that f runs on the disconnected agent a lost.
//
// Mesos: Master::removeFramework(Slave*, Framework*).
func (c *Cluster) RemoveFrameworkFrom(a *book.Agent, f *book.Framework) {
	c.actor.Log().Info().Stringer("framework_id", f.ID).Stringer("agent_id", a.ID).
		Msg("framework without checkpointing removed from a disconnected agent")
	for _, t := range a.Tasks() {
		if t.Framework == f.ID {
			u := c.TaskUpdate(t, mesospb.TaskState_TASK_LOST, "Agent "+a.Info.GetHostname()+" disconnected",
				mesospb.TaskStatus_REASON_SLAVE_DISCONNECTED)
			c.EndTask(t, u, false)
		}
	}
	for _, t := range a.Duplicates() {
		if t.Framework == f.ID {
			c.RemoveDuplicate(t)
		}
	}
	for _, e := range f.ExecutorsOn(a.ID) {
		c.RemoveExecutor(e)
	}
}

// TellLost tells all schedulers, and then the master's hooks, that an agent is lost.
//
// Mesos: Master::sendSlaveLost.
func (c *Cluster) TellLost(info *mesospb.SlaveInfo) {
	lost := &internalpb.LostSlaveMessage{SlaveId: info.Id}
	for _, f := range c.Book.Frameworks() {
		if f.Connected() {
			c.Tell(f, lost)
		}
	}
	c.lost(info)
}

// RemoveAgent removes an agent without tasks, and tells all schedulers that it is lost. Its operations are forgotten, because
// only a registered agent can be sent acknowledgements.
func (c *Cluster) RemoveAgent(a *book.Agent) {
	for _, o := range a.Operations() {
		c.RemoveOperation(o)
	}
	for _, e := range a.Executors() {
		c.RemoveExecutor(e)
	}
	c.Offers.RescindOn(a)
	c.InverseOffers.RescindOn(a)
	c.InverseOffers.Forget(func(p maintenance.Pair) bool { return p.Agent == a.ID })
	c.Book.RemoveAgent(a)
	c.Feed.AgentRemoved(a.ID)
}

// CheckpointResources returns the message that tells an agent without RESOURCE_PROVIDER which resources to checkpoint.
func CheckpointResources(a *book.Agent) *internalpb.CheckpointResourcesMessage {
	if a.Capabilities.ReservationRefinement {
		return &internalpb.CheckpointResourcesMessage{Resources: a.Checkpointed.Proto()}
	}
	return &internalpb.CheckpointResourcesMessage{Resources: PreRefinement(a.Checkpointed)}
}
