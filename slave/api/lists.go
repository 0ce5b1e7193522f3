package api

import (
	"iter"
	"net/http"
	"time"

	"meseta/actors/authorizer"
	"meseta/messages/evolve"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/view"

	"google.golang.org/protobuf/proto"
)

// Calls and endpoints that list what the agent has and runs.

// look returns the agent's current state, for readers.
func (a *API) look() *view.Agent {
	facts := a.Facts()
	return view.Look(view.Self{
		Info: facts.Info, Total: facts.Total, PID: a.Self(), Capabilities: a.options.Capabilities, Drain: facts.Drain, Leader: facts.Leader,
		Started: facts.Started, Version: a.options.Version, Build: a.options.Build, Flags: a.options.Flags,
	}, a.Book())
}

// seen returns the text of the part of the agent's state that a reader may see now. The part is selected, and its text
// written, outside the agent's turns, as fast as the client reads.
func (a *API) seen(may authorizer.Approver, text func(*view.Agent) iter.Seq[[]byte]) iter.Seq[[]byte] {
	look := a.look()
	return func(yield func([]byte) bool) { text(look.For(may))(yield) }
}

// show returns the handler of a call whose answer grows with what the agent runs.
func show(what *view.Call) func(*API, *apiCall) answer {
	return func(a *API, c *apiCall) answer {
		return runtime.Ready(&web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {c.media.String()}},
			Content: a.seen(c.May, func(v *view.Agent) iter.Seq[[]byte] { return v.Answer(c.media, what) }),
		})
	}
}

func (a *API) apiAgent(c *apiCall) answer {
	facts := a.Facts()
	about := &agentpb.Response_GetAgent{SlaveInfo: facts.Info, DrainConfig: facts.Drain.Config()}
	if since := facts.Drain.Started(); !since.IsZero() { // in whole seconds
		about.EstimatedDrainStartTime = &mesospb.TimeInfo{Nanoseconds: proto.Int64(since.Unix() * int64(time.Second))}
	}
	r := evolve.Evolve[agentv1pb.Response](&agentpb.Response{ // v1 lacks SlaveInfo.checkpoint
		Type: agentpb.Response_GET_AGENT.Enum(), GetAgent: about,
	})
	return runtime.Ready(&web.Response{
		Status: http.StatusOK, Header: http.Header{"Content-Type": {c.media.String()}}, Body: c.media.Marshal(r),
	})
}

// apiOperations answers GET_OPERATIONS, with the operations on resources that the caller may see.
//
// Mesos: Http::getOperations.
func (a *API) apiOperations(c *apiCall) answer {
	seen := view.Operations(c.May, a.Facts().Operations)
	return runtime.Ready(c.answer(&agentpb.Response{GetOperations: &agentpb.Response_GetOperations{Operations: seen}}))
}

func (a *API) apiResourceProviders(c *apiCall) answer {
	return runtime.Ready(c.answer(&agentpb.Response{GetResourceProviders: &agentpb.Response_GetResourceProviders{}}))
}

// apiContainers answers GET_CONTAINERS. It lists the containers of executors, and others on request.
//
// Mesos: Http::_getContainers.
func (a *API) apiContainers(c *apiCall) answer {
	x := c.GetGetContainers()
	found := a.inspectAll(selection{may: c.May}, x.GetShowNested(), x.GetShowStandalone())
	return runtime.Then(found, func(all []view.Container) (*web.Response, error) {
		return c.answer(&agentpb.Response{GetContainers: view.GetContainers(all)}), nil
	})
}
