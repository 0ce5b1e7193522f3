package master_test

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/evolve"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime/web"
)

// Invalid requests are answered with Mesos's status and words.
func TestBadSchedulerCalls(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	driver := c.Scheduler("driver", "10.0.0.3:6000", mastertest.Framework())
	mine := `"framework_id":{"value":"` + f.FrameworkID().GetValue() + `"}`
	theirs := `"framework_id":{"value":"` + mastertest.FrameworkID(driver).GetValue() + `"}`
	const info = `"framework_info":{"user":"u","name":"n"}`
	type headers map[string]string
	plain := headers{"Content-Type": "application/json"}
	streaming := headers{"Content-Type": "application/json", "Mesos-Stream-Id": f.StreamID}
	invalid := func(why string) string { return "Failed to validate scheduler::Call: " + why }
	for _, r := range []struct {
		headers headers
		body    string
		status  int
		want    string
	}{
		{headers{}, "{}", 400, "Expecting 'Content-Type' to be present"},
		{headers{"Content-Type": "text/html"}, "{}", 415, "Expecting 'Content-Type' of application/json or application/x-protobuf"},
		{headers{"Content-Type": "application/x-protobuf"}, "nonsense", 400, "Failed to parse body into Call protobuf"},
		{plain, "", 400, "Failed to parse body into JSON: syntax error at line 1 near: "},
		{plain, "[]", 400, "Failed to convert JSON into Call protobuf: Expecting a JSON object"},
		{plain, `{"type":"SUBSCRIBE","subscribe":{}}`, 400, "Failed to convert JSON into Call protobuf: Missing required fields: subscribe.framework_info"},
		{plain, `{}`, 400, invalid("Expecting 'type' to be present")},
		{plain, `{"type":"FLY"}`, 400, invalid("Expecting 'type' to be present")},
		{plain, `{"type":"SUBSCRIBE"}`, 400, invalid("Expecting 'subscribe' to be present")},
		{plain, `{"type":"SUBSCRIBE",` + mine + `,"subscribe":{` + info + `}}`, 400, invalid("'framework_id' differs from 'subscribe.framework_info.id'")},
		{plain, `{"type":"TEARDOWN"}`, 400, invalid("Expecting 'framework_id' to be present")},
		{plain, `{"type":"ACCEPT",` + mine + `}`, 400, invalid("Expecting 'accept' to be present")},
		{plain, `{"type":"DECLINE",` + mine + `}`, 400, invalid("Expecting 'decline' to be present")},
		{plain, `{"type":"ACCEPT_INVERSE_OFFERS",` + mine + `}`, 400, invalid("Expecting 'accept_inverse_offers' to be present")},
		{plain, `{"type":"DECLINE_INVERSE_OFFERS",` + mine + `}`, 400, invalid("Expecting 'decline_inverse_offers' to be present")},
		{plain, `{"type":"KILL",` + mine + `}`, 400, invalid("Expecting 'kill' to be present")},
		{plain, `{"type":"SHUTDOWN",` + mine + `}`, 400, invalid("Expecting 'shutdown' to be present")},
		{plain, `{"type":"ACKNOWLEDGE",` + mine + `}`, 400, invalid("Expecting 'acknowledge' to be present")},
		{plain, `{"type":"ACKNOWLEDGE",` + mine + `,"acknowledge":{"agent_id":{"value":"a"},"task_id":{"value":"t"},"uuid":"AAAA"}}`, 400, invalid("Not a valid UUID")},
		{plain, `{"type":"RECONCILE",` + mine + `}`, 400, invalid("Expecting 'reconcile' to be present")},
		{plain, `{"type":"RECONCILE_OPERATIONS",` + mine + `}`, 400, invalid("Expecting 'reconcile_operations' to be present")},
		{plain, `{"type":"MESSAGE",` + mine + `}`, 400, invalid("Expecting 'message' to be present")},
		{plain, `{"type":"REQUEST",` + mine + `}`, 400, invalid("Expecting 'request' to be present")},
		{plain, `{"type":"UPDATE_FRAMEWORK",` + mine + `}`, 400, invalid("Expecting 'update_framework' to be present")},
		{plain, `{"type":"UPDATE_FRAMEWORK",` + mine + `,"update_framework":{` + info + `}}`, 400, invalid("'framework_id' differs from 'update_framework.framework_info.id'")},
		{headers{"Content-Type": "application/json", "Accept": "text/html"}, `{"type":"SUBSCRIBE","subscribe":{` + info + `}}`, 406, "Expecting 'Accept' to allow 'application/x-protobuf' or 'application/json'"},
		{streaming, `{"type":"SUBSCRIBE","subscribe":{` + info + `}}`, 400, "Subscribe calls should not include the 'Mesos-Stream-Id' header"},
		{streaming, `{"type":"REVIVE","framework_id":{"value":"nobody"}}`, 400, "Framework cannot be found"},
		{streaming, `{"type":"REVIVE","framework_id":{"value":""}}`, 400, "Framework cannot be found"},
		{streaming, `{"type":"REVIVE",` + theirs + `}`, 403, "Framework is not connected via HTTP"},
		{plain, `{"type":"REVIVE",` + mine + `}`, 400, "All non-subscribe calls should include the 'Mesos-Stream-Id' header"},
		{headers{"Content-Type": "application/json", "Mesos-Stream-Id": "x"}, `{"type":"REVIVE",` + mine + `}`, 400,
			"The stream ID 'x' included in this request didn't match the stream ID currently associated with framework ID " + f.FrameworkID().GetValue()},
		{streaming, `{"type":"UNKNOWN",` + mine + `}`, 501, "501 Not Implemented."},
		{streaming, `{"type":"REVIVE",` + mine + `,"revive":null,"later":{"x":[1]}}`, 202, ""},
	} {
		header := http.Header{}
		for name, value := range r.headers {
			header.Set(name, value)
		}
		got := c.Post("/master/api/v1/scheduler", header, []byte(r.body))
		if got.Status != r.status || string(got.Body) != r.want {
			t.Errorf("%s: %d %q, want %d %q", r.body, got.Status, got.Body, r.status, r.want)
		}
	}
}

// Calls have to use POST.
func TestSchedulerMethods(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		r := c.Request(method, "/api/v1/scheduler", http.Header{}, nil)
		if r.Status != 405 || r.Header.Get("Allow") != "POST" {
			t.Errorf("%s: %d %v", method, r.Status, r.Header)
		}
	}
}

// Invalid requests are answered as Mesos's recorded answers show.
func TestSchedulerAnswersAsRecorded(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	for answer, request := range map[string]string{
		"master-v1-scheduler-err-missing.http":  "sched-bad.json",
		"master-v1-scheduler-err-nostream.http": "sched-accept-nostream.json",
	} {
		body := readShared(t, "golden", "http", "requests", request)
		recorded, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(readShared(t, "golden", "http", answer))), nil)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := io.ReadAll(recorded.Body)
		got := c.Post("/api/v1/scheduler", http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}, body)
		if got.Status != recorded.StatusCode || !bytes.Equal(got.Body, want) ||
			got.Header.Get("Content-Type") != recorded.Header.Get("Content-Type") {
			t.Errorf("%s: %d %v %q", answer, got.Status, got.Header, got.Body)
		}
	}
}

func readShared(t *testing.T, path ...string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(append([]string{shared(t)}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Schedulers are redirected to the leader, and refused while it recovers.
func TestSchedulerRedirect(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	post := func() *web.Response { return c.Post("/api/v1/scheduler", http.Header{}, nil) }
	c.Leader.Appoint(&mesospb.MasterInfo{
		Id: proto.String("other"), Ip: proto.Uint32(0), Port: proto.Uint32(5050), Pid: proto.String("master@10.0.0.9:5050"),
		Hostname: proto.String("other.host"),
	})
	c.World.Settle()
	if r := post(); r.Status != 307 || r.Header.Get("Location") != "//other.host:5050/master/api/v1/scheduler" {
		t.Errorf("another leads: %d %v", r.Status, r.Header)
	}
	c.Leader.Appoint(nil)
	c.World.Settle()
	if r := post(); r.Status != 503 || string(r.Body) != "No leader elected" {
		t.Errorf("nobody leads: %d %s", r.Status, r.Body)
	}
	if c.GaveUp == nil {
		t.Error("it goes on although it does not lead any more")
	}
	c.GaveUp = nil
}

// Where schedulers have to authenticate, they cannot act for others.
func TestSchedulersProveWhoTheyAre(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Do(func(m *master.Master) {
		web.SetAuthenticator(m.Node(), "mesos-master-scheduler", &web.BasicAuthenticator{
			Realm: "mesos-master-scheduler", Passwords: map[string]string{"ann": "a", "bob": "b"},
		})
	})
	post := func(name, body string) *web.Response {
		header := http.Header{"Content-Type": {"application/json"}}
		if name != "" {
			header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(name+":"+name[:1])))
		}
		return c.Post("/api/v1/scheduler", header, []byte(body))
	}
	const call = `{"type":"SUBSCRIBE","framework_id":{"value":"f"},"subscribe":{"framework_info":{"user":"u","name":"n","id":{"value":"f"}}}}`
	if r := post("", call); r.Status != 401 || r.Header.Get("Www-Authenticate") == "" {
		t.Errorf("nobody: %d %v", r.Status, r.Header)
	}
	named := strings.Replace(call, `"name":"n"`, `"name":"n","principal":"ann"`, 1)
	const mismatch = "Authenticated principal 'bob' does not match principal 'ann' set in `FrameworkInfo`"
	if r := post("bob", named); r.Status != 400 || string(r.Body) != "Failed to validate scheduler::Call: "+mismatch {
		t.Errorf("bob as ann: %d %s", r.Status, r.Body)
	}
	if r := post("ann", call); r.Status != 200 {
		t.Errorf("ann: %d %s", r.Status, r.Body)
	}
	c.Advance(time.Second)
	c.Do(func(m *master.Master) {
		if p := m.Book().Framework("f").Info.GetPrincipal(); p != "ann" {
			t.Errorf("the framework's principal is %q", p)
		}
	})
	if r := post("bob", `{"type":"REVIVE","framework_id":{"value":"f"}}`); r.Status != 400 || string(r.Body) != mismatch {
		t.Errorf("bob calls as ann: %d %s", r.Status, r.Body)
	}
}

// A framework updates its FrameworkInfo, or is told why it cannot.
func TestUpdateFrameworkOverHTTP(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"a", "b"}
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(info, "b")
	update := func(change func(*mesospb.FrameworkInfo, *schedulerpb.Call_UpdateFramework)) *web.Response {
		wanted := proto.CloneOf(info)
		wanted.Id = f.FrameworkID()
		call := &schedulerpb.Call_UpdateFramework{FrameworkInfo: wanted}
		change(wanted, call)
		return f.Post(&schedulerpb.Call{Type: schedulerpb.Call_UPDATE_FRAMEWORK.Enum(), UpdateFramework: call})
	}
	for want, change := range map[string]func(*mesospb.FrameworkInfo, *schedulerpb.Call_UpdateFramework){
		"Supplied FrameworkInfo is not valid: ": func(i *mesospb.FrameworkInfo, _ *schedulerpb.Call_UpdateFramework) { i.Roles = []string{""} },
		"FrameworkInfo update is not valid: ":   func(i *mesospb.FrameworkInfo, _ *schedulerpb.Call_UpdateFramework) { i.User = proto.String("other") },
		"'UpdateFramework' call is not valid: ": func(_ *mesospb.FrameworkInfo, u *schedulerpb.Call_UpdateFramework) {
			u.SuppressedRoles = []string{"c"}
		},
		"'UpdateFramework' call is not valid: Offer constraints are not valid: ": func(_ *mesospb.FrameworkInfo, u *schedulerpb.Call_UpdateFramework) {
			u.OfferConstraints = &schedulerpb.OfferConstraints{RoleConstraints: map[string]*schedulerpb.OfferConstraints_RoleConstraints{"a": {}}}
		},
	} {
		if r := update(change); r.Status != 400 || !strings.HasPrefix(string(r.Body), want) {
			t.Errorf("%d %s", r.Status, r.Body)
		}
	}
	r := update(func(i *mesospb.FrameworkInfo, _ *schedulerpb.Call_UpdateFramework) { i.Roles = []string{"b"} })
	if r.Status != 200 || len(r.Body) > 0 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	c.Advance(time.Second)
	if role := f.Offer().GetAllocationInfo().GetRole(); role != "b" {
		t.Errorf("offered to %s", role)
	}
	_ = agent
	c.Golden("http-update-framework")
}

// Impossible operations are answered if the scheduler asked for feedback, and dropped otherwise; so is reconciliation
// of operations.
func TestOperationsAreAnswered(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.Protobuf)
	f.Subscribe(mastertest.Framework(mesospb.FrameworkInfo_Capability_RESERVATION_REFINEMENT))
	f.Accept(f.Offer(), operations()...)
	c.Advance(time.Second)
	c.Note("with offers that are not there")
	f.Accept(&mesospb.Offer{Id: ids.Offer("gone").Proto()}, operations()[0])
	c.Note("reconciled")
	provider := &mesospb.ResourceProviderID{Value: proto.String("p")}
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE_OPERATIONS.Enum(), ReconcileOperations: &schedulerpb.Call_ReconcileOperations{
		Operations: []*schedulerpb.Call_ReconcileOperations_Operation{
			{OperationId: operationID("1")}, {OperationId: operationID("2"), SlaveId: mastertest.AgentID(agent)},
			{OperationId: operationID("3"), SlaveId: ids.Agent("nobody").Proto()},
			{OperationId: operationID("4"), SlaveId: mastertest.AgentID(agent), ResourceProviderId: provider},
		},
	}})
	c.Note("the agent knows no such provider")
	agent.Say(&internalpb.UpdateOperationStatusMessage{
		FrameworkId: f.FrameworkID(), SlaveId: mastertest.AgentID(agent), Status: &mesospb.OperationStatus{
			OperationId: operationID("4"), State: mesospb.OperationState_OPERATION_UNKNOWN.Enum(), ResourceProviderId: provider,
		},
	})
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS.Enum(),
		AcknowledgeOperationStatus: &schedulerpb.Call_AcknowledgeOperationStatus{
			SlaveId: mastertest.AgentID(agent), OperationId: operationID("1"), Uuid: mastertest.UUID(1),
		}})
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT_INVERSE_OFFERS.Enum(), AcceptInverseOffers: &schedulerpb.Call_AcceptInverseOffers{
		InverseOfferIds: []*mesospb.OfferID{ids.Offer("x").Proto()},
	}})
	c.Note("a driver cannot ask for feedback")
	driver := c.Scheduler("driver", "10.0.0.3:6000", mastertest.Framework())
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	c.Advance(time.Second)
	driver.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{driver.Offer().Id}, Operations: operations()[:1],
	}})
	c.Golden("http-operations")
}

func operationID(id string) *mesospb.OperationID { return &mesospb.OperationID{Value: &id} }

func operations() []*mesospb.Offer_Operation {
	reserved := func(amount float64, role string) []*mesospb.Resource {
		r := mastertest.Resource("cpus", amount)
		r.Reservations = []*mesospb.Resource_ReservationInfo{{
			Type: mesospb.Resource_ReservationInfo_DYNAMIC.Enum(), Role: proto.String(role),
		}}
		return []*mesospb.Resource{r}
	}
	reserve := func(rs []*mesospb.Resource) *mesospb.Offer_Operation {
		return &mesospb.Offer_Operation{Type: mesospb.Offer_Operation_RESERVE.Enum(), Reserve: &mesospb.Offer_Operation_Reserve{Resources: rs}}
	}
	all := []*mesospb.Offer_Operation{
		reserve(reserved(1, "a")), reserve(reserved(-1, "a")), reserve([]*mesospb.Resource{mastertest.Resource("cpus", 1)}),
		{Type: mesospb.Offer_Operation_UNRESERVE.Enum(), Unreserve: &mesospb.Offer_Operation_Unreserve{Resources: reserved(1, "a")}},
		{Type: mesospb.Offer_Operation_CREATE.Enum(), Create: &mesospb.Offer_Operation_Create{Volumes: reserved(1, "a")}},
		{Type: mesospb.Offer_Operation_DESTROY.Enum(), Destroy: &mesospb.Offer_Operation_Destroy{Volumes: reserved(1, "a")}},
		{Type: mesospb.Offer_Operation_GROW_VOLUME.Enum()}, {Type: mesospb.Offer_Operation_CREATE_DISK.Enum()},
		{Type: mesospb.Offer_Operation_UNKNOWN.Enum()},
	}
	for i, op := range all {
		op.Id = operationID(op.GetType().String() + string(rune('0'+i)))
	}
	return append(all, reserve(reserved(1, "a"))) // without an ID, so that nobody is told
}

// FuzzSchedulerCall sends arbitrary bytes, in both formats, on the stream of a framework. Nothing ends the master, and
// what it accepts is a call of that framework.
func FuzzSchedulerCall(f *testing.F) {
	f.Add([]byte(`{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"u","name":"n"}}}`), true)
	f.Add([]byte(`{"type":"REVIVE","framework_id":{"value":"x"}}`), true)
	f.Add([]byte(`{"type":"RECONCILE","framework_id":{"value":"f"},"reconcile":{}}`), true)
	f.Add([]byte("\xff\xff"), false)
	for _, op := range operations() {
		call := &schedulerpb.Call{
			Type: schedulerpb.Call_ACCEPT.Enum(), FrameworkId: ids.Framework("f").Proto(), Accept: &schedulerpb.Call_Accept{
				OfferIds: []*mesospb.OfferID{ids.Offer(mastertest.ID + "-O0").Proto()}, Operations: []*mesospb.Offer_Operation{op},
			},
		}
		f.Add(mediatype.Protobuf.Marshal(evolve.Evolve[schedulerv1pb.Call](call)), false)
		f.Add(mediatype.JSON.Marshal(evolve.Evolve[schedulerv1pb.Call](call)), true)
	}
	f.Fuzz(func(t *testing.T, body []byte, json bool) {
		c := mastertest.New(t, mastertest.Config{})
		c.Agent("agent", "10.0.0.2:5051")
		client := c.Client("f", mediatype.JSON)
		info := mastertest.Framework()
		info.Id = ids.Framework("f").Proto()
		client.Subscribe(info)
		media := mediatype.Protobuf
		if json {
			media = mediatype.JSON
		}
		header := http.Header{"Content-Type": {media.String()}, "Mesos-Stream-Id": {client.StreamID}}
		call := &schedulerv1pb.Call{}
		err := mediatype.Read(header, body, call)
		if call.GetType() == schedulerv1pb.Call_SUBSCRIBE {
			header.Del("Mesos-Stream-Id")
		}
		mine := err == nil && call.GetFrameworkId().GetValue() == "f"
		switch r := c.Post("/api/v1/scheduler", header, body); {
		case r.Status == 200 && r.Stream != nil && err == nil && call.GetSubscribe() != nil:
		case r.Status == 200 && mine && call.GetUpdateFramework() != nil:
		case r.Status == 202 && mine && len(r.Body) == 0:
		case r.Status == 501 && mine && call.GetType() == schedulerv1pb.Call_UNKNOWN:
		case r.Status == 400 && len(r.Body) > 0:
		default:
			t.Errorf("%q is answered %d %s: %v", body, r.Status, r.Body, err)
		}
	})
}
