package slave_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

func label(key string) *mesospb.Label { return &mesospb.Label{Key: proto.String(key)} }

func keys(l *mesospb.Labels) (all []string) {
	for _, x := range l.GetLabels() {
		all = append(all, x.GetKey())
	}
	return all
}

// changing is a hook that changes all that it can, and what it was told.
type changing struct{ told []string }

func (c *changing) hook() hooks.Hook {
	text := mesospb.Value_TEXT
	return hooks.Hook{
		SlaveRunTaskLabelDecorator: func(_ context.Context, t *mesospb.TaskInfo, e *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo, a *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			return &mesospb.Labels{Labels: append(slices.Clone(t.GetLabels().GetLabels()), label(e.GetExecutorId().GetValue()+f.GetName()+a.GetId().GetValue()))}, nil
		},
		SlaveExecutorEnvironmentDecorator: func(_ context.Context, e *mesospb.ExecutorInfo) (*mesospb.Environment, error) {
			return &mesospb.Environment{Variables: []*mesospb.Environment_Variable{
				{Name: proto.String("HOOKED"), Value: e.GetExecutorId().Value}, {Name: proto.String("LIBPROCESS_PORT"), Value: proto.String("7")},
				{Name: proto.String("SECRET"), Type: mesospb.Environment_Variable_SECRET.Enum()},
			}}, nil
		},
		SlaveRemoveExecutorHook: func(_ context.Context, f *mesospb.FrameworkInfo, e *mesospb.ExecutorInfo) error {
			c.told = append(c.told, f.GetName()+" "+e.GetExecutorId().GetValue())
			return errors.New("nobody asked")
		},
		SlaveTaskStatusDecorator: func(_ context.Context, f *mesospb.FrameworkID, s *mesospb.TaskStatus) (*mesospb.TaskStatus, error) {
			return &mesospb.TaskStatus{
				State: mesospb.TaskState_TASK_LOST.Enum(), Message: proto.String("no"),
				Labels:          &mesospb.Labels{Labels: []*mesospb.Label{label(f.GetValue() + " " + s.GetState().String())}},
				ContainerStatus: &mesospb.ContainerStatus{NetworkInfos: []*mesospb.NetworkInfo{{Name: proto.String("fruits")}}},
			}, nil
		},
		SlaveResourcesDecorator: func(_ context.Context, a *mesospb.SlaveInfo) ([]*mesospb.Resource, error) {
			more, err := resources.Parse("bananas:"+string(rune('0'+len(a.GetHostname()))), "*")
			return resources.FromValid(a.GetResources()).Plus(more).Proto(), err
		},
		SlaveAttributesDecorator: func(_ context.Context, a *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) {
			return append(slices.Clone(a.GetAttributes()), &mesospb.Attribute{
				Name: proto.String("fruit"), Type: &text, Text: &mesospb.Value_Text{Value: a.GetResources()[0].Name},
			}), nil
		},
	}
}

func withHooks(t *testing.T, all ...hooks.Hook) func(*world) {
	h := &hooks.Hooks{}
	for i, x := range all {
		if err := h.Add(string(rune('a'+i)), x); err != nil {
			t.Fatal(err)
		}
	}
	return func(w *world) { w.config.Hooks = h }
}

// Hooks change the agent, its tasks, the environment of executors and statuses, which stay in order.
func TestHooks(t *testing.T) {
	t.Parallel()
	c := &changing{}
	w := newWorld(t, withHooks(t, c.hook(), hooks.Hook{}))
	info := w.m.Registered[0].GetSlave()
	if got := resources.FromValid(info.GetResources()).String(); !strings.Contains(got, "bananas:4") {
		t.Errorf("the agent has %s", got)
	}
	if as := info.GetAttributes(); len(as) != 2 || as[1].GetName() != "fruit" || as[1].GetText().GetValue() != "cpus" {
		t.Errorf("the agent's attributes are %v", as)
	}
	launch := custom("t1", true, framework())
	launch.Task.Labels = &mesospb.Labels{Labels: []*mesospb.Label{label("old")}}
	w.say(launch, custom("t2", false, framework()))
	if got := w.executors[0].Tasks; len(got) != 2 || !slices.Equal(keys(got[0].GetLabels()), []string{"old", "x1testa1"}) ||
		!slices.Equal(keys(got[1].GetLabels()), []string{"x1testa1"}) {
		t.Errorf("the executor got %v", got)
	}
	env := w.containers.Launched()[0].Environment
	if _, secret := env["SECRET"]; env["HOOKED"] != "x1" || env["LIBPROCESS_PORT"] != "7" || env["MESOS_EXECUTOR_ID"] != "x1" || secret {
		t.Errorf("its environment is %v", env)
	}
	w.executor(0, func(x *slavetest.Executor) {
		x.Report("t1", running)
		x.Report("t1", mesospb.TaskState_TASK_FINISHED)
		x.Report("t2", mesospb.TaskState_TASK_FAILED)
	})
	w.states("t1", running, running, mesospb.TaskState_TASK_FINISHED)
	w.states("t2", running, mesospb.TaskState_TASK_FAILED)
	last := w.m.Last("t1").GetStatus()
	if !slices.Equal(keys(last.GetLabels()), []string{"f1 TASK_FINISHED"}) || last.Message != nil ||
		last.GetContainerStatus().GetNetworkInfos()[0].GetName() != "fruits" || last.GetContainerStatus().GetContainerId() == nil {
		t.Errorf("the last status is %v", last)
	}
	w.executor(0, func(x *slavetest.Executor) { x.Died() })
	if !slices.Equal(c.told, []string{"test x1"}) {
		t.Errorf("removed were %q", c.told)
	}
	w.idle()
}

// What a hook that fails says does not count, and nothing else is missing.
func TestHooksThatFail(t *testing.T) {
	t.Parallel()
	no := errors.New("it hangs")
	w := newWorld(t, withHooks(t, hooks.Hook{
		SlaveRunTaskLabelDecorator: func(context.Context, *mesospb.TaskInfo, *mesospb.ExecutorInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			return nil, no
		},
		SlaveExecutorEnvironmentDecorator: func(context.Context, *mesospb.ExecutorInfo) (*mesospb.Environment, error) { return nil, no },
		SlaveTaskStatusDecorator: func(context.Context, *mesospb.FrameworkID, *mesospb.TaskStatus) (*mesospb.TaskStatus, error) {
			return nil, no
		},
		SlaveResourcesDecorator:  func(context.Context, *mesospb.SlaveInfo) ([]*mesospb.Resource, error) { return nil, no },
		SlaveAttributesDecorator: func(context.Context, *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) { return nil, no },
	}))
	if info := w.m.Registered[0].GetSlave(); len(info.GetResources()) != 4 || len(info.GetAttributes()) != 1 {
		t.Errorf("the agent is %v", info)
	}
	w.say(custom("t1", true, framework()))
	w.states("t1", running)
	if s := w.m.Last("t1").GetStatus(); s.Labels != nil || s.GetContainerStatus().GetContainerId() == nil {
		t.Errorf("the status is %v", s)
	}
}

// A task that is killed while hooks look at it does not start.
func TestKilledWhileHooksLook(t *testing.T) {
	t.Parallel()
	c := &changing{}
	h := c.hook()
	var w *world
	h.SlaveRunTaskLabelDecorator = func(context.Context, *mesospb.TaskInfo, *mesospb.ExecutorInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
		w.agentNode.Deliver(runtime.Envelope{From: w.master.PID(), To: w.agent.PID(), Message: kill("t1")})
		return nil, nil
	}
	w = newWorld(t, withHooks(t, h))
	w.say(command("t1", framework()))
	w.states("t1", mesospb.TaskState_TASK_KILLED)
	w.Advance(time.Minute)
	if n := len(w.containers.Launched()); n != 0 {
		t.Errorf("%d containers were started", n)
	}
	w.idle()
}
