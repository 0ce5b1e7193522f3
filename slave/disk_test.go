package slave_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meseta/actors/election"
	"meseta/messages/pb/mesospb"
	"meseta/slave"
	"meseta/slave/slavetest"
)

const day = 24 * time.Hour

// finish runs a command task to its end and returns its sandbox.
func (w *world) finish() string { return w.finishAs(framework()) }

func (w *world) finishAs(f *mesospb.FrameworkInfo) string {
	w.t.Helper()
	n := len(w.executors)
	w.say(command("t1", f))
	w.executor(n, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.executor(n, func(x *slavetest.Executor) { x.Died(); x.Terminate() })
	l := w.containers.Launched()[n]
	if _, err := os.Stat(l.Config.GetDirectory()); err != nil {
		w.t.Errorf("the sandbox is gone at once: %v", err)
	}
	return l.Config.GetDirectory()
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The masters of these tests are silent for days, which the agents are told not to mind.

// A sandbox stays for a week after its executor's end, and so do the directories above it.
func TestSandboxAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.DiskWatchInterval, w.m.PingTimeout = 365*day, 1e8 })
	sandbox := w.finish()
	w.Advance(7*day - time.Minute)
	if !exists(sandbox) {
		t.Error("the sandbox was deleted too early")
	}
	w.Advance(2 * time.Minute)
	if exists(sandbox) || exists(filepath.Join(w.dir, "slaves/a1/frameworks/f1")) {
		t.Error("the sandbox was not deleted")
	}
}

// No delay is a delay one can ask for.
func TestSandboxGoesAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.GCDelay = 0 })
	w.say(command("t1", framework()))
	sandbox := w.containers.Launched()[0].Config.GetDirectory()
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.executor(0, func(x *slavetest.Executor) { x.Died(); x.Terminate() })
	if exists(sandbox) {
		t.Error("the sandbox was kept")
	}
}

// The fuller the disk, the younger the sandboxes that go.
func TestDiskFills(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.DiskWatchInterval, w.m.PingTimeout = time.Hour, 1e8 })
	sandbox := w.finish()
	w.system.Usage = 0.4 // sandboxes may be half a week old
	w.Advance(3 * day)
	if !exists(sandbox) {
		t.Fatal("the sandbox was deleted too early")
	}
	w.Advance(day)
	if exists(sandbox) {
		t.Fatal("the sandbox was not deleted after half a week")
	}
	sandbox = w.finish()
	w.system.Usage = 0.95 // there is no room at all
	w.Advance(61 * time.Minute)
	if exists(sandbox) {
		t.Error("the sandbox was not deleted at once")
	}
}

// The disk is looked at from the agent's start on, once in each interval, though no master leads.
func TestDiskIsWatchedFromTheStart(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.config.Detector, w.config.DiskWatchInterval = election.NewStandalone(nil), time.Minute
	})
	w.Advance(time.Minute - 4*time.Second) // 3s are over
	if w.system.Looks != 0 {
		t.Errorf("looked at the disk %d times in the first interval", w.system.Looks)
	}
	for n := 1; n < 4; n++ {
		w.Advance(2 * time.Second)
		if w.system.Looks != n {
			t.Errorf("looked at the disk %d times after %d intervals", w.system.Looks, n)
		}
		w.Advance(time.Minute - 2*time.Second)
	}
}

// A disk that cannot be measured is measured again later.
func TestDiskNotMeasured(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.DiskWatchInterval, w.m.PingTimeout = time.Hour, 1e8 })
	sandbox := w.finish()
	w.system.Usage, w.system.Err = 0.95, errors.New("input/output error")
	w.Advance(61 * time.Minute)
	if !exists(sandbox) {
		t.Error("the sandbox was deleted for no reason")
	}
	w.system.Err = nil
	w.Advance(time.Hour)
	if exists(sandbox) {
		t.Error("the sandbox was not deleted")
	}
}

// A framework that comes back keeps its directories, though not its old sandboxes.
func TestDirectoriesAreUsedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.DiskWatchInterval, w.m.PingTimeout = 365*day, 1e8 })
	before := w.finish()
	w.Advance(6 * day)
	w.say(command("t1", framework()))
	now := w.containers.Launched()[1].Config.GetDirectory()
	w.Advance(2 * day)
	if exists(before) || !exists(now) {
		t.Errorf("the old sandbox is there: %t, the new one: %t", exists(before), exists(now))
	}
}

// What an agent writes down for a framework that asked for it lies where Mesos looks for it.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.m.Acknowledge = false })
	w.say(custom("0", true, framework(checkpointing)))
	w.executor(0, func(x *slavetest.Executor) { x.Report("0", finished) })
	w.acknowledge("0")
	l := w.containers.Launched()[0]
	run := "meta/slaves/a1/frameworks/f1/executors/x1/runs/" + string(l.ID)
	for file, content := range map[string]string{
		"meta/boot_id": "boot",
		"meta/slaves/a1/frameworks/f1/framework.pid":                                    "scheduler@10.0.0.9:9000",
		"meta/slaves/a1/frameworks/f1/executors/x1/executor_generated_for_command_task": "0",
		run + "/pids/libprocess.pid":                                                    "executor(1)@10.0.0.3:40000",
	} {
		if got, err := os.ReadFile(filepath.Join(w.dir, file)); err != nil || string(got) != content {
			t.Errorf("%s holds %q (%v), want %q", file, got, err, content)
		}
	}
	for _, file := range []string{
		"meta/slaves/a1/slave.info", "meta/slaves/latest/slave.info", "meta/slaves/a1/frameworks/f1/framework.info",
		"meta/slaves/a1/frameworks/f1/executors/x1/executor.info", "meta/slaves/a1/frameworks/f1/executors/x1/runs/latest/pids",
		run + "/tasks/0/task.info", run + "/tasks/0/task.updates",
	} {
		if !exists(filepath.Join(w.dir, file)) {
			t.Errorf("there is no %s", file)
		}
	}
	if want := filepath.Join(w.dir, run, "pids/forked.pid"); l.PIDFile != want {
		t.Errorf("the process is recorded in %q, want %q", l.PIDFile, want)
	}
	updates := readUpdates(t, filepath.Join(w.dir, run, "tasks/0/task.updates"))
	if len(updates.Updates) != 2 || len(updates.Acknowledged) != 1 {
		t.Errorf("%d updates and %d acknowledgements are recorded, want 2 and 1", len(updates.Updates), len(updates.Acknowledged))
	}
	w.acknowledge("0")
	w.containers.End(l.ID, 0)
	w.Advance(time.Second)
	if !exists(filepath.Join(w.dir, run, "executor.sentinel")) {
		t.Error("the end of the run is not recorded")
	}
}

// An agent says all that is wrong with its configuration.
func TestInvalidConfig(t *testing.T) {
	t.Parallel()
	_, err := slave.Spawn(nil, slave.Config{GCDiskHeadroom: 1.5, RegistrationBackoff: time.Hour})
	for _, word := range []string{"master", "role", "work directory", "backoff", "headroom"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%v does not speak of the %s", err, word)
		}
	}
}
