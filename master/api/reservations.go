package api

import (
	"net/http"

	"meseta/actors/operator"
	"meseta/master"
	"meseta/master/authorization"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// routeReservations installs the endpoints that reserve resources and create volumes.
func (a *api) routeReservations() {
	a.routeOperation("/reserve", "Reserves resources of an agent.", func(f form) (*mesospb.Offer_Operation, error) {
		rs, err := f.resources("resources", "Error parsing")
		var source []*mesospb.Resource
		if err == nil && f.Has("source") {
			source, err = f.resources("source", "Error parsing")
		}
		return reserve(rs, source), err
	})
	for path, change := range map[string]struct {
		tldr, list string
		operation  func([]*mesospb.Resource) *mesospb.Offer_Operation
	}{
		"/unreserve":       {"Takes reservations back.", "resources", unreserve},
		"/create-volumes":  {"Makes persistent volumes of an agent's reserved disk.", "volumes", createVolumes},
		"/destroy-volumes": {"Destroys persistent volumes.", "volumes", destroyVolumes},
	} {
		a.routeOperation(path, change.tldr, func(f form) (*mesospb.Offer_Operation, error) {
			rs, err := f.resources(change.list, "Error in parsing")
			return change.operation(rs), err
		})
	}
}

// routeOperation installs an endpoint that carries out the operation in a form.
func (a *api) routeOperation(path, tldr string, read func(form) (*mesospb.Offer_Operation, error)) {
	a.routeOperator(master.ReadwriteRealm, path, tldr, func(_ *web.Request, body []byte, o operator.Caller) answer {
		f, err := readForm(body)
		if err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
		agent, err := f.agent()
		if err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
		op, err := read(f)
		if err != nil {
			return refused(http.StatusBadRequest, "%v", err)
		}
		return a.operate(o, agent, op)
	}, http.MethodPost)
}

func (a *api) reserveResources(call operatorCall) answer {
	c := call.GetReserveResources()
	return a.operate(call.Caller, ids.AgentOf(c.GetSlaveId()), reserve(c.GetResources(), c.GetSource()))
}

func (a *api) unreserveResources(call operatorCall) answer {
	c := call.GetUnreserveResources()
	return a.operate(call.Caller, ids.AgentOf(c.GetSlaveId()), unreserve(c.GetResources()))
}

func (a *api) createVolumes(call operatorCall) answer {
	c := call.GetCreateVolumes()
	return a.operate(call.Caller, ids.AgentOf(c.GetSlaveId()), createVolumes(c.GetVolumes()))
}

func (a *api) destroyVolumes(call operatorCall) answer {
	c := call.GetDestroyVolumes()
	return a.operate(call.Caller, ids.AgentOf(c.GetSlaveId()), destroyVolumes(c.GetVolumes()))
}

func (a *api) growVolume(call operatorCall) answer {
	c := call.GetGrowVolume()
	return a.operate(call.Caller, ids.AgentOf(c.GetSlaveId()), &mesospb.Offer_Operation{
		Type:       mesospb.Offer_Operation_GROW_VOLUME.Enum(),
		GrowVolume: &mesospb.Offer_Operation_GrowVolume{Volume: c.GetVolume(), Addition: c.GetAddition()},
	})
}

func (a *api) shrinkVolume(call operatorCall) answer {
	c := call.GetShrinkVolume()
	return a.operate(call.Caller, ids.AgentOf(c.GetSlaveId()), &mesospb.Offer_Operation{
		Type:         mesospb.Offer_Operation_SHRINK_VOLUME.Enum(),
		ShrinkVolume: &mesospb.Offer_Operation_ShrinkVolume{Volume: c.GetVolume(), Subtract: c.GetSubtract()},
	})
}

// operate answers an operator's request to reserve or unreserve resources and to create, resize or destroy volumes. The request is accepted
// when the operation is on its way to the agent.
func (a *api) operate(o operator.Caller, agent ids.Agent, op *mesospb.Offer_Operation) answer {
	var principal *string
	if o.Who != nil {
		principal = &o.Who.Name
	}
	op, err := a.core.CheckOperation(agent, op, principal)
	if err != nil {
		return runtime.Ready(errorAnswer(err))
	}
	for _, action := range authorization.Operation(op) {
		if err := action.Forbidden(o.May); err != nil {
			a.Log().Info().Err(err).Msg("operator refused")
			return runtime.Ready(operator.Forbidden())
		}
	}
	return doneWith(web.Accepted, a.core.ApplyOperation(agent, op))
}

// ---- operations ----

func reserve(rs, source []*mesospb.Resource) *mesospb.Offer_Operation {
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_RESERVE.Enum(), Reserve: &mesospb.Offer_Operation_Reserve{Resources: rs, Source: source},
	}
}

func unreserve(rs []*mesospb.Resource) *mesospb.Offer_Operation {
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_UNRESERVE.Enum(), Unreserve: &mesospb.Offer_Operation_Unreserve{Resources: rs},
	}
}

func createVolumes(volumes []*mesospb.Resource) *mesospb.Offer_Operation {
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_CREATE.Enum(), Create: &mesospb.Offer_Operation_Create{Volumes: volumes},
	}
}

func destroyVolumes(volumes []*mesospb.Resource) *mesospb.Offer_Operation {
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_DESTROY.Enum(), Destroy: &mesospb.Offer_Operation_Destroy{Volumes: volumes},
	}
}
