package master_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/runtime"
	"meseta/runtime/web"
)

// realms maps endpoints to Mesos's realms; "" is none.
var realms = map[string]string{
	"/master/health":                     "",
	"/master/redirect":                   "",
	"/master/flags":                      "mesos-master-readonly",
	"/master/frameworks":                 "mesos-master-readonly",
	"/master/maintenance/status":         "mesos-master-readonly",
	"/master/roles":                      "mesos-master-readonly",
	"/master/slaves":                     "mesos-master-readonly",
	"/master/state":                      "mesos-master-readonly",
	"/master/state-summary":              "mesos-master-readonly",
	"/master/tasks":                      "mesos-master-readonly",
	"/registrar(1)/registry":             "mesos-master-readonly",
	"/allocator/offer_constraints_debug": "mesos-master-readonly",
	"/master/api/v1":                     "mesos-master-readwrite",
	"/master/create-volumes":             "mesos-master-readwrite",
	"/master/destroy-volumes":            "mesos-master-readwrite",
	"/master/machine/down":               "mesos-master-readwrite",
	"/master/machine/up":                 "mesos-master-readwrite",
	"/master/maintenance/schedule":       "mesos-master-readwrite",
	"/master/quota":                      "mesos-master-readwrite",
	"/master/reserve":                    "mesos-master-readwrite",
	"/master/teardown":                   "mesos-master-readwrite",
	"/master/unreserve":                  "mesos-master-readwrite",
	"/master/weights":                    "mesos-master-readwrite",
	"/master/api/v1/scheduler":           "mesos-master-scheduler",
}

// deny refuses everybody.
type deny struct{}

func (deny) Scheme() string { return "None" }

func (deny) Authenticate(*web.Request) runtime.Future[web.Authentication] {
	return runtime.Ready(web.Authentication{Refusal: web.Unauthorized("None")})
}

func TestEndpointsAreInTheRealmsOfMesos(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	var node *runtime.Node
	c.Do(func(m *master.Master) { node = m.Node() })
	for _, guarded := range []string{"mesos-master-readonly", "mesos-master-readwrite", "mesos-master-scheduler"} {
		web.SetAuthenticator(node, guarded, deny{})
		for path, realm := range realms {
			for _, method := range []string{http.MethodGet, http.MethodPost} {
				if refused := c.Request(method, path, http.Header{}, nil).Status == http.StatusUnauthorized; refused != (realm == guarded) {
					t.Errorf("with %s guarded %s %s is refused: %v", guarded, method, path, refused)
				}
			}
		}
		web.SetAuthenticator(node, guarded, nil)
	}
}

// claims authenticates everybody, with claims but without a name.
type claims struct{}

func (claims) Scheme() string { return "Claims" }

func (claims) Authenticate(*web.Request) runtime.Future[web.Authentication] {
	return runtime.Ready(web.Authentication{Principal: &web.Principal{Claims: map[string]string{"fid": "x"}}})
}

// A principal with claims but no name is refused by a master.
func TestWhoHasNoNameIsRefused(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	var node *runtime.Node
	c.Do(func(m *master.Master) { node = m.Node() })
	for _, realm := range []string{"mesos-master-readonly", "mesos-master-readwrite", "mesos-master-scheduler"} {
		web.SetAuthenticator(node, realm, claims{})
	}
	for _, path := range []string{"/state", "/flags", "/tasks", "/weights", "/quota"} {
		if answer := c.Get(path); answer.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
	header := http.Header{"Content-Type": {"application/json"}}
	for path, body := range map[string]string{
		"/api/v1": `{"type":"GET_HEALTH"}`, "/api/v1/scheduler": `{"type":"SUBSCRIBE"}`, "/teardown": "frameworkId=x",
	} {
		if answer := c.Post(path, header, []byte(body)); answer.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", path, answer.Status, answer.Body)
		}
	}
}

// The table above covers every endpoint.
func TestEveryEndpointHasARealm(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	var help struct {
		Processes []struct {
			ID        string
			Endpoints []struct{ Name string }
		}
	}
	if err := json.Unmarshal(c.Get("/help?format=json").Body, &help); err != nil || len(help.Processes) < 3 {
		t.Fatalf("%v, %d actors", err, len(help.Processes))
	}
	for _, p := range help.Processes {
		for _, e := range p.Endpoints {
			if _, known := realms["/"+p.ID+e.Name]; !known {
				t.Errorf("/%s%s", p.ID, e.Name)
			}
		}
	}
}
