package slave_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/executor"
	"meseta/slave/executor/executortest"
)

// driven has containers that hold an executor with a driver which speaks HTTP.
type driven struct {
	*world
	http     *executortest.Direct
	executor *executortest.Executor
	driver   *executor.Driver
	died     bool
}

func newDriven(t *testing.T, x executor.Executor) *driven {
	d := &driven{executor: &executortest.Executor{}}
	if x == nil {
		x = d.executor
	}
	d.world = newWorld(t, func(w *world) {
		w.containers.OnLaunch = func(l containerizer.Launch) { d.start(l, x) }
	})
	d.http = &executortest.Direct{Node: func() *runtime.Node { return d.agentNode }, ID: "slave(1)"}
	d.executor.OnLaunch = func(driver *executor.Driver, task *mesospb.TaskInfo) {
		driver.SendStatusUpdate(&mesospb.TaskStatus{TaskId: task.GetTaskId(), State: running.Enum()})
	}
	d.executor.OnShutdown = func(driver *executor.Driver) { driver.Stop() }
	return d
}

func (d *driven) start(l containerizer.Launch, x executor.Executor) {
	env, err := executor.ParseEnvironment(func(name string) (string, bool) {
		v, ok := l.Environment[name]
		return v, ok
	})
	if err != nil {
		d.t.Error(err)
	}
	node := d.Node(fmt.Sprintf("10.0.0.3:%d", 41000+len(d.containers.Launched())))
	d.driver = executor.NewDriver(node, x, env, executor.Options{HTTP: d.http, Die: func() { d.died = true }})
	d.driver.Start()
}

func (d *driven) heard(want ...string) {
	d.t.Helper()
	if got := strings.Join(d.executor.Heard, "\n"); got != strings.Join(want, "\n") {
		d.t.Errorf("the executor heard\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// A driver that speaks HTTP gives its executor the life it has with one that does not.
func TestDriverOverHTTP(t *testing.T) {
	t.Parallel()
	d := newDriven(t, nil)
	d.say(custom("t1", true, framework()))
	d.driver.SendFrameworkMessage([]byte("hello"))
	d.say(kill("t1"))
	d.driver.SendStatusUpdate(&mesospb.TaskStatus{TaskId: info("t1").GetTaskId(), State: killed.Enum()})
	d.Advance(time.Second)
	d.states("t1", running, killed)
	d.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
	d.heard("registered x1 on host", "launch t1", "acknowledged t1 TASK_RUNNING", "kill t1", "acknowledged t1 TASK_KILLED", "shutdown")
	if d.died || d.driver.Status() != executor.Stopped || d.driver.Container() != d.containers.Launched()[0].ID {
		t.Errorf("died %v, %v, in %s", d.died, d.driver.Status(), d.driver.Container())
	}
}

// When its stream breaks, a driver subscribes again and tells what was not acknowledged.
func TestDriverSubscribesAgain(t *testing.T) {
	t.Parallel()
	d := newDriven(t, nil)
	d.say(custom("t1", true, framework(checkpointing)))
	d.http.Cut = true
	d.http.Break()
	d.Advance(time.Second)
	d.driver.SendStatusUpdate(&mesospb.TaskStatus{TaskId: info("t1").GetTaskId(), State: finished.Enum()})
	d.Advance(10 * time.Second)
	d.states("t1", running)
	d.http.Cut = false
	d.Advance(3 * time.Second)
	d.states("t1", running, finished)
	d.heard("registered x1 on host", "launch t1", "acknowledged t1 TASK_RUNNING", "disconnected", "reregistered on host",
		"acknowledged t1 TASK_FINISHED")
}

// A driver gives its agent signs of life, and finds out when it is not heard.
func TestDriverBeats(t *testing.T) {
	t.Parallel()
	d := newDriven(t, nil)
	d.say(custom("t1", true, framework(checkpointing)))
	d.Advance(61 * time.Minute)
	if d.http.Heartbeats != 2 {
		t.Errorf("%d heartbeats in an hour, want 2", d.http.Heartbeats)
	}
	d.http.Cut = true
	d.Advance(30 * time.Minute)
	d.http.Cut = false
	d.Advance(3 * time.Second)
	d.heard("registered x1 on host", "launch t1", "acknowledged t1 TASK_RUNNING", "disconnected", "reregistered on host")
}

// An agent that does not come back is the end of an executor.
func TestDriverGivesUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		framework *mesospb.FrameworkInfo
		after     time.Duration
	}{
		"without checkpoints": {framework(), 0},
		"with checkpoints":    {framework(checkpointing), 15 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDriven(t, nil)
			d.say(custom("t1", true, c.framework))
			d.http.Cut = true
			d.http.Break()
			if c.after > 0 {
				d.Advance(c.after - time.Second)
				if d.driver.Status() != executor.Running {
					t.Error("the driver gave up early")
				}
			}
			d.Advance(2 * time.Second)
			if d.driver.Status() != executor.Stopped {
				t.Errorf("the driver is %v", d.driver.Status())
			}
		})
	}
}
