package blackbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/authorizerpb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime/web/jwt"
)

// access is one row of what is answered to whom.
type access struct {
	what  string // "GET /state", or "call GET_FLAGS" of operators, schedulers or executors
	body  string // for a call, what it has beyond its type
	realm string // "": there is none, and everybody is answered what the allowed are
	// denied is what is answered to clients that are authenticated and may do nothing, and allowed to those that may do everything:
	// the status and, where the words are not those of the status, what the body has in it.
	denied, allowed string
}

// guardedWorld is a cluster in which clients of all realms must be authenticated, and only op may do anything. The framework of op
// runs a task with an executor that does nothing by itself.
type guardedWorld struct {
	*world
	t         *testing.T
	f         *framework
	places    *strings.Replacer
	container string
	socket    string // the agent's for executors
	clients   int
}

// door is where a daemon is asked: at its port, or at a domain socket.
type door struct {
	*process
	socket string // "": the port
}

const (
	executorsKey = "the key of the tokens of executors"
	taskData     = "data that only the executor reads"
)

// newGuardedWorld starts one whose executor has that command, in JSON.
func newGuardedWorld(t *testing.T, command string) *guardedWorld {
	t.Helper()
	logs := "--log_dir=" + t.TempDir()
	credentials := write(t, "credentials", `{"credentials": [{"principal": "op", "secret": "opsecret"}, {"principal": "nothing", "secret": "nothingsecret"}]}`)
	guarded := []string{"--authenticate_http_readonly", "--authenticate_http_readwrite", "--acls=" + everythingFor("op"), "--memory_profiling", logs}
	g := &guardedWorld{t: t, socket: filepath.Join(t.TempDir(), "agent.sock")}
	w := &world{master: startMaster(t, "0", t.TempDir(), append(guarded, "--credentials="+credentials,
		"--authenticate_http_frameworks", "--http_framework_authenticators=basic")...)}
	w.agent = startAgent(t, "0", w.master.address, t.TempDir(), append(guarded, "--http_credentials="+credentials,
		"--jwt_secret_key="+write(t, "key", executorsKey), "--authenticate_http_executors",
		"--http_executor_domain_sockets", "--domain_socket_location="+g.socket)...)
	w.agent.awaits("registered")
	g.world = w
	g.f = g.framework("f")
	g.launches(command)
	agent, sandbox := g.sandbox()
	g.container = sandbox[strings.LastIndex(sandbox, "/")+1:]
	g.places = strings.NewReplacer("{agent}", agent, "{framework}", g.f.id, "{second}", g.framework("second").id, "{third}", g.framework("third").id,
		"{container}", g.container, "{sandbox}", sandbox, "{volume}", volumeOf("one", 8), "{other}", volumeOf("two", 8),
		"{grown}", volumeOf("two", 16), "{reserved}", reserved("cpus", 0.1, ""), "{disk}", reserved("disk", 32, ""), "{more}", reserved("disk", 8, ""))
	return g
}

// volumeOf is a persistent volume of that many megabytes.
func volumeOf(id string, size float64) string {
	return reserved("disk", size, `, "disk": {"persistence": {"id": "`+id+`", "principal": "op"}, "volume": {"mode": "RW", "container_path": "d"}}`)
}

// everythingFor returns rules by which one principal may do everything, and all others nothing, except that agents register.
func everythingFor(principal string) string {
	acls := &authorizerpb.ACLs{Permissive: proto.Bool(false)}
	m := acls.ProtoReflect()
	for i := range m.Descriptor().Fields().Len() {
		field := m.Descriptor().Fields().Get(i)
		if !field.IsList() {
			continue
		}
		rule := m.Mutable(field).List().AppendMutable().Message()
		for j := range rule.Descriptor().Fields().Len() {
			side := rule.Descriptor().Fields().Get(j)
			entity := &authorizerpb.ACL_Entity{Type: authorizerpb.ACL_Entity_ANY.Enum()}
			if side.Name() == "principals" && field.Name() != "register_agents" {
				entity = &authorizerpb.ACL_Entity{Values: []string{principal}}
			}
			rule.Set(side, protoreflect.ValueOfMessage(entity.ProtoReflect()))
		}
	}
	return string(mesosjson.Marshal(acls))
}

const asOp = "Authorization: Basic b3A6b3BzZWNyZXQ="

// framework subscribes a framework of op, which stays for as long as the test takes.
func (g *guardedWorld) framework(name string) *framework {
	g.t.Helper()
	f := g.subscribes(g.t, `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","principal":"op","name":"`+name+`","roles":["red"],`+
		`"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]}}}`, asOp)
	f.stay()
	return f
}

// launches runs a task of the executor "x" of the framework, which has that command, and takes no more offers.
func (g *guardedWorld) launches(command string) {
	g.t.Helper()
	offer := g.f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0]
	const some = `"resources":[{"name":"cpus","type":"SCALAR","allocation_info":{"role":"red"},"scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","allocation_info":{"role":"red"},"scalar":{"value":32}}]`
	g.f.calls(fmt.Sprintf(`"type":"ACCEPT","accept":{"filters":{"refuse_seconds":1e6},"offer_ids":[{"value":%q}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t",`+
		`"task_id":{"value":"t"},"agent_id":{"value":%q},%s,"executor":{"type":"CUSTOM","executor_id":{"value":"x"},"command":%s,%[3]s},"data":%[5]q}]}}]}`,
		offer.GetId().GetValue(), offer.GetAgentId().GetValue(), some, command, base64.StdEncoding.EncodeToString([]byte(taskData)))).wants("202")
}

// sandbox waits until the task is on the agent, and returns the agent's ID and the sandbox of the executor.
func (g *guardedWorld) sandbox() (agent, path string) {
	g.t.Helper()
	g.agent.awaits("container runs")
	_, state := g.agent.as(login{"op", "opsecret"}, http.MethodGet, "/state", "")
	run := regexp.MustCompile(`"directory":"([^"]*/slaves/([^"/]+)/[^"]*/executors/x/runs/[^"/]+)"`).FindStringSubmatch(state)
	if run == nil {
		g.t.Fatal(state)
	}
	return run[2], run[1]
}

// ask sends the request of a row with an Authorization, and returns the answer, which may go on, with the beginning of its body.
// Each request comes from another address, because an address from which too many wrong credentials come is refused for a while.
func (g *guardedWorld) ask(p door, row access, authorization string) (*http.Response, string) {
	g.t.Helper()
	method, target, _ := strings.Cut(row.what, " ")
	body := row.body
	if method == "call" {
		body = strings.TrimSuffix(fmt.Sprintf(`{"type":%q,%s`, target, body), ",") + "}"
		method, target = http.MethodPost, callPath(row.realm)
	}
	if p.socket != "" {
		target = "/slave(1)" + target
	}
	req, err := http.NewRequestWithContext(g.t.Context(), method, "http://"+p.address+g.places.Replace(target), strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	if strings.HasPrefix(body, "{") || strings.HasPrefix(body, "[") {
		req.Header.Set("Content-Type", "application/json")
	}
	if row.realm == "mesos-master-scheduler" && !strings.HasSuffix(row.what, " SUBSCRIBE") {
		req.Header.Set("Mesos-Stream-Id", g.f.header["Mesos-Stream-Id"][0])
	}
	if strings.HasSuffix(row.what, " ATTACH_CONTAINER_INPUT") {
		req.Header.Set("Content-Type", "application/recordio")
		req.Header.Set("Message-Content-Type", "application/json")
		body = fmt.Sprintf("%d\n%s", len(body), body)
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	client := &http.Client{CheckRedirect: once.CheckRedirect, Transport: &http.Transport{DisableKeepAlives: true, DialContext: g.dial(p)}}
	answer, err := client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { answer.Body.Close() })
	beginning := make([]byte, 4096)
	n, err := answer.Body.Read(beginning)
	if err != nil && err != io.EOF {
		g.t.Fatal(err)
	}
	return answer, string(beginning[:n])
}

// dial returns how a client gets to a door: to a port, each from an address of its own.
func (g *guardedWorld) dial(p door) func(context.Context, string, string) (net.Conn, error) {
	if p.socket != "" {
		return func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", p.socket)
		}
	}
	g.clients++
	return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(g.clients/250), byte(2+g.clients%250))}}).DialContext
}

func callPath(realm string) string {
	switch realm {
	case "mesos-master-scheduler":
		return "/api/v1/scheduler"
	case "mesos-agent-executor":
		return "/api/v1/executor"
	}
	return "/api/v1"
}

// logins are the Authorizations of nobody, of a client with wrong credentials, and of one that may do nothing or everything.
func (g *guardedWorld) logins(realm string) [4]string {
	basic := func(who, secret string) string {
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(who, secret)
		return req.Header.Get("Authorization")
	}
	if realm != "mesos-agent-executor" {
		return [4]string{"", basic("op", "wrong"), basic("nothing", "nothingsecret"), basic("op", "opsecret")}
	}
	token := func(executor, key string) string {
		return "Bearer " + jwt.Sign(map[string]string{"fid": g.f.id, "eid": executor, "cid": g.container}, []byte(key))
	}
	return [4]string{"", token("x", "another key"), token("y", executorsKey), token("x", executorsKey)}
}

// bare stands for no words at all.
const bare = "without a word"

// compare returns an error if an answer is not the one that is wanted, or one of two: a refusal has the right words, and every
// answer its headers.
func compare(row access, want string, answer *http.Response, body string) error {
	status, words, _ := strings.Cut(want, " ")
	switch {
	case words == "" && status == "401":
		words = "401 Unauthorized."
	case words == "" && status == "403":
		words = "403 Forbidden."
	}
	if !slices.Contains(strings.Split(status, "|"), fmt.Sprint(answer.StatusCode)) || words == bare && body != "" || words != bare && !strings.Contains(body, words) {
		return fmt.Errorf("%s %.300s, want %s", answer.Status, body, want)
	}
	got := answer.Header.Clone()
	for _, name := range []string{"Date", "Content-Length"} {
		got.Del(name)
	}
	if d := cmp.Diff(headers(row, words, answer, body), got); d != "" {
		return fmt.Errorf("headers of %s (-want +got):\n%s", answer.Status, d)
	}
	return nil
}

const plain = "text/plain; charset=utf-8"

// notJSON are the types of answers that are neither refusals nor JSON, of which only the first two are Mesos's.
var notJSON = map[string]string{
	"GET /logging/toggle": plain, "GET /files/download": "application/octet-stream", "GET /help": "text/html", "GET /help/logging": "text/html",
	"GET /metrics": "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", "GET /memory-profiler/statistics": "application/json; charset=utf-8",
	"GET /trace": "application/x-ndjson", "POST /trace/record": "text/plain", "POST /trace/save": "text/plain",
}

// headers returns the headers that an answer must have, but for Date and Content-Length: refusals are text, what is read is JSON, and
// what is empty has no type, unless it is a refusal.
//
// Recorded in golden/auth and golden/http.
func headers(row access, words string, answer *http.Response, body string) http.Header {
	want := http.Header{}
	set := func(name, value string) { want[http.CanonicalHeaderKey(name)] = []string{value} }
	what, _, _ := strings.Cut(row.what, "?")
	switch kind := notJSON[what]; {
	case answer.StatusCode >= 400:
		set("Content-Type", plain)
	case kind != "":
		set("Content-Type", kind)
	case body != "":
		set("Content-Type", "application/json")
	}
	switch given := answer.Header.Get; {
	case answer.StatusCode == http.StatusUnauthorized:
		set("WWW-Authenticate", challenge(row.realm, answer.Request.Header.Get("Authorization")))
	case answer.StatusCode == http.StatusMethodNotAllowed: // the methods are in the words, in quotes
		set("Allow", strings.ReplaceAll(words, "'", ""))
	case answer.StatusCode == http.StatusTemporaryRedirect:
		set("Location", "//localhost:"+answer.Request.URL.Port())
	case answer.StatusCode != http.StatusOK:
	case what == "GET /files/download" && strings.HasPrefix(given("Content-Disposition"), "attachment; filename="):
		set("Content-Disposition", given("Content-Disposition"))
	case row.realm == schedulers && what == "call SUBSCRIBE" && given("Mesos-Stream-Id") != "":
		set("Mesos-Stream-Id", given("Mesos-Stream-Id"))
	}
	return want
}

// challenge is what a realm asks for, of a client that has sent that Authorization. The agent's realms ask for tokens too, since its
// executors have them.
func challenge(realm, authorization string) string {
	basic, bearer := `Basic realm="`+realm+`"`, `Bearer realm="`+realm+`"`
	switch scheme, _, _ := strings.Cut(authorization, " "); scheme {
	case "Basic":
		bearer += `, error="invalid_token", error_description="Scheme 'Basic' unsupported"`
	case "Bearer":
		bearer += `, error="invalid_token", error_description="Invalid JWT: Token signature does not match"`
	}
	switch {
	case strings.HasPrefix(realm, "mesos-master-"):
		return basic
	case realm == byExecutors:
		return bearer
	}
	return basic + "," + bearer
}

// inOwnName matches requests that make something, which has to have the principal of the client.
var inOwnName = regexp.MustCompile(`(?i)[ /](reserve|create)`)

// atTheSocket is a row about an agent as it is at the socket, where only the APIs are. They do there what they do at the port, for other
// containers.
func atTheSocket(row access) access {
	if !strings.HasPrefix(row.what, "call ") && !strings.HasPrefix(row.what, "GET /api/v1") {
		row.realm, row.allowed = "", "403"
	}
	row.body = strings.NewReplacer(`"n"`, `"n2"`, `"s"`, `"s2"`, `"alone"`, `"alone2"`).Replace(row.body)
	return row
}

// try has a row asked by everybody.
func (g *guardedWorld) try(p door, row access) {
	g.t.Helper()
	wants := [4]string{"401", "401", row.denied, row.allowed}
	if row.realm == "" {
		wants = [4]string{row.allowed, row.allowed, row.allowed, row.allowed}
	}
	for i, authorization := range g.logins(row.realm) {
		asked := row
		asked.body = g.places.Replace(row.body)
		if i == 2 && inOwnName.MatchString(row.what) {
			asked.body = strings.ReplaceAll(asked.body, `"principal": "op"`, `"principal": "nothing"`)
		}
		answer, body := g.ask(p, asked, authorization)
		if err := compare(row, wants[i], answer, body); err != nil {
			g.t.Errorf("%s%s, asked by %s: %v", p.socket, row.what, [4]string{"nobody", "a stranger", "a client that may do nothing", "op"}[i], err)
		}
	}
}

// Whoever is not authenticated gets nothing from any endpoint and any call, a client that may do nothing is refused or sees less,
// and one that may do everything is not; the same at the socket for executors. An endpoint or call that is not in the tables fails the test.
func TestEveryAccess(t *testing.T) {
	t.Parallel()
	g := newGuardedWorld(t, `{"value":"sleep 1000"}`)
	for _, daemon := range []struct {
		p     *process
		rows  []access
		calls []protoreflect.EnumDescriptor
	}{
		{g.agent, agentAccess, []protoreflect.EnumDescriptor{agentv1pb.Call_UNKNOWN.Descriptor(), executorv1pb.Call_UNKNOWN.Descriptor()}},
		{g.master, masterAccess, []protoreflect.EnumDescriptor{masterv1pb.Call_UNKNOWN.Descriptor(), schedulerv1pb.Call_UNKNOWN.Descriptor()}},
	} {
		known := map[string]bool{}
		for _, row := range daemon.rows {
			_, target, _ := strings.Cut(row.what, " ")
			if at, err := url.Parse(target); err == nil {
				target = at.Path
			}
			known[target] = true
			if strings.HasPrefix(row.what, "call ") {
				known[row.realm+" "+target] = true
			}
		}
		for _, missing := range slices.Concat(missingRoutes(t, daemon.p, known), missingCalls(known, daemon.calls)) {
			t.Errorf("%s: the table does not have %s", daemon.p.name, missing)
		}
		for _, row := range daemon.rows {
			g.try(door{process: daemon.p}, row)
			if daemon.p == g.agent {
				g.try(door{g.agent, g.socket}, atTheSocket(row))
			}
		}
	}
}

// missingRoutes lists the routes of a daemon that are not known.
func missingRoutes(t *testing.T, p *process, known map[string]bool) (missing []string) {
	t.Helper()
	var help struct {
		Processes []struct {
			ID        string
			Endpoints []struct{ Name string }
		}
	}
	_, text := p.get("/help?format=json")
	if err := json.Unmarshal([]byte(text), &help); err != nil || len(help.Processes) < 5 {
		t.Fatal(err, text)
	}
	for _, actor := range help.Processes {
		for _, e := range actor.Endpoints {
			path := strings.TrimSuffix("/"+actor.ID+e.Name, "/")
			_, short, _ := strings.Cut(path[1:], "/")
			if !known[path] && !known["/"+short] {
				missing = append(missing, path)
			}
		}
	}
	return missing
}

// missingCalls lists the calls of the APIs of operators and of others that are not known.
func missingCalls(known map[string]bool, apis []protoreflect.EnumDescriptor) (missing []string) {
	for i, api := range apis {
		for j := range api.Values().Len() {
			name, found := string(api.Values().Get(j).Name()), false
			for _, realm := range [][]string{{"mesos-master-readwrite", "mesos-agent-readwrite"}, {"mesos-master-scheduler", "mesos-agent-executor"}}[i] {
				found = found || known[realm+" "+name]
			}
			if !found {
				missing = append(missing, string(api.FullName())+" "+name)
			}
		}
	}
	return missing
}
