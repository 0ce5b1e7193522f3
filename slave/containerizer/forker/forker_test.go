package forker_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"meseta/slave/containerizer/forker"
)

// bench is a forker with a directory.
type bench struct {
	t     testing.TB
	fork  *forker.Forker
	dir   *os.File
	lock  string
	taken sync.Mutex
	next  int
}

func newBench(t testing.TB) *bench {
	t.Helper()
	return containedBench(t, nil)
}

// containedBench returns a bench with a function for its process.
func containedBench(t testing.TB, contain func(pid int) error) *bench {
	t.Helper()
	b := &bench{t: t, lock: t.TempDir()}
	lock, err := forker.LockDir(b.lock)
	if err != nil {
		t.Fatal(err)
	}
	if b.dir, err = os.Open(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	b.fork = forker.New(nil, b.lock, lock, contain)
	t.Cleanup(func() {
		b.fork.Close()
		b.dir.Close()
	})
	return b
}

// run starts a program and returns the path of its status file.
func (b *bench) run(path string, args ...string) (forker.Process, string, error) {
	b.t.Helper()
	return b.runIn(nil, path, args...)
}

// runIn is like run, in control groups with these files.
func (b *bench) runIn(groups []string, path string, args ...string) (forker.Process, string, error) {
	b.t.Helper()
	b.taken.Lock()
	b.next++
	name := filepath.Join(b.dir.Name(), strconv.Itoa(b.next))
	b.taken.Unlock()
	status, err := forker.NewStatus(name)
	if err != nil {
		b.t.Fatal(err)
	}
	defer status.Close()
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer null.Close()
	p, err := b.fork.Fork(forker.Command{
		Path: path, Args: args, Directory: b.dir, Streams: [3]*os.File{null, null, null}, Status: status, Groups: groups,
	})
	if err == nil {
		p.Handle.Close()
	}
	return p, name, err
}

// status waits for the status of a process.
func (b *bench) status(name string) string {
	b.t.Helper()
	if err := forker.Settle(name); err != nil {
		b.t.Fatal(err)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// The kernel has room for the descriptors of a thousand containers before there is one.
func TestRoom(t *testing.T) {
	t.Parallel()
	newBench(t)
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip(err)
	}
	_, rest, _ := strings.Cut(string(status), "FDSize:")
	room, err := strconv.ParseUint(strings.Fields(rest)[0], 10, 64)
	if want := min(limit.Cur, 8000); err != nil || room < want {
		t.Errorf("there is room for %d (%v), want %d", room, err, want)
	}
}

// The statuses are those of wait(2).
func TestStatus(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for script, want := range map[string]syscall.WaitStatus{
		"exit 0": 0, "exit 1": 1 << 8, "exit 255": 255 << 8, "kill -KILL $$": 9, "kill -TERM $$": 15, "ulimit -c 0; kill -SEGV $$": 11,
	} {
		_, name, err := b.run("/bin/sh", "sh", "-c", script)
		if got := b.status(name); err != nil || got != strconv.Itoa(int(want)) && got != strconv.Itoa(int(want|0x80)) {
			t.Errorf("%q has the status %s (%v), want %d", script, got, err, want)
		}
	}
}

// A program that cannot be executed is an error, and does not disturb others.
func TestUnexecutable(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, name, err := b.run("/no/such/program", "x")
	if !errors.Is(err, syscall.ENOENT) {
		t.Errorf("started with %v", err)
	}
	if text := b.status(name); text != "" {
		t.Errorf("what did not start has the status %s", text)
	}
	if _, name, err := b.run("/bin/true", "true"); err != nil || b.status(name) != "0" {
		t.Errorf("the next one failed: %v", err)
	}
}

// A command may be as long as the system allows, which is more than fits into a message.
func TestLongCommand(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, length := range []int{0, 1000, 16_000, 17_000, 100_000} {
		_, name, err := b.run("/bin/sh", "sh", "-c", "exit $((${#1} / 1000))", "sh", strings.Repeat("x", length))
		if got, want := b.status(name), strconv.Itoa(length/1000<<8); err != nil || got != want {
			t.Errorf("a command of %d bytes has the status %s (%v), want %s", length, got, err, want)
		}
	}
}

// Many callers at once get each their own process.
func TestManyCallers(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var all sync.WaitGroup
	for i := range 100 {
		all.Go(func() {
			_, name, err := b.run("/bin/sh", "sh", "-c", "exit "+strconv.Itoa(i))
			if got := b.status(name); err != nil || got != strconv.Itoa(i<<8) {
				t.Errorf("process %d has the status %s (%v)", i, got, err)
			}
		})
	}
	all.Wait()
}

// A process that takes long to start does not delay the next one, although its caller hears of it first. Here the one cannot start
// until the other runs.
func TestSlowStart(t *testing.T) {
	t.Parallel()
	if runtime.NumCPU() < 2 {
		t.Skip("one processor starts one process at a time")
	}
	b := newBench(t)
	var groups []string
	for _, name := range []string{"first", "second"} {
		path := filepath.Join(b.dir.Name(), name)
		if err := unix.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		groups = append(groups, path)
	}
	var both sync.WaitGroup
	both.Go(func() {
		if _, name, err := b.runIn(groups, "/bin/true", "true"); err != nil || b.status(name) != "0" {
			t.Errorf("the slow one failed: %v", err)
		}
	})
	begun, err := os.Open(groups[0]) // when the forker opens it
	if err != nil {
		t.Fatal(err)
	}
	defer begun.Close()
	both.Go(func() {
		if _, name, err := b.run("/bin/cat", "cat", groups[1]); err != nil || b.status(name) != "0" {
			t.Errorf("the quick one failed: %v", err)
		}
	})
	late, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	context.AfterFunc(late, func() {
		if release, err := os.OpenFile(groups[1], os.O_RDONLY|unix.O_NONBLOCK, 0); err == nil {
			release.Close()
		}
	})
	both.Wait()
	if late.Err() != nil {
		t.Error("the quick one waits for the slow one")
	}
}

// A forker whose process was killed starts another one. The status of what the first had started is never written.
func TestKilledForker(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	p, name, err := b.run("/bin/sleep", "sleep", "1000")
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Kill(p.PID, syscall.SIGKILL) //nolint:errcheck // it runs
	line, err := os.ReadFile("/proc/" + strconv.Itoa(p.PID) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	parent, _ := strconv.Atoi(strings.Fields(string(line))[3])
	args, _ := os.ReadFile("/proc/" + strconv.Itoa(parent) + "/cmdline")
	if string(args) != "mesos-containerizer\x00launch\x00" {
		t.Fatalf("the parent of the process is %q", args)
	}
	kill(t, parent)
	if text := b.status(name); text != "" {
		t.Errorf("a process that runs has the status %s", text)
	}
	_, name, err = b.run("/bin/true", "true")
	if err != nil || b.status(name) != "0" {
		t.Errorf("the next one failed: %v", err)
	}
}

// kill kills a process and waits until it has ended.
func kill(t *testing.T, pid int) {
	t.Helper()
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
}

// The lock is gone with the agent, although its processes go on, whose status is still written.
func TestEndOfAgent(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	release := filepath.Join(b.dir.Name(), "release")
	_, name, err := b.run("/bin/sh", "sh", "-c", `while [ -d "$1" ] && [ ! -e "$0" ]; do sleep 0.01; done; exit 3`, release, b.dir.Name())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := forker.LockDir(b.lock); !errors.Is(err, forker.ErrHeld) {
		t.Errorf("the lock of a running agent is free: %v", err)
	}
	b.fork.Close()
	if _, _, err := b.run("/bin/true", "true"); err == nil {
		t.Error("a closed forker starts processes")
	}
	for {
		lock, err := forker.LockDir(b.lock)
		if err == nil {
			lock.Close()
			break
		}
		if !errors.Is(err, forker.ErrHeld) {
			t.Fatal(err)
		}
	}
	if pending, err := forker.Pending(name); !pending || err != nil {
		t.Errorf("a running process has ended (%v)", err)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := b.status(name); got != "768" {
		t.Errorf("it ended with %s", got)
	}
}

func BenchmarkFork(b *testing.B) {
	bench := newBench(b)
	for b.Loop() {
		_, name, err := bench.run("/bin/true", "true")
		if err != nil || bench.status(name) != "0" {
			b.Fatal(err)
		}
	}
}

// What contains the process that starts others is called once, before it starts any. If that fails, none is started.
func TestContained(t *testing.T) {
	t.Parallel()
	var parents []int
	b := containedBench(t, func(pid int) error {
		parents = append(parents, pid)
		return nil
	})
	for range 2 {
		p, _, err := b.run("/bin/sleep", "sleep", "1000")
		if err != nil {
			t.Fatal(err)
		}
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.PID))
		if err != nil {
			t.Fatal(err)
		}
		if fields := strings.Fields(string(stat)); len(parents) != 1 || fields[3] != strconv.Itoa(parents[0]) {
			t.Errorf("contained were %v, and the parent is %s", parents, fields[3])
		}
		if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		p.Handle.Close()
	}
	bad := containedBench(t, func(pid int) error {
		parents = append(parents, pid)
		return errors.New("no slice")
	})
	if _, _, err := bad.run("/bin/sleep", "sleep", "1000"); err == nil || !strings.HasSuffix(err.Error(), "no slice") {
		t.Errorf("started: %v", err)
	}
	if err := syscall.Kill(parents[1], 0); err != syscall.ESRCH {
		t.Errorf("the process that could not be contained: %v", err)
	}
}
