package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// The life of a task over HTTP is the same in both formats.
func TestTaskLifeOverHTTP(t *testing.T) {
	t.Parallel()
	for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
		t.Run(media.String(), func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			agent := c.Agent("agent", "10.0.0.2:5051")
			f := c.Client("f", media)
			f.Subscribe(mastertest.Framework())
			f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t1", f.Offer())))
			on := mastertest.AgentID(agent)
			agent.Report(f.FrameworkID(), "t1", mesospb.TaskState_TASK_RUNNING, 1)
			f.Call(acknowledgeCall(on, "t1", 1))
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_MESSAGE.Enum(), Message: &schedulerpb.Call_Message{
				SlaveId: on, ExecutorId: ids.Executor("t1").Proto(), Data: []byte("hi"),
			}})
			agent.Say(&internalpb.ExecutorToFrameworkMessage{
				SlaveId: on, FrameworkId: f.FrameworkID(), ExecutorId: ids.Executor("t1").Proto(), Data: []byte("hello"),
			})
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{
				TaskId: ids.Task("t1").Proto(), SlaveId: on,
				KillPolicy: &mesospb.KillPolicy{GracePeriod: &mesospb.DurationInfo{Nanoseconds: proto.Int64(7)}},
			}})
			if grace := mastertest.Last[*internalpb.KillTaskMessage](agent).GetKillPolicy().GetGracePeriod().GetNanoseconds(); grace != 7 {
				t.Errorf("the kill has a grace period of %d", grace)
			}
			agent.Report(f.FrameworkID(), "t1", mesospb.TaskState_TASK_KILLED, 2)
			f.Call(acknowledgeCall(on, "t1", 2))
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_SHUTDOWN.Enum(), Shutdown: &schedulerpb.Call_Shutdown{
				SlaveId: on, ExecutorId: ids.Executor("t1").Proto(),
			}})
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_REQUEST.Enum(), Request: &schedulerpb.Call_Request{}})
			c.Note("declined for a minute, and revived before")
			c.Advance(2 * time.Second)
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{
				OfferIds: []*mesospb.OfferID{f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(60)},
			}})
			c.Advance(5 * time.Second)
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum()})
			c.Note("suppressed")
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_SUPPRESS.Enum()})
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{
				OfferIds: []*mesospb.OfferID{f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
			}})
			c.Advance(10 * time.Second)
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
			c.Golden("http-task-life")
		})
	}
}

func acknowledgeCall(agent *mesospb.SlaveID, task string, n byte) *schedulerpb.Call {
	return &schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE.Enum(), Acknowledge: &schedulerpb.Call_Acknowledge{
		SlaveId: agent, TaskId: ids.Task(task).Proto(), Uuid: mastertest.UUID(n),
	}}
}

// A heartbeat follows the subscription at once, and then one comes every 15 seconds, until the stream ends.
func TestHeartbeats(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := c.Client("f", mediatype.JSON)
	info := mastertest.Framework()
	f.Subscribe(info)
	if f.Beats != 1 {
		t.Errorf("%d heartbeats at once", f.Beats)
	}
	c.Advance(150 * time.Second)
	if f.Beats != 11 {
		t.Errorf("%d heartbeats in 150 seconds", f.Beats)
	}
	again := c.Client("again", mediatype.Protobuf)
	known := proto.CloneOf(info)
	known.Id = f.FrameworkID()
	again.Subscribe(known)
	c.Advance(150 * time.Second)
	if f.Beats != 11 || again.Beats != 11 || !f.Closed {
		t.Errorf("after a failover, %d and %d heartbeats", f.Beats, again.Beats)
	}
}

// A framework fails over between the two APIs. Each scheduler replaces the one before, and the task continues to run.
func TestFailoverBetweenAPIs(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework()
	info.FailoverTimeout = proto.Float64(100)
	agent, driver := running(c, info)
	known := proto.CloneOf(info)
	known.Id = mastertest.FrameworkID(driver)
	c.Note("from a driver to HTTP")
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(known)
	c.Note("the driver is not listened to, nor missed")
	driver.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	driver.Exit()
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{}})
	c.Note("from one stream to the next")
	g := c.Client("g", mediatype.Protobuf)
	g.Subscribe(known)
	f.HangUp()
	agent.Report(known.Id, "t1", mesospb.TaskState_TASK_FINISHED, 2)
	c.Note("back to a driver, which has to insist")
	late := c.Peer("late", "scheduler-late", "10.0.0.8:6000")
	late.Subscribe(known, false)
	late.Subscribe(known, true)
	if r := g.Post(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()}); r.Status != 403 || string(r.Body) != "Framework is not connected via HTTP" {
		t.Errorf("the former stream may still call: %d %s", r.Status, r.Body)
	}
	c.Advance(time.Second)
	late.Call(&schedulerpb.Call{FrameworkId: known.Id, Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{}})
	c.Golden("http-failover")
}

// A broken stream disconnects the scheduler, which may come back within its failover timeout.
func TestStreamBreaks(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	info := mastertest.Framework()
	info.FailoverTimeout = proto.Float64(60)
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(info)
	f.Accept(f.Offer(), mastertest.LaunchOperation(mastertest.Task("t1", f.Offer())))
	c.Advance(2 * time.Second)
	f.HangUp()
	if r := f.Post(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum()}); r.Status != 403 || string(r.Body) != "Framework is not subscribed" {
		t.Errorf("a call without a stream: %d %s", r.Status, r.Body)
	}
	agent.Report(f.FrameworkID(), "t1", mesospb.TaskState_TASK_RUNNING, 1)
	c.Advance(50 * time.Second)
	c.Note("in time")
	known := proto.CloneOf(info)
	known.Id = f.FrameworkID()
	f.Subscribe(known)
	c.Advance(61 * time.Second)
	agent.Report(known.Id, "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.HangUp()
	c.Note("too late")
	c.Advance(61 * time.Second)
	f.Subscribe(known)
	c.Golden("http-stream-breaks")
}

// A new master accepts a framework that uses HTTP.
func TestMasterFailoverOverHTTP(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework()
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(info)
	c.Fail()
	f.HangUp()
	c.Elect("22222222-2222-4222-8222-222222222222")
	known := proto.CloneOf(info)
	known.Id = f.FrameworkID()
	f.Subscribe(known)
	c.Agent("agent", "10.0.0.2:5051")
	c.Advance(time.Second)
	c.Golden("http-master-failover")
}

// A refused subscription is answered with an ERROR, and the stream ends.
func TestRefusedSubscriptions(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	f := c.Client("f", mediatype.Protobuf)
	two := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	two.Roles = []string{"a", "a"}
	f.Subscribe(two)
	f.Subscribe(mastertest.Framework(), "not-mine")
	c.Note("an unknown id is taken on trust, but not with another principal later")
	known := mastertest.Framework()
	known.Id, known.Principal = ids.Framework("before").Proto(), proto.String("a")
	f.Subscribe(known)
	other := proto.CloneOf(known)
	other.Principal = proto.String("b")
	g := c.Client("g", mediatype.JSON)
	g.Subscribe(other)
	c.Golden("http-refused")
}

// Ends of agents and executors are sent as FAILURE events.
func TestFailures(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework(partitionAware))
	task := mastertest.Task("t1", f.Offer())
	task.Command = nil
	task.Executor = &mesospb.ExecutorInfo{ExecutorId: ids.Executor("e").Proto(), Command: &mesospb.CommandInfo{Value: proto.String("x")}}
	f.Accept(f.Offer(), mastertest.LaunchOperation(task, mastertest.Task("t2", f.Offer())))
	agent.Report(f.FrameworkID(), "t1", mesospb.TaskState_TASK_FAILED, 1)
	agent.Say(&internalpb.ExitedExecutorMessage{
		SlaveId: mastertest.AgentID(agent), FrameworkId: f.FrameworkID(), ExecutorId: ids.Executor("e").Proto(), Status: proto.Int32(9),
	})
	agent.Silent = true
	c.Advance(2 * time.Minute)
	c.Golden("http-failures")
}

// A framework is offered only agents that match its constraints, which it may change.
func TestOfferConstraints(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	for _, name := range []string{"10.0.0.2", "10.0.0.3"} {
		c.Agent(name, name+":5051")
	}
	onHost := func(host string) *schedulerpb.OfferConstraints {
		hostname := &schedulerpb.AttributeConstraint{
			Selector: &schedulerpb.AttributeConstraint_Selector{Selector: &schedulerpb.AttributeConstraint_Selector_PseudoattributeType_{
				PseudoattributeType: schedulerpb.AttributeConstraint_Selector_HOSTNAME,
			}},
			Predicate: &schedulerpb.AttributeConstraint_Predicate{Predicate: &schedulerpb.AttributeConstraint_Predicate_TextEquals_{
				TextEquals: &schedulerpb.AttributeConstraint_Predicate_TextEquals{Value: &host},
			}},
		}
		return &schedulerpb.OfferConstraints{RoleConstraints: map[string]*schedulerpb.OfferConstraints_RoleConstraints{"*": {
			Groups: []*schedulerpb.OfferConstraints_RoleConstraints_Group{{AttributeConstraints: []*schedulerpb.AttributeConstraint{hostname}}},
		}}}
	}
	f := c.Client("f", mediatype.JSON)
	info := mastertest.Framework()
	f.SubscribeAs(&schedulerpb.Call_Subscribe{FrameworkInfo: info, OfferConstraints: onHost("10.0.0.3")})
	c.Advance(3 * time.Second)
	c.Note("elsewhere")
	known := proto.CloneOf(info)
	known.Id = f.FrameworkID()
	r := f.Post(&schedulerpb.Call{Type: schedulerpb.Call_UPDATE_FRAMEWORK.Enum(), UpdateFramework: &schedulerpb.Call_UpdateFramework{
		FrameworkInfo: known, OfferConstraints: onHost("10.0.0.2"),
	}})
	if r.Status != 200 {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	c.Advance(3 * time.Second)
	c.Golden("http-offer-constraints")
}

// A client that does not read is disconnected before its unread events fill the master's memory.
func TestSlowReaderIsCutOff(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.Protobuf)
	f.Subscribe(mastertest.Framework())
	f.Deaf = true
	data := make([]byte, 1<<20)
	for range 70 {
		agent.Say(&internalpb.ExecutorToFrameworkMessage{
			SlaveId: mastertest.AgentID(agent), FrameworkId: f.FrameworkID(), ExecutorId: ids.Executor("e").Proto(), Data: data,
		})
	}
	c.Do(func(m *master.Master) {
		if m.Book().Framework(ids.FrameworkOf(f.FrameworkID())) != nil {
			t.Error("the framework, which does not wait for a failover, is still there")
		}
	})
	f.Deaf = false
	c.Advance(time.Second)
	if !f.Closed {
		t.Error("the stream is still open")
	}
}
