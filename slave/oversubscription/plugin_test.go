package oversubscription_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/actors/modules/plugin/plugintest"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/pluginpb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/oversubscription"
)

func TestMain(m *testing.M) { plugintest.Main(m, overloaded(), oversubscription.Kinds()...) }

// overloaded has Mesos's modules on a system with a load of 7.
func overloaded() *modules.Catalogue {
	c := &modules.Catalogue{}
	oversubscription.AddModules(c, func() (oversubscription.Load, error) { return oversubscription.Load{Five: 7, Fifteen: 7}, nil })
	return c
}

// ends kills the program of a file, so that the next call starts it again.
func ends(t *testing.T, file string, p *plugin.Program) {
	t.Helper()
	plugintest.Signal(t, file, syscall.SIGKILL)
	if _, err := p.Call(t.Context(), &pluginpb.Request{}); err == nil {
		t.Error("a program was killed and answers")
	}
}

// open has a program's modules, with its parameters.
func open(t *testing.T, file string) (*modules.Catalogue, *plugin.Program) {
	t.Helper()
	return openWithin(t, file, plugin.RealTime)
}

func openWithin(t *testing.T, file string, limit plugin.Limit) (*modules.Catalogue, *plugin.Program) {
	t.Helper()
	p, offered, err := plugin.Open(file, limit)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	c := &modules.Catalogue{}
	if err := plugin.Add(c, p, offered, oversubscription.Kinds()); err != nil {
		t.Fatal(err)
	}
	return c, p
}

func choose(t *testing.T, c *modules.Catalogue, name, key, value string) *modules.Set {
	t.Helper()
	m, err := modules.Parse([]byte(fmt.Sprintf(
		`{"libraries": [{"name": "x", "modules": [{"name": %q, "parameters": [{"key": %q, "value": %q}]}]}]}`, name, key, value)))
	if err != nil {
		t.Fatal(err)
	}
	s := &modules.Set{}
	if err := s.Load(c, m); err != nil {
		t.Fatal(err)
	}
	return s
}

// used is an agent with an executor that holds something lent.
func used() runtime.Future[*mesospb.ResourceUsage] {
	return runtime.Ready(&mesospb.ResourceUsage{Executors: []*mesospb.ResourceUsage_Executor{{
		ExecutorInfo: &mesospb.ExecutorInfo{ExecutorId: ids.Executor("x").Proto(), FrameworkId: ids.Framework("f").Proto()},
		ContainerId:  ids.Container("c").Proto(),
		Allocated: []*mesospb.Resource{{
			Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
			Revocable: &mesospb.Resource_RevocableInfo{},
		}},
	}}})
}

// An estimator and a controller answer from a program as they do from within.
func TestProgram(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	file := plugintest.Self(t)
	c, p := open(t, file)
	e, err := modules.Create[oversubscription.ResourceEstimator](
		choose(t, c, "org_apache_mesos_FixedResourceEstimator", "resources", "cpus:4"), "org_apache_mesos_FixedResourceEstimator")
	if err := errors.Join(err, e.Initialize(n, used)); err != nil {
		t.Fatal(err)
	}
	q, err := modules.Create[oversubscription.QoSController](
		choose(t, c, "org_apache_mesos_LoadQoSController", "load_threshold_5min", "6"), "org_apache_mesos_LoadQoSController")
	if err := errors.Join(err, q.Initialize(n, used)); err != nil {
		t.Fatal(err)
	}
	wantEstimate(t, e)
	kills, err := runtimetest.Wait(t, q.Corrections())
	if err != nil || len(kills) != 1 || kills[0].GetKill().GetContainerId().GetValue() != "c" {
		t.Errorf("corrections are %v, %v", kills, err)
	}
	// Killed, it fails once, and is there again for the next call.
	ends(t, file, p)
	wantEstimate(t, e)
}

func wantEstimate(t *testing.T, e oversubscription.ResourceEstimator) {
	t.Helper()
	rs, err := runtimetest.Wait(t, e.Oversubscribable())
	if want, _ := resources.Parse("cpus:3", "*"); err != nil || rs.String() != "cpus{REV}:3" || rs.Quantities().Get("cpus") != want.Quantities().Get("cpus") {
		t.Errorf("%v may be lent, %v; want cpus{REV}:3", rs, err)
	}
}

// Parameters that make no sense are refused by the program, in its words.
func TestProgramRefuses(t *testing.T) {
	t.Parallel()
	c, _ := open(t, plugintest.Self(t))
	s := choose(t, c, "org_apache_mesos_FixedResourceEstimator", "resources", "cpus:x")
	if _, err := modules.Create[oversubscription.ResourceEstimator](s, "org_apache_mesos_FixedResourceEstimator"); err == nil ||
		!strings.Contains(err.Error(), "parameter resources") {
		t.Errorf("created: %v", err)
	}
}

// A file that is no such program is named, with what is wrong.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ file, want string }{
		{"/nowhere/program", "/nowhere/program: no such file"},
		{"/etc/passwd", "/etc/passwd: permission denied"},
		{plugintest.Script(t, "exit 3"), "exit status 3"},
		{plugintest.Script(t, `printf '\377\377\377\377\377\377\377\377\377\377\377'; cat >/dev/null`), "overflow"},
	} {
		_, _, err := plugin.Open(test.file, plugin.RealTime)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.file, err, test.want)
		}
	}
}

// A program that is not itself for a while fails the calls of that time, and is asked again: one that dies, one that says what is
// no message, and one that answers something else.
func TestProgramFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ fails, want string }{
		"dies":           {"exit 3", "exit status 3"},
		"junk":           {`printf '\377\377\377\377\377\377\377\377\377\377\377'; cat >/dev/null`, "overflow"},
		"something else": {`while :; do printf '\000'; done`, "the answer is no estimate"},
		"cannot begin":   {"exec /nowhere/program", "exit status 127"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := plugintest.After(t, "if test -e $0.bad; then "+c.fails+"; fi")
			modulesOf, p := open(t, file)
			const module = "org_apache_mesos_FixedResourceEstimator"
			e, err := modules.Create[oversubscription.ResourceEstimator](choose(t, modulesOf, module, "resources", "cpus:4"), module)
			if err := errors.Join(err, e.Initialize(runtimetest.Node(t), used)); err != nil {
				t.Fatal(err)
			}
			wantEstimate(t, e)
			if err := os.WriteFile(file+".bad", nil, 0o600); err != nil {
				t.Fatal(err)
			}
			ends(t, file, p)
			for range 2 {
				if rs, err := runtimetest.Wait(t, e.Oversubscribable()); err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("%v may be lent, %v; want an error with %q", rs, err, c.want)
				}
			}
			if err := os.Remove(file + ".bad"); err != nil {
				t.Fatal(err)
			}
			if c.fails[0] == 'w' { // it still runs
				plugintest.Signal(t, file, syscall.SIGKILL)
				for err := errors.New(c.want); err == nil || strings.Contains(err.Error(), c.want); { // what it has said
					_, err = runtimetest.Wait(t, e.Oversubscribable())
				}
			}
			wantEstimate(t, e)
		})
	}
}

// An estimator and a controller that hang have their time each; then their program is started again, and answers.
func TestProgramHangs(t *testing.T) {
	t.Parallel()
	limits := make(chan func(), 100)
	file := plugintest.Self(t)
	c, _ := openWithin(t, file, func(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
		ctx, end := context.WithCancelCause(ctx)
		limits <- func() { end(plugin.Overdue(d)) }
		return ctx, func() { end(nil) }
	})
	const estimates, corrects = "org_apache_mesos_FixedResourceEstimator", "org_apache_mesos_LoadQoSController"
	e, err := modules.Create[oversubscription.ResourceEstimator](choose(t, c, estimates, "resources", "cpus:4"), estimates)
	q, failed := modules.Create[oversubscription.QoSController](choose(t, c, corrects, "load_threshold_5min", "6"), corrects)
	n := runtimetest.Node(t)
	if err := errors.Join(err, failed, e.Initialize(n, used), q.Initialize(n, used)); err != nil {
		t.Fatal(err)
	}
	for range 3 { // what there was to ask so far
		<-limits
	}
	const overdue = "no answer within 30s"
	plugintest.Signal(t, file, syscall.SIGSTOP)
	estimated := e.Oversubscribable()
	(<-limits)()
	if rs, err := runtimetest.Wait(t, estimated); err == nil || !strings.Contains(err.Error(), overdue) {
		t.Errorf("a program that hangs estimates %v, %v", rs, err)
	}
	if kills, err := runtimetest.Wait(t, q.Corrections()); err != nil || len(kills) != 1 {
		t.Errorf("the next program corrects %v, %v", kills, err)
	}
	for range 3 { // it was told its two modules, and asked
		<-limits
	}
	plugintest.Signal(t, file, syscall.SIGSTOP)
	corrected := q.Corrections()
	(<-limits)()
	if kills, err := runtimetest.Wait(t, corrected); err == nil || !strings.Contains(err.Error(), overdue) {
		t.Errorf("a program that hangs corrects %v, %v", kills, err)
	}
	wantEstimate(t, e)
}
