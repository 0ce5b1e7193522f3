package subscribers

import (
	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
)

// Change is an event with the parts of its object that the event itself does not have.
type Change struct {
	Event     *masterpb.Event
	Framework *mesospb.FrameworkInfo // of the task
	Task      func() *mesospb.Task
}

// seenBy returns the event as may allows it to be seen, or nil.
//
// Mesos: Master::Subscribers::Subscriber::send.
func (c Change) seenBy(may authorizer.Approver) *masterpb.Event {
	e := c.Event
	switch e.GetType() {
	case masterpb.Event_TASK_ADDED, masterpb.Event_TASK_UPDATED:
		if !authorizer.SeesFramework(may, c.Framework) || !authorizer.SeesTask(may, c.Task(), c.Framework) {
			return nil
		}
	case masterpb.Event_FRAMEWORK_ADDED:
		added := frameworkSeenBy(may, e.GetFrameworkAdded().GetFramework())
		if added == nil {
			return nil
		}
		return &masterpb.Event{Type: e.Type, FrameworkAdded: &masterpb.Event_FrameworkAdded{Framework: added}}
	case masterpb.Event_FRAMEWORK_UPDATED:
		updated := frameworkSeenBy(may, e.GetFrameworkUpdated().GetFramework())
		if updated == nil {
			return nil
		}
		return &masterpb.Event{Type: e.Type, FrameworkUpdated: &masterpb.Event_FrameworkUpdated{Framework: updated}}
	case masterpb.Event_FRAMEWORK_REMOVED:
		if !authorizer.SeesFramework(may, e.GetFrameworkRemoved().GetFrameworkInfo()) {
			return nil
		}
	case masterpb.Event_AGENT_ADDED:
		e = proto.CloneOf(e)
		a := e.GetAgentAdded().GetAgent()
		a.AgentInfo.Resources = authorizer.Seen(may, a.AgentInfo.Resources)
		a.TotalResources = authorizer.Seen(may, a.TotalResources)
		a.AllocatedResources = authorizer.Seen(may, a.AllocatedResources)
		a.OfferedResources = authorizer.Seen(may, a.OfferedResources)
	}
	return e
}

func frameworkSeenBy(may authorizer.Approver, f *masterpb.Response_GetFrameworks_Framework) *masterpb.Response_GetFrameworks_Framework {
	if !authorizer.SeesFramework(may, f.GetFrameworkInfo()) {
		return nil
	}
	seen := proto.CloneOf(f)
	seen.AllocatedResources = authorizer.Seen(may, seen.AllocatedResources)
	seen.OfferedResources = authorizer.Seen(may, seen.OfferedResources)
	return seen
}
