package blackbox

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// execute starts mesos-execute with a command.
func execute(t *testing.T, master, name, command string, args ...string) *process {
	t.Helper()
	return start(t, nil, "mesos-execute", append([]string{
		"--master=" + master, "--name=" + name, "--command=" + command,
	}, withDefaults(args, "--resources=cpus:1;mem:32")...)...)
}

func TestCommandsEndAsTheyEnd(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work := t.TempDir()
	startAgent(t, "0", m.address, work)
	for _, c := range []struct {
		name, command string
		args          []string
		status        int
		want          string
	}{
		{"fine", "echo hello; echo oops >&2", nil, 0, "TASK_FINISHED"},
		{"failing", "exit 3", nil, 1, "Command exited with status 3"},
		{"killed", "kill -9 $$", nil, 1, "Command terminated with signal Killed"},
		{"missing", "no-such-program", nil, 1, "Command exited with status 127"},
		{"environment", "test $FOO = bar", []string{`--env={"FOO":"bar"}`}, 0, "TASK_FINISHED"},
		{"late", "sleep 100", []string{"--kill_after=100ms"}, 1, "TASK_KILLED"},
	} {
		p := execute(t, m.address, c.name, c.command, c.args...)
		if status := p.ends(); status != c.status || !strings.Contains(p.out.String(), c.want) {
			t.Errorf("%s: exit status %d, and printed\n%swant %d, and %q", c.name, status, p.out, c.status, c.want)
		}
	}
	for name, want := range map[string]string{"stdout": "hello\n", "stderr": "oops\n"} {
		found, err := filepath.Glob(filepath.Join(work, "slaves/*/frameworks/*/executors/fine/runs/latest", name))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", name, found, err)
		}
		if text, err := os.ReadFile(found[0]); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s: got %q, %v, want %q in it", name, text, err, want)
		}
	}
}

// Ctrl-C kills the task, and says so.
func TestInterruptedCommand(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	p := execute(t, m.address, "long", "sleep 1000")
	p.awaits("TASK_RUNNING")
	p.signal(syscall.SIGINT)
	if status := p.ends(); status != 1 || !strings.Contains(p.out.String(), "TASK_KILLED") {
		t.Errorf("exit status %d", status)
	}
}

// A master that dies is replaced by another on its registry: tasks go on, and their scheduler does.
func TestMasterKilled(t *testing.T) {
	t.Parallel()
	port, registry, g := freePort(t), t.TempDir(), newGate(t)
	first := startMaster(t, port, registry)
	agent := startAgent(t, "0", first.address, t.TempDir())
	p := execute(t, first.address, "survivor", g.wait(), "--checkpoint")
	p.awaits("TASK_RUNNING")
	first.kill()
	before := len(agent.out.String())
	second := startMaster(t, port, registry)
	agent.awaitsAfter(before, "] re-registered ")
	var seen struct {
		Slaves []struct{ ID string }
	}
	second.sees("/slaves", &seen)
	if len(seen.Slaves) != 1 || !strings.HasSuffix(seen.Slaves[0].ID, "-S0") {
		t.Errorf("the second master sees agents %v", seen.Slaves)
	}
	g.open(t)
	if status := p.ends(); status != 0 || !strings.Contains(p.out.String(), "TASK_FINISHED") {
		t.Errorf("exit status %d", status)
	}
}

// An agent that waits for its master finds it when it comes.
func TestAgentBeforeMaster(t *testing.T) {
	t.Parallel()
	port := freePort(t)
	agent := startAgent(t, "0", "127.0.0.1:"+port, t.TempDir())
	startMaster(t, port, t.TempDir())
	agent.awaits("] registered ")
}

// What ran on an agent that died is ended by the next one in its work directory, which takes its place.
func TestAgentKilled(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, port, g := t.TempDir(), freePort(t), newGate(t)
	first := startAgent(t, port, m.address, work)
	mark := fmt.Sprintf("task-of-%s", port)
	p := execute(t, m.address, "victim", "echo "+mark+"; "+g.wait())
	p.awaits("TASK_RUNNING")
	first.kill()
	second := startAgent(t, port, m.address, work)
	if status := p.ends(); status != 1 || !strings.Contains(p.out.String(), "TASK_LOST") {
		t.Errorf("exit status %d, want 1 with TASK_LOST", status)
	}
	second.awaits("] re-registered ")
	if left := commands(t, mark); len(left) > 0 {
		t.Errorf("the task of the first agent still runs: %v", left)
	}
	after := execute(t, m.address, "after", "true")
	if status := after.ends(); status != 0 {
		t.Errorf("after that, a task ended with %d", status)
	}
}

// commands lists the processes with mark in their command lines.
func commands(t *testing.T, mark string) []string {
	t.Helper()
	lines, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, name := range lines {
		text, err := os.ReadFile(name)
		line := strings.ReplaceAll(string(text), "\x00", " ")
		if err == nil && strings.Contains(line, mark) && !strings.Contains(line, "mesos-execute") {
			found = append(found, line)
		}
	}
	return found
}

// SIGUSR1 takes an agent out of the cluster: its tasks are killed and reported, and it ends.
func TestAgentUnregisters(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", m.address, t.TempDir())
	mark := "sleeps-for-" + agent.address
	p := execute(t, m.address, "long", "sleep 1000 # "+mark)
	p.awaits("TASK_RUNNING")
	agent.signal(syscall.SIGUSR1)
	if status := agent.ends(); status != 0 {
		t.Errorf("the agent ended with %d", status)
	}
	if status := p.ends(); status != 1 || !strings.Contains(p.out.String(), "the agent unregistered") {
		t.Errorf("the task ended with %d", status)
	}
	if left := commands(t, mark); len(left) > 0 {
		t.Errorf("the task still runs: %v", left)
	}
	var seen struct{ Slaves []any }
	m.sees("/slaves", &seen)
	if len(seen.Slaves) != 0 {
		t.Errorf("the master still sees %v", seen.Slaves)
	}
}

func TestDaemonsEndWhenAsked(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		m := startMaster(t, "0", t.TempDir())
		agent := startAgent(t, "0", m.address, t.TempDir())
		agent.signal(s)
		if status := agent.ends(); status != 0 {
			t.Errorf("%v: the agent ended with %d", s, status)
		}
		m.signal(s)
		if status := m.ends(); status != 0 {
			t.Errorf("%v: the master ended with %d", s, status)
		}
	}
}

// A launcher that is killed takes its cluster along, and the tasks on it.
func TestLocalClusterKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	local := start(t, nil, "mesos-local", "--num_agents=2", "--port=0", "--work_dir="+dir)
	local.awaits("Ctrl-C stops all of it")
	_, address, _ := strings.Cut(local.out.String(), "master   ")
	address, _, _ = strings.Cut(address, " ")
	mark := "sleeps-for-" + address
	p := execute(t, address, "long", "sleep 1000 # "+mark)
	p.awaits("TASK_RUNNING")
	local.kill()
	p.kill()
	log, err := os.ReadFile(filepath.Join(dir, "master.log"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(log), "master started") {
		t.Errorf("master.log holds %q", log)
	}
	gone(t, func() []string { return append(commands(t, mark), commands(t, dir)...) })
}

// The command of a launcher that is killed is told to end.
func TestLocalCommandEndsWithItsLauncher(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mark := "launched-in-" + dir
	local := start(t, nil, "mesos-local", "--num_agents=1", "--port=0", "--work_dir="+dir, "--",
		"sh", "-c", "echo begun; while test -d "+dir+"; do sleep 0.05; done # "+mark)
	local.awaits("begun")
	local.kill()
	gone(t, func() []string { return commands(t, mark) })
}

// What master and agents log is decided where they are launched.
func TestLocalClusterLogs(t *testing.T) {
	t.Parallel()
	for level, want := range map[string]bool{"INFO": true, "WARNING": false} {
		dir := t.TempDir()
		variable := []string{"MESOS_LOGGING_LEVEL=" + level}
		lines := map[string]string{"master.log": "master started", "agent-1.log": "agent started"}
		command := []string{"true"}
		if want {
			command = []string{"sh", "-c", `until grep -q "$1" "$0"; do sleep 0.02; done`, filepath.Join(dir, "agent-1.log"), lines["agent-1.log"]}
		}
		args := append([]string{"--num_agents=1", "--port=0", "--work_dir=" + dir, "--"}, command...)
		if status, out := does(t, variable, "mesos-local", args...); status != 0 {
			t.Fatalf("exit status %d, and printed\n%s", status, out)
		}
		for file, line := range lines {
			log, err := os.ReadFile(filepath.Join(dir, file))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Contains(string(log), line); got != want {
				t.Errorf("%s: %s says %q: %v, want %v", level, file, line, got, want)
			}
		}
	}
}

// Master and agents take flags from the environment of their launcher, but for where they are.
func TestLocalClusterTakesFlags(t *testing.T) {
	t.Parallel()
	credentials := write(t, "credentials", `{"credentials": [{"principal": "op", "secret": "opsecret"}]}`)
	local := start(t, []string{
		"MESOS_CREDENTIALS=" + credentials, "MESOS_HTTP_CREDENTIALS=" + credentials, "MESOS_AUTHENTICATE_HTTP_READONLY=true",
		"MESOS_ATTRIBUTES=rack:r1", "MESOS_HOSTNAME=elsewhere", "MESOS_ZK=zk://127.0.0.1:1/mesos", "LIBPROCESS_PORT=1",
	}, "mesos-local", "--num_agents=2", "--port=0")
	local.awaits("Ctrl-C stops all of it")
	daemons := regexp.MustCompile(`(?m)^(master|agent) +([0-9.:]+)`).FindAllStringSubmatch(local.out.String(), -1)
	if len(daemons) != 3 {
		t.Fatalf("it printed\n%s", local.out)
	}
	for i, found := range daemons {
		daemon := &process{t: t, name: found[1], address: found[2]}
		if answer, body := daemon.as(login{}, http.MethodGet, "/flags", ""); answer.StatusCode != http.StatusUnauthorized {
			t.Errorf("%s: without a password, /flags is %s %s", daemon.name, answer.Status, body)
		}
		answer, body := daemon.as(login{"op", "opsecret"}, http.MethodGet, "/flags", "")
		want := map[string]string{"master": `"hostname":"localhost"`, "agent": fmt.Sprintf(`"attributes":"node:agent-%d;rack:r1"`, i)}[daemon.name]
		if answer.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: /flags is %s %s, want %s", daemon.name, answer.Status, body, want)
		}
	}
}

// A cluster may be stopped as soon as it says that it runs, without waiting for anything in it.
func TestLocalClusterStoppedAtOnce(t *testing.T) {
	t.Parallel()
	for range 5 {
		if status, out := does(t, nil, "mesos-local", "--num_agents=1", "--port=0", "--", "true"); status != 0 {
			t.Errorf("exit status %d, and printed\n%s", status, out)
		}
	}
}

// A task that its health check finds sick is killed, and told to be so.
func TestSickTask(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	mark := filepath.Join(t.TempDir(), "well")
	task := fmt.Sprintf(`{
		"name": "web", "task_id": {"value": "web"}, "agent_id": {"value": ""},
		"resources": [{"name": "cpus", "type": "SCALAR", "scalar": {"value": 1}}, {"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}],
		"command": {"value": "touch %[1]s; sleep 1000"},
		"health_check": {
			"type": "COMMAND", "command": {"value": "test -e %[1]s && rm %[1]s"},
			"delay_seconds": 0.2, "interval_seconds": 0.05, "grace_period_seconds": 0, "consecutive_failures": 2
		}
	}`, mark)
	status, out := does(t, nil, "mesos-execute", "--master="+m.address, "--task="+task)
	if status != 1 || !strings.Contains(out, "healthy?: true") || strings.Count(out, "healthy?: false") != 3 ||
		!strings.Contains(out, "REASON_TASK_HEALTH_CHECK_STATUS_UPDATED") || !strings.Contains(out, "update TASK_KILLED") {
		t.Errorf("mesos-execute ended with %d, and printed\n%s", status, out)
	}
}
