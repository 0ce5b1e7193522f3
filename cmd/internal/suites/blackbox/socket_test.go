package blackbox

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// Executors reach their agent at its socket, and nothing else can be had there. They come back to it when the agent was
// killed, and left its socket behind.
func TestExecutorsAtASocket(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, dir, port, g := t.TempDir(), t.TempDir(), freePort(t), newGate(t)
	args := []string{"--http_executor_domain_sockets", "--http_command_executor", "--runtime_dir=" + dir}
	path := filepath.Join(dir, "agent.sock")
	agent := startAgent(t, port, m.address, work, args...)
	single := execute(t, m.address, "single", `test -S "$MESOS_DOMAIN_SOCKET" && `+g.wait(), "--checkpoint")
	group := executeGroup(t, m.address, []member{{"one", g.wait(), nil}, {"two", g.wait(), nil}}, "--checkpoint")
	single.awaits("TASK_RUNNING")
	group.awaits("TASK_RUNNING for task 'one'")
	group.awaits("TASK_RUNNING for task 'two'")
	if n := connected(t, path); n < 2 {
		t.Errorf("there are %d connections to the socket of two executors", n)
	}
	for request, want := range map[string]string{
		"/slave(1)/api/v1": "200 ", "/slave(1)/state": "403 403 Forbidden.", "/state": "403 403 Forbidden.", "/slave(1)/api/v1/executor": "400 ",
	} {
		if got := askAt(t, path, request, `{"type":"GET_HEALTH"}`); !strings.HasPrefix(got, want) {
			t.Errorf("%s at the socket: %s, want %s", request, got, want)
		}
	}
	agent.kill()
	if _, err := os.Lstat(path); err != nil {
		t.Fatalf("an agent that is killed leaves its socket: %v", err)
	}
	agent = startAgent(t, port, m.address, work, args...)
	agent.awaits("] re-registered ")
	if n := connected(t, path); n < 2 {
		t.Errorf("there are %d connections to the socket of two executors that came back", n)
	}
	g.open(t)
	single.ended(0, "TASK_FINISHED")
	group.ended(0, "TASK_FINISHED for task 'one'", "TASK_FINISHED for task 'two'")
}

// An executor whose file system is an image finds the socket in there, and its agent at it.
func TestExecutorOfAnImageAtASocket(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t, "--http_executor_domain_sockets")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	f := (&world{w.master, w.agent}).subscribes(t, subscribe)
	offer := f.event(schedulerv1pb.Event_OFFERS).GetOffers().GetOffers()[0]
	const some = `"resources":[{"name":"cpus","type":"SCALAR","scalar":{"value":0.1}},{"name":"mem","type":"SCALAR","scalar":{"value":128}}]`
	command := fmt.Sprintf(`{"value":"exec $MESOS_SANDBOX/%s","uris":[{"value":%q,"executable":true}],"environment":{"variables":[{"name":%q,"value":"v1"}]}}`,
		filepath.Base(self), self, asExecutor)
	data := base64.StdEncoding.EncodeToString([]byte(`test -S "$MESOS_DOMAIN_SOCKET" || exit 1; cat /bin/bash || echo "not here: $MESOS_DOMAIN_SOCKET"; sleep 1000`))
	f.calls(fmt.Sprintf(`"type":"ACCEPT","accept":{"offer_ids":[{"value":%q}],"operations":[{"type":"LAUNCH","launch":{"task_infos":[{"name":"t",`+
		`"task_id":{"value":"t"},"agent_id":{"value":%q},%s,"data":%q,"executor":{"type":"CUSTOM","executor_id":{"value":"x"},"command":%s,%[3]s,`+
		`"container":{"type":"MESOS","mesos":{"image":{"type":"DOCKER","docker":{"name":"test/box:v1"}}}}}}]}}]}`,
		offer.GetId().GetValue(), offer.GetAgentId().GetValue(), some, data, command)).wants("202")
	if status := f.event(schedulerv1pb.Event_UPDATE).GetUpdate().GetStatus(); status.GetState() != mesosv1pb.TaskState_TASK_RUNNING {
		t.Fatalf("the task is %s: %s", status.GetState(), status.GetMessage())
	}
	if n := connected(t, filepath.Join(w.dir, "run", "agent.sock")); n < 1 {
		t.Errorf("there are %d connections to the socket of an executor", n)
	}
	out := filepath.Join(w.dir, "agent/slaves", offer.GetAgentId().GetValue(), "frameworks", f.id, "executors/x/runs/latest/stdout")
	const want = "not here: /mnt/mesos/agent/agent.sock\n" // the file of the image, which has no bash, and not that of this machine
	gone(t, func() []string {
		if text, err := os.ReadFile(out); err != nil || string(text) != want {
			return []string{fmt.Sprintf("%q, %v", text, err)}
		}
		return nil
	})
	f.calls(`"type":"TEARDOWN"`).wants("202")
	w.clean()
}

// Who has no token is let in at the socket as little as at the port, and executors have theirs.
func TestTokensAtASocket(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	dir := t.TempDir()
	startAgent(t, "0", m.address, t.TempDir(), "--http_executor_domain_sockets", "--http_command_executor", "--runtime_dir="+dir,
		"--jwt_secret_key="+write(t, "key", "a key of this agent"), "--authenticate_http_executors", "--authenticate_http_readwrite",
		"--http_credentials="+write(t, "all", `{"credentials": [{"principal": "ann", "secret": "s"}]}`))
	path := filepath.Join(dir, "agent.sock")
	for _, request := range []string{"/slave(1)/api/v1", "/slave(1)/api/v1/executor"} {
		if got := askAt(t, path, request, `{"type":"GET_STATE"}`); !strings.HasPrefix(got, "401 ") {
			t.Errorf("%s without a token: %s", request, got)
		}
	}
	g := newGate(t)
	single := execute(t, m.address, "single", g.wait())
	group := executeGroup(t, m.address, []member{{"one", g.wait(), nil}})
	single.awaits("TASK_RUNNING")
	group.awaits("TASK_RUNNING for task 'one'")
	if n := connected(t, path); n < 2 {
		t.Errorf("there are %d connections to the socket of two executors", n)
	}
	g.open(t)
	single.ended(0, "TASK_FINISHED")
	group.ended(0, "TASK_FINISHED for task 'one'")
}

// connected counts the connections that were made to a socket. The agent's ends of them have its path.
func connected(t *testing.T, path string) (n int) {
	t.Helper()
	table, err := os.ReadFile("/proc/net/unix")
	if err != nil {
		t.Skip(err)
	}
	for line := range strings.Lines(string(table)) { // Num RefCount Protocol Flags Type St Inode Path
		if f := strings.Fields(line); len(f) == 8 && f[7] == path && f[5] == "03" {
			n++
		}
	}
	return n
}

// askAt posts JSON to who listens at a socket, and returns the status and the body.
func askAt(t *testing.T, path, request, call string) string {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	answer, err := (&http.Client{Transport: transport}).Post("http://agent"+request, "application/json", strings.NewReader(call))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Status[:4] + string(text)
}

// A location that cannot work is refused at the start.
func TestSocketsRefused(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for location, want := range map[string]string{
		"/" + strings.Repeat("a", 107): "domain_socket_location: the path",
		"systemd:agent":                "domain_socket_location: sockets that systemd passes are not supported yet",
		"run/agent.sock":               "does not begin with a slash",
		file:                           "is no socket",
	} {
		status, out := does(t, nil, "mesos-agent", "--master=127.0.0.1:1", "--work_dir="+t.TempDir(), "--runtime_dir="+t.TempDir(),
			"--ip=127.0.0.1", "--port=0", "--http_executor_domain_sockets", "--domain_socket_location="+location)
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: exit status %d and\n%swant %q", location, status, out, want)
		}
	}
}
