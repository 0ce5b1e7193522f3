package master_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/evolve"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/web"
)

// hooked returns a cluster whose master has a hook, with an agent.
func hooked(t *testing.T, h hooks.Hook) (*mastertest.Cluster, *mastertest.Peer) {
	t.Helper()
	all := &hooks.Hooks{}
	if err := all.Add("h", h); err != nil {
		t.Fatal(err)
	}
	c := mastertest.New(t, mastertest.Config{Configure: func(config *master.Config) { config.Hooks = all }})
	return c, c.Agent("agent", "10.0.0.2:5051")
}

// marks gives tasks a label with the names of all that it is shown.
func marks(_ context.Context, t *mesospb.TaskInfo, f *mesospb.FrameworkInfo, a *mesospb.SlaveInfo) (*mesospb.Labels, error) {
	key := t.GetName() + " " + f.GetName() + " " + a.GetHostname() + " " + resources.FromValid(t.GetResources()).String()
	return &mesospb.Labels{Labels: append(slices.Clone(t.GetLabels().GetLabels()), &mesospb.Label{Key: &key})}, nil
}

// lessMemory gives tasks less memory than they ask for.
func lessMemory(_ context.Context, t *mesospb.TaskInfo, total []*mesospb.Resource) ([]*mesospb.Resource, error) {
	if resources.FromValid(total).String() != "cpus:4; mem:4096; disk:8192" {
		return nil, errors.New("the agent has " + resources.FromValid(total).String())
	}
	return []*mesospb.Resource{mastertest.Resource("cpus", 1), mastertest.Resource("mem", 32)}, nil
}

func onlyLabel(t *testing.T, of *mesospb.TaskInfo, want string) {
	t.Helper()
	if l := of.GetLabels().GetLabels(); len(l) != 1 || l[0].GetKey() != want {
		t.Errorf("task %s has the labels %v, want %q", of.GetName(), l, want)
	}
}

// Hooks change the resources of tasks, which the master then knows, and the labels with which agents get them.
func TestHooksChangeTasks(t *testing.T) {
	t.Parallel()
	var lost []string
	c, agent := hooked(t, hooks.Hook{
		MasterLaunchTaskLabelDecorator: marks, MasterLaunchTaskResourceDecorator: lessMemory,
		MasterSlaveLostHook: func(_ context.Context, a *mesospb.SlaveInfo) error {
			lost = append(lost, a.GetHostname())
			return errors.New("what a pity")
		},
	})
	f := c.Scheduler("scheduler", "10.0.0.3:8080", mastertest.Framework())
	task := mastertest.Task("t", f.Offer())
	f.Launch(f.Offer(), task)
	sent := mastertest.Last[*internalpb.RunTaskMessage](agent).GetTask()
	name := agentName(c)
	onlyLabel(t, sent, "t "+frameworkName(c)+" "+name+" cpus:1; mem:32")
	if got := resources.FromValid(sent.GetResources()).Unallocate().String(); got != "cpus:1; mem:32" || task.Labels != nil {
		t.Errorf("the agent was sent a task with %s, and the scheduler's task has the labels %v", got, task.Labels)
	}
	c.Do(func(m *master.Master) {
		known := m.Book().Agents()[0].Tasks()[0]
		if got := known.Resources.Unallocate().String(); got != "cpus:1; mem:32" {
			t.Errorf("the master knows of %s", got)
		}
	})
	agent.Say(&internalpb.UnregisterSlaveMessage{SlaveId: mastertest.AgentID(agent)})
	if !slices.Equal(lost, []string{name}) {
		t.Errorf("hooks were told that %q are lost", lost)
	}
}

func agentName(c *mastertest.Cluster) (name string) {
	c.Do(func(m *master.Master) { name = m.Book().Agents()[0].Info.GetHostname() })
	return name
}

func frameworkName(c *mastertest.Cluster) (name string) {
	c.Do(func(m *master.Master) { name = m.Book().Frameworks()[0].Info.GetName() })
	return name
}

// Tasks of a group are decorated like others. What a hook that fails says does not count.
func TestHooksChangeGroups(t *testing.T) {
	t.Parallel()
	c, agent := hooked(t, hooks.Hook{
		MasterLaunchTaskLabelDecorator: marks,
		MasterLaunchTaskResourceDecorator: func(_ context.Context, t *mesospb.TaskInfo, _ []*mesospb.Resource) ([]*mesospb.Resource, error) {
			if t.GetExecutor().GetExecutorId().GetValue() != "pod" {
				return []*mesospb.Resource{}, nil
			}
			return nil, errors.New("no")
		},
	})
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	one, two := mastertest.Task("one", f.Offer()), mastertest.Task("two", f.Offer())
	two.Resources = one.Resources[:1]
	one.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1), mastertest.Resource("mem", 32)}
	f.Accept(f.Offer(), &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_LAUNCH_GROUP.Enum(), LaunchGroup: &mesospb.Offer_Operation_LaunchGroup{
			TaskGroup: &mesospb.TaskGroupInfo{Tasks: []*mesospb.TaskInfo{one, two}},
			Executor: &mesospb.ExecutorInfo{
				Type: mesospb.ExecutorInfo_DEFAULT.Enum(), ExecutorId: ids.Executor("pod").Proto(), FrameworkId: f.FrameworkID(),
				Resources: []*mesospb.Resource{mastertest.Resource("cpus", 0.1), mastertest.Resource("mem", 32), mastertest.Resource("disk", 32)},
			},
		},
	})
	sent := mastertest.Last[*internalpb.RunTaskGroupMessage](agent).GetTaskGroup().GetTasks()
	onlyLabel(t, sent[0], "one "+frameworkName(c)+" "+agentName(c)+" cpus:1; mem:32")
	onlyLabel(t, sent[1], "two "+frameworkName(c)+" "+agentName(c)+" cpus:2")
}

// What a framework says while hooks look at its launch comes after the launch, however it speaks; its end comes last.
func TestCallsStayInOrderWhileHooksLook(t *testing.T) {
	t.Parallel()
	kill := &schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{TaskId: ids.Task("t").Proto()}}
	while := func(say *func()) hooks.Hook {
		return hooks.Hook{MasterLaunchTaskLabelDecorator: func(context.Context, *mesospb.TaskInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			(*say)()
			return nil, nil
		}}
	}
	killed := func(t *testing.T, agent *mastertest.Peer) {
		t.Helper()
		var launches, kills int
		for i, m := range agent.Heard {
			switch m.(type) {
			case *internalpb.RunTaskMessage:
				launches = i
			case *internalpb.KillTaskMessage:
				kills = i
			}
		}
		if launches == 0 || kills < launches {
			t.Errorf("the agent got the task as message %d, and its end as message %d", launches, kills)
		}
	}
	t.Run("driver", func(t *testing.T) {
		t.Parallel()
		var say func()
		c, agent := hooked(t, while(&say))
		f := c.Scheduler("scheduler", "10.0.0.3:8080", mastertest.Framework())
		var node *runtime.Node
		c.Do(func(m *master.Master) { node = m.Node() })
		say = func() {
			call := proto.CloneOf(kill)
			call.FrameworkId = mastertest.FrameworkID(f)
			node.Deliver(runtime.Envelope{From: f.PID(), To: c.Master.PID(), Name: "mesos.scheduler.Call", Message: call})
		}
		f.Launch(f.Offer(), mastertest.Task("t", f.Offer()))
		killed(t, agent)
	})
	t.Run("HTTP", func(t *testing.T) {
		t.Parallel()
		var say func()
		c, agent := hooked(t, while(&say))
		f := c.Client("f", mediatype.JSON)
		f.Subscribe(mastertest.Framework())
		var answers []runtime.Future[*web.Response]
		say = func() {
			call := proto.CloneOf(kill)
			call.FrameworkId = f.FrameworkID()
			body := mediatype.JSON.Marshal(evolve.Evolve[schedulerv1pb.Call](call))
			for _, stream := range []string{f.StreamID, "other"} {
				header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}, "Mesos-Stream-Id": {stream}}
				answers = append(answers, c.Begin(http.MethodPost, "/api/v1/scheduler", header, body))
			}
		}
		f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
		killed(t, agent)
		for i, want := range []int{http.StatusAccepted, http.StatusBadRequest} {
			if r, done, err := answers[i].Peek(); !done || err != nil || r.Status != want {
				t.Errorf("call %d was answered %+v, %t, %v, want %d", i, r, done, err, want)
			}
		}
	})
}

// A framework that says too much while hooks look at its launch is told so: a scheduler that uses HTTP by the answer, a driver by an error.
func TestTooMuchIsSaidWhileHooksLook(t *testing.T) {
	t.Parallel()
	var say func()
	c, _ := hooked(t, hooks.Hook{MasterLaunchTaskLabelDecorator: func(context.Context, *mesospb.TaskInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
		say()
		return nil, nil
	}})
	message := func(f *mesospb.FrameworkID) *schedulerpb.Call {
		return &schedulerpb.Call{FrameworkId: f, Type: schedulerpb.Call_MESSAGE.Enum(), Message: &schedulerpb.Call_Message{
			SlaveId: ids.Agent("a").Proto(), ExecutorId: ids.Executor("e").Proto(), Data: make([]byte, 3<<20),
		}}
	}
	f := c.Client("f", mediatype.Protobuf)
	f.Subscribe(mastertest.Framework())
	var answers []runtime.Future[*web.Response]
	say = func() {
		body := mediatype.Protobuf.Marshal(evolve.Evolve[schedulerv1pb.Call](message(f.FrameworkID())))
		for range 6 {
			header := http.Header{"Content-Type": {"application/x-protobuf"}, "Mesos-Stream-Id": {f.StreamID}}
			answers = append(answers, c.Begin(http.MethodPost, "/api/v1/scheduler", header, body))
		}
	}
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
	for i, want := range []int{202, 202, 202, 202, 202, 503} {
		if r, done, err := answers[i].Peek(); !done || err != nil || r.Status != want {
			t.Errorf("call %d was answered %+v, %t, %v, want %d", i, r, done, err, want)
		} else if text := string(r.Bytes()); want == 503 && !strings.HasPrefix(text, "Call MESSAGE dropped: ") {
			t.Errorf("call %d was answered %q", i, text)
		}
	}
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	d := c.Scheduler("scheduler", "10.0.0.3:8080", mastertest.Framework())
	var node *runtime.Node
	c.Do(func(m *master.Master) { node = m.Node() })
	say = func() {
		for range 6 {
			node.Deliver(runtime.Envelope{From: d.PID(), To: c.Master.PID(), Name: "mesos.scheduler.Call", Message: message(mastertest.FrameworkID(d))})
		}
	}
	d.Launch(d.Offer(), mastertest.Task("t", d.Offer()))
	if all := mastertest.All[*internalpb.FrameworkErrorMessage](d); len(all) != 1 || !strings.HasPrefix(all[0].GetMessage(), "Message mesos.scheduler.Call dropped: ") {
		t.Errorf("the driver was told %v", all)
	}
}

// A framework that ends while hooks look at its launch launches nothing.
func TestFrameworkEndsWhileHooksLook(t *testing.T) {
	t.Parallel()
	var c *mastertest.Cluster
	var id ids.Framework
	var f *mastertest.Client
	c, agent := hooked(t, hooks.Hook{MasterLaunchTaskLabelDecorator: func(context.Context, *mesospb.TaskInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
		runtime.Tell(c.Master, func(m *master.Master) { m.Teardown(m.Book().Framework(id)) })
		c.Begin(http.MethodPost, "/api/v1/scheduler", http.Header{"Content-Type": {"application/json"}, "Mesos-Stream-Id": {f.StreamID}},
			[]byte(`{"type": "SUPPRESS", "framework_id": {"value": "`+string(id)+`"}}`))
		return nil, nil
	}})
	f = c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	id = ids.FrameworkOf(f.FrameworkID())
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
	c.Advance(time.Second)
	if sent := mastertest.All[*internalpb.RunTaskMessage](agent); len(sent) != 0 {
		t.Errorf("the agent was sent %v", sent)
	}
	c.Do(func(m *master.Master) {
		if m.Waits(id) {
			t.Error("calls of the framework still wait")
		}
	})
}
