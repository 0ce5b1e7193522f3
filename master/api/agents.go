package api

import (
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// drainAgent answers DRAIN_AGENT.
func (a *api) drainAgent(call operatorCall) answer {
	id := ids.AgentOf(call.GetDrainAgent().GetSlaveId())
	if err := a.core.CanDrain(id); err != nil {
		return runtime.Ready(errorAnswer(err))
	}
	config := &mesospb.DrainConfig{
		MaxGracePeriod: call.GetDrainAgent().MaxGracePeriod, MarkGone: proto.Bool(call.GetDrainAgent().GetMarkGone()),
	}
	if forbidden := a.forbids(call.Caller, authorizationpb.Action_DRAIN_AGENT); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	if config.GetMarkGone() {
		if forbidden := a.forbids(call.Caller, authorizationpb.Action_MARK_AGENT_GONE); forbidden != nil {
			return runtime.Ready(forbidden)
		}
	}
	return done(a.core.DrainAgent(id, config))
}

// deactivateAgent answers DEACTIVATE_AGENT.
func (a *api) deactivateAgent(call operatorCall) answer {
	if forbidden := a.forbids(call.Caller, authorizationpb.Action_DEACTIVATE_AGENT); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.DeactivateAgent(ids.AgentOf(call.GetDeactivateAgent().GetSlaveId())))
}

// reactivateAgent answers REACTIVATE_AGENT.
func (a *api) reactivateAgent(call operatorCall) answer {
	if forbidden := a.forbids(call.Caller, authorizationpb.Action_REACTIVATE_AGENT); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.ReactivateAgent(ids.AgentOf(call.GetReactivateAgent().GetSlaveId())))
}

// markAgentGone answers MARK_AGENT_GONE.
func (a *api) markAgentGone(call operatorCall) answer {
	if forbidden := a.forbids(call.Caller, authorizationpb.Action_MARK_AGENT_GONE); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return done(a.core.MarkAgentGone(ids.AgentOf(call.GetMarkAgentGone().GetSlaveId())))
}
