package view_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"meseta/master/book"
	"meseta/master/view"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

func all(text iter.Seq[[]byte]) string {
	var whole bytes.Buffer
	for piece := range text {
		whole.Write(piece)
	}
	return whole.String()
}

func bag(t testing.TB, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// cluster is a book that can be filled by the thousand.
type cluster struct {
	testing.TB
	book  *book.Book
	agent resources.Resources
	task  resources.Resources
}

func newCluster(t testing.TB) *cluster {
	return &cluster{
		TB: t, book: book.New(book.DefaultLimits), agent: bag(t, "cpus:64;mem:65536;disk:1000000;ports:[31000-32000]"),
		task: bag(t, "cpus:0.1;mem:32").Allocate("*"),
	}
}

func (c *cluster) addAgent(n int) *book.Agent {
	id := ids.Agent(fmt.Sprintf("84e6a676-83ad-4fab-a2fd-1057fd64e801-S%d", n))
	host := fmt.Sprintf("10.0.%d.%d", n/250, n%250)
	a := book.NewAgent(&mesospb.SlaveInfo{
		Id: id.Proto(), Hostname: &host, Port: proto.Int32(5051), Resources: c.agent.Proto(),
		Attributes: []*mesospb.Attribute{{
			Name: proto.String("rack"), Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String("r1")},
		}},
	}, runtime.PID{ID: "slave(1)", Addr: host + ":5051"})
	a.Total, a.Version, a.Registered = c.agent, "1.12.0", time.Unix(1795237328, 333743000)
	c.book.AddAgent(a)
	return a
}

func (c *cluster) addFramework(n int) *book.Framework {
	id := ids.Framework(fmt.Sprintf("84e6a676-83ad-4fab-a2fd-1057fd64e801-%04d", n))
	f := book.NewFramework(&mesospb.FrameworkInfo{
		Id: id.Proto(), User: proto.String("root"), Name: proto.String("a framework"), Role: proto.String("*"),
	})
	f.PID, f.State = runtime.PID{ID: "scheduler", Addr: fmt.Sprintf("10.1.0.1:%d", n)}, book.Active
	c.book.AddFramework(f)
	return f
}

func (c *cluster) addTask(f *book.Framework, a *book.Agent, n int) *book.Task {
	id := fmt.Sprintf("task-%06d", n)
	t := book.NewTask(&mesospb.TaskInfo{
		Name: &id, TaskId: ids.Task(id).Proto(), SlaveId: a.Info.Id, Resources: c.task.Proto(),
		Command: &mesospb.CommandInfo{Value: proto.String("sleep 1000")},
	}, f.ID.Proto(), c.task)
	c.book.AddTask(t)
	return t
}

// update applies an update as a command executor sends it.
func update(t *book.Task, state mesospb.TaskState, at float64) {
	t.Update(&internalpb.StatusUpdate{Status: &mesospb.TaskStatus{
		TaskId: t.Described.TaskId, State: state.Enum(), SlaveId: t.Described.SlaveId, Timestamp: &at,
		Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(), Uuid: []byte("0123456789abcdef"),
		ContainerStatus: &mesospb.ContainerStatus{
			ContainerId: &mesospb.ContainerID{Value: proto.String("171d93ab-2102-4421-ace8-8efee360d636")},
			NetworkInfos: []*mesospb.NetworkInfo{{IpAddresses: []*mesospb.NetworkInfo_IPAddress{{
				Protocol: mesospb.NetworkInfo_IPv4.Enum(), IpAddress: proto.String("127.0.0.1"),
			}}}},
		},
	}})
}

func master() view.Master {
	return view.Master{Info: &mesospb.MasterInfo{Id: proto.String("M"), Hostname: proto.String("m"), Pid: proto.String("master@1.2.3.4:5")}}
}

// A mirror that is updated equals a new one, whatever happened in between, and earlier snapshots do not change.
func TestMirrorShowsTheBook(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	rapid.Check(t, func(t *rapid.T) {
		r := randomBook{cluster: c}
		r.book = book.New(book.Limits{CompletedTasks: 5, CompletedFrameworks: 2, UnreachableTasks: 1000, RemovedAgents: 1000})
		var mirror view.Mirror
		var earlier []*view.Cluster
		var texts []string
		t.Repeat(map[string]func(*rapid.T){
			"agent":     func(*rapid.T) { r.agents = append(r.agents, r.addAgent(len(r.agents))) },
			"framework": r.subscribe,
			"launch":    r.launch,
			"update":    r.update,
			"end":       r.end,
			"offer":     r.offer,
			"rescind":   r.rescind,
			"toggle":    r.toggle,
			"": func(t *rapid.T) {
				look := mirror.Look(master(), r.book)
				var fresh view.Mirror // new mirrors find nothing in the lists of changes, and have to look at everything
				got, want := everything(look), everything(fresh.Look(master(), r.book))
				if got != want {
					t.Fatalf("the mirror shows\n%s\nbut it is\n%s", got, want)
				}
				earlier, texts = append(earlier, look), append(texts, got)
			},
		})
		for i, look := range earlier {
			if got := everything(look); got != texts[i] {
				t.Fatalf("what was\n%s\nis now\n%s", texts[i], got)
			}
		}
	})
}

func everything(c *view.Cluster) string {
	return strings.Join([]string{
		all(c.State()), all(c.Slaves(nil)), all(c.Summary()), all(c.RolesText()), all(c.TasksText(view.TaskQuery{Limit: 1000})),
	}, "\n")
}

// randomBook is a book that changes at random.
type randomBook struct {
	*cluster
	agents     []*book.Agent
	frameworks []*book.Framework
	tasks      []*book.Task
	offers     []*book.Offer
	serial     int
}

func (r *randomBook) subscribe(*rapid.T) {
	r.serial++
	r.frameworks = append(r.frameworks, r.addFramework(r.serial))
}

// one draws an element; ok is false if there is none.
func one[T any](t *rapid.T, of []T, what string) (i int, element T, ok bool) {
	if len(of) == 0 {
		t.Skip("no " + what)
	}
	i = rapid.IntRange(0, len(of)-1).Draw(t, what)
	return i, of[i], true
}

func (r *randomBook) launch(t *rapid.T) {
	_, a, _ := one(t, r.agents, "agent")
	_, f, _ := one(t, r.frameworks, "framework")
	r.serial++
	r.tasks = append(r.tasks, r.addTask(f, a, r.serial))
	if id := ids.Executor("e"); f.Executor(a.ID, id) == nil {
		r.book.AddExecutor(&book.Executor{
			ID: id, Framework: f.ID, Agent: a.ID, Resources: r.task, Info: &mesospb.ExecutorInfo{ExecutorId: id.Proto()},
		})
	}
}

func (r *randomBook) update(t *rapid.T) {
	_, task, _ := one(t, r.tasks, "task")
	r.serial++
	state := rapid.SampledFrom([]mesospb.TaskState{mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED}).Draw(t, "state")
	update(task, state, float64(r.serial))
	task.Forward(task.Last())
}

// end removes a task or, if there is none, its framework.
func (r *randomBook) end(t *rapid.T) {
	i, task, _ := one(t, r.tasks, "task")
	r.tasks = slices.Delete(r.tasks, i, i+1)
	r.book.RemoveTask(task, rapid.Bool().Draw(t, "unreachable"))
	f := r.book.Framework(task.Framework)
	if len(f.Tasks())+len(f.Offers()) > 0 {
		return
	}
	for _, e := range f.Executors() {
		r.book.RemoveExecutor(e)
	}
	for _, past := range f.UnreachableTasks() {
		update(past, mesospb.TaskState_TASK_KILLED, 1)
		f.Complete(past)
	}
	f.State = book.Disconnected
	r.book.RemoveFramework(f)
	r.frameworks = slices.DeleteFunc(r.frameworks, func(other *book.Framework) bool { return other == f })
}

func (r *randomBook) offer(t *rapid.T) {
	_, a, _ := one(t, r.agents, "agent")
	_, f, _ := one(t, r.frameworks, "framework")
	r.serial++
	o := &book.Offer{ID: ids.Offer(fmt.Sprint("O", r.serial)), Framework: f.ID, Agent: a.ID, Role: "*", Resources: r.task}
	r.offers = append(r.offers, o)
	r.book.AddOffer(o)
}

func (r *randomBook) rescind(t *rapid.T) {
	i, o, _ := one(t, r.offers, "offer")
	r.offers = slices.Delete(r.offers, i, i+1)
	r.book.RemoveOffer(o)
}

func (r *randomBook) toggle(t *rapid.T) {
	_, a, _ := one(t, r.agents, "agent")
	a.Active = !a.Active
	if rapid.Bool().Draw(t, "grow") {
		a.Total = a.Total.Plus(r.task.Unallocate())
	}
}

// A long text comes in pieces, and ends early if the client stops reading.
func TestTextsComeInPieces(t *testing.T) {
	t.Parallel()
	c := big(t, 100, 1000)
	var mirror view.Mirror
	look := mirror.Look(master(), c.book)
	whole := all(look.State())
	var state struct {
		Slaves     []any
		Frameworks []struct{ Tasks []any }
	}
	if err := json.Unmarshal([]byte(whole), &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Slaves) != 100 || len(state.Frameworks) != 1 || len(state.Frameworks[0].Tasks) != 1000 {
		t.Errorf("%d agents, %d frameworks", len(state.Slaves), len(state.Frameworks))
	}
	pieces := 0
	for piece := range look.State() {
		if pieces++; len(piece) > 128<<10 {
			t.Errorf("a piece of %d bytes", len(piece))
		}
	}
	if pieces < 10 {
		t.Errorf("%d bytes in %d pieces", len(whole), pieces)
	}
	for range look.State() {
		break
	}
	if again := all(look.State()); again != whole {
		t.Error("what is remembered differs from what was written")
	}
}

// big returns a cluster in which one framework runs tasks.
func big(t testing.TB, agents, tasks int) *cluster {
	c := newCluster(t)
	f := c.addFramework(1)
	for i := range agents {
		c.addAgent(i)
	}
	all := c.book.Agents()
	for i := range tasks {
		task := c.addTask(f, all[i%len(all)], i)
		update(task, mesospb.TaskState_TASK_STARTING, 1795237334.216699)
		update(task, mesospb.TaskState_TASK_RUNNING, 1795237334.22114)
	}
	return c
}

// drawn reads a text as a client does, and counts its bytes.
func drawn(text iter.Seq[[]byte]) (bytes int) {
	for piece := range text {
		bytes += len(piece)
	}
	return bytes
}

// BenchmarkState measures writing /state of 5,000 agents and 50,000 running tasks. "first" is the first look, "changed"
// is one after 1,000 tasks changed, "again" is one after no change.
func BenchmarkState(b *testing.B) {
	c := big(b, 5000, 50000)
	tasks := c.book.Frameworks()[0].Tasks()
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			var mirror view.Mirror
			b.StopTimer()
			for _, t := range tasks {
				update(t, mesospb.TaskState_TASK_RUNNING, 2)
			}
			b.StartTimer()
			b.SetBytes(int64(drawn(mirror.Look(master(), c.book).State())))
		}
	})
	var mirror view.Mirror
	drawn(mirror.Look(master(), c.book).State())
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			for _, t := range tasks[:1000] {
				update(t, mesospb.TaskState_TASK_RUNNING, 3)
			}
			b.StartTimer()
			b.SetBytes(int64(drawn(mirror.Look(master(), c.book).State())))
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			b.SetBytes(int64(drawn(mirror.Look(master(), c.book).State())))
		}
	})
}

// BenchmarkLook measures what a reader costs the master itself: a look after as many changes as happen in a twentieth
// of a second at 2,000 tasks a second.
func BenchmarkLook(b *testing.B) {
	c := big(b, 1000, 20000)
	tasks := c.book.Frameworks()[0].Tasks()
	var mirror view.Mirror
	drawn(mirror.Look(master(), c.book).State())
	for b.Loop() {
		b.StopTimer()
		for _, t := range tasks[:100] {
			update(t, mesospb.TaskState_TASK_RUNNING, 3)
		}
		b.StartTimer()
		mirror.Look(master(), c.book)
	}
}

// Mesos's command line requests all tasks with limit=-1.
func TestTasksInPages(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	a, f := c.addAgent(0), c.addFramework(0)
	for n := range 5 {
		update(c.addTask(f, a, n), mesospb.TaskState_TASK_RUNNING, float64(n))
	}
	var mirror view.Mirror
	look := mirror.Look(master(), c.book)
	for name, page := range map[string]struct {
		query view.TaskQuery
		want  string
	}{
		"newest first": {view.TaskQuery{Limit: 2}, "4 3"}, "oldest first": {view.TaskQuery{Limit: 2, Ascending: true}, "0 1"},
		"later": {view.TaskQuery{Limit: 2, Offset: 4}, "0"}, "beyond": {view.TaskQuery{Limit: 2, Offset: 9}, ""},
		"none": {view.TaskQuery{}, ""}, "all": {view.TaskQuery{Limit: -1, Ascending: true}, "0 1 2 3 4"},
		"far too many": {view.TaskQuery{Limit: math.MaxInt, Offset: 1}, "3 2 1 0"}, "before": {view.TaskQuery{Limit: 1, Offset: -3}, ""},
	} {
		var got []string
		for _, found := range regexp.MustCompile(`"id":"task-00000(\d)"`).FindAllStringSubmatch(all(look.TasksText(page.query)), -1) {
			got = append(got, found[1])
		}
		if got := strings.Join(got, " "); got != page.want {
			t.Errorf("%s: got %q, want %q", name, got, page.want)
		}
	}
}
