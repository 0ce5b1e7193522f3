package slave_test

import (
	"net/http"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/web"
)

// deny refuses everybody.
type deny struct{}

func (deny) Scheme() string { return "None" }

func (deny) Authenticate(*web.Request) runtime.Future[web.Authentication] {
	return runtime.Ready(web.Authentication{Refusal: web.Unauthorized("None")})
}

func TestEndpointsAreInTheRealmsOfMesos(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	for _, guarded := range []string{"mesos-agent-readonly", "mesos-agent-readwrite", "mesos-agent-executor"} {
		web.SetAuthenticator(w.agentNode, guarded, deny{})
		for path, realm := range map[string]string{
			"/health":              "",
			"/flags":               "mesos-agent-readonly",
			"/state":               "mesos-agent-readonly",
			"/containers":          "mesos-agent-readonly",
			"/containerizer/debug": "mesos-agent-readonly",
			"/monitor/statistics":  "mesos-agent-readonly",
			"/api/v1":              "mesos-agent-readwrite",
			"/api/v1/executor":     "mesos-agent-executor",
		} {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				w.Advance(time.Second) // some may not be asked too often
				if refused := w.ask(method, "/slave(1)"+path, nil, nil).Status == http.StatusUnauthorized; refused != (realm == guarded) {
					t.Errorf("with %s guarded %s %s is refused: %v", guarded, method, path, refused)
				}
			}
		}
		web.SetAuthenticator(w.agentNode, guarded, nil)
	}
}
