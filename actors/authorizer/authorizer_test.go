package authorizer

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/trace"
	"meseta/runtime/web"
)

// roles approves of objects with these roles and of nothing else.
type roles map[string]bool

func (rs roles) Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error) {
	if object.GetValue() == "unknown" {
		return true, errors.New("the directory does not answer")
	}
	return action == authorizationpb.Action_VIEW_ROLE && rs[object.GetValue()], nil
}

func TestNobodyDecides(t *testing.T) {
	t.Parallel()
	by, done, err := Of(nil, &web.Principal{Name: "somebody"}).Peek()
	if !done || err != nil || by != nil {
		t.Fatal(by, err, done)
	}
	f := &mesospb.FrameworkInfo{}
	if !SeesFlags(by) || !SeesFramework(by, f) || !SeesTask(by, nil, f) || !SeesExecutor(by, nil, f) || !SeesRole(by, "r") ||
		len(Seen(by, []*mesospb.Resource{{}})) != 1 || Check(by, authorizationpb.Action_MARK_AGENT_GONE, nil) != nil {
		t.Error("something is refused")
	}
}

func TestWhatIsNotDecidedIsNotAllowed(t *testing.T) {
	t.Parallel()
	by := roles{"a": true}
	if SeesRole(by, "unknown") || SeesRole(by, "b") || !SeesRole(by, "a") || SeesFlags(by) {
		t.Error("wrong")
	}
	if err := Check(by, authorizationpb.Action_VIEW_FLAGS, nil); err == nil || err.Error() != "not authorized to VIEW_FLAGS" {
		t.Error(err)
	}
}

func TestResourcesAreSeenByWhoSeesAllTheirRoles(t *testing.T) {
	t.Parallel()
	by := roles{"a": true, "a/b": true}
	reserved := func(roles ...string) *mesospb.Resource {
		r := &mesospb.Resource{}
		for _, role := range roles {
			r.Reservations = append(r.Reservations, &mesospb.Resource_ReservationInfo{Role: proto.String(role)})
		}
		return r
	}
	allocated := func(role string) *mesospb.Resource {
		return &mesospb.Resource{AllocationInfo: &mesospb.Resource_AllocationInfo{Role: proto.String(role)}}
	}
	seen := []*mesospb.Resource{{}, {Role: proto.String("*")}, {Role: proto.String("a")}, reserved("a"), reserved("a", "a/b"), allocated("a")}
	hidden := []*mesospb.Resource{{Role: proto.String("c")}, reserved("c"), reserved("a", "a/c"), allocated("c")}
	if got := Seen(by, append(hidden, seen...)); len(got) != len(seen) {
		t.Errorf("%v", got)
	}
}

// paths lets nobody but the admin ask for an endpoint.
type paths struct{ asked []string }

func (p *paths) Approver(who *web.Principal) runtime.Future[Approver] {
	if who != nil && who.Name == "admin" {
		return runtime.Ready[Approver](nil)
	}
	return runtime.Ready[Approver](p)
}

func (p *paths) Approved(action authorizationpb.Action, object *authorizationpb.Object) (bool, error) {
	p.asked = append(p.asked, action.String()+" "+object.GetValue())
	return false, nil
}

func TestEndpointsOfEveryProgramAreGuarded(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	if _, err := logging.Spawn(n, "r", func(int) {}); err != nil {
		t.Fatal(err)
	}
	if _, err := metrics.Spawn(n, metrics.Options{Realm: "r"}); err != nil {
		t.Fatal(err)
	}
	if err := trace.Spawn(n, trace.Options{Looking: "r", Changing: "r"}); err != nil {
		t.Fatal(err)
	}
	web.SetAuthenticator(n, "r", &web.BasicAuthenticator{Realm: "r", Passwords: map[string]string{"admin": "a", "guest": "g"}})
	status := func(path, user string) int {
		u, err := url.Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user))}}
		answer := web.Serve(n, &web.Request{Method: http.MethodGet, URL: u, Header: header, Body: strings.NewReader("")})
		w.Settle()
		r, done, err := answer.Peek()
		if err != nil || !done {
			t.Fatal(err, done)
		}
		return r.Status
	}
	judge := &paths{}
	for _, guarded := range []bool{false, true} {
		if guarded {
			Guard(n, judge)
		}
		for _, path := range []string{"/logging/toggle", "/metrics/snapshot", "/metrics", "/trace", "/trace/actors"} {
			if got := status(path, "admin:a"); got != http.StatusOK {
				t.Errorf("%s for the admin: %d", path, got)
			}
			if got := status(path, "guest:g"); (got == http.StatusForbidden) != guarded {
				t.Errorf("%s for a guest, guarded %v: %d", path, guarded, got)
			}
		}
	}
	const want = "GET_ENDPOINT_WITH_PATH /logging/toggle GET_ENDPOINT_WITH_PATH /metrics/snapshot GET_ENDPOINT_WITH_PATH /metrics/snapshot" +
		" GET_ENDPOINT_WITH_PATH /trace GET_ENDPOINT_WITH_PATH /trace/actors"
	if got := strings.Join(judge.asked, " "); got != want {
		t.Errorf("asked about %s", got)
	}
}
