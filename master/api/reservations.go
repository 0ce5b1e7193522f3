package api

import (
	"net/http"

	"meseta/actors/operator"
	"meseta/master"
	"meseta/messages/ids"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// routeReservations installs the endpoints that reserve resources and create volumes.
func (a *api) routeReservations() {
	for path, change := range map[string]struct {
		tldr, list string
		action     authorizationpb.Action
	}{
		"/reserve":         {"Reserves resources of an agent.", "resources", authorizationpb.Action_RESERVE_RESOURCES},
		"/unreserve":       {"Takes reservations back.", "resources", authorizationpb.Action_UNRESERVE_RESOURCES},
		"/create-volumes":  {"Makes persistent volumes of an agent's reserved disk.", "volumes", authorizationpb.Action_CREATE_VOLUME},
		"/destroy-volumes": {"Destroys persistent volumes.", "volumes", authorizationpb.Action_DESTROY_VOLUME},
	} {
		a.routeOperator(master.ReadwriteRealm, path, change.tldr, func(_ *web.Request, body []byte, o operator.Caller) answer {
			f, err := readForm(body)
			if err != nil {
				return refused(http.StatusBadRequest, "%v", err)
			}
			agent, err := f.agent()
			if err != nil {
				return refused(http.StatusBadRequest, "%v", err)
			}
			rs, err := f.resources(change.list)
			if err != nil {
				return refused(http.StatusBadRequest, "%v", err)
			}
			return a.changeResources(o, change.action, agent, rs)
		}, http.MethodPost)
	}
}

func (a *api) reserveResources(call operatorCall) answer {
	c := call.GetReserveResources()
	return a.changeResources(call.Caller, authorizationpb.Action_RESERVE_RESOURCES, ids.AgentOf(c.GetSlaveId()), append(c.GetResources(), c.GetSource()...))
}

func (a *api) unreserveResources(call operatorCall) answer {
	return a.changeResources(call.Caller, authorizationpb.Action_UNRESERVE_RESOURCES, ids.AgentOf(call.GetUnreserveResources().GetSlaveId()), call.GetUnreserveResources().GetResources())
}

func (a *api) createVolumes(call operatorCall) answer {
	return a.changeResources(call.Caller, authorizationpb.Action_CREATE_VOLUME, ids.AgentOf(call.GetCreateVolumes().GetSlaveId()), call.GetCreateVolumes().GetVolumes())
}

func (a *api) destroyVolumes(call operatorCall) answer {
	return a.changeResources(call.Caller, authorizationpb.Action_DESTROY_VOLUME, ids.AgentOf(call.GetDestroyVolumes().GetSlaveId()), call.GetDestroyVolumes().GetVolumes())
}

func (a *api) growVolume(call operatorCall) answer {
	c := call.GetGrowVolume()
	return a.changeResources(call.Caller, authorizationpb.Action_RESIZE_VOLUME, ids.AgentOf(c.GetSlaveId()), []*mesospb.Resource{c.GetVolume(), c.GetAddition()})
}

func (a *api) shrinkVolume(call operatorCall) answer {
	return a.changeResources(call.Caller, authorizationpb.Action_RESIZE_VOLUME, ids.AgentOf(call.GetShrinkVolume().GetSlaveId()), []*mesospb.Resource{call.GetShrinkVolume().GetVolume()})
}

// changeResources answers operators' requests to reserve or unreserve resources and to create, resize or destroy
// volumes. Invalid requests are refused in Mesos's words.
//
// Differs: valid requests are refused too, because this master does not implement such operations for operators yet.
func (a *api) changeResources(o operator.Caller, action authorizationpb.Action, agent ids.Agent, rs []*mesospb.Resource) answer {
	if a.core.Book().Agent(agent) == nil {
		return refused(http.StatusBadRequest, "No agent found with specified ID")
	}
	if err := resources.ValidateAll(rs); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	objects := objectsOf(rs, func(r *mesospb.Resource) *authorizationpb.Object { return &authorizationpb.Object{Resource: r} })
	if forbidden := a.forbids(o, action, objects...); forbidden != nil {
		return runtime.Ready(forbidden)
	}
	return notYet("Operations on resources are")
}

// notYet answers a request for something that Mesos supports and this master does not.
func notYet(what string) answer {
	return refused(http.StatusNotImplemented, "%s not supported by this master yet", what)
}
