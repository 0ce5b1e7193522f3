// Package calls carries out the calls of subscribed schedulers: the calls of the scheduler API, over HTTP or
// libprocess, and the older messages of drivers. It handles offers itself, with package accept, and passes calls about
// frameworks, tasks and operations to the packages of these names.
package calls

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/accept"
	"meseta/master/book"
	"meseta/master/cluster"
	"meseta/master/counts"
	"meseta/master/decorate"
	"meseta/master/frameworks"
	"meseta/master/operations"
	"meseta/master/peers"
	"meseta/master/tasks"
	"meseta/master/validate"
	"meseta/messages/pb/allocatorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Calls carries out calls of schedulers. It belongs to the master's actor and may be used only on its turns.
type Calls struct {
	*runtime.Actor // the master's
	book           *book.Book
	cluster        *cluster.Cluster
	counts         *counts.Counts
	peers          *peers.Peers
	frameworks     *frameworks.Frameworks
	tasks          *tasks.Tasks
	operations     *operations.Operations
	accepts        *accept.Acceptor
	decorator      *decorate.Decorator
}

// New returns the calls of the master of c. f, t and o carry out those about frameworks, tasks and operations; d has hooks
// look at launches.
func New(
	actor *runtime.Actor, c *cluster.Cluster, p *peers.Peers, f *frameworks.Frameworks, t *tasks.Tasks,
	o *operations.Operations, d *decorate.Decorator,
) *Calls {
	return &Calls{actor, c.Book, c, c.Counts, p, f, t, o, accept.New(actor, c), d}
}

// Call handles a call of a scheduler that uses libprocess.
//
// Mesos: Master::receive.
func (c *Calls) Call(from runtime.PID, call *schedulerpb.Call) {
	if err := validate.Call(call); err != nil {
		c.counts.InvalidCall(call.GetType())
		c.Log().Warn().Err(err).Stringer("from", from).Stringer("call", call.GetType()).Msg("invalid call dropped")
		return
	}
	if call.GetType() == schedulerpb.Call_SUBSCRIBE {
		c.frameworks.Subscribe(book.Connection{PID: from}, call.GetSubscribe())
		return
	}
	f := c.peers.Sender(from, call.GetFrameworkId(), "call")
	if f == nil {
		return
	}
	f.Called(call.GetType())
	if !f.Connected() {
		c.Send(from, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework disconnected")})
		return
	}
	switch call.GetType() {
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS, schedulerpb.Call_RECONCILE_OPERATIONS:
		c.counts.Called(call.GetType())
		c.Log().Warn().Stringer("framework_id", f.ID).Stringer("call", call.GetType()).Msg("call is not supported by the v0 API, dropped")
		return
	}
	if err := c.Dispatch(f, call); err != nil {
		c.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String(err.Error())})
	}
}

// Dispatch carries out a valid call of the connected framework f other than SUBSCRIBE, or returns an error.
func (c *Calls) Dispatch(f *book.Framework, call *schedulerpb.Call) error {
	c.counts.Called(call.GetType())
	switch call.GetType() {
	case schedulerpb.Call_UPDATE_FRAMEWORK:
		return c.frameworks.Update(f, call.GetUpdateFramework())
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS:
		c.operations.Acknowledge(f, call.GetAcknowledgeOperationStatus())
	case schedulerpb.Call_RECONCILE_OPERATIONS:
		c.operations.Reconcile(f, call.GetReconcileOperations().GetOperations())
	case schedulerpb.Call_TEARDOWN:
		c.frameworks.Teardown(f)
	case schedulerpb.Call_ACCEPT:
		c.accept(f, call.GetAccept())
	case schedulerpb.Call_DECLINE:
		c.decline(f, call.GetDecline().GetOfferIds(), call.GetDecline().GetFilters())
	case schedulerpb.Call_REVIVE:
		c.revive(f, call.GetRevive().GetRoles())
	case schedulerpb.Call_SUPPRESS:
		c.suppress(f, call.GetSuppress().GetRoles())
	case schedulerpb.Call_KILL:
		c.tasks.Kill(f, call.GetKill())
	case schedulerpb.Call_SHUTDOWN:
		c.tasks.ShutdownExecutor(f, call.GetShutdown())
	case schedulerpb.Call_ACKNOWLEDGE:
		c.tasks.Acknowledge(f, acknowledgement(f, call.GetAcknowledge()))
	case schedulerpb.Call_RECONCILE:
		c.tasks.Reconcile(f, call.GetReconcile().GetTasks())
	case schedulerpb.Call_MESSAGE:
		c.tasks.ToExecutor(f, messageTo(f, call.GetMessage()))
	case schedulerpb.Call_REQUEST:
		c.cluster.Allocator.RequestResources(f.ID, call.GetRequest().GetRequests())
	case schedulerpb.Call_ACCEPT_INVERSE_OFFERS:
		accept := call.GetAcceptInverseOffers()
		c.cluster.InverseOffers.Answer(f, accept.GetInverseOfferIds(), allocatorpb.InverseOfferStatus_ACCEPT, accept.GetFilters())
	case schedulerpb.Call_DECLINE_INVERSE_OFFERS:
		decline := call.GetDeclineInverseOffers()
		c.cluster.InverseOffers.Answer(f, decline.GetInverseOfferIds(), allocatorpb.InverseOfferStatus_DECLINE, decline.GetFilters())
	default:
		c.Log().Warn().Stringer("framework_id", f.ID).Stringer("call", call.GetType()).Msg("call without a meaning dropped")
	}
	return nil
}

func acknowledgement(f *book.Framework, ack *schedulerpb.Call_Acknowledge) *internalpb.StatusUpdateAcknowledgementMessage {
	return &internalpb.StatusUpdateAcknowledgementMessage{
		SlaveId: ack.SlaveId, FrameworkId: f.Info.Id, TaskId: ack.TaskId, Uuid: ack.Uuid,
	}
}

func messageTo(f *book.Framework, msg *schedulerpb.Call_Message) *internalpb.FrameworkToExecutorMessage {
	return &internalpb.FrameworkToExecutorMessage{
		SlaveId: msg.SlaveId, FrameworkId: f.Info.Id, ExecutorId: msg.ExecutorId, Data: msg.Data,
	}
}
