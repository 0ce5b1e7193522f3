package blackbox

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
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

// askAt posts JSON to a socket, and returns the status and the body.
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
		"systemd:agent":                "domain_socket_location: Expected exactly one socket with name agent, got 0 instead",
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

// played is a socket of a unit of systemd's, and another one of the same unit.
type played struct{ mine, other *os.File }

// playSystemd makes a socket at path, as systemd does for a unit.
func playSystemd(t *testing.T, path string) played {
	t.Helper()
	file := func(l net.Listener, err error) *os.File {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		if u, ok := l.(*net.UnixListener); ok {
			u.SetUnlinkOnClose(false)
		}
		f, err := l.(interface{ File() (*os.File, error) }).File()
		if err = errors.Join(err, l.Close()); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		return f
	}
	return played{file(net.Listen("unix", path)), file(net.Listen("tcp", "127.0.0.1:0"))}
}

// starts starts an agent to which the sockets are passed.
func (s played) starts(t *testing.T, args []string) *process {
	t.Helper()
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ exec "$0" "$@"`, filepath.Join(bin, "mesos-agent")}, args...)...)
	cmd.ExtraFiles = []*os.File{s.other, s.mine}
	return startReady(t, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=other:agent"}, "mesos-agent", cmd)
}

// holders lists the processes that have a file open.
func holders(t *testing.T, f *os.File, pids ...int) (found []int) {
	t.Helper()
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range pids {
		open, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, fd := range open {
			if one, err := os.Stat(fd); err == nil && os.SameFile(info, one) {
				found = append(found, pid)
			}
		}
	}
	return found
}

// Executors reach their agent at a socket that systemd passes to it by name, which is there before the agent and after it: those of
// an agent that was killed come back to the next one. Nothing that the agent starts has the sockets, or variables about them.
func TestSocketOfSystemd(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	path, port, g := filepath.Join(t.TempDir(), "passed.sock"), freePort(t), newGate(t)
	unit, args := playSystemd(t, path), agentArgs(port, m.address, t.TempDir(), []string{
		"--http_executor_domain_sockets", "--http_command_executor", "--runtime_dir=" + t.TempDir(), "--domain_socket_location=systemd:agent",
	})
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	agent := unit.starts(t, args)
	if info, err := os.Lstat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket has the mode %v (%v), which the unit says", info.Mode(), err)
	}
	task := execute(t, m.address, "task", `test "$MESOS_DOMAIN_SOCKET" = `+path+` && ! env | grep LISTEN_ && `+g.wait(), "--checkpoint")
	task.awaits("TASK_RUNNING")
	if n := connected(t, path); n < 1 {
		t.Errorf("there are %d connections to the socket of an executor", n)
	}
	if got := askAt(t, path, "/slave(1)/state", ""); got != "403 403 Forbidden." {
		t.Errorf("the socket serves something else: %s", got)
	}
	started := below(t, agent.cmd.Process.Pid)
	if len(started) < 2 {
		t.Errorf("only the processes %d are below the agent", started)
	}
	for _, f := range []*os.File{unit.mine, unit.other} {
		if found := holders(t, f, started...); len(found) > 0 {
			t.Errorf("the processes %d of %d have a socket of the agent's unit", found, started)
		}
	}
	agent.kill()
	agent = unit.starts(t, args)
	agent.awaits("] re-registered ")
	g.open(t)
	task.ended(0, "TASK_FINISHED")
	agent.signal(syscall.SIGTERM)
	agent.ends()
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatalf("the socket has gone with the agent: %v", err)
	}
	conn.Close()
}

// What systemd passes must be one socket of the name, which listens at a path.
func TestSocketsOfSystemdRefused(t *testing.T) {
	t.Parallel()
	unit := playSystemd(t, filepath.Join(t.TempDir(), "passed.sock"))
	abstract, err := net.Listen("unix", "@"+t.Name()+strconv.Itoa(os.Getpid()))
	if err != nil {
		t.Fatal(err)
	}
	defer abstract.Close()
	nowhere, err := abstract.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer nowhere.Close()
	file, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, c := range []struct {
		files     []*os.File
		variables []string
		want      string
	}{
		{[]*os.File{unit.mine}, nil, "Expected exactly one socket with name agent, got 0 instead"},
		{[]*os.File{unit.mine}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=another"}, `got 0 instead; systemd passed ["another"]`},
		{[]*os.File{unit.mine, unit.mine}, []string{"LISTEN_FDS=2"}, "got 2 instead"},
		{[]*os.File{unit.mine}, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=a:agent"}, "LISTEN_FDNAMES has 2 names for 1 descriptors"},
		{[]*os.File{unit.mine}, []string{"LISTEN_FDS=one"}, "LISTEN_FDS=one is no such number"},
		{[]*os.File{unit.mine}, []string{"LISTEN_FDS=-1"}, "LISTEN_FDS=-1 is no such number"},
		{[]*os.File{unit.other}, []string{"LISTEN_FDS=1"}, "which is no path"},
		{[]*os.File{nowhere}, []string{"LISTEN_FDS=1"}, "but executors need a path"},
		{[]*os.File{file}, []string{"LISTEN_FDS=1"}, "what systemd passed is no socket"},
		{nil, []string{"LISTEN_FDS=1", "LISTEN_FDNAMES=agent"}, "what systemd passed is no socket"},
	} {
		cmd := exec.Command("sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, filepath.Join(bin, "mesos-agent"), "--master=127.0.0.1:1", "--work_dir="+t.TempDir(),
			"--runtime_dir="+t.TempDir(), "--ip=127.0.0.1", "--port=0", "--http_executor_domain_sockets", "--domain_socket_location=systemd:agent")
		cmd.Env, cmd.ExtraFiles = append(clean(os.Environ()), c.variables...), c.files
		if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%v: %v and\n%swant %q", c.variables, err, out, c.want)
		}
	}
}
