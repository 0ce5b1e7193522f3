package blackbox

import (
	"bytes"
	"crypto/sha256"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// Bytes that mean nothing, or something bad, are refused, and the daemon goes on.
func TestForeignBytes(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	noise := sha256.Sum256([]byte("noise"))
	for name, c := range map[string]struct {
		sent []byte
		want string
	}{
		"noise":          {bytes.Repeat(noise[:], 1000), "400"},
		"no request":     {[]byte("GARBAGE\r\n\r\n"), "400"},
		"long line":      {append([]byte("GET /"), bytes.Repeat([]byte("x"), 1<<20)...), "4"},
		"long head":      {append([]byte("GET /health HTTP/1.1\r\nA: "), bytes.Repeat([]byte("x"), 65<<10)...), "431"},
		"large body":     {[]byte("POST /api/v1 HTTP/1.1\r\nContent-Length: 67108865\r\n\r\n"), "413"},
		"TLS":            {[]byte("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"), "400"},
		"two lengths":    {[]byte("POST /master/x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400"},
		"negative":       {[]byte("POST /master/x HTTP/1.1\r\nContent-Length: -1\r\n\r\n"), "400"},
		"no such actor":  {[]byte("GET /nobody/x HTTP/1.1\r\nConnection: close\r\n\r\n"), "404"},
		"nobody's route": {[]byte("GET /../../etc/passwd HTTP/1.1\r\nConnection: close\r\n\r\n"), "40"},
	} {
		got := exchange(t, m.address, c.sent)
		if got != "" && !strings.HasPrefix(got, "HTTP/1.1 "+c.want) {
			t.Errorf("%s: got %.60q, want %s or a closed connection", name, got, c.want)
		}
	}
	if status, _ := m.get("/health"); status != http.StatusOK {
		t.Errorf("afterwards, /health answers %d", status)
	}
	if printed := m.out.String(); strings.Contains(printed, "goroutine ") {
		t.Error("the master panicked")
	}
}

// exchange sends bytes and returns what comes back until the other side closes.
func exchange(t *testing.T, address string, sent []byte) string {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.Write(sent)                 //nolint:errcheck // the other side may have heard enough
	conn.(*net.TCPConn).CloseWrite() //nolint:errcheck // likewise
	got, _ := io.ReadAll(conn)       // a reset says no as well
	return string(got)
}

// What people look at: state, help, trace, of master and agent.
func TestPagesForPeople(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir(), "--cluster=seen", `--domain={"fault_domain":{"region":{"name":"eu"},"zone":{"name":"a"}}}`)
	a := startAgent(t, "0", m.address, t.TempDir())
	a.awaits("] registered ")
	for _, c := range []struct {
		p          *process
		path, want string
		status     int
	}{
		{m, "/state", `"cluster":"seen"`, 200},
		{m, "/state", `"region":{"name":"eu"}`, 200},
		{m, "/master/state", `"activated_slaves":1.0`, 200},
		{m, "/slaves?jsonp=f", "f({", 200},
		{m, "/help", "/help/master", 200},
		{m, "/help/master", "/master/state", 200},
		{m, "/help/master/state", "state", 200},
		{m, "/version", `"version":"1.12.0"`, 200},
		{m, "/trace?actor=master&message=*RegisterSlave*", "RegisterSlaveMessage", 200},
		{m, "/nothing", "", 404},
		{a, "/state", `"hostname":"localhost"`, 200},
		{a, "/slave(1)/state", `"resources":{`, 200},
		{a, "/health", "", 200},
		{a, "/trace?message=*Registered*", "SlaveRegisteredMessage", 200},
	} {
		status, body := c.p.get(c.path)
		if status != c.status || !strings.Contains(body, c.want) {
			t.Errorf("%s: got %d %.200q, want %d with %q", c.path, status, body, c.status, c.want)
		}
	}
}

// The command line sees what runs, and what it wrote.
func TestCommandLine(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	g := newGate(t)
	p := execute(t, m.address, "web", "echo ready; "+g.wait()+"; echo done")
	p.awaits("TASK_RUNNING")
	for _, c := range []struct{ command, want string }{
		{"agent list", "localhost  True"}, {"framework list", "mesos-execute instance"}, {"task list", "web  TASK_RUNNING"},
		{"task inspect we", `"id": "web"`}, {"state", "1 running"}, {"agent list -o json", `"cpus": 4.0`},
	} {
		status, out := does(t, nil, "mesos", append(strings.Fields(c.command), "--master="+m.address)...)
		if status != 0 || !strings.Contains(out, c.want) {
			t.Errorf("mesos %s: exit status %d, and printed\n%swant %q", c.command, status, out, c.want)
		}
	}
	follower := start(t, nil, "mesos", "--master="+m.address, "task", "logs", "-f", "web")
	follower.awaits("ready")
	g.open(t)
	follower.awaits("done")
	if status := follower.ends(); status != 0 {
		t.Errorf("mesos task logs -f ended with %d", status)
	}
	if status := p.ends(); status != 0 {
		t.Errorf("the task ended with %d", status)
	}
}

// What a node does can be followed in its log.
func TestTraceInTheLog(t *testing.T) {
	t.Parallel()
	p := start(t, []string{"MESETA_TRACE=registrar*"}, "mesos-master", "--ip=127.0.0.1", "--port=0", "--work_dir="+t.TempDir())
	p.awaits("] deliver ")
	p.awaits("registrar(1)")
}
