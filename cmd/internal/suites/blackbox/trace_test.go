package blackbox

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestATaskIsTraced has the command line ask a master and two agents, whose rings are full, what happened to a task. What the
// task was told in confidence is in no answer.
func TestATaskIsTraced(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	agents := []*process{startAgent(t, "0", m.address, t.TempDir()), startAgent(t, "0", m.address, t.TempDir())}
	for _, p := range append(agents, m) {
		p.fillRing()
	}
	p := execute(t, m.address, "traced", "test $FOO = confidential", `--env={"FOO":"confidential"}`)
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.out)
	}
	began := time.Now()
	trace := start(t, nil, "mesos", "--master="+m.address, "trace", "task", "traced")
	if status := trace.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, trace.out)
	}
	took := time.Since(began)
	lines := strings.Split(trace.out.String(), "\n")
	next := 0
	for _, want := range []string{
		"→ master  Call ACCEPT", "master → slave(1)", "executor(1)", "StatusUpdateMessage traced TASK_RUNNING", "TASK_FINISHED", "ACKNOWLEDGE",
	} {
		for next < len(lines) && !strings.Contains(lines[next], want) {
			next++
		}
	}
	if next == len(lines) {
		t.Errorf("not the life of a task:\n%s", trace.out)
	}
	t.Logf("answered after %v", took)
	for _, p := range append(agents, m) {
		for _, path := range []string{"/trace", "/trace?format=html"} {
			if text := p.body(path); strings.Contains(text, "confidential") {
				t.Errorf("%s%s tells what is confidential", p.address, path)
			}
		}
	}
	unknown := start(t, nil, "mesos", "--master="+m.address, "trace", "task", "nobody")
	if status := unknown.ends(); status != 1 || !strings.Contains(unknown.out.String(), "nothing is remembered about task nobody") {
		t.Errorf("exit status %d: %s", status, unknown.out)
	}
}

// traced asks for the trace of a task, and returns the lines that contain one of texts.
func traced(t *testing.T, task string, args []string, texts ...string) []string {
	t.Helper()
	status, out := does(t, nil, "mesos", append([]string{"trace", "task", task}, args...)...)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, out)
	}
	return slices.DeleteFunc(strings.Split(out, "\n"), func(line string) bool {
		return !slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(line, text) })
	})
}

// remembers waits until the process remembers an event whose line contains all of texts, and returns the line.
func (p *process) remembers(texts ...string) (line string) {
	p.t.Helper()
	gone(p.t, func() (missing []string) {
		for line = range strings.Lines(p.body("/trace")) {
			if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
				return nil
			}
		}
		return texts
	})
	return line
}

// An update that went to a leader which was killed is sent again to the next one. The trace, which is asked for when it is
// all over, has both: that the first did not arrive, and that the second says the same again.
func TestATraceSpansAFailover(t *testing.T) {
	t.Parallel()
	m, agent, g, p := startSurvivor(t)
	first := m.leader()
	running := regexp.MustCompile("TASK_RUNNING (#[0-9a-f]{8})").FindStringSubmatch(agent.remembers(`"event":"send"`, "TASK_RUNNING"))
	agent.remembers(`"event":"deliver"`, `"from":"master@`, "StatusUpdateAcknowledgementMessage", running[1]) // the next one is sent only then

	for _, one := range m.all {
		one.signal(syscall.SIGSTOP) // so that nobody else leads before the update is lost
	}
	g.open(t)
	agent.remembers(`"event":"send"`, `"to":"master@`+m.all[first].address, "TASK_FINISHED")
	old := m.all[first].address
	m.all[first].kill()
	m.all[first] = nil
	for _, one := range m.all {
		if one != nil {
			one.signal(syscall.SIGCONT)
		}
	}
	second := m.all[m.leader()].address
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.out)
	}

	got := traced(t, "survivor", []string{"--master=" + m.list}, "RunTaskMessage", "slave(1) → master@", "do not answer", "did not answer")
	for _, want := range []string{
		old + " (connection refused)",
		"master@" + old + " → slave(1)  RunTaskMessage survivor",
		"slave(1) → master@" + old + "  StatusUpdateMessage survivor TASK_RUNNING",
		"slave(1) → master@" + old + "  StatusUpdateMessage survivor TASK_FINISHED",
		"slave(1) → master@" + second + "  ReregisterSlaveMessage",
		"slave(1) → master@" + second + "  StatusUpdateMessage survivor TASK_FINISHED",
	} {
		at := slices.IndexFunc(got, func(line string) bool { return strings.Contains(line, want) })
		switch {
		case at < 0:
			t.Fatalf("%q is not among:\n%s", want, strings.Join(got, "\n"))
		case strings.Contains(want, old+"  StatusUpdateMessage survivor TASK_FINISHED") && !strings.Contains(got[at], "[not seen to arrive]"),
			strings.Contains(want, second+"  StatusUpdateMessage") && !strings.Contains(got[at], "AGAIN, time 2"):
			t.Errorf("what became of it is not said: %s", got[at])
		}
	}
}

// An agent whose rules keep its trace from the user is named with the permission that is missing, and what the others know is shown.
// So it is with one that is dead.
func TestATraceOfWhatOnlySomeTell(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	credentials := write(t, "credentials", `{"credentials": [{"principal": "bob", "secret": "builder"}]}`)
	bob := "--credential=" + write(t, "credential", `{"principal": "bob", "secret": "builder"}`)
	agent := startAgent(t, "0", m.address, t.TempDir(), "--authenticate_http_readonly", "--http_credentials="+credentials,
		`--acls={"get_endpoints": [{"principals": {"values": ["bob"]}, "paths": {"type": "NONE"}}]}`)
	p := execute(t, m.address, "guarded", "true")
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.out)
	}
	forbidden := func(path string) string {
		return "refuse to tell: " + agent.address + ` (403 Forbidden: its --acls do not give "bob" the permission get_endpoints for the path ` + path + ")"
	}
	for _, test := range []struct {
		args []string
		want string
	}{
		{[]string{"trace", "task", "guarded"}, forbidden("/trace")},
		{[]string{"actor", "list"}, forbidden("/trace/actors")},
		{[]string{"trace", "task", "guarded"}, "did not answer: " + agent.address + " (connection refused)"},
	} {
		if strings.Contains(test.want, "refused)") {
			agent.kill()
		}
		status, out := does(t, nil, "mesos", append([]string{"--master=" + m.address, bob}, test.args...)...)
		if status != 0 || !strings.Contains(out, test.want) || !strings.Contains(out, "master") {
			t.Errorf("%v: exit status %d: %s; want %s", test.args, status, out, test.want)
		}
		if test.args[0] == "trace" && (!strings.Contains(out, "→ slave(1)  RunTaskMessage guarded") || !strings.Contains(out, "StatusUpdateMessage guarded TASK_FINISHED")) {
			t.Errorf("what the master knows is not shown: %s", out)
		}
	}
}

// What an executor says while its agent is away is shown as dropped, as it happens.
func TestATraceFollowsWhatIsDropped(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, dir, port, g := t.TempDir(), t.TempDir(), freePort(t), newGate(t)
	agent := startAgent(t, port, m.address, work, "--runtime_dir="+dir)
	p := execute(t, m.address, "survivor", g.wait(), "--checkpoint")
	p.awaits("TASK_RUNNING")
	trace := start(t, nil, "mesos", "--master="+m.address, "trace", "task", "survivor", "--follow")
	trace.awaits("executor(1)@") // a peer that only the agent knows
	trace.awaits("TASK_RUNNING")

	agent.kill()
	trace.awaits("mesos: " + agent.address + " tells no more: ")
	g.open(t)
	trace.awaits("TASK_FINISHED")
	dropped := regexp.MustCompile(`drop message +executor\(1\)@\S+ → slave\(1\)@\S+  StatusUpdateMessage survivor TASK_FINISHED`)
	gone(t, func() []string {
		if dropped.MatchString(trace.out.String()) {
			return nil
		}
		return []string{trace.out.String()}
	})
	trace.signal(syscall.SIGINT)
	if status := trace.ends(); status != 130 && status != 0 {
		t.Errorf("interrupted, it exits with %d", status)
	}
}

// What a daemon remembers can be kept in a file, which its user alone can read. It tells what the daemon itself tells, and
// nothing that is confidential.
func TestATraceIsSaved(t *testing.T) {
	t.Parallel()
	logs := t.TempDir()
	m := startMaster(t, "0", t.TempDir(), "--log_dir="+logs)
	startAgent(t, "0", m.address, t.TempDir())
	p := execute(t, m.address, "saved", "test $FOO = confidential", `--env={"FOO":"confidential"}`)
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.out)
	}
	response, err := http.Post("http://"+m.address+"/trace/save", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	path := strings.TrimSpace(string(answer))
	if err != nil || response.StatusCode != http.StatusOK || filepath.Dir(path) != logs {
		t.Fatalf("%s, %v: %q; want a file in %s", response.Status, err, answer, logs)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Fatalf("%v %v; want a file that only its user can read", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), "confidential") {
		t.Errorf("%v, or %s tells what is confidential", err, path)
	}
	m.kill() // its file remains
	got := strings.Join(traced(t, "saved", []string{"--file=" + path}, "saved"), "\n")
	for _, want := range []string{"Call ACCEPT", "RunTaskMessage saved", "StatusUpdateMessage saved TASK_RUNNING", "TASK_FINISHED"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not among:\n%s", want, got)
		}
	}
}

// An actor of a running daemon tells what it handles, waits for and is linked to, and what it heard last, in words.
func TestActorsAreInspected(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", m.address, t.TempDir())
	agent.awaits("registered")
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"list"}, []string{"PID", "WAITING", "OLDEST", "LONGEST", "master@" + m.address, "slave(1)@" + agent.address}},
		{[]string{"top", "--limit=3"}, []string{"TURNS/S", "BUSY"}},
		{[]string{"inspect", "master@" + m.address}, []string{
			"turns ", "longest ", "waiting ", "timers ", "links ", "slave(1)@" + agent.address, "mesos.internal.RegisterSlaveMessage", "  deliver ",
		}},
	} {
		status, out := does(t, nil, "mesos", append([]string{"--master=" + m.address, "actor"}, c.args...)...)
		for _, want := range c.want {
			if status != 0 || !strings.Contains(out, want) {
				t.Fatalf("%s: exit status %d; want %q in:\n%s", c.args, status, want, out)
			}
		}
	}
	tap := start(t, nil, "mesos", "--master="+m.address, "actor", "tap", "slave(1)@"+agent.address)
	gone(t, func() []string { // until it is connected
		agent.body("/slave(1)/flags")
		if agent.asks(`{"type": "GET_VERSION"}`); strings.Contains(tap.out.String(), "Call GET_VERSION") {
			return nil
		}
		return []string{tap.out.String()}
	})
	p := execute(t, m.address, "tapped", "true")
	tap.awaits("RunTaskMessage tapped")
	tap.awaits("TASK_FINISHED")
	if status := p.ends(); status != 0 {
		t.Errorf("exit status %d: %s", status, p.out)
	}
	for _, other := range []string{"/slave(1)/flags", "  enqueue ", " timer ", " call "} {
		if strings.Contains(tap.out.String(), other) {
			t.Errorf("%q is no message:\n%s", other, tap.out)
		}
	}
	tap.signal(syscall.SIGINT)
	if status := tap.ends(); status != 130 && status != 0 {
		t.Errorf("interrupted, it exits with %d", status)
	}
}

// fillRing makes the process remember as many events as it can.
func (p *process) fillRing() {
	p.t.Helper()
	for range 100 {
		if strings.Count(p.body("/trace"), "\n") >= 1<<12 {
			return
		}
		for range 200 {
			p.body("/version")
		}
	}
	p.t.Fatal("the ring is never full")
}

// body requests a path.
func (p *process) body(path string) string {
	p.t.Helper()
	response, err := http.Get(fmt.Sprintf("http://%s%s", p.address, path))
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
	return string(text)
}
