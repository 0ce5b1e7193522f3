package slave_test

import (
	"maps"
	"net/http"
	"testing"
	"time"

	"meseta/actors/authorizer/local"
	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/authorizerpb"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/runtime/web"
	"meseta/runtime/web/jwt"
)

var executorKey = []byte("a key of this agent")

// guarded is an agent that requires tokens of executors, as one with --authenticate_http_executors.
func guarded(t *testing.T) *world {
	t.Helper()
	return newWorld(t, func(w *world) {
		silent(w)
		w.config.ExecutorKey = executorKey
		permissive, err := local.New(&authorizerpb.ACLs{})
		if err != nil {
			t.Fatal(err)
		}
		w.config.Authorizer = permissive
		w.early = func() {
			for _, realm := range []string{"mesos-agent-executor", "mesos-agent-readwrite"} {
				web.SetAuthenticator(w.agentNode, realm, &jwt.Authenticator{
					Realm: realm, Secret: executorKey, Now: func() time.Time { return time.Unix(1_700_000_000, 0) },
				})
			}
		}
	})
}

// tokenOf returns the token that the agent gave an executor.
func (w *world) tokenOf(i int) string {
	w.t.Helper()
	return w.containers.Launched()[i].Environment["MESOS_EXECUTOR_AUTHENTICATION_TOKEN"]
}

// An executor gets a token that says which one it is, and may act for nobody else.
//
// Mesos: verifyExecutorClaims.
func TestExecutorsActOnlyForThemselves(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	f := framework()
	w.say(custom("t1", true, f))
	container := string(w.containers.Launched()[0].ID)
	claims, err := jwt.Parse(w.tokenOf(0), executorKey, time.Unix(1_700_000_000, 0))
	if want := map[string]string{"fid": "f1", "eid": "x1", "cid": container}; err != nil || !maps.Equal(claims, want) {
		t.Fatalf("claims %v, %v, want %v", claims, err, want)
	}
	subscribe := func(token string) *web.Response {
		call := &executorpb.Call{
			Type: executorpb.Call_SUBSCRIBE.Enum(), FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), Subscribe: &executorpb.Call_Subscribe{},
		}
		header := http.Header{"Content-Type": {mediatype.Protobuf.String()}, "Accept": {mediatype.Protobuf.String()}}
		if token != "" {
			header.Set("Authorization", "Bearer "+token)
		}
		return w.ask(http.MethodPost, "/slave(1)/api/v1/executor", header, mediatype.Protobuf.Marshal(evolve.Evolve[executorv1pb.Call](call)))
	}
	signed := func(fid, eid, cid string) string {
		return jwt.Sign(map[string]string{"fid": fid, "eid": eid, "cid": cid}, executorKey)
	}
	for token, want := range map[string]string{
		"": "401 Unauthorized.",
		jwt.Sign(map[string]string{"fid": "f1", "eid": "x1", "cid": container}, []byte("another key")): "401 Unauthorized.",
		signed("f2", "x1", "c"): "Authenticated principal '{claims: { cid: c, eid: x1, fid: f2 }}' does not contain an 'fid' claim with the framework ID f1, which is set in the call",
		signed("f1", "x2", "c"): "Authenticated principal '{claims: { cid: c, eid: x2, fid: f1 }}' does not contain an 'eid' claim with the executor ID x1, which is set in the call",
		signed("f1", "x1", "c"): "Authenticated principal '{claims: { cid: c, eid: x1, fid: f1 }}' does not contain a 'cid' claim with the correct active ContainerID",
	} {
		if r := subscribe(token); string(r.Body) != want || r.Status != http.StatusUnauthorized && r.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s, want %s", token, r.Status, r.Body, want)
		}
	}
	if r := subscribe(w.tokenOf(0)); r.Status != http.StatusOK {
		t.Errorf("with its own token: %d %s", r.Status, r.Body)
	}
}

// In the API of operators, an executor may use the containers in its own, and nothing else.
func TestExecutorsAreNoOperators(t *testing.T) {
	t.Parallel()
	w := guarded(t)
	w.say(custom("t1", true, framework()))
	container := string(w.containers.Launched()[0].ID)
	for body, want := range map[string]int{
		`{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":{"value":"n","parent":{"value":"` + container + `"}}}}`: http.StatusNotFound,
		`{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":{"value":"n","parent":{"value":"other"}}}}`:             http.StatusForbidden,
		`{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"alone"}}}`:                                                  http.StatusForbidden,
		`{"type":"GET_FLAGS"}`:    http.StatusForbidden,
		`{"type":"PRUNE_IMAGES"}`: http.StatusForbidden,
		`{"type":"SET_LOGGING_LEVEL","set_logging_level":{"level":1,"duration":{"nanoseconds":1}}}`: http.StatusForbidden,
	} {
		header := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + w.tokenOf(0)}}
		if r := w.ask(http.MethodPost, "/slave(1)/api/v1", header, []byte(body)); r.Status != want {
			t.Errorf("%s: %d %s, want %d", body, r.Status, r.Body, want)
		}
	}
}
