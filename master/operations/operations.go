// Package operations holds a master's conversations about operations on the resources of agents, such as RESERVE and
// CREATE: the agents' updates, the schedulers' acknowledgements, and reconciliation in both directions. Operations enter
// by package accept, for schedulers, and by [Operations.Apply], for operators.
//
// The master counts on the success of an operation as soon as it is sent. What an agent then reports changes what is known of the
// operation, not the resources. If the operation never arrived, the agent re-registers, with the resources that it has.
package operations

import (
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/shallow"
	"meseta/runtime"
)

// Operations holds the conversations about operations. They belong to the master's actor and may be used only on its
// turns.
type Operations struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Counts
	ended          func(*book.Agent)
}

// New returns the conversations about the operations of c. ended is called for an agent on which an operation was
// removed.
func New(actor *runtime.Actor, c *cluster.Cluster, ended func(*book.Agent)) *Operations {
	return &Operations{actor, c.Book, c, c.Counts, ended}
}

// Update records an agent's update of an operation and passes it on to the scheduler, if the framework gave the operation an ID.
// The agent resends an update with a UUID until it is acknowledged, by the scheduler or in its place by the master.
//
// Mesos: Master::updateOperationStatus.
//
// Differs: Mesos tells the scheduler that a finished operation is dropped if its acknowledgement crossed a report of the agent.
func (all *Operations) Update(from runtime.PID, msg *internalpb.UpdateOperationStatusMessage) {
	a := all.book.Agent(ids.AgentOf(msg.GetSlaveId()))
	switch {
	case a != nil && msg.OperationUuid == nil: // the agent's answer to a reconciliation that a scheduler asked for
		all.pass(msg)
		return
	case a == nil:
		all.Log().Warn().Stringer("from", from).Str("agent_id", msg.GetSlaveId().GetValue()).Str("operation_id", msg.GetStatus().GetOperationId().GetValue()).
			Msg("status of an operation on an unknown agent ignored")
		all.counts.OperationUpdates.Invalid++
		return
	}
	o := operationOn(a, msg.GetOperationUuid())
	switch {
	case o == nil && msg.FrameworkId == nil:
		return // it is terminal, and was removed
	case o == nil: // a scheduler asked, and another update overtook the answer
		all.counts.OperationUpdates.Invalid++
		all.pass(msg)
		return
	}
	all.counts.OperationUpdates.Valid++
	if operations.IsTerminal(o.State()) && msg.GetStatus().GetState() == mesospb.OperationState_OPERATION_DROPPED && msg.GetStatus().Uuid == nil {
		all.remove(a, o) // the agent has forgotten it, because it was acknowledged
		return
	}
	msg = named(msg, o)
	all.cluster.UpdateOperation(o, msg)
	if all.isHeard(o) {
		all.pass(msg)
	}
	all.settle(a, o)
}

// named returns msg with the IDs of the operation and its framework. Agents that never got the operation do not know them.
func named(msg *internalpb.UpdateOperationStatusMessage, o *book.Operation) *internalpb.UpdateOperationStatusMessage {
	if o.ID() == nil || msg.FrameworkId != nil && msg.GetStatus().OperationId != nil {
		return msg
	}
	msg = shallow.Copy(msg)
	msg.FrameworkId, msg.Status = o.Framework.Proto(), shallow.Copy(msg.Status)
	msg.Status.OperationId = o.ID()
	return msg
}

// isHeard reports whether the framework of o hears of it, now or when it subscribes again.
func (all *Operations) isHeard(o *book.Operation) bool {
	return o.ID() != nil && o.Framework != "" && !all.book.IsCompleted(o.Framework)
}

// pass sends an update to its framework if that is connected.
func (all *Operations) pass(msg *internalpb.UpdateOperationStatusMessage) {
	f := all.book.Framework(ids.FrameworkOf(msg.GetFrameworkId()))
	if f == nil || !f.Connected() {
		all.Log().Warn().Str("agent_id", msg.GetSlaveId().GetValue()).Str("framework_id", msg.GetFrameworkId().GetValue()).
			Str("operation_id", msg.GetStatus().GetOperationId().GetValue()).Msg("status of an operation is not passed on: its framework is not connected")
		return
	}
	all.cluster.Tell(f, msg)
}

// settle acknowledges the latest status of an operation in place of a framework that does not hear of it, and removes the
// operation if it is terminal and nobody will acknowledge it.
func (all *Operations) settle(a *book.Agent, o *book.Operation) {
	latest, heard := operations.LastStatus(o.Described()), all.isHeard(o)
	if latest.Uuid != nil && !heard {
		all.acknowledge(a, o, latest.GetUuid().GetValue(), o.Provider())
	}
	if operations.IsTerminal(latest.GetState()) && !(heard && latest.Uuid != nil) {
		all.remove(a, o)
	}
}

func (all *Operations) remove(a *book.Agent, o *book.Operation) {
	all.cluster.RemoveOperation(o)
	all.ended(a)
}

func (all *Operations) acknowledge(a *book.Agent, o *book.Operation, status []byte, provider *mesospb.ResourceProviderID) {
	all.Send(a.PID, &internalpb.AcknowledgeOperationStatusMessage{
		StatusUuid: &mesospb.UUID{Value: status}, OperationUuid: o.Described().GetUuid(), ResourceProviderId: provider,
	})
}

// operationOn returns the operation with a UUID on a, or nil.
func operationOn(a *book.Agent, uuid *mesospb.UUID) *book.Operation {
	id, err := ids.UUIDOf(uuid.GetValue())
	if err != nil {
		return nil
	}
	return a.Operation(id)
}

// Acknowledge passes a scheduler's acknowledgement of an operation's status on to the agent. The operation is removed when its
// terminal status is acknowledged.
//
// Mesos: Master::acknowledgeOperationStatus.
//
// Differs: Mesos counts the acknowledgement of an unknown status among those of tasks.
func (all *Operations) Acknowledge(f *book.Framework, ack *schedulerpb.Call_AcknowledgeOperationStatus) {
	a := all.book.Agent(ids.AgentOf(ack.GetSlaveId()))
	o, status, why := acknowledged(f, a, ack)
	if why != "" {
		all.Log().Warn().Stringer("framework_id", f.ID).Str("operation_id", ack.GetOperationId().GetValue()).
			Str("agent_id", ack.GetSlaveId().GetValue()).Str("reason", why).Msg("acknowledgement of an operation's status ignored")
		all.counts.OperationAcknowledgements.Invalid++
		return
	}
	all.counts.OperationAcknowledgements.Valid++
	all.acknowledge(a, o, ack.GetUuid(), ack.GetResourceProviderId())
	if operations.IsTerminal(status.GetState()) {
		all.remove(a, o)
	}
}

// acknowledged returns the operation and the status that ack is about, or why it is ignored.
func acknowledged(f *book.Framework, a *book.Agent, ack *schedulerpb.Call_AcknowledgeOperationStatus) (o *book.Operation, status *mesospb.OperationStatus, why string) {
	switch {
	case a == nil:
		return nil, nil, "the agent is not registered"
	case !a.Connected:
		return nil, nil, "the agent is disconnected"
	case ack.ResourceProviderId != nil && !a.Capabilities.ResourceProvider:
		return nil, nil, "the agent has no resource providers"
	case ack.ResourceProviderId == nil && !a.Capabilities.OperationFeedback:
		return nil, nil, "the agent gives no feedback about operations on its own resources"
	}
	if o = f.OperationByID(ack.GetOperationId()); o == nil || o.Agent != a.ID {
		return nil, nil, "the operation is unknown"
	}
	if status = o.Status(ack.GetUuid()); status == nil {
		return nil, nil, "the status is unknown"
	}
	return o, status, ""
}
