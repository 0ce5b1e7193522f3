package mesos_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/gc"
	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/runtimedir"
)

// estate is the machine of agents that come one after the other, with the executor c1.
type estate struct {
	*house
	work    string
	runtime runtimedir.Dir
	forked  string        // the file with the ID of the executor's process
	release string        // the executor ends when this file exists
	keeps   time.Duration // for which agents keep sandboxes of nested containers; 0: for ever
	garbage runtime.Ref[*gc.GarbageCollector]
	loggers func(*mesospb.Environment) ([]logger.Program, error)
}

func newEstate(t *testing.T) *estate {
	t.Helper()
	e := &estate{house: &house{t: t}, work: t.TempDir(), runtime: runtimedir.Dir(t.TempDir())}
	e.sandbox = filepath.Join(e.work, "slaves/a1/frameworks/f1/executors/x1/runs/c1")
	e.forked, e.release = filepath.Join(e.work, "meta/pids/forked.pid"), filepath.Join(e.work, "release")
	if err := os.MkdirAll(e.sandbox, 0o755); err != nil {
		t.Fatal(err)
	}
	e.start()
	t.Cleanup(func() {
		e.crash()
		e.start()
		done := make(chan error, 1)
		e.Recover(nil).OnAny(func(_ []ids.Container, err error) { done <- err })
		if err := <-done; err != nil {
			t.Error(err)
		}
		e.crash()
		e.gone()
		if left, _ := os.ReadDir(filepath.Join(string(e.runtime), "containers")); len(left) > 0 {
			t.Errorf("%v is left in the runtime directory", left)
		}
	})
	return e
}

// start starts an agent's containerizer.
func (e *estate) start() {
	e.t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { e.t.Error(p.String()) }})
	if err != nil {
		e.t.Fatal(err)
	}
	o := mesos.Options{WorkDir: e.work, RuntimeDir: string(e.runtime), Loggers: e.loggers}
	if e.keeps > 0 {
		if _, err := metrics.Spawn(n, metrics.Options{}); err != nil {
			e.t.Fatal(err)
		}
		if e.garbage, err = runtime.Spawn(n, "garbage", gc.New(gc.Options{})); err != nil {
			e.t.Fatal(err)
		}
		o.Garbage = mesos.Garbage{Collector: e.garbage, Delay: e.keeps}
	}
	c, err := mesos.New(n, o)
	if err != nil {
		e.t.Fatal(err)
	}
	e.node, e.Containerizer = n, c
}

// crash ends the agent.
func (e *estate) crash() {
	e.t.Helper()
	runtimetest.Close(e.t, e.node)
}

// survivor is what an agent knows of the executor.
func (e *estate) survivor() containerizer.Survivor {
	e.t.Helper()
	text, _ := os.ReadFile(e.forked)
	pid, _ := strconv.Atoi(string(text))
	return containerizer.Survivor{ID: "c1", Directory: e.sandbox, PID: pid}
}

// recovers has the agent recover, and compares what it took over.
func (e *estate) recovers(known []containerizer.Survivor, want ...ids.Container) {
	e.t.Helper()
	taken, err := runtime.Wait(e.t.Context(), e.Recover(known))
	if err != nil || !slices.Equal(taken, want) {
		e.t.Errorf("recovered %v (%v), want %v", taken, err, want)
	}
}

// successor starts the next agent, which knows the executor.
func (e *estate) successor() {
	e.t.Helper()
	known := e.survivor()
	e.start()
	e.recovers([]containerizer.Survivor{known}, "c1")
}

// waiting is a command that ends with the shell's status when the release file exists.
func (e *estate) waiting(status string) *mesospb.CommandInfo {
	return shell("echo begun; " + e.until(e.release) + "; " + status)
}

// until is a command of the shell that ends when a file exists, and also when the test is over or its process has died.
func (e *estate) until(file string) string {
	return fmt.Sprintf("while [ ! -e '%s' ] && [ -d '%s' ] && [ -e /proc/%d ]; do sleep 0.01; done", file, e.work, os.Getpid())
}

func (e *estate) executor(c *mesospb.CommandInfo) {
	e.t.Helper()
	l := e.spec(c)
	l.PIDFile, l.Config.ExecutorInfo = e.forked, &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	e.must(l)
}

func (e *estate) must(l containerizer.Launch) {
	e.t.Helper()
	if _, err := runtime.Wait(e.t.Context(), e.Launch(l)); err != nil {
		e.t.Fatal(err)
	}
}

func (e *estate) inside(id ids.Container, c *mesospb.CommandInfo) {
	e.t.Helper()
	e.must(containerizer.Launch{ID: id, Config: &slavepb.ContainerConfig{CommandInfo: c}})
}

func (e *estate) let() {
	e.t.Helper()
	if err := os.WriteFile(e.release, nil, 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *estate) wantEnd(id ids.Container, want int32) {
	e.t.Helper()
	end, err := runtime.Wait(e.t.Context(), e.Wait(id))
	if err != nil || end.GetStatus() != want || end.Status == nil {
		e.t.Errorf("container %s ended with %v (%v), want status %d", id, end, err, want)
	}
}

func (e *estate) pid(id ids.Container) uint32 {
	e.t.Helper()
	s, err := runtime.Wait(e.t.Context(), e.Status(id))
	if err != nil {
		e.t.Fatalf("%s: %v", id, err)
	}
	return s.GetExecutorPid()
}

func (e *estate) wantList(want ...ids.Container) {
	e.t.Helper()
	if all, err := runtime.Wait(e.t.Context(), e.List()); err != nil || !slices.Equal(all, want) {
		e.t.Errorf("listed %v (%v), want %v", all, err, want)
	}
}

// A container and those in it go on when their agent ends, and the next agent has them as if it had launched them.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(e.waiting("exit 7"))
	e.inside("c1.n1", shell(e.until(e.release+"-n1")+"; exit 3"))
	e.inside("c1.n2", shell("exec sleep 1000"))
	e.inside("c1.n1.m1", shell("kill -USR1 $$"))
	e.wantEnd("c1.n1.m1", int32(syscall.SIGUSR1))
	first, second := e.pid("c1"), e.pid("c1.n1")
	for range 3 {
		e.crash()
		e.successor()
	}
	if e.pid("c1") != first || e.pid("c1.n1") != second {
		t.Error("the processes are other ones")
	}
	e.wantList("c1", "c1.n1", "c1.n2")
	if u, err := runtime.Wait(t.Context(), e.Usage("c1")); err != nil || u.GetMemRssBytes() == 0 {
		t.Errorf("it uses %v (%v)", u, err)
	}
	if _, err := runtime.Wait(t.Context(), e.Signal("c1.n2", syscall.SIGTERM)); err != nil {
		t.Error(err)
	}
	e.wantEnd("c1.n2", int32(syscall.SIGTERM))
	e.inside("c1.n3", shell("exit 1"))
	e.wantEnd("c1.n3", 256)
	e.write(e.release+"-n1", "")
	e.wantEnd("c1.n1", 3<<8)
	e.let()
	e.wantEnd("c1.n1.m1", int32(syscall.SIGUSR1))
	e.wantEnd("c1", 7<<8)
	if text := e.file("stdout"); text != "begun\n" {
		t.Errorf("it said %q", text)
	}
}

// What ends while there is no agent has ended with its status for the next one.
func TestEndWithoutAgent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(e.waiting("exit 7"))
	e.inside("c1.n1", e.waiting("kill -KILL $$"))
	known := e.survivor()
	e.crash()
	e.let()
	for e.running(known.PID) {
	}
	e.start()
	e.recovers([]containerizer.Survivor{known}, "c1")
	e.wantEnd("c1", 7<<8)
	if _, err := runtime.Wait(t.Context(), e.Wait("c1")); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("it is still known: %v", err)
	}
}

// A container whose status cannot be read, for want of descriptors perhaps, is killed nevertheless with what its process has left behind.
// Its status is known as soon as it can be read.
func TestStatusThatCannotBeRead(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(shell("setsid sleep 1000 & " + e.until(e.release) + "; exit 7"))
	status := e.runtime.Container("c1").Status()
	if err := errors.Join(os.Rename(status, status+".away"), os.Symlink(status, status)); err != nil {
		t.Fatal(err)
	}
	ended := e.Wait("c1")
	e.let()
	e.gone()
	if end, over, err := ended.Peek(); over {
		t.Errorf("it ended with %v (%v) before its status could be read", end, err)
	}
	if err := os.Rename(status+".away", status); err != nil {
		t.Fatal(err)
	}
	if end, err := runtime.Wait(t.Context(), ended); err != nil || end.GetStatus() != 7<<8 {
		t.Errorf("it ended with %v (%v), want status %d", end, err, 7<<8)
	}
}

// running reports whether a process is in the process table.
func (e *estate) running(pid int) bool {
	return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
}

// An executor that was destroyed by the next agent is gone with everything in it.
func TestDestroyTakenOver(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(shell("setsid sleep 1000 & exec sleep 1000"))
	e.inside("c1.n1", shell("sleep 1000; true"))
	e.crash()
	e.successor()
	if end, err := runtime.Wait(t.Context(), e.Destroy("c1")); err != nil || end.GetStatus() != int32(syscall.SIGKILL) {
		t.Errorf("it ended with %v (%v)", end, err)
	}
	e.gone()
	e.wantList()
}

// Containers that the agent does not know are ended, and those without an executor go on.
func TestOrphansAndStandalone(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(shell("exec sleep 1000"))
	e.inside("c1.n1", shell("exec sleep 1000"))
	alone := e.spec(e.waiting("exit 5"))
	alone.ID, alone.Config.Directory = "s1", proto.String(filepath.Join(e.work, "containers/s1"))
	if err := os.MkdirAll(alone.Config.GetDirectory(), 0o755); err != nil {
		t.Fatal(err)
	}
	e.must(alone)
	e.crash()
	e.start()
	e.recovers(nil)
	e.wantList("s1")
	e.gone()
	if _, err := runtime.Wait(t.Context(), e.Wait("c1")); !errors.Is(err, containerizer.ErrUnknown) {
		t.Errorf("the orphan is known: %v", err)
	}
	e.let()
	e.wantEnd("s1", 5<<8)
}

// A debug container does not outlive its agent.
func TestDebugEndsWithAgent(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(shell("exec sleep 1000"))
	e.must(containerizer.Launch{ID: "c1.d1", Config: &slavepb.ContainerConfig{
		CommandInfo: shell("exec sleep 1000"), ContainerClass: slavepb.ContainerClass_DEBUG.Enum(),
	}})
	if _, err := os.Stat(e.runtime.Container("c1.d1").ForceDestroy()); err != nil {
		t.Error(err)
	}
	e.crash()
	e.successor()
	e.wantList("c1")
	e.wantEnd("c1.d1", int32(syscall.SIGKILL))
}

// The agent may die between any two of its writes. An executor without a record of its process cannot be found again.
func TestStages(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		damage func(e *estate)
		taken  bool
	}{
		"before the process was recorded":    {func(e *estate) { e.remove(e.forked, e.runtime.Container("c1").PID()) }, false},
		"recorded for the agent only":        {func(e *estate) { e.remove(e.runtime.Container("c1").PID()) }, true},
		"the agent's record is empty":        {func(e *estate) { e.write(e.forked, "") }, true},
		"both records are empty":             {func(e *estate) { e.write(e.forked, ""); e.write(e.runtime.Container("c1").PID(), "") }, false},
		"without how it was launched":        {func(e *estate) { e.remove(e.runtime.Container("c1").LaunchInfo()) }, true},
		"without a configuration":            {func(e *estate) { e.remove(e.runtime.Container("c1").Config()) }, true},
		"an empty configuration":             {func(e *estate) { e.write(e.runtime.Container("c1").Config(), "") }, true},
		"without any record but the agent's": {func(e *estate) { e.remove(string(e.runtime.Container("c1"))) }, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t)
			e.executor(shell("exec sleep 1000"))
			e.crash()
			c.damage(e)
			if c.taken {
				e.successor()
				e.wantList("c1")
				if _, err := runtime.Wait(t.Context(), e.Destroy("c1")); err != nil {
					t.Error(err)
				}
				return
			}
			known := e.survivor()
			e.start()
			e.recovers([]containerizer.Survivor{known})
			e.wantList()
			e.gone()
		})
	}
}

func (e *estate) remove(names ...string) {
	e.t.Helper()
	for _, name := range names {
		if err := os.RemoveAll(name); err != nil {
			e.t.Fatal(err)
		}
	}
}

func (e *estate) write(name, content string) {
	e.t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

// Damaged records are an error, and nothing is ended.
func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		file func(runtimedir.Dir) string
		junk string
		want string
	}{
		"configuration": {func(d runtimedir.Dir) string { return d.Container("c1").Config() }, "\x02\x00\x00\x00\xff\xff", "Failed to get config for container c1: "},
		"torn":          {func(d runtimedir.Dir) string { return d.Container("c1").Config() }, "\x09\x00\x00\x00\x0a", "the file ends too early"},
		"launch":        {func(d runtimedir.Dir) string { return d.Container("c1").LaunchInfo() }, "\x02\x00\x00\x00\xff\xff", "Failed to recover launch information of container c1: "},
		"process":       {func(d runtimedir.Dir) string { return d.Container("c1.n1").PID() }, "abc", "Failed to get container pid: 'abc'"},
		"negative":      {func(d runtimedir.Dir) string { return d.Container("c1.n1").PID() }, "-1", "Failed to get container pid: -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t)
			e.executor(shell("exec sleep 1000"))
			e.inside("c1.n1", shell("exec sleep 1000"))
			e.crash()
			file := c.file(e.runtime)
			whole, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			e.write(file, c.junk)
			known := e.survivor()
			e.start()
			if _, err := runtime.Wait(t.Context(), e.Recover([]containerizer.Survivor{known})); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("recovered with %v, want %q", err, c.want)
			}
			e.crash()
			e.write(file, string(whole))
			e.successor()
			e.wantList("c1", "c1.n1")
		})
	}
}

// The ID of a process that has ended may be that of another one, which has to be left alone.
func TestReusedPID(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	e.executor(shell("exec sleep 1000"))
	pid := e.survivor().PID
	e.crash()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	for e.running(pid) {
	}
	other := exec.Command("sleep", "1000")
	other.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{e.forked, e.runtime.Container("c1").PID()} {
		e.write(file, strconv.Itoa(other.Process.Pid))
	}
	e.write(e.runtime.Container("c1").Status(), "") // as if what should have written it was killed
	e.successor()
	e.wantEnd("c1", runtimedir.Killed)
	if err := other.Process.Kill(); err != nil {
		t.Errorf("a process that belongs to nobody is gone: %v", err)
	}
	_ = other.Wait()
}

// Two agents cannot use one runtime directory, because each would end the containers of the other.
func TestOneAgentAtATime(t *testing.T) {
	t.Parallel()
	e := newEstate(t)
	_, err := mesos.New(e.node, mesos.Options{WorkDir: t.TempDir(), RuntimeDir: string(e.runtime)})
	if err == nil || !strings.Contains(err.Error(), "--runtime_dir") {
		t.Errorf("the second agent started with %v", err)
	}
}

// Agents that come and go leave nothing behind.
func TestManyAgents(t *testing.T) {
	e := newEstate(t) // not parallel: it counts the files of this process
	rounds := 100
	if testing.Short() {
		rounds = 10
	}
	e.executor(shell("exec sleep 1000"))
	before := 0
	for i := range rounds {
		id := ids.Container(fmt.Sprintf("c1.n%d", i))
		e.inside(id, shell("exec sleep 1000"))
		e.crash()
		e.successor()
		if _, err := runtime.Wait(t.Context(), e.Destroy(id)); err != nil {
			t.Fatal(err)
		}
		if _, err := runtime.Wait(t.Context(), e.Remove(id)); err != nil {
			t.Fatal(err)
		}
		if i == 2 {
			before = e.files()
		}
	}
	e.wantList("c1")
	if after := e.files(); after > before+rounds/2 { // each round would leave one; some are about to be closed
		t.Errorf("%d files are open, %d were", after, before)
	}
	if left := e.processes(); len(left) != 1 {
		t.Errorf("processes %v are left", left)
	}
}

// files returns the number of files that this process has open.
func (e *estate) files() int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		e.t.Fatal(err)
	}
	return len(all)
}
