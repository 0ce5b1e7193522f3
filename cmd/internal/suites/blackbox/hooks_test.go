package blackbox

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// exampleHooks are a hook that marks what it sees with its parameter, and one that ends its program.
func exampleHooks() *modules.Catalogue {
	c := &modules.Catalogue{}
	modules.Add(c, "marks", func(p modules.Parameters) (hooks.Hook, error) {
		mark, ok := p.Get("mark")
		if !ok {
			return hooks.Hook{}, fmt.Errorf("no parameter mark")
		}
		return marking(mark), nil
	})
	modules.Add(c, "ends", func(modules.Parameters) (hooks.Hook, error) {
		return hooks.Hook{SlaveRunTaskLabelDecorator: func(context.Context, *mesospb.TaskInfo, *mesospb.ExecutorInfo, *mesospb.FrameworkInfo, *mesospb.SlaveInfo) (*mesospb.Labels, error) {
			os.Exit(7)
			return nil, nil
		}}, nil
	})
	return c
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

// Hooks of a program mark a task on its way through master and agent, although another hook ends the program each time.
func TestHooks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "hooks")
	if err := os.WriteFile(program, []byte("#!/bin/sh\n"+asProgram+"=1 exec "+self+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	chosen := fmt.Sprintf(`--modules={"libraries": [{"file": %q, "modules": [{"name": "ends"}, {"name": "marks", "parameters": [{"key": "mark", "value": "seen"}]}]}]}`, program)
	master := startMaster(t, "0", filepath.Join(dir, "master"), chosen, "--hooks=marks")
	agent := startAgent(t, "0", master.address, filepath.Join(dir, "agent"), chosen, "--hooks=ends,marks")
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
	if want := "Agent label decorator hook failed for module 'ends'"; !strings.Contains(agent.out.String(), want) {
		t.Errorf("the agent's log has no %q", want)
	}
}

func containsAll(text string, all []string) bool {
	return !slices.ContainsFunc(all, func(part string) bool { return !strings.Contains(text, part) })
}
