package simcluster

import (
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/executor"
)

// idle is how long a runner stays without a task.
const idle = time.Second

// runner is a framework's own executor: it runs any number of tasks, whose programs are their data, and ends when it has
// none.
type runner struct {
	runtime.Actor
	executor.Base
	agent  *Agent
	driver *executor.Driver
	tasks  map[ids.Task]runtime.Timer // that run, with their ends
	told   int                        // ends that are not acknowledged
	idling runtime.Timer
}

// startRunner starts a runner with its driver.
func startRunner(n *runtime.Node, a *Agent, env executor.Environment, o executor.Options) (*executor.Driver, error) {
	r := &runner{agent: a, tasks: map[ids.Task]runtime.Timer{}}
	return executor.StartActor(n, "runner", r, env, o, func(r *runner, d *executor.Driver) { r.driver = d })
}

// LaunchTask implements [executor.Executor].
func (r *runner) LaunchTask(_ *executor.Driver, t *mesospb.TaskInfo) {
	r.idling.Cancel()
	id, p := ids.TaskOf(t.GetTaskId()), parseProgram(string(t.GetData()))
	r.agent.started(id)
	r.tell(id, mesospb.TaskState_TASK_RUNNING, "")
	r.tasks[id] = runtime.Timer{}
	if !p.ends {
		return
	}
	state, message := mesospb.TaskState_TASK_FINISHED, ""
	if p.status != 0 {
		state, message = mesospb.TaskState_TASK_FAILED, "the program failed"
	}
	r.tasks[id] = r.Delay(p.lasts, func() { r.end(id, state, message) })
}

// KillTask implements [executor.Executor].
func (r *runner) KillTask(_ *executor.Driver, id ids.Task, _ *mesospb.KillPolicy) {
	r.end(id, mesospb.TaskState_TASK_KILLED, "killed")
}

// end ends a task that runs.
func (r *runner) end(id ids.Task, state mesospb.TaskState, message string) {
	timer, runs := r.tasks[id]
	if !runs {
		return
	}
	timer.Cancel()
	delete(r.tasks, id)
	r.told++
	r.tell(id, state, message)
}

// Acknowledged implements [executor.Executor].
func (r *runner) Acknowledged(_ *executor.Driver, _ ids.Task, state mesospb.TaskState) {
	if state == mesospb.TaskState_TASK_RUNNING {
		return
	}
	r.told--
	r.idling.Cancel()
	r.idling = r.Delay(idle, func() {
		if len(r.tasks) == 0 && r.told == 0 {
			r.driver.Stop()
		}
	})
}

func (r *runner) tell(id ids.Task, state mesospb.TaskState, message string) {
	status := &mesospb.TaskStatus{TaskId: id.Proto(), State: state.Enum()}
	if message != "" {
		status.Message = proto.String(message)
	}
	r.driver.SendStatusUpdate(status)
}
