package operator_test

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/actors/authorizer"
	"meseta/actors/authorizer/authorizertest"
	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/actors/operator"
	"meseta/actors/version"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

// shared are the calls that masters and agents have in common.
var shared = []string{
	"GET_HEALTH", "GET_FLAGS", "GET_VERSION", "GET_METRICS", "GET_LOGGING_LEVEL", "SET_LOGGING_LEVEL", "LIST_FILES", "READ_FILE",
}

// A master's calls are served as an agent's, and its answers written as an agent's. That is right only because both look
// alike on the wire and in JSON.
func TestMastersAndAgentsAgree(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]proto.Message{{&masterpb.Call{}, &agentpb.Call{}}, {&masterpb.Response{}, &agentpb.Response{}}} {
		a, b := pair[0].ProtoReflect().Descriptor(), pair[1].ProtoReflect().Descriptor()
		types := [2]protoreflect.EnumValueDescriptors{a.Fields().ByName("type").Enum().Values(), b.Fields().ByName("type").Enum().Values()}
		for _, name := range shared {
			if one, other := types[0].ByName(protoreflect.Name(name)), types[1].ByName(protoreflect.Name(name)); (one == nil) != (other == nil) ||
				one != nil && one.Number() != other.Number() {
				t.Errorf("%s of %s and %s differ", name, a.FullName(), b.FullName())
			}
			field := protoreflect.Name(strings.ToLower(name))
			one, other := a.Fields().ByName(field), b.Fields().ByName(field)
			if (one == nil) != (other == nil) {
				t.Errorf("%s is not both in %s and %s", field, a.FullName(), b.FullName())
			} else if one != nil {
				agree(t, one, other)
			}
		}
	}
}

func agree(t *testing.T, a, b protoreflect.FieldDescriptor) {
	t.Helper()
	if a.Number() != b.Number() || a.Name() != b.Name() || a.Kind() != b.Kind() || a.Cardinality() != b.Cardinality() {
		t.Errorf("%s and %s differ", a.FullName(), b.FullName())
		return
	}
	if a.Message() == nil || a.Message().FullName() == b.Message().FullName() {
		return
	}
	one, other := a.Message().Fields(), b.Message().Fields()
	if one.Len() != other.Len() {
		t.Fatalf("%s and %s have different fields", a.FullName(), b.FullName())
	}
	for i := range one.Len() {
		agree(t, one.Get(i), other.Get(i))
	}
}

// OfMaster takes what belongs to the call, whatever else a client has put into it.
func TestCallsOfMasters(t *testing.T) {
	t.Parallel()
	for _, name := range shared {
		call := &masterpb.Call{
			Type:     masterpb.Call_Type(masterpb.Call_Type_value[name]).Enum(),
			ReadFile: &masterpb.Call_ReadFile{Path: proto.String("p"), Offset: proto.Uint64(7)},
			Teardown: &masterpb.Call_Teardown{}, MarkAgentGone: &masterpb.Call_MarkAgentGone{},
		}
		got, ok := operator.OfMaster(call)
		if !ok || got.GetType().String() != name || got.GetReadFile().GetPath() != "p" || got.GetReadFile().GetOffset() != 7 || got.GetReadFile().Length != nil {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	for _, other := range []masterpb.Call_Type{masterpb.Call_UNKNOWN, masterpb.Call_GET_STATE, masterpb.Call_TEARDOWN, masterpb.Call_Type(5000)} {
		if got, ok := operator.OfMaster(&masterpb.Call{Type: &other}); ok {
			t.Errorf("%s: %v", other, got)
		}
	}
}

// house is a node with all that the calls are about.
type house struct {
	*testing.T
	node  *runtime.Node
	judge authorizertest.Judge
}

func build(t *testing.T) *house {
	h := &house{T: t, node: runtimetest.Node(t)}
	dir := t.TempDir()
	h.must(os.WriteFile(filepath.Join(dir, "stdout"), []byte("hello"), 0o600))
	_, err := logging.Spawn(h.node, "", func(int) {})
	h.must(err)
	_, err = metrics.Spawn(h.node, metrics.Options{})
	h.must(err)
	_, err = files.Spawn(h.node, "", nil)
	h.must(err)
	_, err = runtimetest.Wait(t, files.Attach(h.node, files.Attachment{Path: dir, Virtual: "/sandbox"}))
	h.must(err)
	return h
}

func (h *house) must(err error) {
	h.Helper()
	if err != nil {
		h.Fatal(err)
	}
}

func (h *house) serve(call *agentpb.Call, media mediatype.Type) *web.Response {
	h.Helper()
	d := operator.Daemon{
		Build: version.Build{Version: "1.12.0", Date: "today", Time: 7, User: "me"}, Flags: map[string]string{"b": "2", "a": "1"},
	}
	answer, ok := d.Serve(h.node, operator.Caller{May: &h.judge}, call, media)
	if !ok {
		h.Fatalf("%s is not served", call.GetType())
	}
	r, err := runtimetest.Wait(h, answer)
	h.must(err)
	return r
}

func callOf(kind agentpb.Call_Type) *agentpb.Call { return &agentpb.Call{Type: &kind} }

func readingOf(path string, offset uint64, length *uint64) *agentpb.Call {
	call := callOf(agentpb.Call_READ_FILE)
	call.ReadFile = &agentpb.Call_ReadFile{Path: &path, Offset: &offset, Length: length}
	return call
}

func listingOf(path string) *agentpb.Call {
	call := callOf(agentpb.Call_LIST_FILES)
	call.ListFiles = &agentpb.Call_ListFiles{Path: &path}
	return call
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	h := build(t)
	for _, c := range []struct {
		call *agentpb.Call
		want string // in JSON; one that ends in … is only its beginning
	}{
		{callOf(agentpb.Call_GET_HEALTH), `{"type":"GET_HEALTH","get_health":{"healthy":true}}`},
		{callOf(agentpb.Call_GET_FLAGS), `{"type":"GET_FLAGS","get_flags":{"flags":[{"name":"a","value":"1"},{"name":"b","value":"2"}]}}`},
		{callOf(agentpb.Call_GET_VERSION), `{"type":"GET_VERSION","get_version":{"version_info":{"version":"1.12.0","build_date":"today","build_time":7.0,"build_user":"me"}}}`},
		{callOf(agentpb.Call_GET_METRICS), `{"type":"GET_METRICS","get_metrics":{…`},
		{callOf(agentpb.Call_GET_LOGGING_LEVEL), `{"type":"GET_LOGGING_LEVEL","get_logging_level":{"level":0}}`},
		{listingOf("/sandbox"), `{"type":"LIST_FILES","list_files":{"file_infos":[{"path":"/sandbox/stdout",…`},
		{readingOf("/sandbox/stdout", 1, proto.Uint64(3)), `{"type":"READ_FILE","read_file":{"size":5,"data":"ZWxs"}}`},
		{readingOf("/sandbox/stdout", 2, nil), `{"type":"READ_FILE","read_file":{"size":5,"data":"bGxv"}}`},
		{readingOf("/sandbox/stdout", 1<<64-1, proto.Uint64(1<<64-1)), `{"type":"READ_FILE","read_file":{"size":5,"data":""}}`},
	} {
		body := string(h.serve(c.call, mediatype.JSON).Body)
		if start, part := strings.CutSuffix(c.want, "…"); body != c.want && !(part && strings.HasPrefix(body, start)) {
			t.Errorf("%s: %s, want %s", c.call.GetType(), body, c.want)
		}
		// In protobuf it is the answer of a master as well.
		r := &masterv1pb.Response{}
		answer := h.serve(c.call, mediatype.Protobuf)
		if err := proto.Unmarshal(answer.Body, r); err != nil || r.GetType().String() != c.call.GetType().String() ||
			answer.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s: %v, %v", c.call.GetType(), r, err)
		}
	}
	for _, missing := range []*agentpb.Call{listingOf("/nowhere"), readingOf("/sandbox/no", 0, nil)} {
		if r := h.serve(missing, mediatype.JSON); r.Status != http.StatusNotFound {
			t.Errorf("%v: %d %s", missing, r.Status, r.Body)
		}
	}
}

// A level is set for a while, and one that no number of ours holds is the highest.
func TestLoggingLevel(t *testing.T) {
	t.Parallel()
	h := build(t)
	set := callOf(agentpb.Call_SET_LOGGING_LEVEL)
	for _, c := range []struct {
		level uint32
		want  string
	}{{2, "2"}, {0, "0"}, {1<<32 - 1, "2147483647"}} {
		set.SetLoggingLevel = &agentpb.Call_SetLoggingLevel{
			Level: &c.level, Duration: &mesospb.DurationInfo{Nanoseconds: proto.Int64(time.Hour.Nanoseconds())},
		}
		if r := h.serve(set, mediatype.JSON); r.Status != http.StatusOK || len(r.Body) != 0 {
			t.Errorf("%d: %d %s", c.level, r.Status, r.Body)
		}
		want := `{"type":"GET_LOGGING_LEVEL","get_logging_level":{"level":` + c.want + `}}`
		if got := string(h.serve(callOf(agentpb.Call_GET_LOGGING_LEVEL), mediatype.JSON).Body); got != want {
			t.Errorf("%d: %s, want %s", c.level, got, want)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	h := build(t)
	needed := map[string]authorizationpb.Action{
		"GET_FLAGS": authorizationpb.Action_VIEW_FLAGS, "SET_LOGGING_LEVEL": authorizationpb.Action_SET_LOG_LEVEL,
	}
	for _, name := range shared {
		for _, denied := range []authorizationpb.Action{authorizationpb.Action_VIEW_FLAGS, authorizationpb.Action_SET_LOG_LEVEL} {
			h.judge.Deny(denied)
			call := readingOf("/sandbox/stdout", 0, nil)
			call.Type = agentpb.Call_Type(agentpb.Call_Type_value[name]).Enum()
			r := h.serve(call, mediatype.JSON)
			if got, want := r.Status == http.StatusForbidden, needed[name] == denied; got != want {
				t.Errorf("%s without %s: %d", name, denied, r.Status)
			}
		}
	}
	if _, ok := (operator.Daemon{}).Serve(h.node, operator.Caller{}, callOf(agentpb.Call_GET_STATE), mediatype.JSON); ok {
		t.Error("GET_STATE is not a call of both")
	}
}

// undecided is an authorizer whose every answer is an error.
type undecided struct{}

var errAway = errors.New("the directory is away")

func (undecided) Approver(*web.Principal) runtime.Future[authorizer.Approver] {
	return runtime.Failed[authorizer.Approver](errAway)
}

func TestAsk(t *testing.T) {
	t.Parallel()
	h := build(t)
	actor := runtimetest.Spawn(t, h.node, "asker", &struct{ runtime.Actor }{})
	req := &web.Request{Principal: &web.Principal{Name: "somebody"}}
	ask := func(by authorizer.Authorizer) (string, error) {
		asked := runtime.Dispatch(actor, func(a *struct{ runtime.Actor }) operator.Answer {
			return operator.Ask(a, by, req, func(c operator.Caller) operator.Answer {
				if c.Allowed(authorizationpb.Action_VIEW_FLAGS) != nil || c.Allowed(authorizationpb.Action_VIEW_ROLE, nil, nil) != nil {
					return runtime.Ready(operator.Forbidden())
				}
				return runtime.Ready(web.Text(http.StatusOK, c.Who.Name))
			})
		})
		answer, err := runtimetest.Wait(t, asked)
		h.must(err)
		r, err := runtimetest.Wait(t, answer)
		if err != nil {
			return "", err
		}
		return string(r.Body), nil
	}
	h.judge.Deny(authorizationpb.Action_VIEW_ROLE)
	for _, c := range []struct {
		by   authorizer.Authorizer
		want string
		err  error
	}{{nil, "somebody", nil}, {&h.judge, "403 Forbidden.", nil}, {undecided{}, "", errAway}} {
		if got, err := ask(c.by); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%T: %q, %v", c.by, got, err)
		}
	}
}
