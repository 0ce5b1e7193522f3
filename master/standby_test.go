package master_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// leaderOnly says of each endpoint whether only the leading master serves it, as the notes of Mesos's endpoints have it. A new
// endpoint needs a line here.
var leaderOnly = map[string]bool{
	"/master/health": false, "/master/flags": false, "/registrar(1)/registry": false, "/allocator/offer_constraints_debug": false,
	"/logging/toggle": false, "/metrics/snapshot": false, "/metrics/": false, "/system/stats.json": false, "/version/": false,
	"/files/browse": false, "/files/read": false, "/files/download": false, "/files/debug": false,

	"/master/api/v1": true, "/master/api/v1/scheduler": true,
	"/master/frameworks": true, "/master/roles": true, "/master/slaves": true, "/master/state": true, "/master/state-summary": true,
	"/master/tasks": true, "/master/maintenance/status": true, "/master/maintenance/schedule": true,
	"/master/machine/down": true, "/master/machine/up": true, "/master/quota": true, "/master/weights": true,
	"/master/create-volumes": true, "/master/destroy-volumes": true, "/master/reserve": true, "/master/unreserve": true,
	"/master/teardown": true,
}

var otherMaster = &mesospb.MasterInfo{
	Id: proto.String("other"), Ip: proto.Uint32(0), Port: proto.Uint32(5050), Pid: proto.String("master@10.0.0.7:5050"),
	Hostname: proto.String("other.host"),
}

// standby is a master that has lost the lead, and whom it names as the leader, if any.
type standby struct {
	*crawler
	leader *mesospb.MasterInfo
}

func newStandby(t *testing.T, leader *mesospb.MasterInfo) *standby {
	t.Helper()
	c, _ := judged(t)
	s := &standby{newCrawler(t, c), leader}
	beside(t, s.node)
	c.Leader.Appoint(leader)
	c.World.Settle()
	if c.GaveUp == nil {
		t.Error("the master goes on although it does not lead any more")
	}
	c.GaveUp = nil
	return s
}

// sendsOn demands that a request is sent to the leader, or refused if there is none. Path begins with /master.
func (s *standby) sendsOn(what, method, path string, header http.Header, body []byte) {
	s.Helper()
	r := s.Request(method, path, header, body)
	location := r.Header.Get("Location")
	switch {
	case s.leader == nil && (r.Status != http.StatusServiceUnavailable || string(r.Body) != "No leader elected"):
		s.Errorf("%s: %d %q, want 503 No leader elected", what, r.Status, r.Body)
	case s.leader != nil && (r.Status != http.StatusTemporaryRedirect || location != "//other.host:5050"+path || len(r.Body) > 0):
		s.Errorf("%s: %d %q %q, want 307 to the same path of the leader", what, r.Status, location, r.Body)
	}
}

// endpoints tries all endpoints of all actors with all methods.
func (s *standby) endpoints() {
	s.Helper()
	var help struct {
		Processes []struct {
			ID        string
			Endpoints []struct{ Name string }
		}
	}
	if err := json.Unmarshal(s.Get("/help?format=json").Body, &help); err != nil {
		s.Fatal(err)
	}
	tried := 0
	for _, p := range help.Processes {
		for _, e := range p.Endpoints {
			path := "/" + p.ID + e.Name
			elsewhere, known := leaderOnly[path]
			switch {
			case path == "/master/redirect":
				tried++
			case !known:
				s.Errorf("it is not known who serves %s", path)
			case elsewhere:
				tried++
				for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete} {
					s.sendsOn(method+" "+path, method, path+"?jsonp=x&y=%20z", http.Header{}, nil)
				}
			default:
				tried++
				if r := s.Get(path); r.Status == http.StatusTemporaryRedirect || r.Status == http.StatusServiceUnavailable {
					s.Errorf("%s: %d, although any master serves it", path, r.Status)
				}
			}
		}
	}
	if want := len(leaderOnly) + 1; tried != want {
		s.Errorf("%d endpoints are there, %d are known", tried, want)
	}
}

// calls makes all calls of both APIs, well-formed or not.
func (s *standby) calls() {
	s.Helper()
	header := http.Header{"Content-Type": {mediatype.Protobuf.String()}, "Accept": {mediatype.JSON.String()}}
	for name, number := range masterpb.Call_Type_value {
		call := &masterpb.Call{Type: masterpb.Call_Type(number).Enum()}
		s.sendsOn(name, http.MethodPost, "/master/api/v1", header, mediatype.Protobuf.Marshal(call))
	}
	for _, d := range decisions() {
		call := typed(d.call)
		s.sendsOn(call.String(), http.MethodPost, "/master/api/v1", header, mediatype.Protobuf.Marshal(call))
	}
	for name, number := range schedulerpb.Call_Type_value {
		call := &schedulerpb.Call{Type: schedulerpb.Call_Type(number).Enum()}
		s.sendsOn("scheduler "+name, http.MethodPost, "/master/api/v1/scheduler", header, mediatype.Protobuf.Marshal(call))
	}
	s.sendsOn("no call", http.MethodPost, "/master/api/v1", http.Header{}, []byte("?"))
}

// A master that does not lead sends all requests that only the leader answers there, with their paths and queries, or refuses
// them if there is none: every endpoint with every method, and every call of the operator and scheduler APIs.
func TestStandbysSendRequestsOn(t *testing.T) {
	t.Parallel()
	for name, leader := range map[string]*mesospb.MasterInfo{"another leads": otherMaster, "nobody leads": nil} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStandby(t, leader)
			s.endpoints()
			s.calls()
		})
	}
}

// A master that does not lead drops the messages of agents and schedulers, whatever they name: nobody is
// answered, and the registry stays as it was. [TestCrawlers] sends the same to a leader, which they change.
func TestStandbysDropMessages(t *testing.T) {
	t.Parallel()
	s := newStandby(t, otherMaster)
	registry := func() string { return strings.TrimSpace(string(s.Get("/registrar(1)/registry").Bytes())) }
	had := registry()
	heard := s.messages()
	s.Advance(time.Minute)
	for _, m := range heard {
		t.Errorf("a stranger hears %s", m.ProtoReflect().Descriptor().Name())
	}
	if now := registry(); now != had {
		t.Error(difference(had, now))
	}
}
