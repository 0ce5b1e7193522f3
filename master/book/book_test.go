package book

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/messages/ids"
	"meseta/messages/operations"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// A boundedMap agrees with a list that is searched from end to end.
func TestRememberedKeepsTheNewest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		r := newBoundedMap[int, int](limit)
		var naive []int
		without := func(k int) []int { return slices.DeleteFunc(slices.Clone(naive), func(x int) bool { return x == k }) }
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			k := rapid.IntRange(0, 8).Draw(t, "key")
			if rapid.Bool().Draw(t, "drop") {
				r.drop(k)
				naive = without(k)
			} else {
				r.put(k, k*10)
				naive = append(without(k), k)
				naive = naive[max(0, len(naive)-limit):]
			}
			if got := r.keys(); !slices.Equal(got, naive) {
				t.Fatalf("got %v, want %v", got, naive)
			}
			if _, ok := r.get(k); ok != slices.Contains(naive, k) || r.len() != len(naive) {
				t.Fatalf("key %d: %t among %v", k, ok, naive)
			}
		}
	})
}

func scalar(name string, amount float64) resources.Resources {
	rs, err := resources.FromProto([]*mesospb.Resource{{
		Name: &name, Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &amount},
	}})
	if err != nil {
		panic(err)
	}
	return rs
}

// small returns a book with agent A, framework F, and its task T, executor E, operation P and offer O. Other operations are
// of an unknown framework and of an operator.
func small() (b *Book, a *Agent, f *Framework, task *Task) {
	b = New(Limits{CompletedFrameworks: 50, CompletedTasks: 2, UnreachableTasks: 1000, RemovedAgents: 1000})
	a = NewAgent(&mesospb.SlaveInfo{Hostname: proto.String("h"), Id: ids.Agent("A").Proto()}, runtime.PID{ID: "slave(1)", Addr: "10.0.0.2:1"})
	a.Total = scalar("cpus", 4)
	b.AddAgent(a)
	f = NewFramework(&mesospb.FrameworkInfo{User: proto.String("u"), Name: proto.String("n"), Id: ids.Framework("F").Proto()})
	f.PID, f.State = runtime.PID{ID: "scheduler", Addr: "10.0.0.3:1"}, Active
	b.AddFramework(f)
	task = NewTask(&mesospb.TaskInfo{
		Name: proto.String("T"), TaskId: ids.Task("T").Proto(), SlaveId: a.Info.Id,
	}, f.Info.Id, scalar("cpus", 1).Allocate("*"))
	b.AddTask(task)
	b.AddExecutor(&Executor{ID: "E", Framework: f.ID, Agent: a.ID, Resources: scalar("cpus", 1).Allocate("*")})
	for i, framework := range []ids.Framework{"F", "G", ""} {
		info := &mesospb.Offer_Operation{Id: &mesospb.OperationID{Value: proto.String("P")}}
		o, err := NewOperation(operations.New(info, ids.UUID{byte(i)}, framework, a.Info.Id), a.ID)
		if err != nil {
			panic(err)
		}
		b.AddOperation(o)
	}
	b.AddOffer(&Offer{ID: "O", Framework: f.ID, Agent: a.ID, Role: "*", Resources: scalar("cpus", 1).Allocate("*")})
	return b, a, f, task
}

// Check accepts a consistent book, and finds each way to corrupt it.
func TestCheckFindsWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*Book, *Agent, *Framework, *Task){
		"":                                   func(*Book, *Agent, *Framework, *Task) {},
		"agent A is misfiled":                func(b *Book, a *Agent, _ *Framework, _ *Task) { delete(b.agentAt, a.PID) },
		"agent A is not at":                  func(b *Book, a *Agent, _ *Framework, _ *Task) { a.PID.Addr = "other" },
		"is not its framework's":             func(_ *Book, _ *Agent, f *Framework, _ *Task) { delete(f.tasks, "T") },
		"executor {F E} of agent A":          func(_ *Book, _ *Agent, f *Framework, _ *Task) { delete(f.executors, "A") },
		"is not its agent's":                 func(_ *Book, a *Agent, _ *Framework, _ *Task) { a.tasks = nil },
		"is offered":                         func(_ *Book, _ *Agent, _ *Framework, t *Task) { t.Resources = scalar("cpus", 9).Allocate("*") },
		"framework F is misfiled":            func(b *Book, _ *Agent, _ *Framework, _ *Task) { clear(b.schedulers) },
		"framework F is missing from role *": func(b *Book, _ *Agent, _ *Framework, _ *Task) { clear(b.roles) },
		"framework F is in role x wrongly": func(b *Book, _ *Agent, f *Framework, _ *Task) {
			b.roles["x"] = map[ids.Framework]*Framework{"F": f}
		},
		"known and unreachable":                       func(_ *Book, _ *Agent, f *Framework, t *Task) { f.unreachable.put(t.ID, t) },
		"framework F has offers without being active": func(_ *Book, _ *Agent, f *Framework, _ *Task) { f.State = Inactive },
		"agent A has offers without being active":     func(_ *Book, a *Agent, _ *Framework, _ *Task) { a.Active = false },
		"1 offers, 0 of frameworks, 1 of agents":      func(_ *Book, _ *Agent, f *Framework, _ *Task) { clear(f.offers) },
		"agent A is unreachable and something else":   func(b *Book, _ *Agent, _ *Framework, _ *Task) { b.AddUnreachable("A", nil) },
		"unreachable tasks of agent B":                func(b *Book, _ *Agent, _ *Framework, _ *Task) { b.unreachableTasks["B"] = nil },
		"operation 00000000-0000-0000-0000-000000000000 of framework \"F\" on agent A is misfiled": func(_ *Book, _ *Agent, f *Framework, _ *Task) {
			clear(f.operations)
		},
		"of framework \"G\" on agent A is misfiled": func(b *Book, _ *Agent, _ *Framework, _ *Task) { delete(b.disowned, "G") },
		"operation Q of framework F is not its own": func(_ *Book, _ *Agent, f *Framework, _ *Task) {
			f.operationIDs["Q"] = f.operationIDs["P"]
		},
		"2 operations are on agents, 1 of frameworks and 2 of nobody": func(_ *Book, a *Agent, _ *Framework, _ *Task) { delete(a.operations, ids.UUID{2}) },
		"agent A is registered and still to be recovered": func(b *Book, a *Agent, _ *Framework, _ *Task) {
			b.AddRecovered(a.Info)
		},
	} {
		b, a, f, task := small()
		spoil(b, a, f, task)
		err := b.Check()
		if name == "" && err != nil || name != "" && (err == nil || !strings.Contains(err.Error(), name)) {
			t.Errorf("want %q, got %v", name, err)
		}
	}
}

func update(state mesospb.TaskState, latest *mesospb.TaskState, data string) *internalpb.StatusUpdate {
	u := &internalpb.StatusUpdate{Status: &mesospb.TaskStatus{State: state.Enum()}, LatestState: latest}
	if data != "" {
		u.Status.Data = []byte(data)
	}
	return u
}

// A task has the latest state that its agent knows, returns its resources once, and keeps one status, without data, for
// each run of equal states.
func TestTaskUpdates(t *testing.T) {
	t.Parallel()
	_, _, _, task := small()
	running, finished := mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED
	for i, step := range []struct {
		update   *internalpb.StatusUpdate
		released bool
		state    mesospb.TaskState
		statuses int
	}{
		{update(running, nil, "much"), false, running, 1},
		{update(running, nil, ""), false, running, 1},
		{update(running, finished.Enum(), ""), true, finished, 1},
		{update(finished, finished.Enum(), ""), false, finished, 2},
		{update(running, nil, ""), false, finished, 3},
	} {
		if _, got := task.Update(step.update); got != step.released || task.State != step.state || len(task.Statuses) != step.statuses {
			t.Errorf("step %d: released %t, state %s, %d statuses", i, got, task.State, len(task.Statuses))
		}
		if task.Last().Data != nil {
			t.Errorf("step %d: the data was kept", i)
		}
	}
}

// Only the acknowledgement of the terminal update ends a task. Reconciliation repeats what the scheduler was told.
func TestTaskAcknowledgement(t *testing.T) {
	t.Parallel()
	_, _, _, task := small()
	if task.WasForwarded() || task.Told() != mesospb.TaskState_TASK_STAGING {
		t.Error("nothing was forwarded yet")
	}
	task.Forward(&mesospb.TaskStatus{State: mesospb.TaskState_TASK_RUNNING.Enum(), Uuid: []byte("1")})
	task.State = mesospb.TaskState_TASK_FINISHED
	if task.EndsWith([]byte("1")) || task.Told() != mesospb.TaskState_TASK_RUNNING {
		t.Error("that it runs was acknowledged, not its end")
	}
	task.Forward(&mesospb.TaskStatus{State: mesospb.TaskState_TASK_FINISHED.Enum(), Uuid: []byte("2")})
	if task.EndsWith([]byte("1")) || !task.EndsWith([]byte("2")) {
		t.Error("its end has another UUID")
	}
}

// Unreachable tasks come back with their agent, and are forgotten with it.
func TestUnreachableTasks(t *testing.T) {
	t.Parallel()
	b, a, f, task := small()
	b.AddUnreachable("B", nil)
	b.AddUnreachable(a.ID, nil)
	b.RemoveTask(task, true)
	if f.Task("T") != nil || f.UnreachableTask("T") != task || len(f.TasksOf("A", "")) != 1 {
		t.Error("the task is not among the unreachable ones")
	}
	if got := b.AllUnreachable(); !slices.Equal(got, []ids.Agent{"B", "A"}) {
		t.Errorf("unreachable in the wrong order: %v", got)
	}
	b.DropUnreachable(a.ID)
	if f.UnreachableTask("T") != nil || b.NumUnreachable() != 1 {
		t.Error("the task outlived the memory of its agent")
	}
}

// An operation is its framework's as long as that is known, and stays on its agent until it is removed.
func TestOperationsFollowTheirFramework(t *testing.T) {
	t.Parallel()
	b, a, f, task := small()
	own, orphan := a.Operation(ids.UUID{0}), a.Operation(ids.UUID{1})
	g := NewFramework(&mesospb.FrameworkInfo{User: proto.String("u"), Name: proto.String("n"), Id: ids.Framework("G").Proto()})
	b.AddFramework(g)
	if g.OperationByID(orphan.ID()) != orphan || len(g.Operations()) != 1 || f.OperationByID(own.ID()) != own {
		t.Errorf("G has %v, F has %v", g.Operations(), f.Operations())
	}
	b.RemoveTask(task, false)
	b.RemoveExecutor(f.Executor(a.ID, "E"))
	b.RemoveOffer(b.Offer("O"))
	b.RemoveFramework(f)
	if err := b.Check(); err != nil || a.OperationCount() != 3 {
		t.Errorf("%v, %d operations", err, a.OperationCount())
	}
	for _, o := range a.Operations() {
		b.RemoveOperation(o)
	}
	b.RemoveAgent(a)
	if err := b.Check(); err != nil || len(b.disowned) > 0 || len(g.Operations()) > 0 || len(g.operationIDs) > 0 {
		t.Errorf("%v, %v are left", err, b.disowned)
	}
}

func TestPassages(t *testing.T) {
	t.Parallel()
	b := New(DefaultLimits)
	b.Begin("A", Reregistering)
	b.Begin("A", Removing)
	b.End("A", Reregistering)
	if b.In("A", Reregistering) || !b.In("A", Removing|MarkingGone) || b.In("B", Removing) {
		t.Error("transitions are mixed up")
	}
	pid := runtime.PID{ID: "slave(1)", Addr: "10.0.0.2:1"}
	if !b.BeginRegistration(pid) || b.BeginRegistration(pid) {
		t.Error("a registration begins once")
	}
	b.EndRegistration(pid)
	if !b.BeginRegistration(pid) {
		t.Error("it can begin again when it has ended")
	}
}

// A task that its agent reports as unreachable keeps its resources until it is terminal, and returns them once.
func TestUnreachableByItsAgent(t *testing.T) {
	t.Parallel()
	_, _, _, task := small()
	unreachable, running, finished := mesospb.TaskState_TASK_UNREACHABLE, mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED
	for i, step := range []struct {
		state           mesospb.TaskState
		ended, released bool
	}{{unreachable, true, false}, {running, false, false}, {unreachable, true, false}, {finished, false, true}, {unreachable, false, false}} {
		ended, released := task.Update(update(step.state, nil, ""))
		if ended != step.ended || released != step.released || task.HoldsResources() == (i >= 3) {
			t.Errorf("step %d: ended %t, released %t, holds resources %t", i, ended, released, task.HoldsResources())
		}
	}
}
