package blackbox

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
)

// tower is the container of an executor, with that of a task in it, in which are two more, one in the other.
type tower struct {
	*attachedWorld
	ids     []map[string]any // from the outermost
	task    *process
	private bool // the task has control groups of its own
	groups  bool // there are control groups
	spaces  bool // there are namespaces of processes
}

// asks makes a call about a container, and demands an answer.
func (w *tower) asks(name string, arguments map[string]any, status int, text string) {
	w.t.Helper()
	got, body := w.agent.asks(call(w.t, name, strings.ToLower(name), arguments))
	if got != status || !strings.Contains(body, text) {
		w.t.Errorf("%s %v: %d %s, want %d %s", name, arguments["container_id"], got, body, status, text)
	}
}

// of names a container in the arguments of a call.
func of(id map[string]any) map[string]any { return map[string]any{"container_id": id} }

// runs names it with a command of the shell.
func runs(id map[string]any, command string) map[string]any {
	return map[string]any{"container_id": id, "command": map[string]any{"value": command}}
}

// waiting is a command that says in its sandbox where it is, and waits.
func waiting(where int) string {
	return fmt.Sprintf("echo %d > mine; cat /proc/self/cgroup > groups; touch up; sleep 1000", where)
}

// raise starts the task, and launches the containers in it.
func (w *tower) raise() {
	w.t.Helper()
	m := member{"task", waiting(1), nil}
	if w.groups {
		m.more = map[string]any{"container": map[string]any{"type": "MESOS", "linux_info": map[string]any{"share_cgroups": !w.private}}}
	}
	w.task = executeGroup(w.t, w.master.address, []member{m}, "--checkpoint")
	w.up(1)
	first := w.agent.nested(w.t)
	if len(first) != 1 {
		w.t.Fatalf("there are %v", first)
	}
	w.ids = []map[string]any{first[0].executor, first[0].task}
	for i := 2; i < 4; i++ {
		w.ids = append(w.ids, within(w.ids[i-1], fmt.Sprint("level", i)))
		w.asks("LAUNCH_CONTAINER", runs(w.ids[i], waiting(i)), http.StatusOK, "")
		w.up(i)
	}
}

// sandbox is a pattern for the sandbox of a level.
func (w *tower) sandbox(level int) string {
	dir := filepath.Join(w.dir, "agent/slaves/*/frameworks/*/executors/*/runs/latest/containers/*")
	for i := 2; i <= level; i++ {
		dir = filepath.Join(dir, "containers", fmt.Sprint("level", i))
	}
	return dir
}

// up waits until a level runs.
func (w *tower) up(level int) {
	w.t.Helper()
	w.has(func() []string { return names(w.t, filepath.Join(w.sandbox(level), "up")) }, "up")
}

// grouped demands that the innermost container is in the control groups where Mesos has it: those of whatever around it has some.
func (w *tower) grouped() {
	w.t.Helper()
	if !w.groups {
		return
	}
	want := ":/" + flagOf(w.args, "--cgroups_root") + "/" + fmt.Sprint(w.ids[0]["value"])
	if w.private {
		want += "/mesos/" + fmt.Sprint(w.ids[1]["value"])
	}
	files, err := filepath.Glob(filepath.Join(w.sandbox(3), "groups"))
	if err != nil || len(files) != 1 {
		w.t.Fatal(files, err)
	}
	for _, subsystem := range []string{"memory", "cpu", "pids"} {
		if text := contents(w.t, files[0]); !strings.Contains(text, ":"+subsystem+want+"\n") {
			w.t.Errorf("the innermost container is in\n%swant %s", text, want)
		}
	}
}

// enters runs a command in a level, which says where it is.
func (w *tower) enters(level int) {
	w.t.Helper()
	id := within(w.ids[level], "enters")
	s := w.agent.listens(call(w.t, "LAUNCH_NESTED_CONTAINER_SESSION", "launch_nested_container_session", runs(id, "cat mine; echo pid $$; exit 5")))
	for r, ok := s.next(); ok; r, ok = s.next() {
		s.said[r.Data.Type] += string(r.Data.Data)
	}
	words := strings.Fields(s.said["STDOUT"])
	if len(words) != 3 || words[0] != fmt.Sprint(level) || w.spaces && len(words[2]) > 3 {
		w.t.Errorf("in level %d is said %q", level, s.said)
	}
	w.asks("WAIT_CONTAINER", of(id), http.StatusOK, `"exit_status":1280`)
	w.asks("REMOVE_CONTAINER", of(id), http.StatusOK, "")
}

// Containers are in containers, whatever launches and isolates them. They can be entered, waited for, killed and removed on each level, and
// answers say which is not there or not over. The next agent, after kill -9, goes on with all of them. Whoever kills a container kills
// those within; nothing is left.
func TestContainersInContainers(t *testing.T) {
	t.Parallel()
	const groups, spaces = "cgroups/cpu,cgroups/mem,cgroups/pids", "filesystem/linux,namespaces/pid,namespaces/ipc,"
	for name, test := range map[string]struct {
		tower
		isolation string
		flags     []string
	}{
		"posix launcher":            {tower{}, "posix/cpu,posix/mem", []string{"--launcher=posix"}},
		"linux launcher":            {tower{}, "posix/cpu,posix/mem,disk/du", nil},
		"shared groups":             {tower{groups: true}, groups, nil},
		"own groups":                {tower{groups: true, private: true}, groups, nil},
		"namespaces":                {tower{spaces: true}, spaces + "posix/cpu,posix/mem", nil},
		"namespaces, shared groups": {tower{groups: true, spaces: true}, spaces + groups, nil},
		"namespaces, own groups":    {tower{groups: true, private: true, spaces: true}, spaces + groups, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := test.tower
			w.attachedWorld = &attachedWorld{t: t, apart: newApart(t), dir: t.TempDir(), ip: "127.0.0.1"}
			w.begin(test.isolation, test.flags...)
			w.raise()
			w.grouped()
			w.lives()
			w.ends()
		})
	}
}

// lives does all that can be done to containers while the task runs.
func (w *tower) lives() {
	w.t.Helper()
	nobody := within(within(w.ids[1], "nobody"), "either")
	w.asks("LAUNCH_CONTAINER", runs(w.ids[2], "true"), http.StatusAccepted, "")
	w.asks("LAUNCH_CONTAINER", runs(nobody, "true"), http.StatusBadRequest, "does not exist")
	w.asks("WAIT_CONTAINER", of(nobody), http.StatusNotFound, "cannot be found")
	w.asks("KILL_CONTAINER", of(nobody), http.StatusNotFound, "cannot be found")
	w.asks("REMOVE_CONTAINER", of(w.ids[2]), http.StatusInternalServerError, "Nested container has not terminated yet")
	w.enters(3)
	w.enters(1)
	w.agent.kill()
	w.start("re-registered")
	w.enters(3)
	kill := of(w.ids[3])
	kill["signal"] = 15
	w.asks("KILL_CONTAINER", kill, http.StatusOK, "")
	for range 2 { // as often as one likes
		w.asks("WAIT_CONTAINER", of(w.ids[3]), http.StatusOK, `"exit_status":15`)
	}
	w.asks("KILL_CONTAINER", kill, http.StatusNotFound, "cannot be found (or is already killed)")
	w.asks("REMOVE_CONTAINER", of(w.ids[3]), http.StatusOK, "")
	w.asks("WAIT_CONTAINER", of(w.ids[3]), http.StatusNotFound, "cannot be found")
	w.has(func() []string { return names(w.t, w.sandbox(3)) })
	if status, _ := w.agent.asks(call(w.t, "LAUNCH_CONTAINER", "launch_container", runs(w.ids[3], waiting(3)))); status != http.StatusOK {
		w.t.Errorf("a container that was removed is launched again: %d", status)
	}
	w.up(3)
}

// ends kills the container of the task, and demands that this is the end of all.
func (w *tower) ends() {
	w.t.Helper()
	w.asks("KILL_CONTAINER", of(w.ids[1]), http.StatusOK, "")
	w.task.ended(1, "TASK_FAILED", "Command terminated with signal Killed")
	w.has(func() []string { return names(w.t, filepath.Join(w.dir, "run/containers/*")) })
	for _, id := range w.ids {
		w.asks("WAIT_CONTAINER", of(id), http.StatusNotFound, "cannot be found")
	}
	w.has(func() []string { return names(w.t, "/sys/fs/cgroup/*/"+flagOf(w.args, "--cgroups_root")+"/*-*") })
	if n := w.apart.mounts(w.t, w.dir+"/agent/"); n > 1 { // one is the work directory
		w.t.Errorf("%d mounts are left", n)
	}
}
