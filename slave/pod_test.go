package slave_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/health"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/executor"
	"meseta/slave/executor/executortest"
	"meseta/slave/executor/pod"
)

// podWorld is an agent whose containers hold the default executor, and those of its tasks within.
type podWorld struct {
	*world
	http   *executortest.Direct
	driver *executor.Driver
	died   bool
	prober health.Prober
	tasks  map[ids.Task]ids.Container
}

func newPodWorld(t *testing.T) *podWorld {
	p := &podWorld{tasks: map[ids.Task]ids.Container{}}
	p.world = newWorld(t, func(w *world) { w.containers.OnLaunch = p.start })
	p.http = &executortest.Direct{Node: func() *runtime.Node { return p.agentNode }, ID: "slave(1)"}
	return p
}

// start is what a container does: the outermost runs the executor, those within do nothing.
func (p *podWorld) start(l containerizer.Launch) {
	if l.ID.Parent() != "" {
		p.tasks[ids.Task(l.Config.GetCommandInfo().GetValue())] = l.ID
		return
	}
	env, err := executor.ParseEnvironment(func(name string) (string, bool) {
		v, ok := l.Environment[name]
		return v, ok
	})
	if err != nil {
		p.t.Error(err)
	}
	node := p.Node(fmt.Sprintf("10.0.0.3:%d", 41000+len(p.containers.Launched())))
	x := pod.New(pod.Options{HTTP: p.http, Address: "10.0.0.3", Prober: p.prober})
	if p.driver, err = pod.Start(node, x, env, executor.Options{Die: func() { p.died = true }}); err != nil {
		p.t.Error(err)
	}
}

// group launches tasks together, each with its name as its command.
func (p *podWorld) group(change func(*internalpb.RunTaskGroupMessage), tasks ...ids.Task) {
	p.t.Helper()
	m := group(framework(), tasks...)
	for _, t := range m.GetTaskGroup().GetTasks() {
		t.Command.Value = t.GetTaskId().Value
	}
	if change != nil {
		change(m)
	}
	p.say(m)
	p.Advance(time.Second)
}

// end makes the container of a task end.
func (p *podWorld) end(task ids.Task, t *slavepb.ContainerTermination) {
	p.containers.EndWith(p.tasks[task], t)
	p.Advance(time.Second)
}

// over demands that the executor has ended by itself.
func (p *podWorld) over() {
	p.t.Helper()
	if p.driver.Status() != executor.Stopped || p.died {
		p.t.Errorf("the executor is %v, died %v", p.driver.Status(), p.died)
	}
}

const starting = mesospb.TaskState_TASK_STARTING

// A group runs in containers within its executor's, and the executor ends with the last of them.
func TestPod(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.group(nil, "t1", "t2")
	p.states("t1", starting, running)
	p.states("t2", starting, running)
	launched := p.containers.Launched()
	if len(launched) != 3 || launched[1].ID.Parent() != launched[0].ID {
		t.Fatalf("the containers are %v", launched)
	}
	if c := p.m.Last("t1").GetStatus().GetContainerStatus(); ids.ContainerOf(c.GetContainerId()) != p.tasks["t1"] ||
		c.GetNetworkInfos()[0].GetIpAddresses()[0].GetIpAddress() != "10.0.0.3" {
		t.Errorf("the framework was told that t1 is in %v", c)
	}
	var env []string
	for _, v := range launched[1].Config.GetCommandInfo().GetEnvironment().GetVariables() {
		env = append(env, v.GetName()+"="+v.GetValue())
	}
	if !slices.Equal(env, []string{"MESOS_CONTAINER_IP=10.0.0.3", "MESOS_ALLOCATION_ROLE=*"}) {
		t.Errorf("the task's environment is %v", env)
	}
	p.end("t1", &slavepb.ContainerTermination{Status: proto.Int32(0)})
	p.states("t1", starting, running, finished)
	p.states("t2", starting, running)
	p.end("t2", &slavepb.ContainerTermination{Status: proto.Int32(0)})
	p.states("t2", starting, running, finished)
	p.over()
}

// How a task's container ends is how the task ends; its group does not survive a failure.
func TestPodFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		end     *slavepb.ContainerTermination
		message string
		reason  mesospb.TaskStatus_Reason
	}{
		{"exit", &slavepb.ContainerTermination{Status: proto.Int32(3 << 8)}, "Command exited with status 3", 0},
		{"signal", &slavepb.ContainerTermination{Status: proto.Int32(9)}, "Command terminated with signal Killed", 0},
		{"unknown", &slavepb.ContainerTermination{}, "Command terminated with unknown status", 0},
		{"limit", &slavepb.ContainerTermination{
			Status: proto.Int32(9), Message: proto.String("too much"), Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY.Enum(),
		}, "Command terminated with signal Killed: too much", mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := newPodWorld(t)
			p.group(nil, "t1", "t2")
			p.end("t1", c.end)
			p.states("t1", starting, running, failed)
			if s := p.m.Last("t1").GetStatus(); s.GetMessage() != c.message || s.GetReason() != c.reason {
				t.Errorf("the framework was told %v", s)
			}
			p.Advance(time.Second)
			p.states("t2", starting, running, killed)
			p.over()
		})
	}
}

// A task that does not end when asked is killed after its grace period, and its group with it.
func TestPodIsKilled(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.containers.OnSignal = func(id ids.Container, s syscall.Signal) bool { return s == syscall.SIGKILL || id != p.tasks["t1"] }
	p.group(func(m *internalpb.RunTaskGroupMessage) {
		m.Framework.Capabilities = append(m.Framework.Capabilities, &mesospb.FrameworkInfo_Capability{
			Type: mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE.Enum(),
		})
	}, "t1", "t2")
	k := kill("t1")
	k.KillPolicy = grace(10 * time.Second)
	p.say(k, kill("t1"))
	p.Advance(8 * time.Second)
	p.states("t1", starting, running, mesospb.TaskState_TASK_KILLING)
	p.states("t2", starting, running)
	p.Advance(3 * time.Second)
	p.states("t1", starting, running, mesospb.TaskState_TASK_KILLING, killed)
	p.states("t2", starting, running, mesospb.TaskState_TASK_KILLING, killed)
	p.over()
}

// A task that takes longer than it said fails.
func TestPodTakesTooLong(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.group(func(m *internalpb.RunTaskGroupMessage) {
		m.TaskGroup.Tasks[0].MaxCompletionTime = &mesospb.DurationInfo{Nanoseconds: proto.Int64(int64(time.Minute))}
	}, "t1")
	p.Advance(time.Minute)
	p.states("t1", starting, running, failed)
	p.reason("t1", mesospb.TaskStatus_REASON_MAX_COMPLETION_TIME_REACHED)
	p.over()
}

// sick is a prober whose every check fails.
type sick struct{ health.Network }

func (sick) Connect(runtime.Behavior, string) runtime.Future[bool] { return runtime.Ready(false) }

func (sick) Command(runtime.Behavior, *mesospb.CommandInfo) runtime.Future[int] {
	return runtime.Failed[int](health.ErrTransient)
}

// A task whose health checks fail is told so, and killed with its group after three of them.
func TestPodIsSick(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.prober = sick{}
	p.group(func(m *internalpb.RunTaskGroupMessage) {
		m.TaskGroup.Tasks[0].HealthCheck = &mesospb.HealthCheck{
			Type: mesospb.HealthCheck_TCP.Enum(), Tcp: &mesospb.HealthCheck_TCPCheckInfo{Port: proto.Uint32(80)},
		}
		m.TaskGroup.Tasks[0].Check = &mesospb.CheckInfo{
			Type: mesospb.CheckInfo_TCP.Enum(), Tcp: &mesospb.CheckInfo_Tcp{Port: proto.Uint32(80)},
		}
	}, "t1", "t2")
	p.Advance(20 * time.Second)
	p.states("t1", starting, running, running, running)
	if s := p.m.Last("t1").GetStatus(); s.GetHealthy() || s.Healthy == nil || s.GetCheckStatus().GetTcp().Succeeded == nil {
		t.Errorf("the framework was told %v", s)
	}
	p.Advance(20 * time.Second)
	p.states("t1", starting, running, running, running, running, running, killed)
	if s := p.m.Last("t1").GetStatus(); s.GetHealthy() || s.Healthy == nil {
		t.Errorf("the framework was told %v", s)
	}
	p.states("t2", starting, running, killed)
	s := p.m.Last("t2").GetStatus()
	if s.GetHealthy() || s.Healthy == nil {
		t.Errorf("the other task of the group was told healthy: %v", s)
	}
	// Recorded: golden/linux/9-checks-sessions-scheduler-events.txt.
	if c := s.GetContainerStatus(); c.GetContainerId().GetParent() == nil || c.ExecutorPid != nil || len(c.GetNetworkInfos()) > 0 {
		t.Errorf("of a nested container that is over more is told than its id: %v", c)
	}
	p.over()
}

// A group of which a container cannot be launched fails.
func TestPodIsNotLaunched(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	start := p.containers.OnLaunch
	p.containers.OnLaunch = func(l containerizer.Launch) {
		start(l)
		if l.ID.Parent() == "" {
			p.containers.LaunchErr = errors.New("no such program")
		}
	}
	p.group(nil, "t1")
	p.Advance(time.Second)
	p.states("t1", starting, failed)
	if got := p.m.Last("t1").GetStatus().GetMessage(); got != "no such program" {
		t.Errorf("the framework was told %q", got)
	}
	p.over()
}

// An executor runs several groups, which do not mind each other, and stays for the last of them.
func TestPodsShareAnExecutor(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.group(nil, "t1", "t2")
	p.group(func(m *internalpb.RunTaskGroupMessage) { m.LaunchExecutor = proto.Bool(false) }, "t3", "t4")
	p.end("t1", &slavepb.ContainerTermination{Status: proto.Int32(1 << 8)})
	p.states("t1", starting, running, failed)
	p.states("t2", starting, running, killed)
	p.states("t3", starting, running)
	p.Advance(2 * time.Minute)
	p.end("t3", &slavepb.ContainerTermination{Status: proto.Int32(0)})
	p.end("t4", &slavepb.ContainerTermination{Status: proto.Int32(0)})
	p.states("t3", starting, running, finished)
	p.states("t4", starting, running, finished)
	if n := len(p.containers.Launched()); n != 5 {
		t.Errorf("%d containers, want one of an executor and four of tasks", n)
	}
	p.over()
}

// An executor that loses its agent goes on, and tells afterwards what has happened.
func TestPodLosesItsAgent(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.group(func(m *internalpb.RunTaskGroupMessage) { m.Framework.Checkpoint = proto.Bool(true) }, "t1")
	p.http.Cut = true
	p.http.Break()
	p.Advance(time.Minute)
	p.end("t1", &slavepb.ContainerTermination{Status: proto.Int32(0)})
	p.states("t1", starting, running)
	p.http.Cut = false
	p.Advance(5 * time.Second)
	p.states("t1", starting, running, finished)
	p.over()
}

// An executor that is shut down takes its tasks with it.
func TestPodIsShutDown(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.group(nil, "t1", "t2")
	p.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
	p.Advance(time.Second)
	p.states("t1", starting, running, killed)
	p.states("t2", starting, running, killed)
	p.over()
}

// So does one that is shut down while its tasks are being launched.
func TestPodIsShutDownAtOnce(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.http.Slow = 2 * time.Second
	p.say(group(framework(), "t1", "t2"))
	p.say(&internalpb.ShutdownExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()})
	p.Advance(8 * time.Second)
	p.states("t1", starting, running, killed)
	p.states("t2", starting, running, killed)
	p.over()
}

// mesos-go asks for records after it has asked for something else.
func TestLastAcceptCounts(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	r := p.ask("POST", "/slave(1)/api/v1", map[string][]string{
		"Content-Type": {"application/json"}, "Accept": {"application/x-protobuf", "application/recordio"},
		"Message-Accept": {"application/x-protobuf"},
	}, []byte(`{"type":"ATTACH_CONTAINER_OUTPUT","attach_container_output":{"container_id":{"value":"a"}}}`))
	if r.Status != 404 {
		t.Errorf("answered %d %s", r.Status, r.Body)
	}
}

// What is wrong with calls about containers is said in Mesos's words.
func TestContainerCallsRefused(t *testing.T) {
	t.Parallel()
	p := newPodWorld(t)
	p.group(nil, "t1")
	root := string(p.containers.Launched()[0].ID)
	for _, c := range []struct {
		name, body string
		status     int
		text       string
	}{
		{"no such call", `{"type":"LAUNCH_CONTAINER"}`, 400, "Failed to validate agent::Call: Expecting 'launch_container' to be present"},
		{"no type", `{}`, 400, "Failed to validate agent::Call: Expecting 'type' to be present"},
		{"dots in an id", `{"type":"WAIT_CONTAINER","wait_container":{"container_id":{"value":"a.b"}}}`, 400,
			"Failed to validate agent::Call: 'wait_container.container_id' is invalid: 'ContainerID.value' 'a.b' contains invalid characters"},
		{"not nested", `{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":{"value":"a"}}}`, 400,
			"Failed to validate agent::Call: Expecting 'wait_nested_container.container_id.parent' to be present"},
		{"unknown to wait for", `{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":{"value":"a","parent":{"value":"b"}}}}`, 404,
			"Container b.a cannot be found"},
		{"unknown to kill", `{"type":"KILL_CONTAINER","kill_container":{"container_id":{"value":"a","parent":{"value":"b"}}}}`, 404,
			"Container 'b.a' cannot be found (or is already killed)"},
		{"there already", `{"type":"LAUNCH_CONTAINER","launch_container":{"container_id":{"value":"` + root + `"}}}`, 202, ""},
		{"provider of no such type", `{"type":"ADD_RESOURCE_PROVIDER_CONFIG","add_resource_provider_config":{"info":{"type":"t","name":"n"}}}`, 400,
			"Failed to validate resource provider config with type 't' and name 'n': Unknown local resource provider type 't'"},
		{"no providers", `{"type":"UPDATE_RESOURCE_PROVIDER_CONFIG","update_resource_provider_config":{"info":{"type":"org.apache.mesos.rp.local.storage","name":"n"}}}`, 500,
			"Missing required flag --resource_provider_config_dir"},
		{"no provider to remove", `{"type":"REMOVE_RESOURCE_PROVIDER_CONFIG","remove_resource_provider_config":{"type":"t","name":"n"}}`, 500,
			"Missing required flag --resource_provider_config_dir"},
		{"no provider, gone", `{"type":"MARK_RESOURCE_PROVIDER_GONE","mark_resource_provider_gone":{"resource_provider_id":{"value":"x"}}}`, 200, ""},
		{"no images", `{"type":"PRUNE_IMAGES","prune_images":{}}`, 200, ""},
		{"nothing to remove from", `{"type":"REMOVE_CONTAINER","remove_container":{"container_id":{"value":"a","parent":{"value":"b"}}}}`, 500,
			"Unknown root container"},
		{"nothing to remove", `{"type":"REMOVE_CONTAINER","remove_container":{"container_id":{"value":"a","parent":{"value":"` + root + `"}}}}`, 200, ""},
	} {
		r := p.ask("POST", "/slave(1)/api/v1", map[string][]string{"Content-Type": {"application/json"}}, []byte(c.body))
		if r.Status != c.status || strings.TrimSpace(string(r.Body)) != c.text {
			t.Errorf("%s: %d %q, want %d %q", c.name, r.Status, r.Body, c.status, c.text)
		}
	}
}
