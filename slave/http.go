package slave

import (
	"meseta/runtime"
)

// routes serves what people and programs may ask the agent.
func (s *Slave) routes() {
	runtime.RouteArriving(s, "", "/api/v1", runtime.Help{TLDR: "Where operators and executors make calls."}, s.serveAPI)
	runtime.Route(s, "/api/v1/executor", runtime.Help{TLDR: "Where executors subscribe to events and make calls."}, s.serveExecutor)
	for _, r := range []struct {
		path, tldr string
		h          func(*runtime.Request) runtime.Future[*runtime.Response]
	}{
		{"/health", "Tells that the agent lives.", s.getHealth},
		{"/state", "What the agent has, runs and has run.", s.getState},
		{"/flags", "The agent's configuration.", s.getFlags},
		{"/containers", "What the containers of executors are like and what they use.", s.getContainers},
		{"/monitor/statistics", "What the containers of executors use.", s.getStatistics},
		{"/containerizer/debug", "What the containerizer waits for.", s.getPending},
	} {
		runtime.Route(s, r.path, runtime.Help{TLDR: r.tldr}, r.h)
	}
}

func (s *Slave) getHealth(*runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.OK())
}

func (s *Slave) getState(req *runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.JSON(req, s.view()))
}

func (s *Slave) getFlags(req *runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(runtime.JSON(req, map[string]any{"flags": s.flags()}))
}

func (s *Slave) flags() map[string]string {
	if s.config.Flags == nil {
		return map[string]string{}
	}
	return s.config.Flags
}
