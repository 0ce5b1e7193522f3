package api

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"

	"meseta/actors/operator"
	"meseta/master/subscribers"
	"meseta/master/validate"
	"meseta/master/view"
	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// operatorCall is a call of the operator API.
type operatorCall struct {
	*masterpb.Call
	operator.Caller
	media mediatype.Type // of the answer
}

// operatorCalls holds the handlers of calls, except those in [looks] and those that agents have too
// ([operator.Daemon]).
var operatorCalls = map[masterpb.Call_Type]func(*api, operatorCall) answer{
	masterpb.Call_GET_ROLES:  (*api).getRoles,
	masterpb.Call_GET_MASTER: (*api).getMaster,
	masterpb.Call_TEARDOWN:   (*api).teardownByOperator,
	masterpb.Call_SUBSCRIBE: func(a *api, call operatorCall) answer {
		return runtime.Ready(a.subscribeOperator(call))
	},

	masterpb.Call_DRAIN_AGENT:      (*api).drainAgent,
	masterpb.Call_DEACTIVATE_AGENT: (*api).deactivateAgent,
	masterpb.Call_REACTIVATE_AGENT: (*api).reactivateAgent,
	masterpb.Call_MARK_AGENT_GONE:  (*api).markAgentGone,

	masterpb.Call_GET_MAINTENANCE_STATUS:   (*api).getMaintenanceStatus,
	masterpb.Call_GET_MAINTENANCE_SCHEDULE: (*api).getMaintenanceSchedule,
	masterpb.Call_UPDATE_MAINTENANCE_SCHEDULE: func(a *api, call operatorCall) answer {
		return a.updateSchedule(call.Caller, call.GetUpdateMaintenanceSchedule().GetSchedule())
	},
	masterpb.Call_START_MAINTENANCE: func(a *api, call operatorCall) answer {
		return a.machinesDown(call.Caller, call.GetStartMaintenance().GetMachines())
	},
	masterpb.Call_STOP_MAINTENANCE: func(a *api, call operatorCall) answer {
		return a.machinesUp(call.Caller, call.GetStopMaintenance().GetMachines())
	},

	masterpb.Call_GET_WEIGHTS:    (*api).getWeights,
	masterpb.Call_UPDATE_WEIGHTS: (*api).updateWeights,
	masterpb.Call_GET_QUOTA:      (*api).getQuota,
	masterpb.Call_UPDATE_QUOTA:   (*api).updateQuota,
	masterpb.Call_SET_QUOTA:      (*api).setQuota,
	masterpb.Call_REMOVE_QUOTA:   (*api).removeQuota,

	masterpb.Call_RESERVE_RESOURCES:   (*api).reserveResources,
	masterpb.Call_UNRESERVE_RESOURCES: (*api).unreserveResources,
	masterpb.Call_CREATE_VOLUMES:      (*api).createVolumes,
	masterpb.Call_DESTROY_VOLUMES:     (*api).destroyVolumes,
	masterpb.Call_GROW_VOLUME:         (*api).growVolume,
	masterpb.Call_SHRINK_VOLUME:       (*api).shrinkVolume,
}

// looks holds the calls whose answers grow with the cluster. These are written outside the master's turns.
var looks = map[masterpb.Call_Type]*view.Call{
	masterpb.Call_GET_STATE:      view.GetState,
	masterpb.Call_GET_AGENTS:     view.GetAgents,
	masterpb.Call_GET_FRAMEWORKS: view.GetFrameworks,
	masterpb.Call_GET_EXECUTORS:  view.GetExecutors,
	masterpb.Call_GET_TASKS:      view.GetTasks,
	masterpb.Call_GET_OPERATIONS: view.GetOperations,
}

// serveOperator serves the operator API.
//
// Mesos: Master::Http::api.
func (a *api) serveOperator(req *web.Request) answer {
	switch {
	case !a.core.Leadership().Leads:
		return a.redirect(req.URL.RequestURI())
	case !a.core.Leadership().Recovered:
		return runtime.Ready(web.Unavailable("Master has not finished recovery"))
	case req.Method != http.MethodPost:
		return runtime.Ready(web.MethodNotAllowed(req, http.MethodPost))
	}
	call, err := readOperatorCall(req)
	if err != nil {
		return runtime.Ready(refusalOf(err))
	}
	runtime.Heard(a, call.Call)
	a.Log().Debug().Stringer("call", call.GetType()).Str("from", req.Client).Msg("operator call")
	return a.asOperator(req, func(o operator.Caller) answer {
		call.Caller = o
		return a.serveCall(call)
	})
}

// serveCall answers a valid call of an authenticated caller.
func (a *api) serveCall(call operatorCall) answer {
	if look := looks[call.GetType()]; look != nil {
		return runtime.Ready(&web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}},
			Content: a.seen(call.Caller, func(c *view.Cluster) iter.Seq[[]byte] { return c.Answer(call.media, look) }),
		})
	}
	if serve := operatorCalls[call.GetType()]; serve != nil {
		return serve(a, call)
	}
	if common, ok := operator.OfMaster(call.Call); ok {
		config := a.core.Config()
		if answer, ok := (operator.Daemon{Build: config.Build, Flags: config.Flags}).Serve(a.Node(), call.Caller, common, call.media); ok {
			return answer
		}
	}
	return runtime.Ready(web.Text(http.StatusNotImplemented, "501 Not Implemented."))
}

func readOperatorCall(req *web.Request) (call operatorCall, err error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return call, fmt.Errorf("read the request: %w", err)
	}
	v1 := &masterv1pb.Call{}
	if err := mediatype.Read(req.Header, body, v1); err != nil {
		return call, err
	}
	call.Call = evolve.Devolve[masterpb.Call](v1)
	if err := validate.OperatorCall(call.Call); err != nil {
		return call, fmt.Errorf("Failed to validate master::Call: %w", err)
	}
	call.media, err = mediatype.ForAnswer(req.Header)
	return call, err
}

// respond answers a call with r. It sets r's type to that of the call.
func (call operatorCall) respond(r *masterpb.Response) *web.Response {
	r.Type = masterpb.Response_Type(masterpb.Response_Type_value[call.GetType().String()]).Enum()
	return operator.Respond(call.media, r)
}

func (call operatorCall) answer(r *masterpb.Response) answer { return runtime.Ready(call.respond(r)) }

// subscribeOperator answers SUBSCRIBE of the operator API.
//
// Mesos: Master::Http::subscribe.
func (a *api) subscribeOperator(call operatorCall) *web.Response {
	pipe := web.NewStream()
	a.core.Follow(func(s *subscribers.Subscribers) { s.Add(call.media, pipe, call.May) })
	return &web.Response{Status: http.StatusOK, Header: http.Header{"Content-Type": {call.media.String()}}, Stream: pipe}
}

// ---- the cluster ----

func (a *api) getRoles(call operatorCall) answer {
	look := a.core.Look()
	return runtime.Go(a, func(context.Context) (*web.Response, error) {
		return call.respond(&masterpb.Response{GetRoles: look.For(call.May).RolesMessage()}), nil
	})
}

func (a *api) getMaster(call operatorCall) answer {
	return call.answer(&masterpb.Response{GetMaster: a.core.Look().MasterMessage()})
}
