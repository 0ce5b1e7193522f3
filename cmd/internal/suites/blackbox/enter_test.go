package blackbox

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// typing starts a program that reads input.
func typing(t *testing.T, input, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(filepath.Join(bin, name), args...), out: &transcript{}}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = strings.NewReader(input), p.out, p.out
	p.begin()
	return p
}

// onTerminal starts a program on a terminal, to which is typed by writing to keys.
func onTerminal(t *testing.T, name string, args ...string) (p *process, keys io.Writer) {
	t.Helper()
	ours, theirs, err := pty.Open()
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	p = &process{t: t, name: name, cmd: exec.Command(filepath.Join(bin, name), args...), out: &transcript{}}
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = theirs, theirs, theirs
	p.begin()
	theirs.Close()
	go io.Copy(p.out, ours) //nolint:errcheck // a terminal ends with an error
	t.Cleanup(func() { ours.Close() })
	return p, ours
}

// A command that is run in the container of a task is where the task is, reads what is typed, and tells how it ended.
func TestTaskExec(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	g := newGate(t)
	task := execute(t, m.address, "web", "touch here; "+g.wait())
	task.awaits("TASK_RUNNING")
	master := "--master=" + m.address

	status, out := does(t, nil, "mesos", master, "task", "exec", "web", "sh", "-c", "until [ -e here ]; do sleep 0.01; done; ls; echo oops >&2; exit 5")
	if status != 5 || !strings.Contains(out, "here\n") || !strings.Contains(out, "oops\n") {
		t.Errorf("ls ended with %d, and printed\n%s", status, out)
	}
	p := typing(t, "one\ntwo\n", "mesos", master, "task", "exec", "-i", "web", "cat")
	if status := p.ends(); status != 0 || p.out.String() != "one\ntwo\n" {
		t.Errorf("cat ended with %d, and printed\n%s", status, p.out)
	}
	p, keys := onTerminal(t, "mesos", master, "task", "exec", "-it", "web", "sh")
	io.WriteString(keys, "tty && echo $((6 * 7))\n")
	p.awaits("\n42\r\n")
	p.awaits("/dev/pts/")
	io.WriteString(keys, "exit 4\n")
	if status := p.ends(); status != 4 {
		t.Errorf("sh ended with %d, and printed\n%s", status, p.out)
	}
	if status, out := does(t, nil, "mesos", master, "task", "exec", "web", "no-such-program"); status == 0 {
		t.Errorf("a program that is not there ran:\n%s", out)
	}
	g.open(t)
	if status := task.ends(); status != 0 {
		t.Errorf("the task ended with %d", status)
	}
}

// overAgents has look at a task that runs, and once more when there is another agent, and ends the task.
func (w *imageWorld) overAgents(task string, look func(when string)) {
	w.t.Helper()
	framework := start(w.t, nil, "mesos-execute", "--master="+w.master.address, "--checkpoint", "--task="+task)
	framework.awaits("TASK_RUNNING")
	look("at first")
	w.agent.kill()
	w.start()
	w.agent.awaits("] re-registered ")
	look("with another agent")
	framework.signal(syscall.SIGTERM)
	framework.ends()
	w.clean()
}

// A command that is run in the container of a task is confined as the task is: it has its namespaces and control groups, and no more rights, also
// when there is another agent since.
func TestTaskExecIsConfined(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t, confinement+",linux/nnp,posix/rlimits", "--bounding_capabilities="+dockers, "--seccomp_config_dir="+profiles(t))
	const about = "for n in mnt pid ipc net uts user; do readlink /proc/self/ns/$n; done; " +
		"grep -E '^(Seccomp|NoNewPrivs|CapBnd|CapEff|CapPrm|Uid|Gid):' /proc/self/status; grep -v :freezer: /proc/self/cgroup | sort" // each container has a freezer
	task := taskIn("web", `"mesos": {}, "linux_info": {"ipc_mode": "PRIVATE", "seccomp": {"profile_name": "confined.json"}, "bounding_capabilities": {"capabilities": ["CHOWN", "KILL"]}}`,
		fmt.Sprintf(`{"value": %q}`, "{ "+about+"; } > about; touch up; sleep 1000"))
	look := func(when string) {
		t.Helper()
		status, out := does(t, nil, "mesos", "--master="+w.master.address, "task", "exec", "web", "sh", "-c",
			"until [ -e up ]; do sleep 0.01; done; { "+about+"; } > mine; cmp about mine && cat mine")
		if status != 0 || !strings.Contains(out, "Seccomp:\t2\n") || !strings.Contains(out, "CapEff:\t0000000000000021\n") || !strings.Contains(out, "NoNewPrivs:\t1\n") ||
			strings.Count(out, w.root) < 4 {
			t.Errorf("%s, it ended with %d, and printed\n%s", when, status, out)
		}
	}
	w.overAgents(task, look)
	w.empty()
}

// A command that is run in the container of a task with an image sees what the task sees: the files and the variables of the image, and
// the sandbox where the task has it, as the task's user. It does so as well when there is another agent since.
func TestTaskExecIsInTheImage(t *testing.T) {
	t.Parallel()
	w := newImageWorld(t)
	task := taskIn("web", `"mesos": {"image": {"type": "DOCKER", "docker": {"name": "test/box:v1"}}}`,
		`{"value": "echo mine > $MESOS_SANDBOX/said; echo up; sleep 1000", "user": "nobody"}`)
	look := func(when string) {
		t.Helper()
		status, out := does(t, nil, "mesos", "--master="+w.master.address, "task", "exec", "web", "sh", "-c",
			"until [ -s $MESOS_SANDBOX/said ]; do sleep 0.01; done; echo $FROM $MESOS_SANDBOX; id -u; cat said; [ -e "+bin+" ] || echo inside")
		if want := "image /mnt/mesos/sandbox\n65534\nmine\ninside\n"; status != 0 || out != want {
			t.Errorf("%s, it ended with %d, and printed\n%swant\n%s", when, status, out, want)
		}
	}
	w.overAgents(task, look)
}

// A task that has a terminal can be attached to, left with Ctrl-p Ctrl-q, and attached to again.
func TestTaskAttach(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	startAgent(t, "0", m.address, t.TempDir())
	task := execute(t, m.address, "shell", "read line; echo got $line; read line; echo then $line; read line", "--tty")
	task.awaits("TASK_RUNNING")
	for _, c := range []struct{ typed, want, leave string }{{"one\n", "got one", "\x10\x11"}, {"two\n", "then two", "end\n"}} {
		p, keys := onTerminal(t, "mesos", "--master="+m.address, "task", "attach", "shell")
		io.WriteString(keys, c.typed)
		p.awaits(c.want)
		io.WriteString(keys, c.leave)
		if status := p.ends(); status != 0 {
			t.Errorf("mesos task attach ended with %d, and printed\n%s", status, p.out)
		}
	}
	if status := task.ends(); status != 0 {
		t.Errorf("the task ended with %d, and printed\n%s", status, task.out)
	}
}

// A task that has a terminal goes on while there is no agent, and can be attached to again when there is one. Its output is in
// the sandbox all the time. What holds the terminal is there once, and ends with the task.
func TestTaskAttachOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	m, port, work := startMaster(t, "0", t.TempDir()), freePort(t), t.TempDir()
	flags := []string{"--runtime_dir=" + t.TempDir()}
	a := startAgent(t, port, m.address, work, flags...)
	g := newGate(t)
	task := execute(t, m.address, "shell", "("+g.wait()+"; echo alone) & while read line; do echo got $line; [ $line != over ] || exit 0; done", "--tty", "--checkpoint")
	task.awaits("TASK_RUNNING")
	attached := func(typed, want, leave string) {
		t.Helper()
		p, keys := onTerminal(t, "mesos", "--master="+m.address, "task", "attach", "shell")
		io.WriteString(keys, typed)
		p.awaits(want)
		io.WriteString(keys, leave)
		if status := p.ends(); status != 0 {
			t.Errorf("mesos task attach ended with %d, and printed\n%s", status, p.out)
		}
	}
	attached("one\n", "got one", "\x10\x11")
	before := terminals(t, work)
	if len(before) != 1 {
		t.Fatalf("the terminal is held by %v", before)
	}
	a.kill()
	g.open(t)
	gone(t, func() []string {
		all, _ := filepath.Glob(filepath.Join(work, "slaves/*/frameworks/*/executors/*/runs/latest/stdout"))
		if text, err := os.ReadFile(strings.Join(all, "")); err != nil || !strings.Contains(string(text), "alone") {
			return []string{fmt.Sprintf("the sandbox has %q (%v)", text, err)}
		}
		return nil
	})
	a = startAgent(t, port, m.address, work, flags...)
	a.awaits("] re-registered ")
	attached("two\n", "got two", "\x10\x11")
	if now := terminals(t, work); len(now) != 1 || now[0] != before[0] {
		t.Errorf("the terminal is held by %v, before by %v", now, before)
	}
	attached("three\n", "got three", "over\n")
	if status := task.ends(); status != 0 {
		t.Errorf("the task ended with %d, and printed\n%s", status, task.out)
	}
	gone(t, func() []string { return terminals(t, work) })
}

// terminals returns the processes that hold terminals of containers whose sandboxes are below a directory.
func terminals(t *testing.T, below string) (found []string) {
	t.Helper()
	logs, err := filepath.Glob("/proc/[0-9]*/fd/1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range logs {
		process := filepath.Dir(filepath.Dir(name))
		args, _ := os.ReadFile(filepath.Join(process, "cmdline"))
		log, err := os.Readlink(name)
		if err == nil && strings.HasPrefix(log, below) && strings.Contains(string(args), "io-switchboard") {
			found = append(found, process)
		}
	}
	return found
}
