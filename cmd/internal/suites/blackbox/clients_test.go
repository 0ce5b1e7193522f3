package blackbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// world is a cluster with a client that looks at every byte.
type world struct{ master, agent *process }

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{master: startMaster(t, "0", t.TempDir())}
	w.agent = startAgent(t, "0", w.master.address, t.TempDir())
	w.agent.awaits("registered")
	return w
}

// answer is what a daemon answers, of which the body is read piece by piece.
type answer struct {
	t      *testing.T
	status string
	header map[string][]string // as it was written
	body   *bufio.Reader
	stay   func() bool // lifts the limit of how long the answer may take
}

// request sends a request, whose lines of header are as given, and reads the head of the answer.
func request(t *testing.T, p *process, method, target string, header []string, body string) *answer {
	t.Helper()
	conn, err := net.Dial("tcp", p.address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	t.Cleanup(func() { stop(); cancel(); conn.Close() })
	if body != "" && !slices.Contains(header, "Transfer-Encoding: chunked") {
		header = append(header, "Content-Length: "+strconv.Itoa(len(body)))
	}
	lines := append([]string{method + " " + target + " HTTP/1.1", "Host: " + p.address}, header...)
	if _, err := io.WriteString(conn, strings.Join(lines, "\r\n")+"\r\n\r\n"+body); err != nil {
		t.Fatal(err)
	}
	a := &answer{t: t, header: map[string][]string{}, body: bufio.NewReader(conn), stay: stop}
	a.status = strings.TrimPrefix(a.line(), "HTTP/1.1 ")
	for line := a.line(); line != ""; line = a.line() {
		name, value, _ := strings.Cut(line, ": ")
		a.header[name] = append(a.header[name], value)
	}
	return a
}

func (a *answer) line() string {
	a.t.Helper()
	line, err := a.body.ReadString('\n')
	if err != nil {
		a.t.Fatalf("the answer ends early: %q, %v", line, err)
	}
	return strings.TrimSuffix(line, "\r\n")
}

// chunk reads one chunk of the body.
func (a *answer) chunk() []byte {
	a.t.Helper()
	size, err := strconv.ParseUint(a.line(), 16, 32)
	if err != nil {
		a.t.Fatal(err)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(a.body, data); err != nil {
		a.t.Fatal(err)
	}
	if rest := a.line(); rest != "" {
		a.t.Fatalf("after a chunk: %q", rest)
	}
	return data
}

// record reads one chunk, which must be one record.
func (a *answer) record() []byte {
	a.t.Helper()
	chunk := a.chunk()
	length, record, ok := bytes.Cut(chunk, []byte("\n"))
	if n, err := strconv.Atoi(string(length)); !ok || err != nil || n != len(record) {
		a.t.Fatalf("%.100q is not one record", chunk)
	}
	return record
}

// whole reads the body.
func (a *answer) whole() []byte {
	a.t.Helper()
	if a.header["Transfer-Encoding"] != nil {
		var all []byte
		for chunk := a.chunk(); len(chunk) > 0; chunk = a.chunk() {
			all = append(all, chunk...)
		}
		return all
	}
	n, err := strconv.Atoi(strings.Join(a.header["Content-Length"], ""))
	if err != nil {
		a.t.Fatalf("length of the answer %s: %v", a.status, err)
	}
	data := make([]byte, n)
	if _, err := io.ReadFull(a.body, data); err != nil {
		a.t.Fatal(err)
	}
	return data
}

func (a *answer) wants(status string) *answer {
	a.t.Helper()
	if !strings.HasPrefix(a.status, status) {
		a.t.Fatalf("answered %s %s, want %s", a.status, a.whole(), status)
	}
	return a
}

const (
	subscribe = `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"root","name":"n"}}}`
	isJSON    = "Content-Type: application/json"
)

var multiRole = strings.Replace(subscribe, `"name":"n"`, `"name":"n","roles":["*"],"capabilities":[{"type":"MULTI_ROLE"}]`, 1)

// framework is a scheduler that has subscribed in JSON.
type framework struct {
	*answer
	w       *world
	id      string
	headers []string // of its requests
}

func (w *world) subscribes(t *testing.T, body string, header ...string) *framework {
	t.Helper()
	f := &framework{w: w, headers: header, answer: request(t, w.master, "POST", "/api/v1/scheduler", append(header, isJSON), body).wants("200")}
	f.id = f.event(schedulerv1pb.Event_SUBSCRIBED).GetSubscribed().GetFrameworkId().GetValue()
	return f
}

// event reads on to the next event of that type. No event may have a field that Mesos does not know.
func (f *framework) event(kind schedulerv1pb.Event_Type) *schedulerv1pb.Event {
	f.t.Helper()
	for {
		record, event := f.record(), &schedulerv1pb.Event{}
		if err := protojson.Unmarshal(record, event); err != nil {
			f.t.Fatalf("%s: %v", record, err)
		}
		if event.GetType() == kind {
			return event
		}
	}
}

// calls makes a call, whose other fields are as given.
func (f *framework) calls(fields string) *answer {
	f.t.Helper()
	header := append(slices.Clone(f.headers), isJSON, "Mesos-Stream-Id: "+f.header["Mesos-Stream-Id"][0])
	return request(f.t, f.w.master, "POST", "/api/v1/scheduler", header,
		fmt.Sprintf(`{"framework_id":{"value":%q},%s}`, f.id, fields))
}

// acknowledges acknowledges the status of a task.
func (f *framework) acknowledges(status *mesosv1pb.TaskStatus) {
	f.t.Helper()
	uuid, err := json.Marshal(status.GetUuid())
	if err != nil {
		f.t.Fatal(err)
	}
	f.calls(fmt.Sprintf(`"type":"ACKNOWLEDGE","acknowledge":{"agent_id":{"value":%q},"task_id":{"value":%q},"uuid":%s}`,
		status.GetAgentId().GetValue(), status.GetTaskId().GetValue(), uuid)).wants("202")
}

// runs launches a command with what is offered next, and returns the update that says that it runs.
func (f *framework) runs(task, command string) *schedulerv1pb.Event {
	f.t.Helper()
	offer := f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0]
	f.calls(fmt.Sprintf(`"type":"ACCEPT","accept":{"offer_ids":[{"value":%q}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[`+
		`{"name":%q,"task_id":{"value":%[2]q},"agent_id":{"value":%q},"command":{"value":%q},"resources":[`+
		`{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":32}}]}]}}]}`,
		offer.GetId().GetValue(), task, offer.GetAgentId().GetValue(), command)).wants("202")
	for {
		event := f.event(schedulerv1pb.Event_UPDATE)
		status := event.GetUpdate().GetStatus()
		f.acknowledges(status)
		if status.GetState().String() == "TASK_RUNNING" {
			return event
		}
	}
}

func recordsAreChunks(t *testing.T, w *world) {
	f := w.subscribes(t, subscribe)
	f.event(schedulerv1pb.Event_OFFERS)
	watcher := request(t, w.master, "POST", "/api/v1", []string{isJSON}, `{"type":"SUBSCRIBE"}`).wants("200")
	watcher.record()
	watcher.record()
}

func heartbeatFollows(t *testing.T, w *world) {
	for path, body := range map[string]string{"/api/v1/scheduler": subscribe, "/api/v1": `{"type":"SUBSCRIBE"}`} {
		a := request(t, w.master, "POST", path, []string{isJSON}, body).wants("200")
		a.record()
		if second := string(a.record()); second != `{"type":"HEARTBEAT"}` {
			t.Errorf("%s: got %s after SUBSCRIBED", path, second)
		}
	}
}

func streamsAndCalls(t *testing.T, w *world) {
	f := w.subscribes(t, subscribe, "Connection: close")
	if f.status != "200 OK" || len(f.header["Mesos-Stream-Id"]) != 1 || f.header["Transfer-Encoding"][0] != "chunked" {
		t.Errorf("SUBSCRIBE is answered %s %v", f.status, f.header)
	}
	for _, call := range []string{`"type":"REVIVE"`, `"type":"SUPPRESS"`, `"type":"RECONCILE","reconcile":{}`, `"type":"DECLINE","decline":{"offer_ids":[]}`} {
		if a := f.calls(call); a.status != "202 Accepted" || len(a.whole()) != 0 || a.header["Content-Type"] != nil {
			t.Errorf("%s is answered %s %v", call, a.status, a.header)
		}
	}
	if a := request(t, w.master, "POST", "/api/v1/scheduler", []string{isJSON}, fmt.Sprintf(`{"type":"REVIVE","framework_id":{"value":%q}}`, f.id)); a.status != "400 Bad Request" {
		t.Errorf("a call without its stream's id is answered %s", a.status)
	}
}

func recordsAreStrict(t *testing.T, w *world) {
	f := w.subscribes(t, multiRole)
	f.runs("strict", "sleep 100")
	var master masterv1pb.Response
	for _, call := range []string{"GET_STATE", "GET_AGENTS", "GET_FRAMEWORKS", "GET_TASKS", "GET_EXECUTORS", "GET_ROLES", "GET_MASTER", "GET_FLAGS", "GET_VERSION", "GET_METRICS"} {
		answer := request(t, w.master, "POST", "/api/v1", []string{isJSON}, fmt.Sprintf(`{"type":%q,"get_metrics":{}}`, call)).wants("200").whole()
		answer = bytes.ReplaceAll(answer, []byte(`,"checkpoint":true`), nil) // of agents, where Mesos writes the field of v0
		answer = bytes.ReplaceAll(answer, []byte(`,"checkpoint":false`), nil)
		if err := protojson.Unmarshal(answer, &master); err != nil {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func contentTypes(t *testing.T, w *world) {
	const version = `{"type":"GET_VERSION"}`
	for name, c := range map[string]struct{ header, want []string }{
		"none":        {nil, []string{"application/json"}},
		"any":         {[]string{"Accept: */*"}, []string{"application/json"}},
		"both":        {[]string{"Accept: application/x-protobuf, application/json"}, []string{"application/json"}},
		"protobuf":    {[]string{"Accept: application/x-protobuf"}, []string{"application/x-protobuf"}},
		"twice alike": {[]string{"Accept: application/json", "Accept: application/json"}, []string{"application/json"}},
	} {
		if got := request(t, w.master, "POST", "/api/v1", append(c.header, isJSON), version).wants("200").header["Content-Type"]; !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
	for _, target := range []string{"/state", "/tasks", "/metrics/snapshot", "/version", "/files/debug"} {
		if got := request(t, w.master, "GET", target, nil, "").wants("200").header["Content-Type"]; !slices.Equal(got, []string{"application/json"}) {
			t.Errorf("%s: got %q", target, got)
		}
	}
	health := request(t, w.master, "GET", "/health", nil, "").wants("200")
	if health.header["Content-Type"] != nil {
		t.Errorf("an answer without data has %v", health.header)
	}
	for name := range w.subscribes(t, subscribe).header {
		if name != http.CanonicalHeaderKey(name) {
			t.Errorf("the name of header %q is not canonical", name)
		}
	}
}

func jsonComesIn(t *testing.T, w *world) {
	const odd = `{
		"type": "SUBSCRIBE", "framework_id": null, "unheard_of": {"a": [1, null]},
		"subscribe": {"force": null, "suppressed_roles": null, "framework_info": {
			"user": "root", "name": "n", "id": null, "failover_timeout": null, "labels": null, "more": 1
		}}
	}`
	w.subscribes(t, odd)
	chunked := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 10, odd[:10], len(odd)-10, odd[10:])
	w.subscribes(t, chunked, "Transfer-Encoding: chunked")
}

func jsonGoesOut(t *testing.T, w *world) {
	f := w.subscribes(t, multiRole)
	f.runs("out", "sleep 100")
	text := string(request(t, w.master, "POST", "/api/v1", []string{isJSON}, `{"type":"GET_STATE"}`).wants("200").whole())
	_, port, _ := net.SplitHostPort(w.agent.address)
	for _, want := range []string{`"port":` + port, `"type":"SCALAR"`, `"task_id":{"value":"out"}`, `"state":"TASK_RUNNING"`} {
		if !strings.Contains(text, want) {
			t.Errorf("GET_STATE has no %s in it", want)
		}
	}
	if strings.Contains(text, "\n") || regexp.MustCompile(`"nanoseconds":"`).MatchString(text) {
		t.Error("GET_STATE is not one line, or has 64-bit numbers as strings")
	}
	uuid := regexp.MustCompile(`"uuid":"([^"]*)"`).FindStringSubmatch(text)
	if uuid == nil {
		t.Fatal("GET_STATE has no status with a uuid")
	}
	if bytes, err := base64.StdEncoding.DecodeString(uuid[1]); err != nil || len(bytes) != 16 {
		t.Errorf("uuid %q: %v", uuid[1], err)
	}
}

func emptyIDs(t *testing.T, w *world) {
	for _, body := range []string{
		strings.Replace(subscribe, `{"type"`, `{"framework_id":{"value":""},"type"`, 1),
		strings.Replace(subscribe, `"user"`, `"id":{"value":""},"user"`, 1),
	} {
		if f := w.subscribes(t, body); f.id == "" {
			t.Errorf("%s: the framework has no id", body)
		}
	}
}

func uncalledCredentials(t *testing.T, w *world) {
	for _, credential := range []string{"Basic bm9ib2R5Om5vdGhpbmc=", "Bearer x.y.z", "token=abc", "Basic %%%"} {
		w.subscribes(t, subscribe, "Authorization: "+credential)
		for _, p := range []*process{w.master, w.agent} {
			request(t, p, "GET", "/state", []string{"Authorization: " + credential}, "").wants("200")
		}
	}
}

func jsonp(t *testing.T, w *world) {
	common := []string{"/metrics/snapshot", "/version", "/files/debug", "/system/stats.json", "/state", "/flags"}
	for p, targets := range map[*process][]string{
		w.master: {"/frameworks", "/roles", "/slaves", "/state-summary", "/tasks", "/maintenance/schedule", "/maintenance/status",
			"/weights", "/registrar(1)/registry"},
		w.agent: {"/monitor/statistics", "/containers"},
	} {
		for _, target := range append(targets, common...) {
			plain := request(t, p, "GET", target, nil, "").wants("200").whole()
			a := request(t, p, "GET", target+"?jsonp=f", nil, "").wants("200")
			padded := string(a.whole())
			if !slices.Equal(a.header["Content-Type"], []string{"text/javascript"}) || !strings.HasPrefix(padded, "f(") ||
				!strings.HasSuffix(padded, ");") || padded[2:3] != string(plain[:1]) {
				t.Errorf("%s %s: %v %.40q…%q", p.name, target, a.header["Content-Type"], padded, padded[max(0, len(padded)-3):])
			}
		}
	}
}

func routes(t *testing.T, w *world) {
	for p, targets := range map[*process][]string{
		w.master: {"/state", "/state/", "/master/state", "/master/state/", "/%73tate"},
		w.agent:  {"/state", "/slave(1)/state", "/slave%281%29/state", "/slave(1)/state/", "/slave%281)/state"},
	} {
		for _, target := range targets {
			request(t, p, "GET", target, nil, "").wants("200")
		}
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH"} {
			request(t, p, method, "/version", []string{"Content-Length: 0"}, "").wants("200")
		}
	}
}

func versions(t *testing.T, w *world) {
	for _, p := range []*process{w.master, w.agent} {
		var got struct{ Version string }
		p.sees("/version", &got)
		if !regexp.MustCompile(`^\d+(\.\d+)*$`).MatchString(got.Version) {
			t.Errorf("%s: version %q", p.name, got.Version)
		}
	}
}

func offers(t *testing.T, w *world) {
	for body, multi := range map[string]bool{subscribe: false, multiRole: true} {
		f := w.subscribes(t, body)
		offer := f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0]
		f.calls(`"type":"TEARDOWN"`).wants("202")
		if offer.GetUrl().GetAddress().GetIp() != "127.0.0.1" || offer.GetHostname() != "localhost" || (offer.AllocationInfo != nil) != multi {
			t.Errorf("offer %v", offer)
		}
		for _, r := range offer.GetResources() {
			if r.Type == nil || (r.AllocationInfo != nil) != multi || r.GetRole() != "*" || r.Role == nil {
				t.Errorf("resource %v", r)
			}
		}
	}
}

func runningTask(t *testing.T, w *world) {
	f := w.subscribes(t, multiRole)
	container := f.runs("running", "sleep 100").GetUpdate().GetStatus().GetContainerStatus()
	if container.GetContainerId().GetValue() == "" || len(container.GetNetworkInfos()) == 0 ||
		container.GetNetworkInfos()[0].GetIpAddresses()[0].GetIpAddress() != "127.0.0.1" {
		t.Errorf("container status %v", container)
	}
	var state struct {
		Frameworks []struct {
			ID    string
			Tasks []struct{ Statuses []struct{ State string } }
		}
	}
	w.master.sees("/state", &state)
	for _, framework := range state.Frameworks {
		for _, task := range framework.Tasks {
			for i, status := range task.Statuses {
				if i > 0 && status.State == task.Statuses[i-1].State {
					t.Errorf("%s: two statuses of the same state: %v", framework.ID, task.Statuses)
				}
			}
		}
	}
}

func stateAndMetrics(t *testing.T, w *world) {
	f := w.subscribes(t, multiRole)
	f.runs("seen", "sleep 100")
	var state struct {
		Slaves []struct {
			Resources, Used map[string]any
		}
		Frameworks []map[string]any
	}
	w.master.sees("/state", &state)
	for _, kind := range []string{"cpus", "gpus", "mem", "disk"} {
		if _, ok := state.Slaves[0].Resources[kind].(float64); !ok {
			t.Errorf("%s is %v", kind, state.Slaves[0].Resources[kind])
		}
	}
	if ports := state.Slaves[0].Resources["ports"]; ports != "[31000-31999]" {
		t.Errorf("ports are %v", ports)
	}
	for _, framework := range state.Frameworks {
		if pid, ok := framework["pid"]; ok {
			t.Errorf("a framework of HTTP has the pid %v", pid)
		}
	}
	for _, p := range []*process{w.master, w.agent} {
		var metrics map[string]float64
		p.sees("/metrics/snapshot", &metrics)
		if len(slices.Collect(maps.Keys(metrics))) < 20 {
			t.Errorf("%s has metrics %v", p.name, metrics)
		}
	}
}

func frameworkIDs(t *testing.T, w *world) {
	as := func(id string) string {
		return fmt.Sprintf(`{"type":"SUBSCRIBE","framework_id":{"value":%q},"subscribe":{"framework_info":{"user":"root","name":"n","id":{"value":%[1]q}}}}`, id)
	}
	f := w.subscribes(t, as("never-seen"))
	if f.id != "never-seen" {
		t.Errorf("the framework got the id %q", f.id)
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
	again := request(t, w.master, "POST", "/api/v1/scheduler", []string{isJSON}, as("never-seen"))
	if !strings.HasPrefix(again.status, "200") {
		t.Fatalf("answered %s", again.status)
	}
	if said := string(again.record()); !strings.Contains(said, `"ERROR"`) || !strings.Contains(said, "removed") {
		t.Errorf("a framework that was removed hears %s", said)
	}
}

func whoTheMasterIs(t *testing.T, w *world) {
	var state struct{ Leader, PID string }
	w.master.sees("/state", &state)
	if want := "master@" + w.master.address; state.Leader != want || state.PID != want {
		t.Errorf("leader %q, pid %q, want %q", state.Leader, state.PID, want)
	}
}

// nodesAreAnswered sends a message as a C++ node does, and as a Go driver does.
func nodesAreAnswered(t *testing.T, w *world) {
	for _, header := range [][]string{
		{"User-Agent: libprocess/scheduler-1@127.0.0.1:1", "Libprocess-From: scheduler-1@127.0.0.1:1", "Connection: Keep-Alive", "Transfer-Encoding: chunked"},
		{"Libprocess-From: scheduler(1)@127.0.0.1:1", "Connection: Keep-Alive", "Content-Type: application/x-protobuf", "Transfer-Encoding: chunked"},
	} {
		request(t, w.master, "POST", "/master/mesos.internal.PingSlaveMessage", header, "0\r\n\r\n").wants("202")
	}
}

func pipelined(t *testing.T, w *world) {
	const n = 5
	head := "POST /master/mesos.internal.PongSlaveMessage HTTP/1.1\r\nLibprocess-From: nobody@127.0.0.1:1\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n"
	got := exchange(t, w.master.address, []byte(strings.Repeat(head, n)))
	if count := strings.Count(got, "HTTP/1.1 202 Accepted\r\n"); count != n {
		t.Errorf("%d of %d messages are answered", count, n)
	}
}

func environment(t *testing.T, w *world) {
	status, out := does(t, nil, "mesos-execute", "--master="+w.master.address, "--name=environment", "--command=env > seen; pwd >> seen", "--resources=cpus:0.1;mem:32")
	if status != 0 {
		t.Fatal(out)
	}
	_, state := w.agent.get("/state")
	found := regexp.MustCompile(`"directory":"([^"]*/environment/runs/[^"]*)"`).FindStringSubmatch(state)
	if found == nil {
		t.Fatal("the task's sandbox was not found")
	}
	directory := strings.ReplaceAll(found[1], `\/`, "/")
	_, text := w.agent.get("/files/download?path=" + url.QueryEscape(directory+"/seen"))
	for _, want := range []string{
		"MESOS_SLAVE_PID=slave(1)@" + w.agent.address, "MESOS_SLAVE_ID=", "MESOS_AGENT_ENDPOINT=" + w.agent.address, "MESOS_FRAMEWORK_ID=",
		"MESOS_EXECUTOR_ID=environment", "MESOS_DIRECTORY=" + directory, "MESOS_SANDBOX=" + directory, "MESOS_CHECKPOINT=0",
		"MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD=5secs", "PATH=/", directory,
	} {
		if !strings.Contains("\n"+text, "\n"+want) {
			t.Errorf("%q is not in the environment\n%s", want, text)
		}
	}
}
