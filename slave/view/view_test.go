package view_test

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/authorizer"
	"meseta/actors/authorizer/authorizertest"
	"meseta/actors/version"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/authorizationpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/book"
	"meseta/slave/view"
)

func bag(text string) []*mesospb.Resource {
	rs, err := resources.Parse(text, "*")
	if err != nil {
		panic(err)
	}
	return rs.Allocate("dev").Proto()
}

func self() view.Self {
	return view.Self{
		Info: &mesospb.SlaveInfo{
			Hostname: proto.String("host"), Id: ids.Agent("a1").Proto(), Resources: bag("cpus:4;mem:1024;ports:[31000-32000]"),
		},
		PID: runtime.PID{ID: "slave(1)", Addr: "10.0.0.3:5051"}, Started: time.Unix(7, 0), Version: "1.12.0",
		Build: version.Build{Version: "1.12.0"}, Flags: map[string]string{"log_dir": "/log"},
	}
}

// running returns a book with n running tasks of framework f1, inEach of them in each executor.
func running(n, inEach int) (*book.Book, []*book.Executor) {
	b := book.New(book.DefaultLimits)
	f := b.Add(&mesospb.FrameworkInfo{Id: ids.Framework("f1").Proto(), User: proto.String("u"), Name: proto.String("n")}, runtime.PID{})
	var all []*book.Executor
	for i := range n {
		if i%inEach == 0 {
			info := &mesospb.ExecutorInfo{ExecutorId: ids.Executor(fmt.Sprint("x", i)).Proto(), Resources: bag("cpus:0.1;mem:32")}
			all = append(all, book.NewExecutor("f1", info, ids.Container(fmt.Sprint("c", i))))
			f.AddExecutor(all[len(all)-1])
		}
		e, id := all[len(all)-1], ids.Task(fmt.Sprint("t", i))
		e.Queue([]*mesospb.TaskInfo{task(id)}, false)
		e.Launch(id)
		update(e, id, mesospb.TaskState_TASK_STARTING)
		update(e, id, mesospb.TaskState_TASK_RUNNING)
	}
	return b, all
}

func task(id ids.Task) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{Name: proto.String("n"), TaskId: id.Proto(), SlaveId: ids.Agent("a1").Proto(), Resources: bag("cpus:1;mem:64")}
}

func update(e *book.Executor, id ids.Task, state mesospb.TaskState) {
	address := &mesospb.NetworkInfo_IPAddress{IpAddress: proto.String("10.0.0.3")}
	if err := e.Apply(&mesospb.TaskStatus{
		TaskId: id.Proto(), State: state.Enum(), Timestamp: proto.Float64(1),
		ContainerStatus: &mesospb.ContainerStatus{
			ContainerId: e.Container.Proto(), NetworkInfos: []*mesospb.NetworkInfo{{IpAddresses: []*mesospb.NetworkInfo_IPAddress{address}}},
		},
	}); err != nil {
		panic(err)
	}
}

func text(pieces iter.Seq[[]byte]) string {
	var all []byte
	for piece := range pieces {
		all = append(all, piece...)
	}
	return string(all)
}

// A queued task is shown with what launches it.
func TestQueuedTask(t *testing.T) {
	t.Parallel()
	b, all := running(1, 1)
	queued := task("t9")
	queued.Command = &mesospb.CommandInfo{Value: proto.String("sleep 1")}
	queued.Executor = &mesospb.ExecutorInfo{ExecutorId: ids.Executor("x0").Proto()}
	all[0].Queue([]*mesospb.TaskInfo{queued}, false)
	want := `"queued_tasks":[{"id":"t9","name":"n","slave_id":"a1",` +
		`"resources":{"disk":0.0,"mem":64.0,"gpus":0.0,"cpus":1.0},"role":"dev",` +
		`"command":{"value":"sleep 1","argv":[],"uris":[]},"executor_id":"x0"}]`
	if got := text(view.Look(self(), b).State()); !strings.Contains(got, want) {
		t.Errorf("/state is\n%s\nwant in it\n%s", got, want)
	}
}

// The agent's domain and drain configuration are shown.
func TestDomainAndDrain(t *testing.T) {
	t.Parallel()
	b, _ := running(0, 1)
	plain := text(view.Look(self(), b).State())
	me := self()
	me.Info.Domain = &mesospb.DomainInfo{FaultDomain: &mesospb.DomainInfo_FaultDomain{
		Region: &mesospb.DomainInfo_FaultDomain_RegionInfo{Name: proto.String("r")},
		Zone:   &mesospb.DomainInfo_FaultDomain_ZoneInfo{Name: proto.String("z")},
	}}
	me.Drain.Begin(&mesospb.DrainConfig{MarkGone: proto.Bool(true)}, time.Unix(1795736803, 999999999))
	want := `"capabilities":[],"domain":{"fault_domain":{"region":{"name":"r"},"zone":{"name":"z"}}},` +
		`"drain_config":{"mark_gone":true},"estimated_drain_start_time_seconds":1795736803,"resources":`
	if got := text(view.Look(me, b).State()); !strings.Contains(got, want) {
		t.Errorf("/state is\n%s\nwant in it\n%s", got, want)
	}
	if !strings.Contains(plain, `"capabilities":[],"resources":`) {
		t.Errorf("/state of an agent that is nowhere and not drained is\n%s", plain)
	}
}

// A look does not change, whatever happens afterwards, however often it is read.
func TestLooksDoNotChange(t *testing.T) {
	t.Parallel()
	b, all := running(3, 2)
	look := view.Look(self(), b)
	before := []string{text(look.State()), text(look.Answer(mediatype.Protobuf, view.GetState))}
	for _, e := range all {
		for _, t := range slices.Collect(e.Launched()) {
			e.Forward(ids.TaskOf(t.GetTaskId()), mesospb.TaskState_TASK_RUNNING, []byte("uuid"))
			update(e, ids.TaskOf(t.GetTaskId()), mesospb.TaskState_TASK_FINISHED)
		}
		e.Queue([]*mesospb.TaskInfo{task("t9")}, false)
	}
	for range 3 { // texts are remembered from the second time on
		after := []string{text(look.State()), text(look.Answer(mediatype.Protobuf, view.GetState))}
		if !slices.Equal(before, after) {
			t.Errorf("the look shows\n%s\nand showed\n%s", after, before)
		}
	}
	now := text(view.Look(self(), b).State())
	if strings.Count(now, `"state":"TASK_FINISHED"`) != 6 { // three tasks, each with a status
		t.Errorf("/state is now\n%s", now)
	}
}

// Both formats of an answer have the same content, without what may not be seen.
func TestAnswers(t *testing.T) {
	t.Parallel()
	b, all := running(3, 2)
	all[0].Queue([]*mesospb.TaskInfo{task("t8")}, false)
	update(all[0], "t0", mesospb.TaskState_TASK_FINISHED)
	update(all[0], "t1", mesospb.TaskState_TASK_FINISHED)
	all[0].Complete("t1")
	look := view.Look(self(), b)
	for action, want := range map[authorizationpb.Action]string{
		authorizationpb.Action_UNKNOWN:        "1 queued, 1 launched, 1 terminated, 1 completed, 2 executors, 1 frameworks",
		authorizationpb.Action_VIEW_TASK:      "0 queued, 0 launched, 0 terminated, 0 completed, 2 executors, 1 frameworks",
		authorizationpb.Action_VIEW_EXECUTOR:  "0 queued, 0 launched, 0 terminated, 0 completed, 0 executors, 1 frameworks",
		authorizationpb.Action_VIEW_FRAMEWORK: "0 queued, 0 launched, 0 terminated, 0 completed, 0 executors, 0 frameworks",
	} {
		may := deny(action)
		r := &agentpb.Response{}
		if err := proto.Unmarshal([]byte(text(look.For(may).Answer(mediatype.Protobuf, view.GetState))), r); err != nil {
			t.Fatal(err)
		}
		tasks := r.GetGetState().GetGetTasks()
		got := fmt.Sprintf("%d queued, %d launched, %d terminated, %d completed, %d executors, %d frameworks",
			len(tasks.GetQueuedTasks()), len(tasks.GetLaunchedTasks()), len(tasks.GetTerminatedTasks()), len(tasks.GetCompletedTasks()),
			len(r.GetGetState().GetGetExecutors().GetExecutors()), len(r.GetGetState().GetGetFrameworks().GetFrameworks()))
		if got != want || r.GetType() != agentpb.Response_GET_STATE {
			t.Errorf("without %s there are %s, want %s", action, got, want)
		}
		json := text(look.For(may).Answer(mediatype.JSON, view.GetState))
		if strings.Count(json, `"task_id"`) != strings.Count(text(look.For(may).Answer(mediatype.JSON, view.GetTasks)), `"task_id"`) {
			t.Errorf("GET_STATE and GET_TASKS differ: %s", json)
		}
	}
}

// The sums in /state are those of the whole agent, whatever the reader may see.
func TestSumsAreOfTheWhole(t *testing.T) {
	t.Parallel()
	b, _ := running(2, 1)
	got := text(view.Look(self(), b).For(deny(authorizationpb.Action_VIEW_FRAMEWORK)).State())
	if want := `"unreserved_resources_allocated":{"disk":0.0,"mem":192.0,"gpus":0.0,"cpus":2.2}`; !strings.Contains(got, want) {
		t.Errorf("/state is\n%s\nwant in it\n%s", got, want)
	}
}

// deny returns an approver that allows everything but action.
func deny(action authorizationpb.Action) authorizer.Approver {
	j := &authorizertest.Judge{}
	j.Deny(action)
	return j
}
