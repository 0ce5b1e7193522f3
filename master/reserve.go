package master

import (
	"net/http"

	"meseta/messages/ids"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// routeReservations installs the endpoints that change what agents' resources are for.
func (m *Master) routeReservations() {
	for path, change := range map[string]struct {
		tldr, list string
		action     authorizationpb.Action
	}{
		"/reserve":         {"Reserves resources of an agent.", "resources", authorizationpb.Action_RESERVE_RESOURCES},
		"/unreserve":       {"Takes reservations back.", "resources", authorizationpb.Action_UNRESERVE_RESOURCES},
		"/create-volumes":  {"Makes persistent volumes of an agent's reserved disk.", "volumes", authorizationpb.Action_CREATE_VOLUME},
		"/destroy-volumes": {"Destroys persistent volumes.", "volumes", authorizationpb.Action_DESTROY_VOLUME},
	} {
		m.routeOperator(ReadwriteRealm, path, change.tldr, func(_ *web.Request, body []byte, o operator) answer {
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
			return m.changeResources(o, change.action, agent, rs)
		}, http.MethodPost)
	}
}

func (m *Master) reserveResources(call operatorCall) answer {
	c := call.GetReserveResources()
	return m.changeResources(call.operator, authorizationpb.Action_RESERVE_RESOURCES, ids.AgentOf(c.GetSlaveId()), append(c.GetResources(), c.GetSource()...))
}

func (m *Master) unreserveResources(call operatorCall) answer {
	return m.changeResources(call.operator, authorizationpb.Action_UNRESERVE_RESOURCES, ids.AgentOf(call.GetUnreserveResources().GetSlaveId()), call.GetUnreserveResources().GetResources())
}

func (m *Master) createVolumes(call operatorCall) answer {
	return m.changeResources(call.operator, authorizationpb.Action_CREATE_VOLUME, ids.AgentOf(call.GetCreateVolumes().GetSlaveId()), call.GetCreateVolumes().GetVolumes())
}

func (m *Master) destroyVolumes(call operatorCall) answer {
	return m.changeResources(call.operator, authorizationpb.Action_DESTROY_VOLUME, ids.AgentOf(call.GetDestroyVolumes().GetSlaveId()), call.GetDestroyVolumes().GetVolumes())
}

func (m *Master) growVolume(call operatorCall) answer {
	c := call.GetGrowVolume()
	return m.changeResources(call.operator, authorizationpb.Action_RESIZE_VOLUME, ids.AgentOf(c.GetSlaveId()), []*mesospb.Resource{c.GetVolume(), c.GetAddition()})
}

func (m *Master) shrinkVolume(call operatorCall) answer {
	return m.changeResources(call.operator, authorizationpb.Action_RESIZE_VOLUME, ids.AgentOf(call.GetShrinkVolume().GetSlaveId()), []*mesospb.Resource{call.GetShrinkVolume().GetVolume()})
}

// changeResources answers who wants resources to be reserved or made into volumes, or that undone. What is wrong with
// the wish is told as the reference does.
//
// Differs: no such operation is carried out by this master yet.
func (m *Master) changeResources(o operator, action authorizationpb.Action, agent ids.Agent, rs []*mesospb.Resource) answer {
	if m.book.Agent(agent) == nil {
		return refused(http.StatusBadRequest, "No agent found with specified ID")
	}
	if err := resources.ValidateAll(rs); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	objects := objectsOf(rs, func(r *mesospb.Resource) *authorizationpb.Object { return &authorizationpb.Object{Resource: r} })
	if refusal := m.forbids(o, action, objects...); refusal != nil {
		return runtime.Ready(refusal)
	}
	return notYet("Operations on resources are")
}

// notYet answers what Mesos has and this master has not.
func notYet(what string) answer {
	return refused(http.StatusNotImplemented, "%s not supported by this master yet", what)
}
