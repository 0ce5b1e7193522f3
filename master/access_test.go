package master_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/authorizer/authorizertest"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/master/peers"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// access is one row of what becomes of a message to the master.
type access struct {
	what proto.Message
	by   string // who may say it: the agent, the scheduler of the framework, or "anybody"
	// unknown is what somebody hears who is not authenticated, or has a wrong secret, and denied what somebody hears who is, but
	// may do nothing: the name of the message, and a part of its words. Nobody else hears anything, and nothing changes.
	unknown, denied string
	// heard is what follows if the right one says it: "" if nothing is said, although something may change.
	heard string
}

// accessed is a cluster whose master requires authentication, with an agent and a framework that runs a task.
type accessed struct {
	*mastertest.Cluster
	judge            *authorizertest.Judge
	agent, scheduler *mastertest.Peer
	offer            *mesospb.Offer
}

func newAccessed(t *testing.T) *accessed {
	t.Helper()
	x := &accessed{judge: &authorizertest.Judge{}}
	x.Cluster = mastertest.New(t, mastertest.Config{
		Authorizer: x.judge, Configure: func(c *master.Config) { c.AuthenticateAgents, c.AuthenticateFrameworks = true, true },
		Authenticator: func(n *runtime.Node) peers.Authenticator {
			return crammd5.New(n, map[string]string{"known": "secret"})
		},
	})
	x.agent, x.scheduler = x.known("slave(1)", "10.0.0.2:5051"), x.known("scheduler-f", "10.0.0.3:6000")
	x.agent.Say(mastertest.Registration("10.0.0.2:5051"))
	x.scheduler.Subscribe(mastertest.Framework(), false)
	x.scheduler.Launch(x.scheduler.Offer(), mastertest.Task("t", x.scheduler.Offer()))
	x.agent.Report(mastertest.FrameworkID(x.scheduler), "t", mesospb.TaskState_TASK_RUNNING, 1)
	x.Advance(10 * time.Second) // the rest is offered
	x.offer = x.scheduler.Offer()
	return x
}

// known starts a peer that is authenticated.
func (x *accessed) known(id, addr string) *mastertest.Peer {
	p := x.Peer(id, id, addr)
	authenticate(p, "known", "secret")
	x.Advance(time.Second)
	return p
}

// rows are all messages that the master handles, about what there is in the cluster.
func (x *accessed) rows() []access {
	f, agent, task, uuid := mastertest.FrameworkID(x.scheduler), mastertest.AgentID(x.agent), ids.Task("t").Proto(), mastertest.UUID(1)
	executor := &mesospb.ExecutorID{Value: proto.String("t")}
	mine, again := mastertest.Framework(), mastertest.Framework()
	again.Id = f
	returns := returning(x.agent, ids.AgentOf(agent), 4)
	returns.Slave = proto.CloneOf(returns.Slave)
	no := "FrameworkErrorMessage is not authenticated"
	may := "FrameworkErrorMessage Not authorized to "
	return append([]access{
		{&internalpb.AuthenticateMessage{Pid: proto.String("x@10.0.0.9:1")}, "anybody", "", "", ""},
		{&internalpb.SubmitSchedulerRequest{Name: proto.String("n")}, "anybody", "SubmitSchedulerResponse", "SubmitSchedulerResponse", "SubmitSchedulerResponse"},

		{mastertest.Registration("10.0.0.9:1"), "a new agent", "", "", "SlaveRegisteredMessage"},
		{returns, "the agent", "", "", "SlaveReregisteredMessage"},
		{&internalpb.UnregisterSlaveMessage{SlaveId: agent}, "the agent", "", "", "LostSlaveMessage"},
		{&internalpb.UpdateSlaveMessage{SlaveId: agent, UpdateOversubscribedResources: proto.Bool(true), OversubscribedResources: []*mesospb.Resource{}}, "the agent", "", "", ""},
		{x.agent.Update(f, "t", mesospb.TaskState_TASK_FINISHED, 2), "the agent", "", "", "TASK_FINISHED"},
		{&internalpb.ExecutorToFrameworkMessage{SlaveId: agent, FrameworkId: f, ExecutorId: executor, Data: []byte("x")}, "the agent", "", "", "ExecutorToFrameworkMessage"},
		{&internalpb.ExitedExecutorMessage{SlaveId: agent, FrameworkId: f, ExecutorId: executor, Status: proto.Int32(1)}, "the agent", "", "", ""},
		{&internalpb.UpdateOperationStatusMessage{
			FrameworkId: f, Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_FAILED.Enum(), OperationId: &mesospb.OperationID{Value: proto.String("o")}},
		}, "nobody", "", "", ""},
		{&internalpb.UpdateOperationStatusMessage{
			SlaveId: agent, FrameworkId: f, OperationUuid: &mesospb.UUID{Value: uuid}, Status: &mesospb.OperationStatus{State: mesospb.OperationState_OPERATION_FAILED.Enum()},
		}, "the agent", "", "", ""},

		{&internalpb.RegisterFrameworkMessage{Framework: mine}, "a new scheduler", no, may, "FrameworkRegisteredMessage"},
		{&internalpb.ReregisterFrameworkMessage{Framework: again, Failover: proto.Bool(false)}, "the scheduler", no, may, "FrameworkReregisteredMessage"},
		{&internalpb.UnregisterFrameworkMessage{FrameworkId: f}, "the scheduler", "", "", "ShutdownFrameworkMessage"},
		{&internalpb.DeactivateFrameworkMessage{FrameworkId: f}, "the scheduler", "", "", ""},
		{&internalpb.ResourceRequestMessage{FrameworkId: f}, "the scheduler", "", "", ""},
		{&internalpb.LaunchTasksMessage{FrameworkId: f, Filters: &mesospb.Filters{}, OfferIds: []*mesospb.OfferID{x.offer.Id}, Tasks: []*mesospb.TaskInfo{mastertest.Task("u", x.offer)}},
			"the scheduler", "", "", "RunTaskMessage"},
		{&internalpb.ReviveOffersMessage{FrameworkId: f}, "the scheduler", "", "", ""},
		{&internalpb.KillTaskMessage{FrameworkId: f, TaskId: task}, "the scheduler", "", "", "KillTaskMessage"},
		{&internalpb.StatusUpdateAcknowledgementMessage{FrameworkId: f, SlaveId: agent, TaskId: task, Uuid: uuid}, "the scheduler", "", "", "StatusUpdateAcknowledgementMessage"},
		{&internalpb.FrameworkToExecutorMessage{FrameworkId: f, SlaveId: agent, ExecutorId: executor, Data: []byte("x")}, "the scheduler", "", "", "FrameworkToExecutorMessage"},
		{&internalpb.ReconcileTasksMessage{FrameworkId: f}, "the scheduler", "", "", "TASK_RUNNING"},
	}, x.calls(f, agent, task, no, may)...)
}

// calls are the calls of drivers.
func (x *accessed) calls(f *mesospb.FrameworkID, agent *mesospb.SlaveID, task *mesospb.TaskID, no, may string) (all []access) {
	offers := []*mesospb.OfferID{x.offer.Id}
	changed := mastertest.Framework()
	changed.Id, changed.Principal, changed.Labels = f, proto.String("known"), &mesospb.Labels{Labels: []*mesospb.Label{{Key: proto.String("k")}}}
	for _, c := range []struct {
		call  *schedulerpb.Call
		heard string
	}{
		{&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()}, "ShutdownFrameworkMessage"},
		{&schedulerpb.Call{Accept: &schedulerpb.Call_Accept{OfferIds: offers, Operations: []*mesospb.Offer_Operation{mastertest.LaunchOperation(mastertest.Task("u", x.offer))}}}, "RunTaskMessage"},
		{&schedulerpb.Call{Decline: &schedulerpb.Call_Decline{OfferIds: offers, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)}}}, ""},
		{&schedulerpb.Call{AcceptInverseOffers: &schedulerpb.Call_AcceptInverseOffers{}}, ""},
		{&schedulerpb.Call{DeclineInverseOffers: &schedulerpb.Call_DeclineInverseOffers{}}, ""},
		{&schedulerpb.Call{Revive: &schedulerpb.Call_Revive{}}, ""},
		{&schedulerpb.Call{Suppress: &schedulerpb.Call_Suppress{}}, ""},
		{&schedulerpb.Call{Kill: &schedulerpb.Call_Kill{TaskId: task}}, "KillTaskMessage"},
		{&schedulerpb.Call{Shutdown: &schedulerpb.Call_Shutdown{SlaveId: agent, ExecutorId: &mesospb.ExecutorID{Value: proto.String("e")}}}, "ShutdownExecutorMessage"},
		{&schedulerpb.Call{Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: agent, TaskId: task, Uuid: mastertest.UUID(1)}}, "StatusUpdateAcknowledgementMessage"},
		{&schedulerpb.Call{AcknowledgeOperationStatus: &schedulerpb.Call_AcknowledgeOperationStatus{SlaveId: agent, Uuid: mastertest.UUID(1), OperationId: &mesospb.OperationID{Value: proto.String("o")}}}, ""},
		{&schedulerpb.Call{Reconcile: &schedulerpb.Call_Reconcile{}}, "TASK_RUNNING"},
		{&schedulerpb.Call{ReconcileOperations: &schedulerpb.Call_ReconcileOperations{}}, ""},
		{&schedulerpb.Call{Message: &schedulerpb.Call_Message{SlaveId: agent, ExecutorId: &mesospb.ExecutorID{Value: proto.String("e")}, Data: []byte("x")}}, "FrameworkToExecutorMessage"},
		{&schedulerpb.Call{Request: &schedulerpb.Call_Request{}}, ""},
		{&schedulerpb.Call{UpdateFramework: &schedulerpb.Call_UpdateFramework{FrameworkInfo: changed}}, "UpdateFrameworkMessage"},
	} {
		c.call.FrameworkId = f
		if c.call.Type == nil {
			c.call.Type = kindOf(c.call).Enum()
		}
		all = append(all, access{c.call, "the scheduler", "", "", c.heard})
	}
	subscribe := &schedulerpb.Call{Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: mastertest.Framework()}}
	return append(all, access{subscribe, "a new scheduler", no, may, "FrameworkRegisteredMessage"})
}

// kindOf is the type of the call whose part is set.
func kindOf(call *schedulerpb.Call) (kind schedulerpb.Call_Type) {
	call.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
		if number, ok := schedulerpb.Call_Type_value[strings.ToUpper(string(f.Name()))]; ok {
			kind = schedulerpb.Call_Type(number)
		}
		return true
	})
	return kind
}

// otherHandlers are the messages for other actors than the master, and why no credentials are needed.
var otherHandlers = map[string]string{
	"slave-observer(1) mesos.internal.PongSlaveMessage": "says only that somebody is there; it is believed from the agent's PID only",
}

// nameOf names a row: a message or a call.
func nameOf(m proto.Message) string {
	if call, ok := m.(*schedulerpb.Call); ok {
		return call.GetType().String()
	}
	return string(m.ProtoReflect().Descriptor().FullName())
}

// Whoever is not authenticated is told so or nothing, and changes nothing, by any message; nor does a peer that is, and may do
// nothing. The right one is heard. A message or call that the table does not have fails the test.
func TestEveryMessage(t *testing.T) {
	t.Parallel()
	x := newAccessed(t)
	known := map[string]bool{"UNKNOWN": true, "mesos.scheduler.Call": true}
	for _, row := range x.rows() {
		known[nameOf(row.what)] = true
	}
	var node *runtime.Node
	x.Do(func(m *master.Master) { node = m.Node() })
	for _, pid := range node.PIDs() {
		for _, name := range node.Handlers(pid) {
			if pid.ID == "master" && !known[name] || pid.ID != "master" && otherHandlers[pid.ID+" "+name] == "" {
				t.Errorf("the table does not have %s of %s", name, pid.ID)
			}
		}
	}
	for name := range schedulerpb.Call_Type_value {
		if !known[name] {
			t.Errorf("the table does not have the call %s", name)
		}
	}
	for i := range x.rows() {
		for _, who := range []string{"nobody", "a stranger", "somebody who may do nothing", "the right one"} {
			t.Run(fmt.Sprintf("%s by %s", nameOf(x.rows()[i].what), who), func(t *testing.T) {
				t.Parallel()
				x := newAccessed(t)
				x.say(x.rows()[i], who)
			})
		}
	}
}

// say has somebody send the message of a row, and checks what follows.
func (x *accessed) say(row access, who string) {
	x.Helper()
	state := newCrawler(x.T, x.Cluster).state
	p := x.Peer("x", "x", "10.0.0.9:1")
	want := row.unknown
	switch who {
	case "a stranger":
		authenticate(p, "known", "guessed")
	case "somebody who may do nothing":
		authenticate(p, "known", "secret")
		want = row.denied
	case "the right one":
		authenticate(p, "known", "secret")
		want = ""
	}
	x.Advance(time.Second)
	before, said := state(), x.Conversation()
	x.judge.DenyAll(who != "the right one")
	if who == "the right one" {
		switch row.by {
		case "the agent":
			p = x.agent
		case "the scheduler":
			p = x.scheduler
		}
	}
	p.Say(row.what)
	x.Advance(3 * time.Second)
	x.judge.DenyAll(false)
	news := x.Conversation()[len(said):]
	if who == "the right one" {
		if !strings.Contains(news, row.heard) {
			x.Errorf("want %s, but what follows is\n%s", row.heard, news)
		}
		return
	}
	if after := state(); after != before {
		x.Errorf("changed\n%s", difference(before, after))
	}
	name, words, _ := strings.Cut(want, " ")
	lines := slices.DeleteFunc(strings.Split(news, "\n"), func(line string) bool { return line == "" || strings.HasPrefix(line, "--") })
	if want == "" && len(lines) > 0 || want != "" && (len(lines) != 1 || !strings.Contains(lines[0], "→ x  "+name) || !strings.Contains(lines[0], words)) {
		x.Errorf("want %q, but what follows is\n%s", want, news)
	}
}
