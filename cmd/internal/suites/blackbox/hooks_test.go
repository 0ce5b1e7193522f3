package blackbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/hooks"
	"meseta/actors/modules"
	"meseta/actors/modules/plugin"
	"meseta/messages/pb/mesospb"
	"meseta/slave/oversubscription"
)

// asProgram makes this test a program with modules: with hooks if it is 1, and otherwise with those that [moods] returns.
const asProgram = "MESETA_TEST_PLUGIN"

// serveModules is the main function of that program. It is also an example of one.
func serveModules() int {
	offered, kinds := exampleHooks(), []plugin.Kind{hooks.Kind}
	if name := os.Getenv(asProgram); name != "1" {
		offered, kinds = moods(name), oversubscription.Kinds()
	}
	if err := plugin.Serve(offered, os.Stdin, os.Stdout, kinds...); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// exampleHooks are a hook that marks what it sees with its parameter, one that ends its program, and one that stops it.
func exampleHooks() *modules.Catalogue {
	c := &modules.Catalogue{}
	modules.Add(c, "marks", func(p modules.Parameters) (hooks.Hook, error) {
		mark, ok := p.Get("mark")
		if !ok {
			return hooks.Hook{}, fmt.Errorf("no parameter mark")
		}
		return marking(mark), nil
	})
	for name, fails := range map[string]func(){
		"ends":  func() { os.Exit(7) },
		"hangs": stops,
	} {
		modules.Add(c, name, func(modules.Parameters) (hooks.Hook, error) {
			return hooks.Hook{SlaveRunTaskLabelDecorator: func(context.Context, *mesospb.TaskInfo, *mesospb.ExecutorInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
				fails()
				return nil, nil
			}}, nil
		})
	}
	return c
}

// stops stops this process, and does not return.
func stops() {
	for {
		syscall.Kill(os.Getpid(), syscall.SIGSTOP) //nolint:errcheck // it may take a moment until each thread stands still
	}
}

func marking(mark string) hooks.Hook {
	also := func(l *mesospb.Labels, who string) *mesospb.Labels {
		return &mesospb.Labels{Labels: append(slices.Clone(l.GetLabels()), &mesospb.Label{Key: proto.String(mark + who)})}
	}
	return hooks.Hook{
		MasterLaunchTaskLabelDecorator: func(_ context.Context, t *mesospb.TaskInfo, _ *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			return also(t.GetLabels(), "ByMaster"), nil
		},
		SlaveRunTaskLabelDecorator: func(_ context.Context, t *mesospb.TaskInfo, _ *mesospb.ExecutorInfo, _ *mesospb.FrameworkInfo, _ *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			return also(t.GetLabels(), "ByAgent"), nil
		},
		SlaveExecutorEnvironmentDecorator: func(context.Context, *mesospb.ExecutorInfo) (*mesospb.Environment, error) {
			return &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{Name: proto.String("MARK"), Value: proto.String(mark)}}}, nil
		},
		SlavePostFetchHook: func(_ context.Context, _ *mesospb.ContainerID, sandbox string) error {
			return os.WriteFile(filepath.Join(sandbox, mark), nil, 0o600)
		},
		SlaveTaskStatusDecorator: func(_ context.Context, _ *mesospb.FrameworkID, s *mesospb.TaskStatus) (*mesospb.TaskStatus, error) {
			return &mesospb.TaskStatus{TaskId: s.TaskId, State: s.State, Labels: also(nil, s.GetState().String())}, nil
		},
		SlaveAttributesDecorator: func(context.Context, *mesospb.SlaveInfo) ([]*mesospb.Attribute, error) {
			return []*mesospb.Attribute{{Name: proto.String("mark"), Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: &mark}}}, nil
		},
	}
}

// Hooks of a program mark a task on its way through master and agent, although another hook ends the program each time, or
// hangs until the agent has had enough and ends it.
func TestHooks(t *testing.T) {
	t.Parallel()
	for other, why := range map[string]string{"ends": "exit status 7", "hangs": "no answer within 10s"} {
		t.Run(other, func(t *testing.T) {
			t.Parallel()
			marksDespite(t, other, why)
		})
	}
}

// marksDespite has a task marked although another hook fails, as the agent's log says.
func marksDespite(t *testing.T, other, why string) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hooks")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+asProgram+"=1 exec "+self+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	chosen := fmt.Sprintf(`--modules={"libraries": [{"file": %q, "modules": [{"name": %q}, {"name": "marks", "parameters": [{"key": "mark", "value": "seen"}]}]}]}`, program, other)
	master := startMaster(t, "0", filepath.Join(dir, "master"), chosen, "--hooks=marks")
	agent := startAgent(t, "0", master.address, filepath.Join(dir, "agent"), chosen, "--hooks="+other+",marks")
	status, out := does(t, nil, "mesos-execute", "--master="+master.address, "--name=t", "--command=test $MARK = seen -a -e seen")
	if status != 0 || !strings.Contains(out, "TASK_FINISHED") {
		t.Errorf("mesos-execute ended with %d:\n%s", status, out)
	}
	for p, all := range map[*process][]string{
		master: {"seenTASK_RUNNING", "seenTASK_FINISHED", `"mark":"seen"`},
		agent:  {"seenByMaster", "seenByAgent", "seenTASK_FINISHED"},
	} {
		if _, state := p.get("/state"); !containsAll(state, all) {
			t.Errorf("%s shows %s, want %q", p.name, state, all)
		}
	}
	if all := []string{"Agent label decorator hook failed for module '" + other + "'", why}; !containsAll(agent.out.String(), all) {
		t.Errorf("the agent's log does not have all of %q", all)
	}
}

func containsAll(text string, all []string) bool {
	return !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(text, part) })
}
