package blackbox

import (
	"fmt"
	"os"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/program"
	"meseta/cmd/internal/program/driver"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
)

// asExecutor makes this test an executor; its value is the API that the executor uses, v0 or v1.
const asExecutor = "MESETA_TEST_EXECUTOR"

// shells is an executor that runs the data of its tasks as commands of the shell. It is also an example of one.
type shells struct {
	executor.Base
	shells runtime.Ref[*shellActor]
}

// runShells is the main function of its program.
func runShells() int {
	err := driver.RunExecutor(&program.Options{}, func(node *runtime.Node, env executor.Environment) (*executor.Driver, error) {
		var o executor.Options
		if os.Getenv(asExecutor) == "v1" {
			o.HTTP = executor.NewHTTP(env, nil)
		}
		ref, err := runtime.Spawn(node, "shells", &shellActor{})
		if err != nil {
			return nil, err
		}
		d := executor.NewDriver(node, shells{shells: ref}, env, o)
		d.Start()
		return d, nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// LaunchTask implements [executor.Executor].
func (s shells) LaunchTask(d *executor.Driver, task *mesospb.TaskInfo) {
	runtime.Tell(s.shells, func(a *shellActor) { a.run(d, task) })
}

// shellActor runs the commands of shells.
type shellActor struct{ runtime.Actor }

func (a *shellActor) run(d *executor.Driver, task *mesospb.TaskInfo) {
	tell := func(state mesospb.TaskState, message string) {
		d.SendStatusUpdate(&mesospb.TaskStatus{TaskId: task.GetTaskId(), State: state.Enum(), Message: &message})
	}
	p, err := command.Posix{}.Launch(command.Command{Path: "sh", Args: []string{"sh", "-c", string(task.GetData())}})
	if err != nil {
		tell(mesospb.TaskState_TASK_FAILED, err.Error())
		return
	}
	tell(mesospb.TaskState_TASK_RUNNING, "")
	runtime.Await(a, p.Ended(a), func(status command.ExitStatus, err error) {
		if err != nil || !status.Success() {
			tell(mesospb.TaskState_TASK_FAILED, fmt.Sprintf("command %s, %v", status, err))
			return
		}
		tell(mesospb.TaskState_TASK_FINISHED, "")
	})
}

// shellTasks makes tasks of such an executor, which uses v0 or v1. The first one of a ledger runs long, and prints to a file
// of its own.
func shellTasks(t *testing.T, api string, l *ledger, long string) taskMaker {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	x := &mesospb.ExecutorInfo{
		ExecutorId: ids.Executor("shells-" + api).Proto(), Name: proto.String("shells"), Resources: parsed("cpus:0.1;mem:32"),
		Command: &mesospb.CommandInfo{
			Value: proto.String(self), Shell: proto.Bool(false), Arguments: []string{"shells"},
			Environment: &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{Name: proto.String(asExecutor), Value: &api}}},
		},
	}
	return func(id string, o *mesospb.Offer) *mesospb.TaskInfo {
		task := printing(id, o.GetSlaveId())
		task.Executor, task.Command, task.Data = x, nil, []byte("echo ran "+id)
		if id == l.first() {
			task.Data = fmt.Appendf(nil, "mkdir long; exec >long/stdout; echo ran %s; %s", id, long)
		}
		return task
	}
}

// withVolume makes commands that use all that is reserved in an offer, if a persistent volume is among it. The first one of a
// ledger runs long, and prints into the volume as well; the others find there all that it has printed.
func withVolume(l *ledger, long string) taskMaker {
	return func(id string, o *mesospb.Offer) *mesospb.TaskInfo {
		task, found := printing(id, o.GetSlaveId()), false
		task.Resources = nil
		for _, r := range o.GetResources() {
			persistent := r.GetDisk().GetPersistence() != nil
			if found = found || persistent; r.Reservation != nil && (persistent || r.GetName() != "disk") {
				task.Resources = append(task.Resources, r)
			}
		}
		if !found {
			return nil
		}
		task.Command.Value = proto.String("echo ran " + id + "; test \"$(tail -n 1 data/stdout)\" = end")
		if id == l.first() {
			task.Command.Value = proto.String("echo ran " + id + "; exec >data/stdout; " + long)
		}
		return task
	}
}

// parsed returns resources of a text that is valid.
func parsed(text string) []*mesospb.Resource {
	r, err := resources.Parse(text, "*")
	if err != nil {
		panic(err)
	}
	return r.Proto()
}
