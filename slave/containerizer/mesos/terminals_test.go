package mesos_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	storage "meseta/runtime/disk"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/containerizer/switchboard"
	"meseta/slave/containerizer/switchboard/switchboardtest"
)

// onTerminal starts the executor with a terminal.
func (e *estate) onTerminal(c *mesospb.CommandInfo) {
	e.t.Helper()
	l := e.spec(c)
	l.PIDFile, l.Config.ExecutorInfo = e.forked, &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	l.Config.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), TtyInfo: &mesospb.TTYInfo{}}
	e.must(l)
}

// holder returns the process that holds the executor's terminal.
func (e *estate) holder() int {
	e.t.Helper()
	text, err := os.ReadFile(e.runtime.Container("c1").LoggerPID("terminal"))
	if err != nil {
		e.t.Fatal(err)
	}
	pid, _ := strconv.Atoi(string(text))
	if args, _ := os.ReadFile(filepath.Join("/proc", string(text), "cmdline")); string(args) != "mesos-containerizer\x00io-switchboard\x00" {
		e.t.Errorf("process %d is %q", pid, args)
	}
	return pid
}

// types types a line, and demands the answer.
func (e *estate) types(line, want string) {
	e.t.Helper()
	b := e.attach("c1")
	heard := e.hear(b)
	if err := b.Type(typed(line + "\n")); err != nil && line != "over" { // the container's end may come before the answer
		e.t.Error(err)
	}
	heard.until(want)
	if out := heard.heard[agentpb.ProcessIO_Data_STDOUT]; !strings.Contains(out, want) {
		e.t.Errorf("after %q heard %q, want %q", line, out, want)
	}
}

// says waits until the sandbox has a text of the executor's.
func (e *estate) says(text string) {
	e.t.Helper()
	for !strings.Contains(e.file("stdout"), text) {
		if e.t.Context().Err() != nil {
			e.t.Fatal("the test is over")
		}
		goruntime.Gosched()
	}
}

// parrot is a command that repeats what it reads, and says on which terminal.
const parrot = "stty -echo; echo ready; while read line; do echo got $line in $(stty size); [ \"$line\" != over ] || exit 7; done"

// A container with a terminal outlives its agent, which may be attached to again by clients of the next one. What it says while
// there is none is in the sandbox. The process that holds the terminal is the same all the time, and ends with the container.
func TestTerminalOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.onTerminal(shell("(" + e.until(e.release) + "; echo alone) & " + parrot))
	holder := e.holder()
	e.says("ready")
	e.types("one", "got one in 0 0")
	if err := e.attach("c1").Type(sized(5, 6)); err != nil {
		t.Error(err)
	}
	e.types("two", "got two in 5 6")
	e.crash()
	e.let()
	e.says("alone")
	for range 3 {
		e.successor()
		e.types("three", "got three in 5 6")
		if again := e.holder(); again != holder {
			t.Errorf("the terminal is held by %d, not by %d", again, holder)
		}
		e.crash()
	}
	e.successor()
	e.types("over", "got over")
	e.wantEnd("c1", 7<<8)
	lines := strings.Fields(strings.ReplaceAll(e.file("stdout"), "\r\n", "\n"))
	const want = "ready got one in 0 0 got two in 5 6 alone got three in 5 6 got three in 5 6 got three in 5 6 got over in 5 6"
	if got := strings.Join(lines, " "); got != want {
		t.Errorf("the sandbox has %q, want %q", got, want)
	}
	if e.running(holder) {
		t.Errorf("process %d is left", holder)
	}
}

// A container with a terminal that ends while there is no agent has ended for the next one, and so does one that nobody knows.
func TestTerminalWithoutAgent(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		e := newEstate(t)
		e.onTerminal(e.waiting("exit 3"))
		holder, survivor := e.holder(), e.survivor()
		e.says("begun")
		e.crash()
		if known {
			e.let()
			for e.running(survivor.PID) || e.running(holder) {
				goruntime.Gosched()
			}
			e.start()
			e.recovers([]containerizer.Survivor{survivor}, "c1")
			e.wantEnd("c1", 3<<8)
		} else {
			e.start()
			e.recovers(nil)
		}
		if e.running(holder) {
			t.Errorf("process %d is left", holder)
		}
		if out := e.file("stdout"); out != "begun\r\n" {
			t.Errorf("the sandbox has %q", out)
		}
	}
}

// A container whose terminal is lost, since the process that held it was killed, is destroyed, with the reason.
func TestTerminalIsLost(t *testing.T) {
	t.Parallel()
	for _, away := range []bool{true, false} {
		e := newEstate(t)
		e.onTerminal(shell("trap '' HUP; sleep 1000"))
		holder := e.holder()
		if away {
			e.crash()
		}
		if err := syscall.Kill(holder, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if away {
			e.successor()
		}
		end, err := runtime.Wait(t.Context(), e.Wait("c1"))
		if err != nil || end.GetReason() != mesospb.TaskStatus_REASON_IO_SWITCHBOARD_EXITED ||
			end.GetMessage() != "'IOSwitchboard' terminated with signal Killed" {
			t.Errorf("the agent was away: %t; ended with %v (%v)", away, end, err)
		}
	}
}

// anothers makes the executor one of a C++ agent, whose I/O switchboard, for which another program stands in, holds its terminal. It
// returns that program, and its socket.
func (e *estate) anothers() (holder *exec.Cmd, socket string) {
	e.t.Helper()
	ours, theirs, err := switchboard.Terminal(switchboard.Options{TTY: &mesospb.TTYInfo{}})
	if err != nil {
		e.t.Skip("no terminals here: ", err)
	}
	defer ours.Close()
	defer theirs.Close()
	socket = filepath.Join(e.t.TempDir(), "mesos-io-switchboard-1")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket})
	if err != nil {
		e.t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	defer l.Close()
	listener, err := l.File()
	if err != nil {
		e.t.Fatal(err)
	}
	defer listener.Close()
	log, err := os.Create(filepath.Join(e.sandbox, "stdout"))
	if err != nil {
		e.t.Fatal(err)
	}
	defer log.Close()
	holder = &exec.Cmd{Path: "/proc/self/exe", Args: []string{switchboardtest.Name}, Stdin: ours, Stdout: log, Stderr: listener}
	holder.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	folder := e.runtime.Container("c1")
	executor := exec.Command("sh", "-c", "("+parrot+"); printf $(($? * 256)) >$MESOS_CONTAINERIZER_RUNTIME_DIRECTORY/status")
	executor.Dir, executor.Env = e.sandbox, append(os.Environ(), "MESOS_CONTAINERIZER_RUNTIME_DIRECTORY="+string(folder))
	executor.Stdin, executor.Stdout, executor.Stderr = theirs, theirs, theirs
	executor.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	for _, cmd := range []*exec.Cmd{holder, executor} {
		if err := cmd.Start(); err != nil {
			e.t.Fatal(err)
		}
		e.t.Cleanup(func() {
			cmd.Process.Kill() //nolint:errcheck // it may have ended
			cmd.Wait()         //nolint:errcheck // likewise
		})
	}
	e.recordsOfAnother(folder, executor.Process.Pid, holder.Process.Pid, socket)
	return holder, socket
}

// recordsOfAnother makes the records of an executor with a terminal, as a C++ agent writes them.
func (e *estate) recordsOfAnother(folder runtimedir.Folder, executor, holder int, socket string) {
	e.t.Helper()
	config := &slavepb.ContainerConfig{
		Directory: &e.sandbox, CommandInfo: shell(""), ExecutorInfo: &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}},
		ContainerInfo: &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), TtyInfo: &mesospb.TTYInfo{}},
	}
	var d storage.Local
	err := errors.Join(
		folder.Make(d, false, false), os.MkdirAll(filepath.Dir(folder.SwitchboardPID()), 0o755), os.MkdirAll(filepath.Dir(e.forked), 0o755), folder.WriteConfig(d, config), runtimedir.WriteMessage(d, folder.LaunchInfo(), &slavepb.ContainerLaunchInfo{}),
		runtimedir.WritePID(d, folder.PID(), executor), runtimedir.WritePID(d, e.forked, executor),
		runtimedir.WritePID(d, folder.SwitchboardPID(), holder), os.WriteFile(folder.SwitchboardSocket(), []byte(socket), 0o600),
		os.WriteFile(folder.Status(), nil, 0o600),
	)
	if err != nil {
		e.t.Fatal(err)
	}
}

// The terminal of a container that a C++ agent has started can be attached to by clients of the agent that takes its place. What held it
// ends with the container, and its socket is removed.
func TestTerminalOfAnotherAgent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.crash()
	holder, socket := e.anothers()
	e.says("ready")
	typesOnce := func(line, want string) {
		b := e.attach("c1")
		if !b.TakeInput() {
			t.Error("another client gives input")
		}
		e.types(line, want)
		b.ReleaseInput()
	}
	e.successor()
	typesOnce("one", "got one in 0 0")
	e.crash()
	e.successor()
	b := e.attach("c1")
	if err := b.Type(sized(5, 6)); err != nil {
		t.Error(err)
	}
	b.ReleaseInput()
	typesOnce("two", "got two in 5 6")
	e.types("over", "got over") // while the client still gives input
	e.wantEnd("c1", 7<<8)
	if err := holder.Wait(); err != nil {
		t.Errorf("what held the terminal ended with %v: %s", err, e.file("stdout"))
	}
	if _, err := os.Lstat(socket); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
	if lines := strings.Join(strings.Fields(e.file("stdout")), " "); lines != "ready got one in 0 0 got two in 5 6 got over in 5 6" {
		t.Errorf("the sandbox has %q", lines)
	}
}
