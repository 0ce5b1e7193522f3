// Package events converts a master's messages to schedulers into events of the scheduler API, for schedulers that use
// HTTP.
package events

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/shallow"
)

// Of returns the event with the same meaning as msg. The two share their parts.
//
// Mesos: evolve, of messages to v1::scheduler::Event.
func Of(msg proto.Message) *schedulerpb.Event {
	switch msg := msg.(type) {
	case *schedulerpb.Event:
		return msg
	case *internalpb.FrameworkRegisteredMessage:
		return subscribedEvent(msg.FrameworkId, msg.MasterInfo)
	case *internalpb.FrameworkReregisteredMessage:
		return subscribedEvent(msg.FrameworkId, msg.MasterInfo)
	case *internalpb.FrameworkErrorMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_ERROR.Enum(), Error: &schedulerpb.Event_Error{Message: msg.Message}}
	case *internalpb.ResourceOffersMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_OFFERS.Enum(), Offers: &schedulerpb.Event_Offers{Offers: msg.Offers}}
	case *internalpb.RescindResourceOfferMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_RESCIND.Enum(), Rescind: &schedulerpb.Event_Rescind{OfferId: msg.OfferId}}
	case *internalpb.InverseOffersMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_INVERSE_OFFERS.Enum(), InverseOffers: &schedulerpb.Event_InverseOffers{
			InverseOffers: msg.InverseOffers,
		}}
	case *internalpb.RescindInverseOfferMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_RESCIND_INVERSE_OFFER.Enum(), RescindInverseOffer: &schedulerpb.Event_RescindInverseOffer{
			InverseOfferId: msg.InverseOfferId,
		}}
	case *internalpb.StatusUpdateMessage:
		return updateEvent(msg)
	case *internalpb.ExecutorToFrameworkMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_MESSAGE.Enum(), Message: &schedulerpb.Event_Message{
			SlaveId: msg.SlaveId, ExecutorId: msg.ExecutorId, Data: msg.Data,
		}}
	case *internalpb.UpdateOperationStatusMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_UPDATE_OPERATION_STATUS.Enum(), UpdateOperationStatus: &schedulerpb.Event_UpdateOperationStatus{
			Status: msg.Status,
		}}
	case *internalpb.LostSlaveMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_FAILURE.Enum(), Failure: &schedulerpb.Event_Failure{SlaveId: msg.SlaveId}}
	case *internalpb.ExitedExecutorMessage:
		return &schedulerpb.Event{Type: schedulerpb.Event_FAILURE.Enum(), Failure: &schedulerpb.Event_Failure{
			SlaveId: msg.SlaveId, ExecutorId: msg.ExecutorId, Status: msg.Status,
		}}
	}
	panic(fmt.Sprintf("master: %s is not for schedulers", msg.ProtoReflect().Descriptor().FullName()))
}

// HeartbeatInterval is the time between heartbeats of a stream.
//
// Mesos: DEFAULT_HEARTBEAT_INTERVAL.
const HeartbeatInterval = 15 * time.Second

// NoPID is how libprocess writes the absence of a PID. An update from it must not be acknowledged.
const NoPID = "@0.0.0.0:0"

func subscribedEvent(id *mesospb.FrameworkID, master *mesospb.MasterInfo) *schedulerpb.Event {
	return &schedulerpb.Event{Type: schedulerpb.Event_SUBSCRIBED.Enum(), Subscribed: &schedulerpb.Event_Subscribed{
		FrameworkId: id, HeartbeatIntervalSeconds: proto.Float64(HeartbeatInterval.Seconds()), MasterInfo: master,
	}}
}

// updateEvent returns the event of an update. Its status has a UUID if it has to be acknowledged.
func updateEvent(msg *internalpb.StatusUpdateMessage) *schedulerpb.Event {
	u := msg.GetUpdate()
	s := shallow.Copy(u.GetStatus())
	if u.SlaveId != nil {
		s.SlaveId = u.SlaveId
	}
	if u.ExecutorId != nil {
		s.ExecutorId = u.ExecutorId
	}
	s.Timestamp, s.Uuid = proto.Float64(u.GetTimestamp()), nil
	if pid := msg.GetPid(); len(u.GetUuid()) > 0 && pid != "" && pid != NoPID {
		s.Uuid = u.GetUuid()
	}
	return &schedulerpb.Event{Type: schedulerpb.Event_UPDATE.Enum(), Update: &schedulerpb.Event_Update{Status: s}}
}

// TypeOf returns the type of the event with the same meaning as msg.
func TypeOf(msg proto.Message) schedulerpb.Event_Type {
	switch msg := msg.(type) {
	case *schedulerpb.Event:
		return msg.GetType()
	case *internalpb.FrameworkRegisteredMessage, *internalpb.FrameworkReregisteredMessage:
		return schedulerpb.Event_SUBSCRIBED
	case *internalpb.FrameworkErrorMessage:
		return schedulerpb.Event_ERROR
	case *internalpb.ResourceOffersMessage:
		return schedulerpb.Event_OFFERS
	case *internalpb.RescindResourceOfferMessage:
		return schedulerpb.Event_RESCIND
	case *internalpb.InverseOffersMessage:
		return schedulerpb.Event_INVERSE_OFFERS
	case *internalpb.RescindInverseOfferMessage:
		return schedulerpb.Event_RESCIND_INVERSE_OFFER
	case *internalpb.StatusUpdateMessage:
		return schedulerpb.Event_UPDATE
	case *internalpb.UpdateOperationStatusMessage:
		return schedulerpb.Event_UPDATE_OPERATION_STATUS
	case *internalpb.ExecutorToFrameworkMessage:
		return schedulerpb.Event_MESSAGE
	case *internalpb.LostSlaveMessage, *internalpb.ExitedExecutorMessage:
		return schedulerpb.Event_FAILURE
	}
	return schedulerpb.Event_UNKNOWN
}
