package slave_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/actors/statusupdate"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/slave"
	"meseta/slave/containerizer"
	"meseta/slave/slavetest"
)

const (
	masterAddr = "10.0.0.1:5050"
	agentAddr  = "10.0.0.3:5051"
)

// world is an agent with a master and the executors it starts.
type world struct {
	*sim.World
	t          *testing.T
	dir        string
	config     slave.Config
	agent      runtime.Ref[*slave.Slave]
	agentNode  *runtime.Node
	master     runtime.Ref[*slavetest.Master]
	m          *slavetest.Master // read it when it has no turn
	leader     *election.Standalone
	containers *slavetest.Containers
	system     *slavetest.System
	disk       *slavetest.Disk
	executors  []*slavetest.Executor
	refs       []runtime.Ref[*slavetest.Executor]
	shape      func(*slavetest.Executor) // changes each executor before it starts
	early      func()                    // called before the agent starts on its node
	fatal      error
	seed       uint64
	log        zerolog.Logger // of the agent; silent at first
}

// newWorld starts a master and an agent, and lets the agent register.
func newWorld(t *testing.T, change func(*world)) *world {
	t.Helper()
	w := &world{
		t: t, dir: t.TempDir(), m: &slavetest.Master{Acknowledge: true}, seed: 1, log: zerolog.Nop(),
		containers: &slavetest.Containers{}, system: &slavetest.System{}, disk: &slavetest.Disk{},
	}
	w.leader = election.NewStandalone(election.MasterInfo(runtime.PID{ID: "master", Addr: masterAddr}))
	w.containers.OnLaunch = w.startExecutor
	w.config = slave.Defaults()
	w.config.Detector, w.config.WorkDir, w.config.Hostname, w.config.Attributes = w.leader, w.dir, "host", "rack:r1"
	w.config.LauncherDir, w.config.Containerizer, w.config.System = "/launcher", w.containers, w.system
	w.config.Disk, w.containers.Disk = w.disk, w.disk
	w.config.Fatal = func(err error) { w.fatal = err }
	if change != nil {
		change(w)
	}
	w.World = sim.New(w.seed)
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	w.startMaster()
	w.startAgent()
	w.Advance(3 * time.Second)
	return w
}

func (w *world) startMaster() {
	w.t.Helper()
	var err error
	if w.master, err = runtime.Spawn(w.Node(masterAddr), "master", w.m); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) startAgent() {
	w.t.Helper()
	w.agentNode = w.NodeWith(agentAddr, func(o *runtime.Options) { o.Log = w.log })
	if w.early != nil {
		w.early()
	}
	var err error
	if w.agent, err = slave.Spawn(w.agentNode, w.config); err != nil {
		w.t.Fatal(err)
	}
}

// startExecutor is what a container does.
func (w *world) startExecutor(l containerizer.Launch) {
	x := &slavetest.Executor{
		Agent: ids.Agent(l.Environment["MESOS_SLAVE_ID"]), Framework: ids.Framework(l.Environment["MESOS_FRAMEWORK_ID"]),
		ID:   ids.Executor(l.Environment["MESOS_EXECUTOR_ID"]),
		Died: func() { w.containers.End(l.ID, 0) },
	}
	x.AgentPID, _ = runtime.ParsePID(l.Environment["MESOS_SLAVE_PID"])
	if w.shape != nil {
		w.shape(x)
	}
	n := w.Node(fmt.Sprintf("10.0.0.3:%d", 40000+len(w.executors)))
	ref, err := runtime.Spawn(n, "executor(1)", x)
	if err != nil {
		w.t.Error(err)
	}
	w.executors, w.refs = append(w.executors, x), append(w.refs, ref)
}

// say has the master send messages, and a second pass.
func (w *world) say(messages ...proto.Message) {
	runtime.Tell(w.master, func(m *slavetest.Master) {
		for _, x := range messages {
			m.Tell(x)
		}
	})
	w.Advance(time.Second)
}

// executor has the i-th executor do f, and a second pass.
func (w *world) executor(i int, f func(*slavetest.Executor)) {
	runtime.Tell(w.refs[i], f)
	w.Advance(time.Second)
}

// states demands what the master has heard of a task.
func (w *world) states(task ids.Task, want ...mesospb.TaskState) {
	w.t.Helper()
	if got := w.m.States(task); !slices.Equal(got, want) {
		w.t.Errorf("the master heard %v of %s, want %v\n%s", got, task, want, w.Log())
	}
}

// reason demands why a task ended.
func (w *world) reason(task ids.Task, want mesospb.TaskStatus_Reason) {
	w.t.Helper()
	u := w.m.Last(task)
	if u == nil || u.GetStatus().GetReason() != want {
		w.t.Errorf("the last update of %s is %v, want reason %s", task, u, want)
	}
}

// idle demands that the agent is done with all frameworks.
func (w *world) idle() {
	w.t.Helper()
	if n := w.containers.Running(); n != 0 {
		w.t.Errorf("%d containers still run\n%s", n, w.Log())
	}
}

const (
	f1 ids.Framework = "f1"
	x1 ids.Executor  = "x1"
)

func framework(change ...func(*mesospb.FrameworkInfo)) *mesospb.FrameworkInfo {
	f := &mesospb.FrameworkInfo{
		Id: f1.Proto(), User: proto.String("root"), Name: proto.String("test"), Role: proto.String("*"),
		Capabilities: []*mesospb.FrameworkInfo_Capability{
			{Type: mesospb.FrameworkInfo_Capability_PARTITION_AWARE.Enum()},
		},
	}
	for _, c := range change {
		c(f)
	}
	return f
}

func checkpointing(f *mesospb.FrameworkInfo) { f.Checkpoint = proto.Bool(true) }
func old(f *mesospb.FrameworkInfo)           { f.Capabilities = nil }

func bag(text string) []*mesospb.Resource {
	rs, err := resources.Parse(text, "*")
	if err != nil {
		panic(err)
	}
	return rs.Allocate("*").Proto()
}

func info(task ids.Task) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{
		Name: proto.String("task " + string(task)), TaskId: task.Proto(), SlaveId: ids.Agent("a1").Proto(),
		Resources: bag("cpus:1;mem:64"),
	}
}

// command is the launch of a task that is a command.
func command(task ids.Task, f *mesospb.FrameworkInfo) *internalpb.RunTaskMessage {
	t := info(task)
	t.Command = &mesospb.CommandInfo{Value: proto.String("sleep 2; echo hello")}
	return &internalpb.RunTaskMessage{Framework: f, Task: t, Pid: proto.String("scheduler@10.0.0.9:9000"), LaunchExecutor: proto.Bool(true)}
}

// custom is the launch of a task in executor x1; fresh is what the master believes.
func custom(task ids.Task, fresh bool, f *mesospb.FrameworkInfo) *internalpb.RunTaskMessage {
	t := info(task)
	t.Executor = &mesospb.ExecutorInfo{
		ExecutorId: x1.Proto(), FrameworkId: f1.Proto(), Resources: bag("cpus:0.1;mem:32"),
		Command: &mesospb.CommandInfo{Value: proto.String("./executor")},
	}
	return &internalpb.RunTaskMessage{Framework: f, Task: t, Pid: proto.String("scheduler@10.0.0.9:9000"), LaunchExecutor: proto.Bool(fresh)}
}

func kill(task ids.Task) *internalpb.KillTaskMessage {
	return &internalpb.KillTaskMessage{FrameworkId: f1.Proto(), TaskId: task.Proto()}
}

var (
	uuidValues = regexp.MustCompile(`uuid=(0x[0-9a-f]{32}|"[^"]*")`)
	uuidFields = regexp.MustCompile(`uuid\{value=(0x[0-9a-f]{32}|"[^"]*")\}`)
	uuidTexts  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`)
	addresses  = regexp.MustCompile(`[0-9]+\.[0-9]+\.[0-9]+\.[0-9]+:[0-9]+`)
	times      = regexp.MustCompile(`timestamp=[0-9.e+]+`)
	fractions  = regexp.MustCompile(`(?m)^( *[0-9]+)\.[0-9]+ `)
)

// byPair sorts a conversation by who talks with whom. Between different pairs, order is chance.
func byPair(log string) string {
	var pairs []string
	said := map[string]string{}
	for line := range strings.Lines(log) {
		ends := addresses.FindAllString(line, 2)
		slices.Sort(ends)
		pair := strings.Join(ends, " — ")
		if said[pair] == "" {
			pairs = append(pairs, pair)
		}
		said[pair] += line
	}
	slices.Sort(pairs)
	var all strings.Builder
	for _, pair := range pairs {
		fmt.Fprintf(&all, "%s\n%s", pair, said[pair])
	}
	return all.String()
}

// golden compares the conversation, to the second, with testdata/<name>.txt.
func (w *world) golden(name string) {
	w.t.Helper()
	got := fractions.ReplaceAllString(byPair(w.Log()), "${1}s")
	got = uuidFields.ReplaceAllString(uuidValues.ReplaceAllString(got, "uuid=…"), "uuid{…}")
	got = times.ReplaceAllString(uuidTexts.ReplaceAllString(got, "<uuid>"), "timestamp=…")
	got = strings.ReplaceAll(got, w.dir, "<work_dir>")
	runtimetest.Golden(w.t, name, got)
}

func readUpdates(t *testing.T, file string) statusupdate.Recorded {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := statusupdate.Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// settled removes the journal of an agent that was killed, so that what is done to its files is not mended from that.
func (w *world) settled() {
	w.t.Helper()
	names, err := filepath.Glob(filepath.Join(w.dir, ".journal-*"))
	for _, name := range names {
		err = errors.Join(err, os.Remove(name))
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
