// Package tasktracker implements the executor of the MapReduce framework. It runs maps and reduces on its agent, keeps
// the outputs of maps in its sandbox, and serves them over HTTP to the reduces of all agents.
//
// [TaskTracker] is an actor beside that of the executor driver. A map is one piece of blocking work. A reduce first
// fetches its run of every map as these become known; then one piece of blocking work merges them. The framework is
// told about runs that cannot be fetched and runs their maps again, for which the reduce waits.
package tasktracker

import (
	"context"
	"fmt"
	"net/http"
	"path/filepath"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/protocol"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/slave/executor"
)

// ID is the actor's ID, which is part of the URLs of map outputs.
const ID = "tasktracker"

// TaskTracker runs tasks. It is an actor; [Start] makes one.
type TaskTracker struct {
	runtime.Actor
	dir    string // the sandbox
	client *http.Client
	driver *executor.Driver

	tasks   map[ids.Task]*work
	outputs map[int]*known // by job
	polling bool
}

// work is a running task.
type work struct {
	task    protocol.Task
	job     job.Job
	began   time.Time
	running runtime.Future[protocol.Report] // the blocking part; zero while a reduce still fetches
	active  bool                            // running is set
	reduce  *fetching                       // of a reduce
}

func newTaskTracker(dir string) *TaskTracker {
	return &TaskTracker{dir: dir, client: web.NewClient(nil), tasks: map[ids.Task]*work{}, outputs: map[int]*known{}}
}

// Start spawns a task tracker that works in dir, with its driver, which registers with the agent.
func Start(node *runtime.Node, dir string, env executor.Environment, o executor.Options) (*executor.Driver, error) {
	t := newTaskTracker(dir)
	ref, err := runtime.Spawn(node, ID, t)
	if err != nil {
		return nil, err
	}
	d := executor.NewDriver(node, callbacks{ref: ref}, env, o)
	runtime.Tell(ref, func(t *TaskTracker) { t.driver = d })
	d.Start()
	return d, nil
}

// Initialize installs the route for outputs of maps.
func (t *TaskTracker) Initialize() {
	web.Route(t, "/output", web.Help{TLDR: "A map's run for one reduce: job, map, attempt, reduce."}, t.serve)
}

// launch starts a task.
func (t *TaskTracker) launch(info *mesospb.TaskInfo) {
	id := ids.TaskOf(info.GetTaskId())
	task, err := protocol.Decode[protocol.Task](info.GetData())
	if err == nil && (task.Map == nil) == (task.Reduce == nil) {
		err = fmt.Errorf("task %s is neither map nor reduce", id)
	}
	w := &work{task: task, began: t.Now()}
	if err == nil {
		w.job, err = job.New(task.Spec)
	}
	if err != nil {
		t.update(id, mesospb.TaskState_TASK_ERROR, err.Error(), nil)
		return
	}
	t.tasks[id] = w
	t.update(id, mesospb.TaskState_TASK_RUNNING, "", nil)
	if task.Map != nil {
		t.work(id, func(ctx context.Context) (protocol.Report, error) { return runMap(ctx, w.job, task, t.dir) })
		return
	}
	w.reduce = &fetching{runs: map[int]string{}, busy: map[int]bool{}, bad: map[int]int{}}
	t.fetch(id)
	t.poll()
}

// work runs the blocking part of a task and reports how it ended.
func (t *TaskTracker) work(id ids.Task, f func(context.Context) (protocol.Report, error)) {
	w := t.tasks[id]
	w.running, w.active = runtime.Go(t, f), true
	runtime.Await(t, w.running, func(r protocol.Report, err error) { t.ended(id, r, err) })
}

func (t *TaskTracker) ended(id ids.Task, r protocol.Report, err error) {
	w := t.tasks[id]
	if w == nil {
		return // killed meanwhile
	}
	delete(t.tasks, id)
	if err != nil {
		t.update(id, mesospb.TaskState_TASK_FAILED, err.Error(), nil)
		return
	}
	r.Millis = t.Now().Sub(w.began).Milliseconds()
	if w.task.Map != nil {
		r.URL = fmt.Sprintf("http://%s/%s/output?job=%d&map=%d&attempt=%d", t.Self().Addr, ID, w.task.Job, w.task.Index, w.task.Number)
	}
	t.update(id, mesospb.TaskState_TASK_FINISHED, "", protocol.Encode(r))
}

// kill ends a task.
func (t *TaskTracker) kill(id ids.Task) {
	w := t.tasks[id]
	if w == nil {
		return
	}
	delete(t.tasks, id)
	if w.active {
		w.running.Discard()
	}
	t.update(id, mesospb.TaskState_TASK_KILLED, "", nil)
}

func (t *TaskTracker) update(id ids.Task, state mesospb.TaskState, message string, data []byte) {
	s := &mesospb.TaskStatus{TaskId: id.Proto(), State: state.Enum(), Data: data}
	if message != "" {
		s.Message = proto.String(message)
	}
	t.driver.SendStatusUpdate(s)
}

// runFile returns the file with a map's run for one reduce.
func runFile(dir string, job, mapIndex, attempt, reduce int) string {
	return filepath.Join(dir, fmt.Sprintf("job-%d-map-%05d-%d", job, mapIndex, attempt), fmt.Sprintf("run-%05d", reduce))
}

// callbacks passes the driver's callbacks on to the task tracker's own turns, in order.
type callbacks struct {
	executor.Base
	ref runtime.Ref[*TaskTracker]
}

func (c callbacks) LaunchTask(_ *executor.Driver, task *mesospb.TaskInfo) {
	runtime.Tell(c.ref, func(t *TaskTracker) { t.launch(task) })
}

func (c callbacks) KillTask(_ *executor.Driver, task ids.Task, _ *mesospb.KillPolicy) {
	runtime.Tell(c.ref, func(t *TaskTracker) { t.kill(task) })
}

func (c callbacks) FrameworkMessage(_ *executor.Driver, data []byte) {
	runtime.Tell(c.ref, func(t *TaskTracker) { t.told(data) })
}
