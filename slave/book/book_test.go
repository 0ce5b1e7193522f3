package book_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/book"
)

func framework(id ids.Framework) *mesospb.FrameworkInfo {
	return &mesospb.FrameworkInfo{Id: id.Proto(), User: proto.String("u"), Name: proto.String("n")}
}

func task(id ids.Task) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{Name: proto.String("n"), TaskId: id.Proto(), SlaveId: ids.Agent("a1").Proto()}
}

func status(id ids.Task, state mesospb.TaskState, uuid string) *mesospb.TaskStatus {
	return &mesospb.TaskStatus{TaskId: id.Proto(), State: state.Enum(), Uuid: []byte(uuid)}
}

func executor(id ids.Executor) *book.Executor {
	return book.NewExecutor("f1", &mesospb.ExecutorInfo{ExecutorId: id.Proto()}, "c1")
}

func launch(executor ids.Executor, tasks ...ids.Task) *book.Launch {
	l := &book.Launch{Framework: "f1", Executor: &mesospb.ExecutorInfo{ExecutorId: executor.Proto()}}
	for _, t := range tasks {
		l.Tasks = append(l.Tasks, task(t))
	}
	return l
}

// Launches for one executor are carried out in the order in which they came, whichever is ready first.
func TestLaunchesKeepTheirOrder(t *testing.T) {
	t.Parallel()
	f := book.New(book.DefaultLimits).Add(framework("f1"), runtime.PID{})
	a, b, c, other := launch("x1", "t1"), launch("x1", "t2"), launch("x1", "t3"), launch("x2", "t4")
	for _, l := range []*book.Launch{a, b, c, other} {
		f.Begin(l)
	}
	if got := f.Ready(b); len(got) != 0 {
		t.Errorf("%d launches overtook the first", len(got))
	}
	if got := f.Ready(other); len(got) != 1 {
		t.Errorf("%d launches for the other executor, want 1", len(got))
	}
	if got := f.Ready(a); len(got) != 2 || got[0] != a || got[1] != b {
		t.Errorf("%d launches, want the first two", len(got))
	}
	if f.Idle() || f.Pending("t3") != c || f.Pending("t1") != nil {
		t.Error("exactly the third task is pending")
	}
	f.Cancel("t3")
	if f.Pending("t3") != nil || !c.Killed() {
		t.Error("a killed task is still pending")
	}
	if got := f.Ready(c); len(got) != 1 || !f.Idle() {
		t.Error("the killed launch is not over")
	}
}

// A framework that returns finds its completed executors. Only the latest completed frameworks are remembered.
func TestCompletedFrameworks(t *testing.T) {
	t.Parallel()
	b := book.New(book.Limits{Frameworks: 2, Executors: 1, Tasks: 1})
	for i := range 4 {
		f := b.Add(framework(ids.Framework(fmt.Sprint("f", i))), runtime.PID{})
		for range 2 {
			e := executor("x1")
			f.AddExecutor(e)
			f.RemoveExecutor(e)
		}
		if n := len(f.CompletedExecutors()); n != 1 {
			t.Errorf("%d executors are remembered, want 1", n)
		}
		b.Remove(f)
	}
	var past []ids.Framework
	for f := range b.Completed() {
		past = append(past, f.ID)
	}
	if fmt.Sprint(past) != "[f2 f3]" {
		t.Errorf("remembered are %v, want the last two", past)
	}
	if f := b.Add(framework("f3"), runtime.PID{}); len(f.CompletedExecutors()) != 1 {
		t.Error("a framework that came back has lost its past")
	}
}

// A run is found while it is the current one of its executor, and is not confused with the next one.
func TestFindTheRunOfAnExecutor(t *testing.T) {
	t.Parallel()
	b := book.New(book.DefaultLimits)
	first := book.NewExecutor("f1", &mesospb.ExecutorInfo{ExecutorId: ids.Executor("x1").Proto()}, "c1")
	second := book.NewExecutor("f1", &mesospb.ExecutorInfo{ExecutorId: ids.Executor("x1").Proto()}, "c2")
	find := func(of *book.Executor, wantFramework *book.Framework, want *book.Executor) {
		t.Helper()
		if f, e := b.Find(of.Run()); f != wantFramework || e != want {
			t.Errorf("%+v is found as %p of %p, want %p of %p", of.Run(), e, f, want, wantFramework)
		}
	}
	find(first, nil, nil)
	f := b.Add(framework("f1"), runtime.PID{})
	find(first, f, nil)
	f.AddExecutor(first)
	find(first, f, first)
	find(second, f, nil)
	f.RemoveExecutor(first)
	f.AddExecutor(second)
	find(first, f, nil)
	find(second, f, second)
	f.RemoveExecutor(second)
	b.Remove(f)
	find(second, nil, nil)
}

func TestFirstTerminalStatusWins(t *testing.T) {
	t.Parallel()
	e := executor("x1")
	e.Queue([]*mesospb.TaskInfo{task("t1")}, false)
	e.Launch("t1")
	first := status("t1", mesospb.TaskState_TASK_FINISHED, "1")
	second := status("t1", mesospb.TaskState_TASK_FAILED, "2")
	e.Expect(first)
	e.Expect(second)
	if err := e.Apply(second); err == nil {
		t.Error("the second terminal status was applied")
	}
	if err := e.Apply(first); err != nil {
		t.Error(err)
	}
	if got := e.Task("t1").GetState(); got != mesospb.TaskState_TASK_FINISHED {
		t.Errorf("the task is %s", got)
	}
}

// A task's history has one entry, the latest, for consecutive statuses of the same state.
func TestHistory(t *testing.T) {
	t.Parallel()
	e := executor("x1")
	e.Queue([]*mesospb.TaskInfo{task("t1")}, false)
	e.Launch("t1")
	for i, s := range []mesospb.TaskState{
		mesospb.TaskState_TASK_STARTING, mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_KILLED,
	} {
		if err := e.Apply(status("t1", s, fmt.Sprint(i))); err != nil {
			t.Error(err)
		}
	}
	var history string
	for _, s := range e.Task("t1").GetStatuses() {
		history += string(s.GetUuid())
	}
	if history != "023" {
		t.Errorf("the history is of statuses %s, want 023", history)
	}
}

// album holds the pictures of an executor, with the text that each had at first.
type album map[*book.Picture]string

// take takes a picture, which must show the executor's current state. Earlier pictures must not have changed.
func (a album) take(t *rapid.T, e *book.Executor) {
	now := shown(e.Queued(), slices.Collect(e.Launched()), slices.Collect(e.Terminated()), slices.Collect(e.Completed()))
	a[e.Picture()] = now
	if p := e.Picture(); a[p] != now {
		t.Fatal("there is another picture though nothing has changed")
	}
	for p, want := range a {
		if got := shown(p.Queued, messages(p.Launched), messages(p.Terminated), messages(p.Completed)); got != want {
			t.Fatalf("a picture shows\n%s\nwant\n%s", got, want)
		}
	}
}

func messages(all []*book.Task) []*mesospb.Task {
	var described []*mesospb.Task
	for _, t := range all {
		described = append(described, t.Message)
	}
	return described
}

func shown(queued []*mesospb.TaskInfo, lists ...[]*mesospb.Task) string {
	text := fmt.Sprintln(queued)
	for _, tasks := range lists {
		text += fmt.Sprintln(tasks)
	}
	return text
}

// Whatever happens, each task is in one place, a terminal task stays terminal, and pictures do not change.
func TestTasksAreInOnePlace(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := executor("x1")
		over := map[ids.Task]bool{}
		album := album{}
		id := func(t *rapid.T) ids.Task { return ids.Task(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "task")) }
		update := func(state mesospb.TaskState) func(*rapid.T) {
			return func(t *rapid.T) {
				task := id(t)
				known := e.IsQueued(task) || e.IsLaunched(task)
				err := e.Apply(status(task, state, "u"))
				if err == nil && !known {
					t.Fatalf("%s went to %s without being there", task, state)
				}
				if err == nil && state != mesospb.TaskState_TASK_RUNNING {
					over[task] = true
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"queue": func(t *rapid.T) {
				if task_ := id(t); !e.Has(task_) {
					over[task_] = false
					e.Queue([]*mesospb.TaskInfo{task(task_)}, false)
				}
			},
			"launch": func(t *rapid.T) {
				if task := id(t); e.IsQueued(task) {
					e.Launch(task)
				}
			},
			"run":      update(mesospb.TaskState_TASK_RUNNING),
			"end":      update(mesospb.TaskState_TASK_FINISHED),
			"complete": func(t *rapid.T) { e.Complete(id(t)) },
			"forward":  func(t *rapid.T) { e.Forward(id(t), mesospb.TaskState_TASK_RUNNING, []byte("u")) },
			"abandon":  func(*rapid.T) { e.Abandon() },
			"": func(t *rapid.T) {
				album.take(t, e)
				for _, task := range []ids.Task{"a", "b", "c"} {
					places := 0
					for _, there := range []bool{e.IsQueued(task), e.IsLaunched(task), e.IsTerminated(task)} {
						if there {
							places++
						}
					}
					if places > 1 || (places == 1) != e.Has(task) {
						t.Fatalf("%s is in %d places", task, places)
					}
					if over[task] && (e.IsQueued(task) || e.IsLaunched(task)) {
						t.Fatalf("%s is over and still there", task)
					}
				}
			},
		})
	})
}
