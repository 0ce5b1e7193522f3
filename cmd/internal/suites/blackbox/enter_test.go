package blackbox

import (
	"io"
	"os/exec"
	"path/filepath"
	"strings"
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
