package daemon

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"meseta/actors/metrics"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// deny knows nobody.
type deny struct{}

func (deny) Scheme() string { return "None" }

func (deny) Authenticate(*runtime.Request) runtime.Future[runtime.Authentication] {
	return runtime.Ready(runtime.Authentication{Refusal: runtime.Text(http.StatusForbidden, "")})
}

func TestServicesAreInTheRealmsOfMesos(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	s := services{snapshots: metrics.Rate{}, profileMemory: true}
	if err := s.spawn(n, kindOf("slave(1)"), zerolog.InfoLevel); err != nil {
		t.Fatal(err)
	}
	status := func(target string) int {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r, err := runtimetest.Wait(t, n.Serve(&runtime.Request{
			Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader(""),
		}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Status
	}
	realms := map[string][]string{
		"":                      {"/version", "/system/stats.json", "/help", "/__processes__"},
		"mesos-agent-readonly":  {"/metrics", "/metrics/snapshot", "/files/debug", "/files/browse", "/files/read", "/files/download"},
		"mesos-agent-readwrite": {"/trace", "/logging/toggle", "/profiler/start", "/profiler/stop", "/memory-profiler/state", "/memory-profiler/start"},
	}
	expect := func(guarded string) {
		t.Helper()
		for realm, targets := range realms {
			for _, target := range targets {
				if refused := status(target) == http.StatusForbidden; refused != (realm == guarded && realm != "") {
					t.Errorf("with %q guarded %s is refused: %v", guarded, target, refused)
				}
			}
		}
	}
	expect("")
	for _, realm := range []string{"mesos-agent-readonly", "mesos-agent-readwrite"} {
		n.SetAuthenticator(realm, deny{})
		expect(realm)
		n.SetAuthenticator(realm, nil)
	}
}
