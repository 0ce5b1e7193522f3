package api

import (
	"encoding/json"
	"net/http"

	"meseta/actors/authorizer"
	"meseta/actors/operator"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/view"
)

// The authentication realms of the agent's endpoints.
//
// Mesos: READONLY_HTTP_AUTHENTICATION_REALM and others.
const (
	readonlyRealm  = "mesos-agent-readonly"
	readwriteRealm = "mesos-agent-readwrite"
	executorRealm  = "mesos-agent-executor"
)

// routes installs the endpoints.
func (a *API) routes() {
	web.RouteArriving(a, readwriteRealm, "/api/v1", web.Help{TLDR: "Where operators and executors make calls."}, a.serveAPI)
	web.RouteIn(a, executorRealm, "/api/v1/executor", web.Help{TLDR: "Where executors subscribe to events and make calls."}, a.serveExecutor)
	web.Route(a, "/health", web.Help{TLDR: "Tells that the agent lives."}, a.getHealth)
	for _, r := range []struct {
		path, tldr string
		h          func(*web.Request) runtime.Future[*web.Response]
	}{
		{"/state", "What the agent has, runs and has run.", a.getState},
		{"/flags", "The agent's configuration.", a.getFlags},
		{"/containers", "What the containers of executors are like and what they use.", a.getContainers},
		{"/monitor/statistics", "What the containers of executors use.", a.getStatistics},
		{"/containerizer/debug", "What the containerizer waits for.", a.getPending},
	} {
		web.RouteIn(a, readonlyRealm, r.path, web.Help{TLDR: r.tldr}, r.h)
	}
}

// unavailable answers while the agent recovers.
//
// Mesos: Http::state, Http::api, Http::executor.
func unavailable() *web.Response {
	return web.Text(http.StatusServiceUnavailable, "Agent has not finished recovery")
}

func (a *API) getHealth(*web.Request) runtime.Future[*web.Response] {
	return runtime.Ready(web.OK())
}

func (a *API) getState(req *web.Request) runtime.Future[*web.Response] {
	if a.Facts().Recovering {
		return runtime.Ready(unavailable())
	}
	return operator.Ask(a, a.options.Authorizer, req, func(by operator.Caller) answer {
		return runtime.Ready(web.JSONContent(req, a.seen(by.May, (*view.Agent).State)))
	})
}

func (a *API) getFlags(req *web.Request) runtime.Future[*web.Response] {
	return a.askGet(req, func(by operator.Caller) answer {
		if !authorizer.SeesFlags(by.May) {
			return runtime.Ready(operator.Forbidden())
		}
		return runtime.Ready(web.JSON(req, json.RawMessage(view.Flags(a.options.Flags))))
	})
}
