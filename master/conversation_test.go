package master_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

const partitionAware = mesospb.FrameworkInfo_Capability_PARTITION_AWARE

// running starts an agent and a framework whose task t1 runs on it.
func running(c *mastertest.Cluster, info *mesospb.FrameworkInfo) (agent, f *mastertest.Peer) {
	c.Helper()
	agent = c.Agent("agent", "10.0.0.2:5051")
	f = c.Scheduler("f", "10.0.0.3:6000", info)
	f.Launch(f.Offer(), mastertest.Task("t1", f.Offer()))
	agent.Report(mastertest.FrameworkID(f), "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.Acknowledge(mastertest.AgentID(agent), "t1", 1)
	return agent, f
}

// reregistration returns the message of an agent that re-registers with tasks of the framework f.
func reregistration(agent, f *mastertest.Peer, info *mesospb.FrameworkInfo, tasks ...string) *internalpb.ReregisterSlaveMessage {
	msg := &internalpb.ReregisterSlaveMessage{
		Slave: mastertest.AgentInfo("10.0.0.2:5051"), Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
	}
	msg.Slave.Id = mastertest.AgentID(agent)
	info = proto.CloneOf(info)
	info.Id = mastertest.FrameworkID(f)
	msg.Frameworks = []*mesospb.FrameworkInfo{info}
	for _, task := range tasks {
		msg.Tasks = append(msg.Tasks, &mesospb.Task{
			Name: proto.String(task), TaskId: ids.Task(task).Proto(), FrameworkId: info.Id, SlaveId: msg.Slave.Id,
			State: mesospb.TaskState_TASK_RUNNING.Enum(),
			Resources: []*mesospb.Resource{
				allocated(mastertest.Resource("cpus", 2)), allocated(mastertest.Resource("mem", 1024)),
			},
		})
	}
	return msg
}

func allocated(r *mesospb.Resource) *mesospb.Resource {
	r.AllocationInfo = &mesospb.Resource_AllocationInfo{Role: proto.String("*")}
	return r
}

// The life of a task, from offer to acknowledgement.
func TestTaskLife(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Pings: true})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	c.Advance(time.Second)
	f.Launch(f.Offer(), mastertest.Task("t1", f.Offer()), mastertest.Task("t2", f.Offer()))
	id, on := mastertest.FrameworkID(f), mastertest.AgentID(agent)
	agent.Report(id, "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.Acknowledge(on, "t1", 1)
	agent.Report(id, "t1", mesospb.TaskState_TASK_FINISHED, 2)
	f.Acknowledge(on, "t1", 2)
	c.Advance(6 * time.Second)
	c.Golden("task-life")
}

// The same with the messages of old schedulers, which decline with an empty launch.
func TestOldScheduler(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Peer("old", "scheduler(1)", "10.0.0.3:6000")
	f.Say(&internalpb.RegisterFrameworkMessage{Framework: mastertest.Framework()})
	id, on := mastertest.FrameworkID(f), mastertest.AgentID(agent)
	c.Note("an empty launch declines for a second")
	f.Say(&internalpb.LaunchTasksMessage{
		FrameworkId: id, OfferIds: []*mesospb.OfferID{f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(1)},
	})
	c.Advance(3 * time.Second)
	f.Say(&internalpb.LaunchTasksMessage{
		FrameworkId: id, OfferIds: []*mesospb.OfferID{f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(3600)},
		Tasks: []*mesospb.TaskInfo{mastertest.Task("t1", f.Offer())},
	})
	agent.Report(id, "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.Say(&internalpb.StatusUpdateAcknowledgementMessage{SlaveId: on, FrameworkId: id, TaskId: ids.Task("t1").Proto(), Uuid: mastertest.UUID(1)})
	f.Say(&internalpb.ReconcileTasksMessage{FrameworkId: id})
	f.Say(&internalpb.FrameworkToExecutorMessage{SlaveId: on, FrameworkId: id, ExecutorId: ids.Executor("e").Proto(), Data: []byte("hi")})
	f.Say(&internalpb.KillTaskMessage{FrameworkId: id, TaskId: ids.Task("t1").Proto()})
	f.Say(&internalpb.ResourceRequestMessage{FrameworkId: id})
	c.Note("reviving clears the filter")
	f.Say(&internalpb.ReviveOffersMessage{FrameworkId: id})
	f.Say(&internalpb.DeactivateFrameworkMessage{FrameworkId: id})
	info := mastertest.Framework()
	info.Id = id
	f.Say(&internalpb.ReregisterFrameworkMessage{Framework: info, Failover: proto.Bool(false)})
	f.Say(&internalpb.SubmitSchedulerRequest{Name: proto.String("x")})
	f.Say(&internalpb.AuthenticateMessage{Pid: proto.String(f.PID().String())})
	f.Say(&internalpb.UnregisterFrameworkMessage{FrameworkId: id})
	c.Golden("old-scheduler")
}

// A second registration is answered with the same ID. Another agent at the same address replaces the first.
func TestRegistration(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	c.Note("registers again")
	agent.Say(mastertest.Registration("10.0.0.2:5051"))
	old := c.Peer("too-old", "slave(1)", "10.0.0.4:5051")
	msg := mastertest.Registration("10.0.0.4:5051")
	msg.Version = proto.String("0.28.2")
	old.Say(msg)
	agent.Exit()
	c.Note("another agent comes to that address")
	c.Agent("other", "10.0.0.2:5051")
	c.Golden("registration")
}

// An agent that misses five pings is unreachable. Frameworks that are partition-aware are told so, others that the task
// is lost. When the agent comes back, both are told that the task runs.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]*mesospb.FrameworkInfo{
		"unreachable-partition-aware": mastertest.Framework(partitionAware),
		"unreachable-lost":            mastertest.Framework(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			agent, f := running(c, info)
			c.Note("the agent does not answer pings any more")
			agent.Silent = true
			c.Advance(91 * time.Second)
			c.Note("reconciliation of t1 on the agent, of t9 anywhere")
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{
				Tasks: []*schedulerpb.Call_Reconcile_Task{
					{TaskId: ids.Task("t1").Proto(), SlaveId: mastertest.AgentID(agent)}, {TaskId: ids.Task("t9").Proto()},
				},
			}})
			c.Note("the agent comes back")
			agent.Silent = false
			agent.Say(reregistration(agent, f, info, "t1"))
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{}})
			c.Golden(name)
		})
	}
}

// A new master knows its agents from the registry. It learns about tasks and frameworks when they come back.
func TestMasterFailover(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework(partitionAware)
	agent, f := running(c, info)
	missing := c.Agent("missing", "10.0.0.4:5051")
	id := mastertest.FrameworkID(f)
	c.Fail()
	c.Advance(time.Second)
	c.Elect("11111111-1111-4111-8111-111111111111")
	c.Note("another master is elected")
	again := proto.CloneOf(info)
	again.Id = id
	f.Subscribe(again, false)
	c.Note("nothing is said of tasks whose agents may come back")
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{
		Tasks: []*schedulerpb.Call_Reconcile_Task{{TaskId: ids.Task("t1").Proto(), SlaveId: mastertest.AgentID(agent)}},
	}})
	agent.Say(reregistration(agent, f, info, "t1"))
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{}})
	missing.Exit()
	c.Note("ten minutes later")
	c.Advance(10 * time.Minute)
	c.Golden("master-failover")
}

// When the connection of an agent breaks, its offers are rescinded. Tasks of frameworks with checkpointing wait for it,
// others are lost.
func TestAgentDisconnects(t *testing.T) {
	t.Parallel()
	for name, checkpoint := range map[string]bool{"disconnect-checkpointing": true, "disconnect-not-checkpointing": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{})
			info := mastertest.Framework()
			info.Checkpoint = proto.Bool(checkpoint)
			agent, f := running(c, info)
			c.Advance(6 * time.Second)
			agent.Exit()
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{TaskId: ids.Task("t1").Proto()}})
			c.Note("the agent comes back")
			again := c.Peer("again", "slave(1)", "10.0.0.2:5051")
			again.Say(reregistration(agent, f, info, "t1"))
			c.Golden(name)
		})
	}
}

// An agent that comes back without a task is asked about it. One that comes back from another IP address is shut down.
func TestReregistrationReconciles(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework()
	agent, f := running(c, info)
	c.Note("the agent comes back without its task")
	agent.Say(reregistration(agent, f, info))
	c.Note("the agent comes back on another machine")
	elsewhere := c.Peer("elsewhere", "slave(1)", "10.0.0.4:5051")
	elsewhere.Say(reregistration(agent, f, info, "t1"))
	c.Note("an agent that nobody remembers comes")
	unknown := c.Peer("unknown", "slave(1)", "10.0.0.5:5051")
	msg := reregistration(agent, f, info)
	msg.Slave = mastertest.AgentInfo("10.0.0.5:5051")
	msg.Slave.Id = ids.Agent("stranger").Proto()
	unknown.Say(msg)
	c.Golden("reregistration-reconciles")
}

// An agent unregisters while it has a task and an offer.
func TestAgentUnregisters(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent, f := running(c, mastertest.Framework())
	c.Advance(6 * time.Second)
	c.Note("somebody else cannot unregister it")
	f.Say(&internalpb.UnregisterSlaveMessage{SlaveId: mastertest.AgentID(agent)})
	agent.Say(&internalpb.UnregisterSlaveMessage{SlaveId: mastertest.AgentID(agent)})
	c.Note("its late update is not for anybody")
	agent.Report(mastertest.FrameworkID(f), "t1", mesospb.TaskState_TASK_FINISHED, 2)
	c.Golden("agent-unregisters")
}

// A scheduler fails over to another address, disconnects, and does not come back in time.
func TestFrameworkFailover(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	info := mastertest.Framework()
	info.FailoverTimeout = proto.Float64(60)
	_, f := running(c, info)
	known := proto.CloneOf(info)
	known.Id = mastertest.FrameworkID(f)
	c.Note("subscribing again at the same address")
	f.Subscribe(known, false)
	c.Note("another scheduler, not insisting, and then insisting")
	g := c.Peer("g", "scheduler-g", "10.0.0.4:6000")
	g.Subscribe(known, false)
	g.Subscribe(known, true)
	c.Note("the old one is not listened to")
	f.Call(&schedulerpb.Call{FrameworkId: known.Id, Type: schedulerpb.Call_TEARDOWN.Enum()})
	g.Exit()
	c.Note("59 seconds later a third one takes over")
	c.Advance(59 * time.Second)
	h := c.Peer("h", "scheduler-h", "10.0.0.5:6000")
	h.Subscribe(known, true)
	c.Advance(5 * time.Second)
	h.Exit()
	c.Note("nobody comes for a minute")
	c.Advance(61 * time.Second)
	c.Note("after that, nobody can")
	i := c.Peer("i", "scheduler-i", "10.0.0.6:6000")
	i.Subscribe(known, true)
	c.Golden("framework-failover")
}

// A framework is torn down while its task runs.
func TestTeardown(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent, f := running(c, mastertest.Framework())
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	agent.Report(mastertest.FrameworkID(f), "t1", mesospb.TaskState_TASK_KILLED, 2)
	c.Note("its calls are not listened to any more")
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum()})
	c.Golden("teardown")
}

// Offers time out and are made again. Rescinded offers, offers of others, and offers that were used are invalid.
func TestInvalidOffers(t *testing.T) {
	t.Parallel()
	for name, info := range map[string]*mesospb.FrameworkInfo{
		"invalid-offers-partition-aware": mastertest.Framework(partitionAware),
		"invalid-offers-lost":            mastertest.Framework(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) { c.OfferTimeout = 10 * time.Second }})
			c.Agent("agent", "10.0.0.2:5051")
			f := c.Scheduler("f", "10.0.0.3:6000", info)
			c.Advance(11 * time.Second)
			stale := mastertest.All[*internalpb.ResourceOffersMessage](f)[0].GetOffers()[0]
			c.Note("an offer that was rescinded")
			f.Launch(stale, mastertest.Task("stale", stale))
			c.Note("an offer of somebody else")
			g := c.Scheduler("g", "10.0.0.4:6000", mastertest.Framework(partitionAware))
			foreign := proto.CloneOf(f.Offer())
			g.Launch(foreign, mastertest.Task("foreign", foreign))
			c.Note("twice the same")
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
				OfferIds:   []*mesospb.OfferID{f.Offer().Id, f.Offer().Id},
				Operations: launch(mastertest.Task("twice", f.Offer())),
			}})
			c.Note("none")
			f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
				Operations: launch(mastertest.Task("none", f.Offer())),
			}})
			c.Golden(name)
		})
	}
}

func launch(tasks ...*mesospb.TaskInfo) []*mesospb.Offer_Operation {
	return []*mesospb.Offer_Operation{{
		Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
	}}
}

// Invalid tasks do not keep a valid one of the same acceptance from running.
func TestInvalidTasks(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	o := f.Offer()
	bad := func(id string, spoil func(*mesospb.TaskInfo)) *mesospb.TaskInfo {
		t := mastertest.Task(id, o)
		spoil(t)
		return t
	}
	f.Launch(o,
		bad("greedy", func(t *mesospb.TaskInfo) { t.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 5)} }),
		bad("nothing", func(t *mesospb.TaskInfo) { t.Resources = nil }),
		bad("no-command", func(t *mesospb.TaskInfo) { t.Command = nil }),
		bad("elsewhere", func(t *mesospb.TaskInfo) { t.SlaveId = ids.Agent("other").Proto() }),
		bad("a/b", func(*mesospb.TaskInfo) {}),
		bad("good", func(*mesospb.TaskInfo) {}),
		bad("good", func(*mesospb.TaskInfo) {}),
		bad("odd-health", func(t *mesospb.TaskInfo) {
			t.HealthCheck = &mesospb.HealthCheck{Type: mesospb.HealthCheck_TCP.Enum()}
		}),
	)
	c.Note("the rest is offered again when its filter is over")
	c.Advance(7 * time.Second)
	c.Golden("invalid-tasks")
}

// Two tasks share an executor. When it ends, its resources become available.
func TestExecutor(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	task := func(id string) *mesospb.TaskInfo {
		t := mastertest.Task(id, f.Offer())
		t.Command = nil
		t.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1)}
		t.Executor = &mesospb.ExecutorInfo{
			ExecutorId: ids.Executor("e").Proto(), Command: &mesospb.CommandInfo{Value: proto.String("run")},
			Resources: []*mesospb.Resource{mastertest.Resource("cpus", 0.5), mastertest.Resource("mem", 64)},
		}
		return t
	}
	other := task("t3")
	other.Executor.Command.Value = proto.String("run otherwise")
	f.Launch(f.Offer(), task("t1"), task("t2"), other)
	c.Advance(7 * time.Second)
	c.Note("the offer tells of %d executor, %s", len(f.Offer().GetExecutorIds()), f.Offer().GetExecutorIds()[0].GetValue())
	id, on := mastertest.FrameworkID(f), mastertest.AgentID(agent)
	agent.Say(&internalpb.ExecutorToFrameworkMessage{SlaveId: on, FrameworkId: id, ExecutorId: ids.Executor("e").Proto(), Data: []byte("hi")})
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_SHUTDOWN.Enum(), Shutdown: &schedulerpb.Call_Shutdown{
		SlaveId: on, ExecutorId: ids.Executor("e").Proto(),
	}})
	agent.Report(id, "t1", mesospb.TaskState_TASK_FAILED, 1)
	agent.Report(id, "t2", mesospb.TaskState_TASK_FAILED, 2)
	agent.Say(&internalpb.ExitedExecutorMessage{SlaveId: on, FrameworkId: id, ExecutorId: ids.Executor("e").Proto(), Status: proto.Int32(9)})
	c.Advance(2 * time.Second)
	c.Golden("executor")
}

// A task group runs as a whole or not at all.
func TestTaskGroup(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	executor := &mesospb.ExecutorInfo{
		Type: mesospb.ExecutorInfo_DEFAULT.Enum(), ExecutorId: ids.Executor("e").Proto(), FrameworkId: mastertest.FrameworkID(f),
		Resources: []*mesospb.Resource{mastertest.Resource("cpus", 0.1), mastertest.Resource("mem", 32), mastertest.Resource("disk", 9000)},
	}
	group := func(o *mesospb.Offer, tasks ...string) *schedulerpb.Call {
		g := &mesospb.TaskGroupInfo{}
		for _, id := range tasks {
			t := mastertest.Task(id, o)
			t.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1)}
			g.Tasks = append(g.Tasks, t)
		}
		return &schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
			OfferIds: []*mesospb.OfferID{o.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
			Operations: []*mesospb.Offer_Operation{{
				Type:        mesospb.Offer_Operation_LAUNCH_GROUP.Enum(),
				LaunchGroup: &mesospb.Offer_Operation_LaunchGroup{Executor: executor, TaskGroup: g},
			}},
		}}
	}
	c.Note("the agent has less disk")
	f.Call(group(f.Offer(), "a1", "a2"))
	c.Advance(time.Second)
	executor.Resources[2] = mastertest.Resource("disk", 32)
	f.Call(group(f.Offer(), "b1", "b2"))
	c.Advance(time.Second)
	c.Note("one of the group is there already")
	f.Call(group(f.Offer(), "b2", "b3"))
	c.Advance(time.Second)
	c.Note("one comes twice")
	f.Call(group(f.Offer(), "c1", "c1"))
	c.Advance(time.Second)
	c.Note("of nobody")
	f.Call(group(f.Offer()))
	c.Advance(time.Second)
	c.Golden("task-group")
}

// Kills and reconciliation, including tasks that do not exist.
func TestKillAndReconcile(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent, f := running(c, mastertest.Framework(partitionAware))
	kill := func(task string, agent *mesospb.SlaveID) {
		f.Call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{TaskId: ids.Task(task).Proto(), SlaveId: agent}})
	}
	kill("t1", mastertest.AgentID(agent))
	kill("t1", ids.Agent("other").Proto())
	kill("t2", mastertest.AgentID(agent))
	kill("t2", nil)
	kill("t2", ids.Agent("other").Proto())
	c.Note("the newest state is ahead of what the scheduler was told")
	u := agent.Update(mastertest.FrameworkID(f), "t1", mesospb.TaskState_TASK_RUNNING, 2)
	u.Update.LatestState = mesospb.TaskState_TASK_KILLED.Enum()
	agent.Say(u)
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{}})
	c.Note("an update without a version-4 UUID is nobody's")
	u = agent.Update(mastertest.FrameworkID(f), "t1", mesospb.TaskState_TASK_KILLED, 3)
	u.Update.Uuid = make([]byte, 16)
	agent.Say(u)
	c.Golden("kill-and-reconcile")
}

// Frameworks that are refused.
func TestRefusedFrameworks(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Configure: func(c *master.Config) {
		c.Roles = []string{"prod"}
		c.RefuseRoot = true
	}})
	refused := func(name, addr string, spoil func(*mesospb.FrameworkInfo)) {
		info := mastertest.Framework()
		spoil(info)
		c.Scheduler(name, addr, info)
	}
	refused("dev", "10.0.1.1:1", func(i *mesospb.FrameworkInfo) { i.Role = proto.String("dev") })
	refused("root", "10.0.1.2:1", func(i *mesospb.FrameworkInfo) { i.User = proto.String("root") })
	refused("roles", "10.0.1.3:1", func(i *mesospb.FrameworkInfo) { i.Roles = []string{"prod"} })
	refused("patient", "10.0.1.4:1", func(i *mesospb.FrameworkInfo) { i.FailoverTimeout = proto.Float64(1e100) })
	good := c.Scheduler("prod", "10.0.1.5:1", mastertest.Framework())
	good.Say(&internalpb.RegisterFrameworkMessage{Framework: withID(mastertest.FrameworkID(good))})
	good.Say(&internalpb.ReregisterFrameworkMessage{Framework: mastertest.Framework(), Failover: proto.Bool(true)})
	changed := withID(mastertest.FrameworkID(good))
	changed.Principal = proto.String("somebody")
	good.Subscribe(changed, true)
	c.Golden("refused-frameworks")
}

func withID(id *mesospb.FrameworkID) *mesospb.FrameworkInfo {
	info := mastertest.Framework()
	info.Id = id
	return info
}

// A framework suppresses and revives offers and changes its roles. Offers in roles that it left are rescinded.
func TestRoles(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	c.Agent("agent", "10.0.0.2:5051")
	info := mastertest.Framework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	info.Roles = []string{"a", "b"}
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	role := f.Offer().GetAllocationInfo().GetRole()
	c.Note("offered to %s", role)
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_SUPPRESS.Enum(), Suppress: &schedulerpb.Call_Suppress{}})
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_DECLINE.Enum(), Decline: &schedulerpb.Call_Decline{
		OfferIds: []*mesospb.OfferID{f.Offer().Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
	}})
	c.Advance(5 * time.Second)
	c.Note("revive")
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum(), Revive: &schedulerpb.Call_Revive{Roles: []string{"b"}}})
	c.Note("offered to %s", f.Offer().GetAllocationInfo().GetRole())
	now := proto.CloneOf(info)
	now.Id, now.Roles = mastertest.FrameworkID(f), []string{"a", "c"}
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_UPDATE_FRAMEWORK.Enum(), UpdateFramework: &schedulerpb.Call_UpdateFramework{FrameworkInfo: now}})
	c.Advance(2 * time.Second)
	c.Note("offered to %s", f.Offer().GetAllocationInfo().GetRole())
	c.Golden("roles")
}
