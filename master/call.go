package master

import (
	"google.golang.org/protobuf/proto"

	"meseta/master/accept"
	"meseta/master/book"
	"meseta/master/validate"
	"meseta/messages/ids"
	"meseta/messages/pb/allocatorpb"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// call takes a call of a scheduler that speaks libprocess.
//
// Mesos: Master::receive.
func (m *Master) call(from runtime.PID, call *schedulerpb.Call) {
	if err := validate.Call(call); err != nil {
		m.counts.InvalidCall(call.GetType())
		m.Log().Warn().Err(err).Stringer("from", from).Stringer("call", call.GetType()).Msg("invalid call dropped")
		return
	}
	if call.GetType() == schedulerpb.Call_SUBSCRIBE {
		m.Subscribe(book.Connection{PID: from}, call.GetSubscribe())
		return
	}
	f := m.sender(from, call.GetFrameworkId(), "call")
	if f == nil {
		return
	}
	f.Called(call.GetType())
	if !f.Connected() {
		m.Send(from, &internalpb.FrameworkErrorMessage{Message: proto.String("Framework disconnected")})
		return
	}
	switch call.GetType() {
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS, schedulerpb.Call_RECONCILE_OPERATIONS:
		m.counts.Called(call.GetType())
		m.Log().Warn().Stringer("framework_id", f.ID).Stringer("call", call.GetType()).Msg("call is not supported by the v0 API, dropped")
		return
	}
	if err := m.Dispatch(f, call); err != nil {
		m.cluster.Tell(f, &internalpb.FrameworkErrorMessage{Message: proto.String(err.Error())})
	}
}

// Dispatch carries out a valid call of the connected framework f, other than SUBSCRIBE, or says why not.
func (m *Master) Dispatch(f *book.Framework, call *schedulerpb.Call) error {
	m.counts.Called(call.GetType())
	switch call.GetType() {
	case schedulerpb.Call_UPDATE_FRAMEWORK:
		return m.updateFramework(f, call.GetUpdateFramework())
	case schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS:
		m.acknowledgeOperationStatus(f, call.GetAcknowledgeOperationStatus())
	case schedulerpb.Call_RECONCILE_OPERATIONS:
		m.reconcileOperations(f, call.GetReconcileOperations().GetOperations())
	case schedulerpb.Call_TEARDOWN:
		m.Teardown(f)
	case schedulerpb.Call_ACCEPT:
		m.accepts.Accept(f, m.approvers[f.ID], call.GetAccept())
	case schedulerpb.Call_DECLINE:
		m.decline(f, call.GetDecline().GetOfferIds(), call.GetDecline().GetFilters())
	case schedulerpb.Call_REVIVE:
		m.revive(f, call.GetRevive().GetRoles())
	case schedulerpb.Call_SUPPRESS:
		m.suppress(f, call.GetSuppress().GetRoles())
	case schedulerpb.Call_KILL:
		m.kill(f, call.GetKill())
	case schedulerpb.Call_SHUTDOWN:
		m.shutdownExecutor(f, call.GetShutdown())
	case schedulerpb.Call_ACKNOWLEDGE:
		m.acknowledge(f, acknowledgement(f, call.GetAcknowledge()))
	case schedulerpb.Call_RECONCILE:
		m.reconcile(f, call.GetReconcile().GetTasks())
	case schedulerpb.Call_MESSAGE:
		m.message(f, messageTo(f, call.GetMessage()))
	case schedulerpb.Call_REQUEST:
		m.allocator.RequestResources(f.ID, call.GetRequest().GetRequests())
	case schedulerpb.Call_ACCEPT_INVERSE_OFFERS:
		accept := call.GetAcceptInverseOffers()
		m.cluster.InverseOffers.Answer(f, accept.GetInverseOfferIds(), allocatorpb.InverseOfferStatus_ACCEPT, accept.GetFilters())
	case schedulerpb.Call_DECLINE_INVERSE_OFFERS:
		decline := call.GetDeclineInverseOffers()
		m.cluster.InverseOffers.Answer(f, decline.GetInverseOfferIds(), allocatorpb.InverseOfferStatus_DECLINE, decline.GetFilters())
	default:
		m.Log().Warn().Stringer("framework_id", f.ID).Stringer("call", call.GetType()).Msg("call without a meaning dropped")
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

// decline takes offers back that the scheduler does not want, for as long as filters say.
//
// Mesos: Master::decline.
func (m *Master) decline(f *book.Framework, offers []*mesospb.OfferID, filters *mesospb.Filters) {
	m.counts.Declines++
	for _, p := range offers {
		o := m.book.Offer(ids.OfferOf(p))
		if o == nil || o.Framework != f.ID {
			m.Log().Warn().Str("offer_id", p.GetValue()).Stringer("framework_id", f.ID).Msg("decline of an offer that is no longer valid ignored")
			continue
		}
		f.Counts.OffersDeclined++
		m.cluster.Offers.Discard(o, accept.Refusal(filters))
	}
}

// revive clears the filters of f, in some roles or in all.
//
// Mesos: Master::revive.
func (m *Master) revive(f *book.Framework, roles []string) {
	if m.ownRoles(f, roles, "revive") {
		m.allocator.ReviveOffers(f.ID, roles)
	}
}

// suppress stops offers to f, in some roles or in all.
//
// Mesos: Master::suppress.
func (m *Master) suppress(f *book.Framework, roles []string) {
	if m.ownRoles(f, roles, "suppress") {
		m.allocator.SuppressOffers(f.ID, roles)
	}
}

func (m *Master) ownRoles(f *book.Framework, roles []string, what string) bool {
	for _, role := range roles {
		if !f.HasRole(role) {
			m.Log().Warn().Stringer("framework_id", f.ID).Str("role", role).Str("call", what).Msg("call for a role that is not the framework's dropped")
			return false
		}
	}
	return true
}

// reviveOffers is REVIVE of old schedulers.
func (m *Master) reviveOffers(from runtime.PID, msg *internalpb.ReviveOffersMessage) {
	if f := m.sender(from, msg.GetFrameworkId(), "revive offers"); f != nil {
		m.revive(f, msg.GetRoles())
	}
}

// resourceRequest is REQUEST of old schedulers.
func (m *Master) resourceRequest(from runtime.PID, msg *internalpb.ResourceRequestMessage) {
	if f := m.sender(from, msg.GetFrameworkId(), "resource request"); f != nil {
		m.allocator.RequestResources(f.ID, msg.GetRequests())
	}
}

// launchTasks is ACCEPT of old schedulers, or DECLINE if there are no tasks.
//
// Mesos: Master::launchTasks.
func (m *Master) launchTasks(from runtime.PID, msg *internalpb.LaunchTasksMessage) {
	f := m.sender(from, msg.GetFrameworkId(), "launch tasks")
	if f == nil {
		return
	}
	if len(msg.GetTasks()) == 0 {
		m.decline(f, msg.GetOfferIds(), msg.GetFilters())
		return
	}
	m.accepts.Accept(f, m.approvers[f.ID], &schedulerpb.Call_Accept{
		OfferIds: msg.OfferIds, Filters: msg.Filters,
		Operations: []*mesospb.Offer_Operation{{
			Type:   mesospb.Offer_Operation_LAUNCH.Enum(),
			Launch: &mesospb.Offer_Operation_Launch{TaskInfos: msg.Tasks},
		}},
	})
}
