package master

import (
	"net/http"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// routeReservations installs the endpoints that change what agents' resources are for.
func (m *Master) routeReservations() {
	for path, change := range map[string]struct{ tldr, list string }{
		"/reserve":         {"Reserves resources of an agent.", "resources"},
		"/unreserve":       {"Takes reservations back.", "resources"},
		"/create-volumes":  {"Makes persistent volumes of an agent's reserved disk.", "volumes"},
		"/destroy-volumes": {"Destroys persistent volumes.", "volumes"},
	} {
		m.routeOperator(ReadwriteRealm, path, change.tldr, func(_ *runtime.Request, body []byte) answer {
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
			return m.changeResources(agent, rs)
		}, http.MethodPost)
	}
}

func (m *Master) reserveResources(call operatorCall) answer {
	c := call.GetReserveResources()
	return m.changeResources(ids.AgentOf(c.GetSlaveId()), append(c.GetResources(), c.GetSource()...))
}

func (m *Master) unreserveResources(call operatorCall) answer {
	return m.changeResources(ids.AgentOf(call.GetUnreserveResources().GetSlaveId()), call.GetUnreserveResources().GetResources())
}

func (m *Master) createVolumes(call operatorCall) answer {
	return m.changeResources(ids.AgentOf(call.GetCreateVolumes().GetSlaveId()), call.GetCreateVolumes().GetVolumes())
}

func (m *Master) destroyVolumes(call operatorCall) answer {
	return m.changeResources(ids.AgentOf(call.GetDestroyVolumes().GetSlaveId()), call.GetDestroyVolumes().GetVolumes())
}

func (m *Master) growVolume(call operatorCall) answer {
	c := call.GetGrowVolume()
	return m.changeResources(ids.AgentOf(c.GetSlaveId()), []*mesospb.Resource{c.GetVolume(), c.GetAddition()})
}

func (m *Master) shrinkVolume(call operatorCall) answer {
	return m.changeResources(ids.AgentOf(call.GetShrinkVolume().GetSlaveId()), []*mesospb.Resource{call.GetShrinkVolume().GetVolume()})
}

// changeResources answers who wants resources to be reserved or made into volumes, or that undone. What is wrong with
// the wish is told as the reference does.
//
// Differs: no such operation is carried out by this master yet.
func (m *Master) changeResources(agent ids.Agent, rs []*mesospb.Resource) answer {
	if m.book.Agent(agent) == nil {
		return refused(http.StatusBadRequest, "No agent found with specified ID")
	}
	if err := resources.ValidateAll(rs); err != nil {
		return refused(http.StatusBadRequest, "%v", err)
	}
	return notYet("Operations on resources are")
}

// notYet answers what Mesos has and this master has not.
func notYet(what string) answer {
	return refused(http.StatusNotImplemented, "%s not supported by this master yet", what)
}
