package blackbox

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"meseta/slave/processtree"
)

// member is a task of a group: its name, its command, and what else is to be said of it.
type member struct {
	name, command string
	more          map[string]any
}

// task is the task, in JSON.
func (m member) task() map[string]any {
	task := map[string]any{
		"name": m.name, "task_id": map[string]any{"value": m.name}, "agent_id": map[string]any{"value": ""},
		"command": map[string]any{"value": m.command},
		"resources": []map[string]any{
			{"name": "cpus", "type": "SCALAR", "scalar": map[string]any{"value": 0.1}},
			{"name": "mem", "type": "SCALAR", "scalar": map[string]any{"value": 32}},
		},
	}
	maps.Copy(task, m.more)
	return task
}

// executeGroup starts mesos-execute with a group of tasks.
func executeGroup(t *testing.T, master string, members []member, args ...string) *process {
	t.Helper()
	var tasks []map[string]any
	for _, m := range members {
		tasks = append(tasks, m.task())
	}
	group, err := json.Marshal(map[string]any{"tasks": tasks})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, nil, "mesos-execute", append([]string{"--master=" + master, "--task_group=" + string(group)}, args...)...)
}

// asleep is a command of the shell that sleeps for long in two processes, one of them in a session of its own. Both are
// found by mark, which is a number.
func asleep(mark string) string {
	return "echo up; setsid sleep 1" + mark + " & exec sleep 2" + mark
}

// sleepers lists the processes of such commands.
func sleepers(t *testing.T, mark string) []string {
	t.Helper()
	return append(commands(t, "sleep 1"+mark), commands(t, "sleep 2"+mark)...)
}

// processOf finds the process whose command line begins with text, and whose parent or parent's parent is that one unless it is
// 0. A task is running before its command has done its first step, so it may take a moment.
func processOf(t *testing.T, parent int, text string) (pid int) {
	t.Helper()
	none := []string{"nothing but a process " + text}
	gone(t, func() []string {
		all, err := processtree.Look()
		if err != nil {
			t.Fatal(err)
		}
		parents := map[int]int{}
		for _, p := range all.Processes {
			parents[p.PID] = p.Parent
		}
		for _, p := range all.Processes {
			line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.PID))
			if err == nil && strings.HasPrefix(strings.ReplaceAll(string(line), "\x00", " "), text) && (parent == 0 || parent == p.Parent || parent == parents[p.Parent]) {
				pid = p.PID
				return nil
			}
		}
		return none
	})
	return pid
}

// asks makes a call of the API of a daemon, in JSON, and returns the answer.
func (p *process) asks(call string) (status int, body string) {
	p.t.Helper()
	answer, err := http.Post("http://"+p.address+"/api/v1", "application/json", strings.NewReader(call))
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func kill9(t *testing.T, pid int) {
	t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
}

// awaitsTwice waits until the program has printed text two times.
func (p *process) awaitsTwice(text string) {
	p.t.Helper()
	p.awaits(text)
	p.awaitsAfter(strings.Index(p.out.String(), text)+len(text), text)
}

// ended demands the exit status of mesos-execute, and what it printed.
func (p *process) ended(status int, texts ...string) {
	p.t.Helper()
	got := p.ends()
	for _, text := range texts {
		if got != status || !strings.Contains(p.out.String(), text) {
			p.t.Errorf("exit status %d, and printed\n%swant %d, and %q", got, p.out, status, text)
			return
		}
	}
}

// checked is a check, by a command unless more says otherwise.
func checked(more map[string]any) map[string]any {
	check := map[string]any{"type": "COMMAND", "delay_seconds": 0, "interval_seconds": 0.05}
	for name, value := range more {
		check[name] = value
	}
	return check
}

// The tasks of a group run side by side, each in a sandbox of its own, which can be read while it runs. Commands that
// check them run there as well, on the agent, and do not pile up.
func TestPod(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, g := t.TempDir(), newGate(t)
	a := startAgent(t, "0", m.address, work)
	well := map[string]any{"command": map[string]any{"value": "test $FOO = bar && echo well >> checks"}, "grace_period_seconds": 0}
	found := map[string]any{"command": map[string]any{"command": map[string]any{"value": "while ! test -e here; do sleep 0.01; done; exit 7"}}}
	p := executeGroup(t, m.address, []member{
		{"left", "echo hello; " + g.wait(), map[string]any{
			"health_check": checked(well),
			"command": map[string]any{
				"value":       "echo hello; " + g.wait(),
				"environment": map[string]any{"variables": []any{map[string]any{"name": "FOO", "value": "bar"}}},
			},
		}},
		{"right", "echo oops >&2; touch here; " + g.wait(), map[string]any{"check": checked(found)}},
	})
	p.awaits("healthy?: true")
	p.awaits("REASON_TASK_CHECK_STATUS_UPDATED")
	if status, body := a.asks(`{"type":"GET_TASKS"}`); status != 200 || !strings.Contains(body, `"exit_code":7`) {
		t.Errorf("the check is not seen: %d %s", status, body)
	}

	var state struct {
		Frameworks []struct{ Executors []struct{ Directory string } }
	}
	a.sees("/state", &state)
	sandbox := state.Frameworks[0].Executors[0].Directory
	for path, want := range map[string]string{"left/stdout": "hello", "right/stderr": "oops", "left/checks": "well"} {
		if status, body := a.get("/files/read?offset=0&length=5&path=" + sandbox + "/tasks/" + path); status != 200 || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s, want %q", path, status, body, want)
		}
	}
	if info, err := os.Stat(sandbox + "/tasks/left/"); err != nil || info.Mode().Perm() != 0o750 {
		t.Errorf("the sandbox of a task is open to others: %v, %v", info.Mode(), err)
	}
	g.open(t)
	p.ended(0, "TASK_FINISHED for task 'left'", "TASK_FINISHED for task 'right'")
	if left, err := filepath.Glob(sandbox + "/containers/*/containers/*"); err != nil || len(left) > 2 {
		t.Errorf("there was one check of each task at a time, and they left %v, %v", left, err)
	}
}

// A group dies with the first of its tasks that fails, however its other tasks feel about it.
func TestPodFails(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	g, mark := newGate(t), freePort(t)
	p := executeGroup(t, m.address, []member{
		{"fails", g.wait() + "; exit 3", nil}, {"stays", asleep(mark), nil}, {"ignores", "trap '' TERM; while test -d " + filepath.Dir(string(g)) + "; do sleep 0.1; done # " + mark, nil},
	})
	for _, name := range []string{"fails", "stays", "ignores"} {
		p.awaits("TASK_RUNNING for task '" + name + "'")
	}
	g.open(t)
	p.ended(1, "Command exited with status 3", "TASK_KILLED for task 'stays'", "Command terminated with signal Killed", "TASK_KILLED for task 'ignores'")
	gone(t, func() []string { return append(sleepers(t, mark), commands(t, mark)...) })
}

// A task that its health check finds sick is killed, and its group with it.
func TestPodIsSick(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	mark := freePort(t)
	sick := map[string]any{"command": map[string]any{"value": "false"}, "grace_period_seconds": 0, "consecutive_failures": 2}
	p := executeGroup(t, m.address, []member{
		{"sick", asleep(mark), map[string]any{"health_check": checked(sick)}}, {"well", asleep(mark), nil},
	})
	p.ended(1, "healthy?: false", "TASK_KILLED for task 'sick'", "TASK_KILLED for task 'well'")
	gone(t, func() []string { return sleepers(t, mark) })
}

// The network is asked how tasks of a group fare as well.
func TestPodIsProbed(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	a := startAgent(t, "0", m.address, t.TempDir())
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/well" {
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	t.Cleanup(service.Close)
	_, text, _ := strings.Cut(service.Listener.Addr().String(), ":")
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	get := func(path string) map[string]any { return map[string]any{"port": port, "path": path} }
	g := newGate(t)
	p := executeGroup(t, m.address, []member{
		{"http", g.wait(), map[string]any{
			"health_check": checked(map[string]any{"type": "HTTP", "http": get("/well"), "grace_period_seconds": 0}),
			"check":        checked(map[string]any{"type": "HTTP", "http": get("/tea")}),
		}},
		{"tcp", g.wait(), map[string]any{
			"health_check": checked(map[string]any{"type": "TCP", "tcp": map[string]any{"port": port}, "grace_period_seconds": 0}),
			"check":        checked(map[string]any{"type": "TCP", "tcp": map[string]any{"port": port}}),
		}},
	})
	for _, name := range []string{"http", "tcp"} {
		p.awaitsTwice("TASK_RUNNING for task '" + name + "'\n  source: SOURCE_EXECUTOR\n  reason:")
	}
	_, body := a.asks(`{"type":"GET_TASKS"}`)
	for _, want := range []string{`"status_code":418`, `"succeeded":true`, `"healthy":true`} {
		if !strings.Contains(body, want) {
			t.Errorf("%s is not seen in %s", want, body)
		}
	}
	g.open(t)
	p.ended(0, "TASK_FINISHED for task 'http'", "TASK_FINISHED for task 'tcp'")
}

// Whoever is killed with -9, nothing of a group stays behind, and its tasks are told to be over.
func TestPodPartsKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		victim func(t *testing.T, sleeper int, agent *process)
		want   []string
	}{
		"a task's process": {
			func(t *testing.T, sleeper int, _ *process) { kill9(t, sleeper) },
			[]string{"TASK_FAILED for task 'one'", "Command terminated with signal Killed", "TASK_KILLED for task 'two'"},
		},
		"the executor": {
			func(t *testing.T, _ int, agent *process) {
				kill9(t, processOf(t, agent.cmd.Process.Pid, "mesos-default-executor"))
			},
			[]string{"TASK_FAILED for task 'one'", "TASK_FAILED for task 'two'", "REASON_EXECUTOR_TERMINATED"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMaster(t, "0", t.TempDir())
			agent := startAgent(t, "0", m.address, t.TempDir())
			one, two := freePort(t), freePort(t)
			p := executeGroup(t, m.address, []member{{"one", asleep(one), nil}, {"two", asleep(two), nil}})
			p.awaits("TASK_RUNNING for task 'one'")
			p.awaits("TASK_RUNNING for task 'two'")
			c.victim(t, processOf(t, 0, "sleep 2"+one), agent)
			p.ended(1, c.want...)
			gone(t, func() []string { return append(sleepers(t, one), sleepers(t, two)...) })
		})
	}
}

// What an agent that is killed leaves running is ended by its successor, unless it is checkpointed: groups, and containers
// that stand alone. The tasks are told to be lost.
func TestPodAgentKilled(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	work, port, mark := t.TempDir(), freePort(t), freePort(t)
	first := startAgent(t, port, m.address, work)
	p := executeGroup(t, m.address, []member{{"one", asleep(mark), nil}, {"two", asleep(mark), nil}}, "--no-checkpoint")
	p.awaits("TASK_RUNNING for task 'one'")
	p.awaits("TASK_RUNNING for task 'two'")
	alone := `{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"alone"},"command":{"value":"` + asleep(mark) + `"}}}`
	if status, body := first.asks(alone); status != 200 {
		t.Errorf("a container was not launched: %d %s", status, body)
	}
	executor := processOf(t, first.cmd.Process.Pid, "mesos-default-executor")
	first.kill()
	startAgent(t, port, m.address, work)
	p.ended(1, "TASK_LOST for task 'one'", "TASK_LOST for task 'two'")
	gone(t, func() []string {
		left := sleepers(t, mark)
		if syscall.Kill(executor, 0) == nil {
			left = append(left, "the executor")
		}
		return left
	})
}

// An agent that is killed and does not come back is the end of its groups, at once or when they have waited for it.
func TestPodIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--no-checkpoint", "--checkpoint"} {
		t.Run(flag, func(t *testing.T) {
			t.Parallel()
			m := startMaster(t, "0", t.TempDir())
			mark := freePort(t)
			a := startAgent(t, "0", m.address, t.TempDir(), "--recovery_timeout=500ms", "--executor_reregistration_timeout=100ms")
			p := executeGroup(t, m.address, []member{{"one", asleep(mark), nil}, {"two", asleep(mark), nil}}, flag)
			p.awaits("TASK_RUNNING for task 'one'")
			p.awaits("TASK_RUNNING for task 'two'")
			executor := processOf(t, a.cmd.Process.Pid, "mesos-default-executor")
			a.kill()
			gone(t, func() []string {
				left := sleepers(t, mark)
				if syscall.Kill(executor, 0) == nil {
					left = append(left, "the executor")
				}
				return left
			})
			p.kill() // nobody will tell it
		})
	}
}

// A container that stands alone can be launched again when it is over.
func TestContainerAlone(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	a := startAgent(t, "0", m.address, t.TempDir())
	gone(t, func() []string {
		if status, _ := a.get("/state"); status == http.StatusServiceUnavailable {
			return []string{"the agent's recovery"}
		}
		return nil
	})
	const id = `"container_id":{"value":"alone"}`
	mark := freePort(t)
	for round := range 2 {
		for _, c := range []struct {
			call   string
			status int
			body   string
		}{
			// a program that does not exist is a container that ends
			{fmt.Sprintf(`{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"odd%d"},"command":{"value":"no-such-program","shell":false}}}`, round), 200, ""},
			{`{"type":"LAUNCH_CONTAINER","launch_container":{` + id + `,"command":{"value":"` + asleep(mark) + `"}}}`, 200, ""},
			{`{"type":"LAUNCH_CONTAINER","launch_container":{` + id + `,"command":{"value":"true"}}}`, 202, ""},
			{`{"type":"GET_CONTAINERS","get_containers":{"show_standalone":true}}`, 200, `"value":"alone"`},
			{`{"type":"GET_CONTAINERS","get_containers":{"show_nested":true}}`, 200, `"get_containers":{}`},
			{`{"type":"KILL_CONTAINER","kill_container":{` + id + `,"signal":15}}`, 200, ""},
			{`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{` + id + `}}`, 404, "Container alone cannot be found"},
		} {
			if status, body := a.asks(c.call); status != c.status || !strings.Contains(body, c.body) {
				t.Errorf("%s: %d %s, want %d %s", c.call, status, body, c.status, c.body)
			}
		}
		gone(t, func() []string {
			if status, _ := a.asks(`{"type":"WAIT_CONTAINER","wait_container":{` + id + `}}`); status == http.StatusNotFound {
				return nil
			}
			return []string{"the container"}
		})
		gone(t, func() []string { return sleepers(t, mark) })
	}
}
