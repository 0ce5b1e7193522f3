package mesos_test

import (
	"os"
	"path/filepath"
	goruntime "runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer"
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
	if err := b.Type(typed(line + "\n")); err != nil {
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
