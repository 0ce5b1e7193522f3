package daemon

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"meseta/cmd/internal/program"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

// deny refuses every request.
type deny struct{}

func (deny) Scheme() string { return "None" }

func (deny) Authenticate(*web.Request) runtime.Future[web.Authentication] {
	return runtime.Ready(web.Authentication{Refusal: web.Text(http.StatusForbidden, "")})
}

func TestServicesAreInTheRealmsOfMesos(t *testing.T) {
	t.Parallel()
	o := &Options{Process: &program.Options{Network: program.Network{IP: "127.0.0.1"}, MemoryProfiling: true}}
	d := &Daemon{Log: zerolog.New(zerolog.NewTestWriter(t)).Level(zerolog.WarnLevel)}
	if err := d.open(o, "slave(1)"); err != nil {
		t.Fatal(err)
	}
	n := d.Node
	t.Cleanup(func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	})
	status := func(target string) int {
		u, err := url.Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		r, err := runtimetest.Wait(t, web.Serve(n, &web.Request{
			Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader(""),
		}))
		if err != nil {
			t.Fatal(err)
		}
		return r.Status
	}
	realms := map[string][]string{
		"":                      {"/version", "/system/stats.json", "/help", "/__processes__"},
		"mesos-agent-readonly":  {"/metrics", "/metrics/snapshot", "/files/debug", "/files/browse", "/files/read", "/files/download", "/trace", "/trace/actors"},
		"mesos-agent-readwrite": {"/trace/record", "/trace/save", "/logging/toggle", "/profiler/start", "/profiler/stop", "/memory-profiler/state", "/memory-profiler/start"},
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
		web.SetAuthenticator(n, realm, deny{})
		expect(realm)
		web.SetAuthenticator(n, realm, nil)
	}
}
