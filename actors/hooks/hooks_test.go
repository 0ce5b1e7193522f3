package hooks_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/actors/modules/plugin/plugintest"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/modulepb"
	"meseta/messages/pb/pluginpb"
	"meseta/messages/resources"
)

func TestMain(m *testing.M) { plugintest.Main(m, catalogue(), hooks.Kind, plugin.Anonymous) }

// catalogue has a hook with all functions, one with a single function, and one that is not even made.
func catalogue() *modules.Catalogue {
	c := &modules.Catalogue{}
	modules.Add(c, "all", func(p modules.Parameters) (hooks.Hook, error) {
		mark, _ := p.Get("mark")
		return marking(mark), nil
	})
	modules.Add(c, "lost", func(modules.Parameters) (hooks.Hook, error) {
		return hooks.Hook{MasterSlaveLostHook: func(context.Context, *mesospb.SlaveInfo) error { return errors.New("never mind") }}, nil
	})
	modules.Add(c, "broken", func(modules.Parameters) (hooks.Hook, error) { return hooks.Hook{}, errors.New("nothing works") })
	modules.Add(c, "anonymous", func(modules.Parameters) (modules.Anonymous, error) { return nil, nil })
	return c
}

func labels(keys ...string) *mesospb.Labels {
	all := &mesospb.Labels{}
	for _, k := range keys {
		all.Labels = append(all.Labels, &mesospb.Label{Key: proto.String(k)})
	}
	return all
}

// more returns labels with one more.
func more(l *mesospb.Labels, key string) *mesospb.Labels {
	l = proto.CloneOf(l)
	if l == nil {
		l = &mesospb.Labels{}
	}
	l.Labels = append(l.Labels, labels(key).Labels...)
	return l
}

func variable(name, value string) *mesospb.Environment_Variable {
	return &mesospb.Environment_Variable{Name: proto.String(name), Value: proto.String(value)}
}

func cpus(n float64) []*mesospb.Resource {
	return []*mesospb.Resource{{
		Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &n},
	}}
}

func attribute(name, text string) *mesospb.Attribute {
	return &mesospb.Attribute{Name: &name, Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: &text}}
}

// marking is a hook whose functions add mark to what they get, and fail if mark is bad, with a result all the same.
func marking(mark string) hooks.Hook {
	var bad error
	if mark == "bad" {
		bad = errors.New("it is bad")
	}
	return hooks.Hook{
		MasterLaunchTaskLabelDecorator: func(_ context.Context, t *mesospb.TaskInfo, f *mesospb.FrameworkInfo, a *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			return more(t.GetLabels(), mark+f.GetName()+a.GetHostname()), bad
		},
		MasterLaunchTaskResourceDecorator: func(_ context.Context, t *mesospb.TaskInfo, total []*mesospb.Resource) ([]*mesospb.Resource, error) {
			return resources.FromValid(t.GetResources()).Plus(resources.FromValid(total)).Proto(), bad
		},
		MasterSlaveLostHook: func(_ context.Context, a *mesospb.SlaveInfo) error {
			return errors.New(mark + " lost " + a.GetHostname())
		},
		SlaveRunTaskLabelDecorator: func(_ context.Context, t *mesospb.TaskInfo, e *mesospb.ExecutorInfo, f *mesospb.FrameworkInfo, a *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			return more(t.GetLabels(), mark+e.GetName()+f.GetName()+a.GetHostname()), bad
		},
		SlaveExecutorEnvironmentDecorator: func(_ context.Context, e *mesospb.ExecutorInfo) (*mesospb.Environment, error) {
			vars := e.GetCommand().GetEnvironment().GetVariables()
			return &mesospb.Environment{Variables: append(vars[:len(vars):len(vars)], variable(mark, "1"))}, bad
		},
		SlavePreLaunchDockerTaskExecutorDecorator: func(_ context.Context, l hooks.DockerLaunch) (*modulepb.DockerTaskExecutorPrepareInfo, error) {
			return &modulepb.DockerTaskExecutorPrepareInfo{TaskEnvironment: &mesospb.Environment{
				Variables: []*mesospb.Environment_Variable{variable(mark, l.Container+l.Sandbox+l.MappedSandbox+l.Environment["x"])},
			}}, bad
		},
		SlavePostFetchHook: func(_ context.Context, id *mesospb.ContainerID, dir string) error {
			return errors.New(mark + " fetched " + id.GetValue() + " " + dir)
		},
		SlaveRemoveExecutorHook: func(_ context.Context, f *mesospb.FrameworkInfo, e *mesospb.ExecutorInfo) error {
			return errors.New(mark + " removed " + f.GetName() + " " + e.GetName())
		},
		SlaveTaskStatusDecorator: func(_ context.Context, f *mesospb.FrameworkID, s *mesospb.TaskStatus) (*mesospb.TaskStatus, error) {
			return &mesospb.TaskStatus{
				TaskId: s.TaskId, State: mesospb.TaskState_TASK_LOST.Enum(), Labels: more(s.GetLabels(), mark+f.GetValue()),
				ContainerStatus: &mesospb.ContainerStatus{ExecutorPid: proto.Uint32(s.GetContainerStatus().GetExecutorPid() + 1)},
			}, bad
		},
		SlaveResourcesDecorator: func(_ context.Context, a *mesospb.SlaveInfo) ([]*mesospb.Resource, error) {
			return resources.FromValid(a.GetResources()).Plus(resources.FromValid(cpus(1))).Proto(), bad
		},
		SlaveAttributesDecorator: func(_ context.Context, a *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) {
			return append(a.GetAttributes()[:len(a.GetAttributes()):len(a.GetAttributes())], attribute(mark, "here")), bad
		},
	}
}

// open returns the catalogue of a program.
func open(t *testing.T, file string) (*modules.Catalogue, *plugin.Program) {
	t.Helper()
	p, offered, err := plugin.Open(file, plugin.RealTime)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := &modules.Catalogue{}
	if err := plugin.Add(c, p, offered, []plugin.Kind{hooks.Kind, plugin.Anonymous}); err != nil {
		t.Fatal(err)
	}
	return c, p
}

func choose(t *testing.T, c *modules.Catalogue, name, mark string) *modules.Set {
	t.Helper()
	m, err := modules.Parse([]byte(fmt.Sprintf(
		`{"libraries": [{"name": "x", "modules": [{"name": %q, "parameters": [{"key": "mark", "value": %q}]}]}]}`, name, mark)))
	if err != nil {
		t.Fatal(err)
	}
	s := &modules.Set{}
	if err := s.Load(c, m); err != nil {
		t.Fatal(err)
	}
	return s
}

func create(t *testing.T, c *modules.Catalogue, name, mark string) hooks.Hook {
	t.Helper()
	h, err := modules.Create[hooks.Hook](choose(t, c, name, mark), name)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func hooked(t *testing.T, all ...hooks.Hook) *hooks.Hooks {
	t.Helper()
	h := &hooks.Hooks{}
	for i, x := range all {
		if err := h.Add("h"+fmt.Sprint(i), x); err != nil {
			t.Fatal(err)
		}
	}
	return h
}

var (
	ctx       = context.Background()
	task      = &mesospb.TaskInfo{Name: proto.String("t"), TaskId: &mesospb.TaskID{Value: proto.String("t")}, SlaveId: &mesospb.SlaveID{Value: proto.String("a")}, Labels: labels("old"), Resources: cpus(2)}
	framework = &mesospb.FrameworkInfo{User: proto.String("u"), Name: proto.String("F")}
	agent     = &mesospb.SlaveInfo{Hostname: proto.String("A"), Resources: cpus(4), Attributes: []*mesospb.Attribute{attribute("old", "x")}}
	executor  = &mesospb.ExecutorInfo{
		ExecutorId: &mesospb.ExecutorID{Value: proto.String("e")}, Name: proto.String("E"),
		Command: &mesospb.CommandInfo{Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{variable("old", "1")}}},
	}
	status = &mesospb.TaskStatus{
		TaskId: task.TaskId, State: mesospb.TaskState_TASK_RUNNING.Enum(), Labels: labels("old"),
		ContainerStatus: &mesospb.ContainerStatus{ExecutorPid: proto.Uint32(7)},
	}
	docker = hooks.DockerLaunch{Task: task, Executor: executor, Container: "c", Sandbox: "s", MappedSandbox: "m", Environment: map[string]string{"x": "y"}}
)

// say calls all functions of some hooks, and tells what came of it in one line each.
func say(h *hooks.Hooks) string {
	var b strings.Builder
	line := func(v any, err error) { fmt.Fprintf(&b, "%v, %v\n", v, err) }
	keys := func(l *mesospb.Labels) (all []string) {
		for _, x := range l.GetLabels() {
			all = append(all, x.GetKey())
		}
		return all
	}
	vars := func(e *mesospb.Environment) (all []string) {
		for _, x := range e.GetVariables() {
			all = append(all, x.GetName()+"="+x.GetValue())
		}
		return all
	}
	l, err := h.MasterLaunchTaskLabelDecorator(ctx, task, framework, agent)
	line(keys(l), err)
	rs, err := h.MasterLaunchTaskResourceDecorator(ctx, task, cpus(8))
	line(resources.FromValid(rs), err)
	line("lost", h.MasterSlaveLostHook(ctx, agent))
	l, err = h.SlaveRunTaskLabelDecorator(ctx, task, executor, framework, agent)
	line(keys(l), err)
	env, err := h.SlaveExecutorEnvironmentDecorator(ctx, executor)
	line(vars(env), err)
	d, err := h.SlavePreLaunchDockerTaskExecutorDecorator(ctx, docker)
	line(vars(d.GetTaskEnvironment()), err)
	line("fetched", h.SlavePostFetchHook(ctx, &mesospb.ContainerID{Value: proto.String("c")}, "/sandbox"))
	line("removed", h.SlaveRemoveExecutorHook(ctx, framework, executor))
	s, err := h.SlaveTaskStatusDecorator(ctx, &mesospb.FrameworkID{Value: proto.String("f")}, status)
	line(fmt.Sprint(s.GetState(), keys(s.GetLabels()), s.GetContainerStatus().GetExecutorPid()), err)
	rs, err = h.SlaveResourcesDecorator(ctx, agent)
	line(resources.FromValid(rs), err)
	as, err := h.SlaveAttributesDecorator(ctx, agent)
	var names []string
	for _, a := range as {
		names = append(names, a.GetName())
	}
	line(names, err)
	return b.String()
}

// Hooks are called in order, each with what those before it have made. Their arguments stay as they are.
func TestInOrder(t *testing.T) {
	t.Parallel()
	before := proto.CloneOf(task)
	got := say(hooked(t, marking("x"), hooks.Hook{}, marking("y")))
	want := `[old xFA yFA], <nil>
cpus:18, <nil>
lost, Master agent-lost hook failed for module 'h0': x lost A
Master agent-lost hook failed for module 'h2': y lost A
[old xEFA yEFA], <nil>
[old=1 x=1 y=1], <nil>
[x=csmy y=csmy], <nil>
fetched, Agent post fetch hook failed for module 'h0': x fetched c /sandbox
Agent post fetch hook failed for module 'h2': y fetched c /sandbox
removed, Agent remove executor hook failed for module 'h0': x removed F E
Agent remove executor hook failed for module 'h2': y removed F E
TASK_RUNNING [old xf yf] 9, <nil>
cpus:6, <nil>
[old x y], <nil>
`
	if got != want {
		t.Errorf("hooks did\n%s\nwant\n%s", got, want)
	}
	if !proto.Equal(task, before) {
		t.Errorf("the task was changed to %v", task)
	}
}

// What a hook that fails returns does not count, nor do resources that make no sense.
func TestFailures(t *testing.T) {
	t.Parallel()
	junk := marking("z")
	junk.SlaveResourcesDecorator = func(context.Context, *mesospb.SlaveInfo) ([]*mesospb.Resource, error) { return cpus(-1), nil }
	got := say(hooked(t, marking("bad"), marking("y"), junk))
	for _, want := range []string{
		"[old yFA zFA], Master label decorator hook failed for module 'h0': it is bad\n",
		"cpus:18, Master resource decorator hook failed for module 'h0': it is bad\n",
		"[old yEFA zEFA], Agent label decorator hook failed for module 'h0': it is bad\n",
		"[old=1 y=1 z=1], Agent environment decorator hook failed for module 'h0': it is bad\n",
		"[y=csmy z=csmy], Agent pre-launch docker task executor decorator hook failed for module 'h0': it is bad\n",
		"TASK_RUNNING [old yf zf] 9, Agent TaskStatus decorator hook failed for module 'h0': it is bad\n",
		"cpus:5, Agent Resources decorator hook failed for module 'h0': it is bad\nAgent Resources decorator hook failed for module 'h2': it returned invalid resources",
		"[old y z], Agent Attributes decorator hook failed for module 'h0': it is bad\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("hooks did\n%s\nwant\n%s", got, want)
		}
	}
}

// No hooks change nothing.
func TestNone(t *testing.T) {
	t.Parallel()
	var none *hooks.Hooks
	if got, want := say(none), say(hooked(t, hooks.Hook{})); got != want || !strings.HasPrefix(got, "[old], <nil>\n") {
		t.Errorf("no hooks did\n%s\nand one without functions\n%s", got, want)
	}
	hasLost := func(h hooks.Hook) bool { return h.MasterSlaveLostHook != nil }
	if none.Has(hasLost) || !hooked(t, marking("x")).Has(hasLost) {
		t.Error("Has finds what is not there, or not what is there")
	}
}

// A hook of a program does what it does when it is built in, and has no other functions.
func TestProgram(t *testing.T) {
	t.Parallel()
	c, p := open(t, plugintest.Self(t))
	h := create(t, c, "all", "x")
	if got, want := say(hooked(t, h)), say(hooked(t, marking("x"))); strings.ReplaceAll(got, p.File()+": ", "") != want {
		t.Errorf("a program did\n%s\nwant\n%s", got, want)
	}
	lost := create(t, c, "lost", "")
	v := reflect.ValueOf(lost)
	for i := range v.NumField() {
		if has := !v.Field(i).IsNil(); has != (v.Type().Field(i).Name == "MasterSlaveLostHook") {
			t.Errorf("hook with MasterSlaveLostHook: whether it has %s is %t", v.Type().Field(i).Name, has)
		}
	}
	if _, err := modules.Create[modules.Anonymous](choose(t, c, "anonymous", ""), "anonymous"); err != nil {
		t.Error(err)
	}
}

// A program that ends, hangs or answers junk makes its hook fail; the program is started again for the next call.
func TestBadProgram(t *testing.T) {
	t.Parallel()
	file := plugintest.Self(t)
	c, p := open(t, file)
	h := hooked(t, create(t, c, "all", "x"))
	plugintest.Signal(t, file, syscall.SIGSTOP)
	h.Limit = func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		if d != hooks.Patience {
			t.Errorf("a hook has %s", d)
		}
		return context.WithTimeoutCause(ctx, time.Millisecond, plugin.Overdue(d))
	}
	l, err := h.SlaveRunTaskLabelDecorator(ctx, task, executor, framework, agent)
	if err == nil || !strings.Contains(err.Error(), "no answer within 10s") || !proto.Equal(l, task.Labels) {
		t.Errorf("a hook that hangs: %v, %v", l, err)
	}
	h.Limit = plugin.RealTime
	if _, err := p.Call(ctx, &pluginpb.Request{Call: &pluginpb.Request_Hook{Hook: &pluginpb.Hook{Name: "all", Function: 99}}}); err == nil || !strings.Contains(err.Error(), "has no function 99") {
		t.Errorf("a function that does not exist: %v", err)
	}
	if l, err = h.SlaveRunTaskLabelDecorator(ctx, task, executor, framework, agent); err != nil || len(l.GetLabels()) != 2 {
		t.Errorf("the next call: %v, %v", l, err)
	}
	// With its end, each call starts a new one that ends.
	dying := plugintest.After(t, `flag="$0.was"; if [ -e "$flag" ]; then exit 3; fi; : >"$flag"`)
	c, p = open(t, dying)
	h = hooked(t, create(t, c, "all", "x"))
	plugintest.Signal(t, dying, syscall.SIGKILL)
	p.Call(ctx, &pluginpb.Request{}) //nolint:errcheck // it has ended
	for range 2 {
		if rs, err := h.SlaveResourcesDecorator(ctx, agent); err == nil || !strings.Contains(err.Error(), "exit status 3") || len(rs) != 1 {
			t.Errorf("a hook whose program ends: %v, %v", rs, err)
		}
	}
}

// Hooks are those of the list, in order; what is wrong with the list is said in Mesos's words.
func TestParse(t *testing.T) {
	t.Parallel()
	c := catalogue()
	m, err := modules.Parse([]byte(`{"libraries": [{"name": "x", "modules": [{"name": "all"}, {"name": "broken"}, {"name": "anonymous"}, {"name": "lost"}]}]}`))
	s := &modules.Set{}
	if err := errors.Join(err, s.Load(c, m)); err != nil {
		t.Fatal(err)
	}
	for list, want := range map[string]string{
		"all,lost":  "",
		"all,all":   "Hook module 'all' already loaded",
		"all,":      "No hook module named '' available",
		"anonymous": "No hook module named 'anonymous' available",
		"broken":    "Failed to instantiate hook module 'broken': ",
		"none":      "No hook module named 'none' available",
	} {
		if _, err := hooks.Parse(s, list); err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", list, err, want)
		}
	}
}
