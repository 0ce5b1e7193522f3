package mastertest

import (
	"fmt"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// Operation parses an operation in protobuf's text format. If id is not empty, the framework wants to hear of it.
func (c *Cluster) Operation(id, text string) *mesospb.Offer_Operation {
	c.Helper()
	op := &mesospb.Offer_Operation{}
	if err := prototext.Unmarshal([]byte(text), op); err != nil {
		c.Fatalf("%v in %s", err, text)
	}
	if id != "" {
		op.Id = &mesospb.OperationID{Value: &id}
	}
	return op
}

// Applied returns the operations that the agent p was sent, in order.
func (p *Peer) Applied() []*internalpb.ApplyOperationMessage {
	return All[*internalpb.ApplyOperationMessage](p)
}

// OperationStatus returns the update of an operation that the agent p was sent. n determines the UUID; without one (0) the update need not be
// acknowledged.
func (p *Peer) OperationStatus(m *internalpb.ApplyOperationMessage, state mesospb.OperationState, n byte) *internalpb.UpdateOperationStatusMessage {
	status := &mesospb.OperationStatus{State: state.Enum(), OperationId: m.GetOperationInfo().GetId(), SlaveId: AgentID(p)}
	if n != 0 {
		status.Uuid = &mesospb.UUID{Value: UUID(n)}
	}
	return &internalpb.UpdateOperationStatusMessage{
		FrameworkId: m.FrameworkId, SlaveId: AgentID(p), Status: status, OperationUuid: m.OperationUuid,
	}
}

// Reported returns the record of an operation that p was sent, as p reports it, with the statuses in updates.
func (p *Peer) Reported(m *internalpb.ApplyOperationMessage, updates ...*internalpb.UpdateOperationStatusMessage) *mesospb.Operation {
	op := operations.New(m.GetOperationInfo(), ids.UUID(m.GetOperationUuid().GetValue()), ids.FrameworkOf(m.GetFrameworkId()), AgentID(p))
	for _, u := range updates {
		op = operations.Updated(op, u)
	}
	return op
}

// ReportOperations sends the report of an agent about its operations, as it does after each registration.
func (p *Peer) ReportOperations(all ...*mesospb.Operation) {
	p.Say(&internalpb.UpdateSlaveMessage{
		SlaveId: AgentID(p), ResourceVersionUuid: Registration(p.addr).ResourceVersionUuid, UpdateOversubscribedResources: proto.Bool(false),
		Operations: &internalpb.UpdateSlaveMessage_Operations{Operations: all},
	})
}

// AcknowledgeOperation acknowledges the status with UUID n of an operation on an agent.
func (p *Client) AcknowledgeOperation(agent *mesospb.SlaveID, id string, n byte) {
	p.cluster.Helper()
	p.Call(&schedulerpb.Call{
		Type: schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS.Enum(),
		AcknowledgeOperationStatus: &schedulerpb.Call_AcknowledgeOperationStatus{
			SlaveId: agent, OperationId: &mesospb.OperationID{Value: &id}, Uuid: UUID(n),
		},
	})
}

// ReconcileOperations asks for the states of operations on an agent, or on any agent if it is nil, or for those of all operations if
// there are no IDs.
func (p *Client) ReconcileOperations(agent *mesospb.SlaveID, all ...string) {
	p.cluster.Helper()
	ask := &schedulerpb.Call_ReconcileOperations{}
	for _, id := range all {
		ask.Operations = append(ask.Operations, &schedulerpb.Call_ReconcileOperations_Operation{
			OperationId: &mesospb.OperationID{Value: &id}, SlaveId: agent,
		})
	}
	p.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE_OPERATIONS.Enum(), ReconcileOperations: ask})
}

// describeOperation returns what an agent is told about an operation. What the agent is to acknowledge has only UUIDs, of which
// those of operations are random.
func describeOperation(m proto.Message) (text string, ok bool) {
	switch m := m.(type) {
	case *internalpb.ApplyOperationMessage:
		info := m.GetOperationInfo()
		return fmt.Sprintf("%s %s %s", info.GetType(), info.GetId().GetValue(), amounts(operations.Resources(info))), true
	case *internalpb.AcknowledgeOperationStatusMessage:
		return fmt.Sprintf("status %d", m.GetStatusUuid().GetValue()[15]), true
	case *internalpb.ReconcileOperationsMessage:
		return fmt.Sprintf("%s %d", m.GetFrameworkId().GetValue(), len(m.GetOperations())), true
	}
	return "", false
}
