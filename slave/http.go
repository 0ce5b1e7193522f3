package slave

import "meseta/runtime"

// routes serves what people and programs may ask the agent.
func (s *Slave) routes() {
	runtime.Route(s, "/health", runtime.Help{TLDR: "Health check of the agent."}, s.health)
}

func (s *Slave) health(*runtime.Request) runtime.Future[*runtime.Response] {
	return runtime.Ready(&runtime.Response{Status: 200})
}
