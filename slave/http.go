package slave

import (
	"net/http"

	"meseta/actors/authorizer"
	"meseta/runtime"
)

// Who asks has to prove who it is in these realms, if they are guarded. Mesos: READONLY_HTTP_AUTHENTICATION_REALM, ….
const (
	lookingRealm  = "mesos-agent-readonly"
	changingRealm = "mesos-agent-readwrite"
	executorRealm = "mesos-agent-executor"
)

// routes serves what people and programs may ask the agent.
func (s *Slave) routes() {
	runtime.RouteArriving(s, changingRealm, "/api/v1", runtime.Help{TLDR: "Where operators and executors make calls."}, s.serveAPI)
	runtime.RouteIn(s, executorRealm, "/api/v1/executor", runtime.Help{TLDR: "Where executors subscribe to events and make calls."}, s.serveExecutor)
	runtime.Route(s, "/health", runtime.Help{TLDR: "Tells that the agent lives."}, s.getHealth)
	for _, r := range []struct {
		path, tldr string
		h          func(*runtime.Request) runtime.Future[*runtime.Response]
	}{
		{"/state", "What the agent has, runs and has run.", s.getState},
		{"/flags", "The agent's configuration.", s.getFlags},
		{"/containers", "What the containers of executors are like and what they use.", s.getContainers},
		{"/monitor/statistics", "What the containers of executors use.", s.getStatistics},
		{"/containerizer/debug", "What the containerizer waits for.", s.getPending},
	} {
		runtime.RouteIn(s, lookingRealm, r.path, runtime.Help{TLDR: r.tldr}, r.h)
	}
}

// unavailable answers who asks too early.
//
// Mesos: Http::state, Http::api, Http::executor.
func unavailable() *runtime.Response {
	return runtime.Text(http.StatusServiceUnavailable, "Agent has not finished recovery")
}

func (s *Slave) getHealth(*runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.OK())
}

func (s *Slave) getState(req *runtime.Request) runtime.Future[*runtime.Response] {
	if s.state == recovering {
		return runtime.Ready(unavailable())
	}
	return s.asking(req, func(may authorizer.Approver) answer { return runtime.Ready(runtime.JSON(req, s.view(may))) })
}

func (s *Slave) getFlags(req *runtime.Request) runtime.Future[*runtime.Response] {
	return s.looking(req, func(may authorizer.Approver) answer {
		if !authorizer.SeesFlags(may) {
			return runtime.Ready(forbidden())
		}
		return runtime.Ready(runtime.JSON(req, map[string]any{"flags": s.flags()}))
	})
}

func (s *Slave) flags() map[string]string {
	if s.config.Flags == nil {
		return map[string]string{}
	}
	return s.config.Flags
}
