package slave_test

import (
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave"
	"meseta/slave/slavetest"
)

// On a full disk the tasks of a framework that wants checkpoints are refused with the reason, and no executor gets them; the
// agent goes on, and starts them when there is room.
func TestLaunchOnAFullDisk(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"framework.info", "framework.pid", "executor.info", "task.info"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.disk.Fill(file, "task.updates")
			w.say(custom("t1", true, framework(checkpointing)))
			w.alive()
			w.states("t1", dropped)
			if why := w.m.Last("t1").GetStatus().GetMessage(); !strings.Contains(why, "no space left on device") {
				t.Errorf("the framework was told %q", why)
			}
			w.Advance(10 * time.Second)
			w.idle()
			for _, x := range w.executors {
				if len(x.Tasks) > 0 {
					t.Errorf("the executor was given %v", x.Tasks)
				}
			}
			w.disk.Fill()
			w.say(custom("t2", true, framework(checkpointing)))
			w.states("t2", running)
		})
	}
}

// An executor that runs keeps its tasks when one more cannot be written down, and is ended when it could not be found
// again.
func TestFullDiskWhileAnExecutorRuns(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.disk.Fill("task.info")
	w.say(custom("t2", false, framework(checkpointing)))
	w.states("t1", running)
	w.states("t2", dropped)
	if tasks := w.executors[0].Tasks; len(tasks) != 1 {
		t.Errorf("the executor was given %v", tasks)
	}
	w.disk.Fill("libprocess.pid")
	f2 := custom("t3", true, framework(checkpointing, func(f *mesospb.FrameworkInfo) { f.Id = ids.Framework("f2").Proto() }))
	f2.Task.Executor.FrameworkId = ids.Framework("f2").Proto()
	w.say(f2)
	w.alive()
	if got := w.m.Last("t3").GetStatus(); got.GetState() != failed || !strings.Contains(got.GetMessage(), "no space left on device") {
		t.Errorf("the framework was told %v", got)
	}
}

// Updates that cannot be written down wait until they can, and arrive in their order. Until then they are the executor's. One
// that does not end its task is forwarded when it is to be written, and once more when it is.
func TestUpdatesOnAFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	relieved := len(w.executors[0].Acknowledged)
	w.disk.Fill("task.updates")
	w.executor(0, func(x *slavetest.Executor) {
		x.Report("t1", mesospb.TaskState_TASK_KILLING)
		x.Report("t1", finished)
	})
	w.Advance(time.Minute)
	w.alive()
	w.states("t1", running, mesospb.TaskState_TASK_KILLING)
	if n := len(w.executors[0].Acknowledged); n != relieved {
		t.Errorf("the executor was relieved of %d updates that are nowhere", n-relieved)
	}
	w.disk.Fill()
	w.Advance(11 * time.Second)
	w.states("t1", running, mesospb.TaskState_TASK_KILLING, mesospb.TaskState_TASK_KILLING, finished)
	if n := len(w.executors[0].Acknowledged); n != relieved+2 {
		t.Errorf("the executor was relieved of %d updates, want 2", n-relieved)
	}
}

// A framework that was updated when the disk was full is written down as it is now before another executor of it runs.
func TestUpdatedFrameworkOnAFullDisk(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"framework.info", "framework.pid"} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, nil)
			w.say(custom("t1", true, framework(checkpointing)))
			w.disk.Fill(file)
			moved := framework(checkpointing, func(f *mesospb.FrameworkInfo) { f.Name = proto.String("renamed") })
			w.say(&internalpb.UpdateFrameworkMessage{FrameworkId: f1.Proto(), Pid: proto.String("scheduler@10.0.0.9:9001"), FrameworkInfo: moved})
			w.alive()
			w.states("t1", running)
			w.disk.Fill()
			next := custom("t2", true, moved)
			next.Task.Executor.ExecutorId = ids.Executor("x2").Proto()
			w.say(next)
			w.states("t2", running)
			all := w.left().Frameworks
			if len(all) != 1 || all[0].Info.GetName() != "renamed" || all[0].PID.String() != "scheduler@10.0.0.9:9001" {
				t.Errorf("the framework is checkpointed as %+v", all)
			}
		})
	}
}

// An executor that has ended when the disk was full is not marked as completed. The next agent finds out that it has, and reports
// nothing again.
func TestEndOnAFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.disk.Fill("executor.sentinel")
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
	w.Advance(10 * time.Second)
	w.alive()
	w.states("t1", running, finished)
	sentinels := func() []string {
		found, err := filepath.Glob(filepath.Join(w.dir, "meta/slaves/a1/frameworks/f1/executors/x1/runs/*/executor.sentinel"))
		if err != nil {
			t.Fatal(err)
		}
		return found
	}
	if len(sentinels()) != 0 {
		t.Fatal("there is a sentinel, on a full disk")
	}
	w.disk.Fill()
	w.rebirth(nil)
	w.Advance(time.Minute)
	w.states("t1", running, finished)
	if len(sentinels()) == 0 {
		t.Error("the next agent wrote no sentinel")
	}
}

// An update that waits for room on the disk ends with its framework.
func TestTearDownOnAFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.disk.Fill("task.updates")
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.say(&internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	w.disk.Fill()
	w.Advance(time.Minute)
	w.states("t1", running)
	if got := w.pending(); len(got) > 0 {
		t.Errorf("updates of %v are pending", got)
	}
}

// An agent that starts again on a full disk goes on with what runs. After a boot of the system it has to write that down, and ends with
// the reason; nothing is lost by then.
func TestStartOnAFullDisk(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(custom("t1", true, framework(checkpointing)))
	w.rebirth(func() { w.disk.Fill("meta/") })
	w.Advance(10 * time.Second)
	w.alive()
	w.demandTasks(w.reregistered(), "t1 TASK_RUNNING")
	w.disk.Fill()
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.states("t1", running, finished)

	w.system.Boot = "another"
	w.rebirth(func() { w.disk.Fill("boot_id") })
	w.Advance(10 * time.Second)
	if w.fatal == nil || !strings.Contains(w.fatal.Error(), "boot_id: no space left on device") {
		t.Errorf("the agent ended with %v", w.fatal)
	}
	w.fatal, w.m.Reregistered = nil, nil
	w.rebirth(func() { w.disk.Fill() })
	w.Advance(10 * time.Second)
	w.alive()
	if n := len(w.m.Reregistered); n != 1 {
		t.Errorf("the agent came back %d times, want once", n)
	}
}

// An agent admits no executors while it recovers.
func TestRecovering(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.Crash(agentAddr)
	node := w.Node(agentAddr)
	ref, err := slave.Spawn(node, w.config)
	if err != nil {
		t.Fatal(err)
	}
	w.agentNode, w.agent = node, ref
	node.Deliver(runtime.Envelope{
		From: runtime.PID{ID: "executor(1)", Addr: "10.0.0.3:40000"}, To: ref.PID(),
		Message: &internalpb.RegisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()},
	})
	var answers []runtime.Future[*web.Response]
	for _, path := range []string{"state", "api/v1", "api/v1/executor", "health"} {
		method := http.MethodPost
		if !strings.Contains(path, "api") {
			method = http.MethodGet
		}
		answers = append(answers, web.Serve(node, &web.Request{
			Method: method, URL: &url.URL{Path: "/slave(1)/" + path}, Header: http.Header{}, Body: strings.NewReader(""), Client: "10.0.0.3:1",
		}))
	}
	w.Settle()
	var got []int
	for i, a := range answers {
		r, _, _ := a.Peek()
		got = append(got, r.Status)
		if i < 3 && string(r.Body) != "Agent has not finished recovery" {
			t.Errorf("answered %d %s", r.Status, r.Body)
		}
	}
	if want := []int{503, 503, 503, 200}; !slices.Equal(got, want) {
		t.Errorf("answered %v, want %v", got, want)
	}
	w.Advance(3 * time.Second)
	if r := w.ask(http.MethodGet, "/slave(1)/state", nil, nil); r.Status != http.StatusOK {
		t.Errorf("answered %d %s afterwards", r.Status, r.Body)
	}
}
