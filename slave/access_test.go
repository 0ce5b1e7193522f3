package slave_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// access is one row of what becomes of a message to the agent.
type access struct {
	what proto.Message
	by   []string // who may say it
	// heard is what the agent says if the right one says it. If it is "", something changes that everybody sees.
	heard string
	// others is what somebody else hears; "" means nothing. Nobody hears anything else, and nothing changes.
	others string
}

// Those who may say something.
const (
	theMaster    = "the master"
	itsObserver  = "the master's observer"
	theScheduler = "the scheduler"
	theExecutor  = "the executor"
)

// accessed is an agent with a framework, whose scheduler uses v0, one of whose tasks runs. Two updates of it wait to be
// acknowledged, and one of an operation, too.
type accessed struct {
	*world
	speakers map[string]func(proto.Message)
}

func newAccessed(t *testing.T) *accessed {
	t.Helper()
	x := &accessed{world: newWorld(t, func(w *world) {
		w.config.Resources = "cpus:4;mem:4096;disk:8192"
		w.m.Acknowledge, w.m.Forgetful = false, true
	})}
	x.say(custom("t", true, framework()))
	x.executor(0, func(e *slavetest.Executor) { e.Report("t", mesospb.TaskState_TASK_RUNNING) })
	x.say(x.reservation(1))
	x.speakers = map[string]func(proto.Message){
		theMaster:                          func(m proto.Message) { x.say(m) },
		theExecutor:                        func(m proto.Message) { x.executor(0, func(e *slavetest.Executor) { e.Send(x.agent.PID(), m) }) },
		itsObserver:                        x.speaker("slave-observer(1)", masterAddr),
		theScheduler:                       x.speaker("scheduler", "10.0.0.9:9000"),
		"a stranger":                       x.speaker("stranger", "10.0.0.8:1"),
		"a false master":                   x.speaker("master", "10.0.0.8:2"),
		"another actor of the scheduler's": x.speaker("other", "10.0.0.9:9000"),
		"nobody": func(m proto.Message) {
			x.agentNode.Deliver(runtime.Envelope{To: x.agent.PID(), Name: string(m.ProtoReflect().Descriptor().FullName()), Message: m})
			x.Advance(time.Second)
		},
	}
	return x
}

// speaker returns a function with which an actor says something.
func (x *accessed) speaker(id, addr string) func(proto.Message) {
	x.t.Helper()
	node := x.living(addr)
	if node == nil {
		node = x.Node(addr)
	}
	s, err := runtime.Spawn(node, id, &mute{})
	if err != nil {
		x.t.Fatal(err)
	}
	return func(m proto.Message) {
		runtime.Tell(s, func(s *mute) { s.Send(x.agent.PID(), m) })
		x.Advance(time.Second)
	}
}

func (x *accessed) living(addr string) *runtime.Node {
	for _, n := range x.Living() {
		if n.Addr() == addr {
			return n
		}
	}
	return nil
}

// reservation is an operation.
func (x *accessed) reservation(n byte) *internalpb.ApplyOperationMessage {
	return &internalpb.ApplyOperationMessage{
		FrameworkId: f1.Proto(), OperationInfo: life(x.t)[0], OperationUuid: &mesospb.UUID{Value: ids.UUID{n}.Bytes()},
		ResourceVersionUuid: &internalpb.ResourceVersionUUID{Uuid: x.m.Version},
	}
}

// rows are all messages that the agent handles.
func (x *accessed) rows() []access {
	f, e, agent, task, byMaster := f1.Proto(), x1.Proto(), ids.Agent("a1").Proto(), ids.Task("t").Proto(), []string{theMaster}
	update := &internalpb.StatusUpdateMessage{Pid: proto.String(x.refs[0].PID().String()), Update: proto.CloneOf(x.m.Last("t"))}
	update.Update.Uuid = ids.UUID{6: 0x40, 15: 9}.Bytes()
	changed := framework()
	changed.Name = proto.String("changed")
	executed := x.m.Statuses[0]
	return []access{
		{&internalpb.SlaveRegisteredMessage{SlaveId: agent}, byMaster, quiet, ""},
		{&internalpb.SlaveReregisteredMessage{SlaveId: agent}, byMaster, quiet, ""},
		{&internalpb.PingSlaveMessage{Connected: proto.Bool(false)}, []string{theMaster, itsObserver}, "ReregisterSlaveMessage", ""},
		{&internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{}}, byMaster, "KillTaskMessage", ""},
		{&internalpb.ShutdownMessage{}, byMaster, "ShutdownExecutorMessage", ""},

		{custom("u", false, framework()), byMaster, "RunTaskMessage", ""},
		{group(framework(), "u"), byMaster, "TASK_", ""}, // x1 is an executor of another kind
		{kill("t"), byMaster, "KillTaskMessage", ""},
		{&internalpb.StatusUpdateAcknowledgementMessage{SlaveId: agent, FrameworkId: f, TaskId: task, Uuid: x.m.Updates[0].GetUuid()},
			[]string{theMaster, theScheduler}, "StatusUpdateMessage", ""}, // the next one
		{&internalpb.FrameworkToExecutorMessage{SlaveId: agent, FrameworkId: f, ExecutorId: e, Data: []byte("x")},
			[]string{theMaster, theScheduler}, "FrameworkToExecutorMessage", ""},
		{&internalpb.UpdateFrameworkMessage{FrameworkId: f, Pid: proto.String("scheduler@10.0.0.9:9000"), FrameworkInfo: changed}, byMaster, "", ""},
		{&internalpb.ShutdownExecutorMessage{FrameworkId: f, ExecutorId: e}, byMaster, "ShutdownExecutorMessage", ""},
		{&internalpb.ShutdownFrameworkMessage{FrameworkId: f}, byMaster, "ShutdownExecutorMessage", ""},

		{&internalpb.RegisterExecutorMessage{FrameworkId: f, ExecutorId: e}, []string{theExecutor}, "ShutdownExecutorMessage", "ShutdownExecutorMessage"}, // there is one already
		{&internalpb.ReregisterExecutorMessage{FrameworkId: f, ExecutorId: e}, []string{theExecutor}, "ShutdownExecutorMessage", "ShutdownExecutorMessage"},
		{update, []string{theExecutor}, "StatusUpdateAcknowledgementMessage", ""},
		{&internalpb.ExecutorToFrameworkMessage{SlaveId: agent, FrameworkId: f, ExecutorId: e, Data: []byte("x")}, []string{theExecutor}, "ExecutorToFrameworkMessage", ""},

		{x.reservation(2), byMaster, "UpdateOperationStatusMessage", ""},
		{&internalpb.ReconcileOperationsMessage{Operations: []*internalpb.ReconcileOperationsMessage_Operation{{OperationUuid: &mesospb.UUID{Value: ids.UUID{3}.Bytes()}}}},
			byMaster, "UpdateOperationStatusMessage", ""},
		{&internalpb.AcknowledgeOperationStatusMessage{StatusUuid: executed.GetStatus().GetUuid(), OperationUuid: executed.GetOperationUuid()}, byMaster, "", ""},
		{&internalpb.CheckpointResourcesMessage{}, byMaster, "", ""},
	}
}

// quiet says that even the right one hears and sees nothing.
const quiet = "-"

// Nobody but those who may say something is heard, by any message, nor changes anything. A message that the table does not have
// fails the test.
func TestEveryMessage(t *testing.T) {
	t.Parallel()
	x := newAccessed(t)
	known, count := map[string]bool{}, 0
	for _, row := range x.rows() {
		known[nameOf(row.what)] = true
	}
	for _, pid := range x.agentNode.PIDs() {
		for _, name := range x.agentNode.Handlers(pid) {
			if count++; pid != x.agent.PID() || !known[name] {
				t.Errorf("the table does not have %s of %s", name, pid.ID)
			}
		}
	}
	if count != len(x.rows()) {
		t.Errorf("there are %d handlers, and %d rows", count, len(x.rows()))
	}
	for i, row := range x.rows() {
		for who := range x.speakers {
			t.Run(nameOf(row.what)+" by "+who, func(t *testing.T) {
				t.Parallel()
				x := newAccessed(t)
				x.hear(x.rows()[i], who)
			})
		}
	}
}

func nameOf(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// hear has somebody send the message of a row, and checks what follows.
func (x *accessed) hear(row access, who string) {
	x.t.Helper()
	before, said := x.seen(), len(x.Log())
	x.speakers[who](row.what)
	var news strings.Builder
	for line := range strings.Lines(x.Log()[said:]) {
		if strings.Contains(line, x.agent.PID().String()+" ->") {
			news.WriteString(line)
		}
	}
	after, heard := x.seen(), news.String()
	for _, right := range row.by {
		if who != right {
			continue
		}
		if row.heard == "" && before == after || row.heard != quiet && !strings.Contains(heard, row.heard) {
			x.t.Errorf("want %q, but what follows is\n%s", row.heard, heard)
		}
		return
	}
	if before != after {
		x.t.Errorf("changed from\n%s\nto\n%s", before, after)
	}
	if row.others == "" && heard != "" || row.others != "" && who != "nobody" && (strings.Count(heard, "\n") != 1 || !strings.Contains(heard, row.others)) {
		x.t.Errorf("want %q, but what follows is\n%s", row.others, heard)
	}
}

// seen is what everybody sees of the agent.
func (x *accessed) seen() string {
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	call := func(kind string) string {
		return string(x.ask("POST", "/slave(1)/api/v1", header, []byte(`{"type":"`+kind+`"}`)).Bytes())
	}
	return string(x.ask("GET", "/slave(1)/state", nil, nil).Bytes()) + call("GET_OPERATIONS") + call("GET_AGENT")
}
