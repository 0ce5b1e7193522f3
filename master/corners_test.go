package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// reconcile asks about tasks, giving the names of their agents. An empty name means no agent.
func reconcile(f *mastertest.Client, agents ...string) {
	call := &schedulerpb.Call_Reconcile{}
	for _, a := range agents {
		task := &schedulerpb.Call_Reconcile_Task{TaskId: ids.Task("on-" + a).Proto()}
		if a != "" {
			task.SlaveId = ids.Agent(a).Proto()
		}
		call.Tasks = append(call.Tasks, task)
	}
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: call})
}

// The answer about an unknown task depends on what is known about its agent. Frameworks that are not partition-aware
// are told that it is lost.
func TestReconciliation(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("here", "10.0.0.2:5051")
	silent := c.Agent("silent", "10.0.0.3:5051")
	c.Agent("gone", "10.0.0.4:5051")
	obeyed(t, c, &masterpb.Call{MarkAgentGone: &masterpb.Call_MarkAgentGone{SlaveId: ids.Agent(mastertest.ID + "-S2").Proto()}})
	silent.Silent = true
	c.Advance(2 * time.Minute)
	agents := []string{mastertest.ID + "-S0", mastertest.ID + "-S1", mastertest.ID + "-S2", "nobody", ""}
	aware := c.Client("aware", mediatype.JSON)
	aware.Subscribe(mastertest.Framework(partitionAware))
	reconcile(aware, agents...)
	c.Note("without partitions")
	plain := c.Client("plain", mediatype.Protobuf)
	plain.Subscribe(mastertest.Framework())
	reconcile(plain, agents...)
	c.Note("no tasks, so nothing to say")
	reconcile(plain)

	c.Fail()
	c.Elect("other")
	c.Note("the agent may yet come back: of it nothing is said, nor if no agent is named")
	again := c.Client("again", mediatype.JSON)
	again.Subscribe(mastertest.Framework(partitionAware))
	reconcile(again, agents...)
	c.Note("it did not")
	c.Advance(11 * time.Minute)
	reconcile(again, agents...)
	c.Golden("http-reconciliation")
}

// Calls about something that does not exist are accepted, and do nothing or the little that is possible.
func TestCallsAboutNothing(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	on := mastertest.AgentID(agent)
	nobody := ids.Agent("nobody").Proto()
	f := c.Client("f", mediatype.JSON)
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"a", "b"}
	f.Subscribe(info)
	offer := f.Offer()
	call := func(of schedulerpb.Call_Type, change func(*schedulerpb.Call)) {
		call := &schedulerpb.Call{Type: of.Enum()}
		change(call)
		c.Note("%s", of)
		f.Call(call)
	}
	for _, slave := range []*mesospb.SlaveID{on, nobody} {
		call(schedulerpb.Call_KILL, func(p *schedulerpb.Call) {
			p.Kill = &schedulerpb.Call_Kill{TaskId: ids.Task("t").Proto(), SlaveId: slave, KillPolicy: &mesospb.KillPolicy{}}
		})
		call(schedulerpb.Call_SHUTDOWN, func(p *schedulerpb.Call) {
			p.Shutdown = &schedulerpb.Call_Shutdown{ExecutorId: ids.Executor("e").Proto(), SlaveId: slave}
		})
		call(schedulerpb.Call_ACKNOWLEDGE, func(p *schedulerpb.Call) {
			p.Acknowledge = &schedulerpb.Call_Acknowledge{SlaveId: slave, TaskId: ids.Task("t").Proto(), Uuid: mastertest.UUID(1)}
		})
		call(schedulerpb.Call_MESSAGE, func(p *schedulerpb.Call) {
			p.Message = &schedulerpb.Call_Message{SlaveId: slave, ExecutorId: ids.Executor("e").Proto(), Data: []byte("x")}
		})
	}
	call(schedulerpb.Call_REQUEST, func(p *schedulerpb.Call) {
		p.Request = &schedulerpb.Call_Request{Requests: []*mesospb.Request{{SlaveId: nobody}}}
	})
	c.Note("a role that is not the framework's spoils the whole call: offers in b come")
	for _, role := range []string{"c", "/", ""} {
		call(schedulerpb.Call_SUPPRESS, func(p *schedulerpb.Call) {
			p.Suppress = &schedulerpb.Call_Suppress{Roles: []string{"a", "b", role}}
		})
		call(schedulerpb.Call_REVIVE, func(p *schedulerpb.Call) { p.Revive = &schedulerpb.Call_Revive{Roles: []string{role}} })
	}
	call(schedulerpb.Call_DECLINE, func(p *schedulerpb.Call) {
		p.Decline = &schedulerpb.Call_Decline{
			OfferIds: []*mesospb.OfferID{ids.Offer("x").Proto(), offer.Id, offer.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
		}
	})
	c.Advance(2 * time.Second)
	c.Golden("http-about-nothing")
}

// Offers can be accepted together if they belong to the framework and are of one agent and one role.
func TestSeveralOffers(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	for _, addr := range []string{"10.0.0.2:5051", "10.0.0.3:5051"} {
		c.Agent("agent "+addr, addr)
	}
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE, partitionAware)
	info.Roles = []string{"a", "b"}
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(info)
	c.Advance(2 * time.Second)
	accept := func(what string, tasks int, offers ...*mesospb.OfferID) {
		c.Note("%s", what)
		accept := &schedulerpb.Call_Accept{OfferIds: offers, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)}}
		for range tasks {
			accept.Operations = append(accept.Operations, mastertest.LaunchOperation(mastertest.Task("t", f.Offer())))
		}
		f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: accept})
		c.Advance(2 * time.Second)
	}
	offered := func() []*mesospb.OfferID {
		var outstanding []*mesospb.OfferID
		c.Do(func(m *master.Master) {
			for _, o := range m.Book().Framework(ids.FrameworkOf(f.FrameworkID())).Offers() {
				outstanding = append(outstanding, o.Sent.Id)
			}
		})
		return outstanding
	}
	accept("nothing", 1)
	accept("nothing at all", 0)
	accept("one twice", 1, offered()[0], offered()[0])
	accept("of two agents, or two roles", 1, offered()...)
	accept("that too, and one that is not there", 1, append(offered(), ids.Offer("x").Proto())...)
	accept("one that is not there beside one that is", 1, offered()[0], ids.Offer("x").Proto())
	g := c.Client("g", mediatype.JSON)
	g.Subscribe(mastertest.Framework())
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_SUPPRESS.Enum()})
	for _, id := range offered() {
		f.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{OfferIds: []*mesospb.OfferID{id}}})
	}
	c.Advance(2 * time.Second)
	accept("of another framework, which keeps it", 1, g.Offer().Id)
	g.Accept(g.Offer(), mastertest.LaunchOperation(mastertest.Task("mine", g.Offer())))
	c.Golden("http-several-offers")
}

// A completed framework cannot come back. One that is known only from its agents can.
func TestSubscriptionsOfFormerFrameworks(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	info := mastertest.Framework()
	info.Id = f.FrameworkID()
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	c.Note("torn down")
	c.Client("again", mediatype.JSON).Subscribe(info)
	driver := c.Peer("driver", "scheduler-driver", "10.0.0.3:6000")
	driver.Subscribe(info, true)
	c.Note("its failover timeout is over")
	g := c.Client("g", mediatype.Protobuf)
	g.Subscribe(mastertest.Framework())
	g.HangUp()
	c.Advance(time.Second)
	info.Id = g.FrameworkID()
	c.Client("late", mediatype.Protobuf).Subscribe(info)
	c.Note("with another user and checkpoint, which stay, and another name, which does not")
	h := c.Client("h", mediatype.Protobuf)
	h.Subscribe(mastertest.Framework())
	changed := mastertest.Framework()
	changed.Id, changed.User, changed.Name, changed.Checkpoint = h.FrameworkID(), proto.String("other"), proto.String("other"), proto.Bool(false)
	h.Subscribe(changed)
	c.Do(func(m *master.Master) {
		info := m.Book().Framework(ids.FrameworkOf(h.FrameworkID())).Info
		c.Note("%s %s %t", info.GetUser(), info.GetName(), info.GetCheckpoint())
	})
	c.Golden("http-former-frameworks")
}

// A framework that a new master knows only from its agent has tasks, but no scheduler until one subscribes.
func TestFrameworkKnownFromItsAgent(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework(partitionAware)
	agent, driver := running(c, info)
	c.Fail()
	c.Advance(time.Second)
	c.Elect("11111111-1111-4111-8111-111111111111")
	f := c.Client("f", mediatype.JSON)
	all := &schedulerpb.Call{
		Type: schedulerpb.Call_RECONCILE.Enum(), FrameworkId: mastertest.FrameworkID(driver), Reconcile: &schedulerpb.Call_Reconcile{},
	}
	refused := func(status int, why string) {
		t.Helper()
		if r := f.Post(all); r.Status != status || string(r.Body) != why {
			t.Errorf("%d %s, not %d %s", r.Status, r.Body, status, why)
		}
	}
	refused(400, "Framework cannot be found")
	c.Note("its agent comes")
	agent.Say(reregistration(agent, driver, info, "t1"))
	refused(403, "Framework is not subscribed")
	agent.Report(mastertest.FrameworkID(driver), "t1", mesospb.TaskState_TASK_RUNNING, 2)
	c.Note("its scheduler comes, and speaks HTTP now")
	known := proto.CloneOf(info)
	known.Id, known.Name = mastertest.FrameworkID(driver), proto.String("new")
	f.Subscribe(known)
	f.Call(all)
	agent.Report(mastertest.FrameworkID(driver), "t1", mesospb.TaskState_TASK_RUNNING, 2)
	c.Golden("http-known-from-agent")
}
