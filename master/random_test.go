package master_test

import (
	"fmt"
	"math/rand/v2"
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

// chaos is a cluster in which anything may happen at any time.
type chaos struct {
	*mastertest.Cluster
	rand       *rand.Rand
	agents     []*mastertest.Peer
	schedulers []*scheduler
	clients    []*mastertest.Client // schedulers that use HTTP
	serial     int
	masters    int
}

type scheduler struct {
	*mastertest.Peer
	info *mesospb.FrameworkInfo
	gone bool // torn down, or disconnected
}

func (c *chaos) address() string {
	c.serial++
	return fmt.Sprintf("10.1.%d.%d:5051", c.serial/250, c.serial%250+1)
}

func pick[T any](c *chaos, from []T) (one T, ok bool) {
	if len(from) == 0 {
		return one, false
	}
	return from[c.rand.IntN(len(from))], true
}

// step does one random thing.
func (c *chaos) step() {
	switch c.rand.IntN(27) {
	case 0:
		if len(c.agents) < 4 {
			c.agents = append(c.agents, c.Agent("agent", c.address()))
		}
	case 1:
		if len(c.schedulers) < 4 {
			c.subscribe()
		}
	case 2, 3, 4, 5:
		c.launch()
	case 6, 7, 8:
		c.report()
	case 9, 10:
		c.acknowledge()
	case 11:
		c.silence()
	case 12:
		c.restartAgent()
	case 13:
		c.endScheduler()
	case 14:
		c.killOrReconcile()
	case 15:
		c.electAnother()
	case 16:
		c.subscribeClient()
	case 17, 18:
		c.launchByClient()
	case 19:
		c.endClient()
	case 20, 21, 22, 23:
		c.operate()
	case 24:
		c.sayGoodbye()
	default:
		c.launch()
	}
	c.Advance(time.Duration(c.rand.IntN(4000)) * time.Millisecond)
}

func (c *chaos) subscribe() {
	info := mastertest.Framework()
	if c.rand.IntN(2) == 0 {
		info = mastertest.Framework(partitionAware)
	}
	info.Checkpoint = proto.Bool(c.rand.IntN(2) == 0)
	info.FailoverTimeout = proto.Float64(float64(c.rand.IntN(2) * 100))
	c.serial++
	p := c.Scheduler(fmt.Sprintf("f%d", c.serial), c.address(), info)
	c.schedulers = append(c.schedulers, &scheduler{Peer: p, info: info})
}

func (c *chaos) scheduler() (*scheduler, bool) {
	var present []*scheduler
	for _, s := range c.schedulers {
		if !s.gone && len(mastertest.All[*internalpb.FrameworkRegisteredMessage](s.Peer)) > 0 {
			present = append(present, s)
		}
	}
	return pick(c, present)
}

// launch uses one of the latest offers, some of which are stale.
func (c *chaos) launch() {
	s, ok := c.scheduler()
	if !ok {
		return
	}
	all := mastertest.All[*internalpb.ResourceOffersMessage](s.Peer)
	if len(all) == 0 {
		return
	}
	offers := all[max(0, len(all)-1-c.rand.IntN(6)/4)].GetOffers()
	o := offers[c.rand.IntN(len(offers))]
	var tasks []*mesospb.TaskInfo
	for range c.rand.IntN(3) {
		c.serial++
		t := mastertest.Task(fmt.Sprintf("t%d", c.serial), o)
		t.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1), mastertest.Resource("mem", 100)}
		if c.rand.IntN(2) == 0 {
			t.Command = nil
			t.Executor = &mesospb.ExecutorInfo{
				ExecutorId: ids.Executor(fmt.Sprintf("e%d", c.rand.IntN(2))).Proto(), Command: &mesospb.CommandInfo{Value: proto.String("x")},
				Resources: []*mesospb.Resource{mastertest.Resource("cpus", 0.5)},
			}
		}
		tasks = append(tasks, t)
	}
	s.Launch(o, tasks...)
}

// report sends a random update of a task that an agent was told to run, terminal or not.
func (c *chaos) report() {
	a, ok := pick(c, c.agents)
	if !ok {
		return
	}
	run, ok := pick(c, mastertest.All[*internalpb.RunTaskMessage](a))
	if !ok {
		return
	}
	states := []mesospb.TaskState{
		mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED, mesospb.TaskState_TASK_FAILED, mesospb.TaskState_TASK_KILLED,
	}
	a.Report(run.GetFramework().GetId(), run.GetTask().GetTaskId().GetValue(), states[c.rand.IntN(len(states))], byte(c.rand.IntN(256)))
	if e := run.GetTask().GetExecutor(); e != nil && c.rand.IntN(4) == 0 {
		a.Say(&internalpb.ExitedExecutorMessage{
			SlaveId: mastertest.AgentID(a), FrameworkId: run.GetFramework().GetId(), ExecutorId: e.ExecutorId, Status: proto.Int32(0),
		})
	}
}

func (c *chaos) acknowledge() {
	s, ok := c.scheduler()
	if !ok {
		return
	}
	u, ok := pick(c, mastertest.All[*internalpb.StatusUpdateMessage](s.Peer))
	if !ok || u.GetUpdate().Uuid == nil {
		return
	}
	status := u.GetUpdate().GetStatus()
	s.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE.Enum(), Acknowledge: &schedulerpb.Call_Acknowledge{
		SlaveId: status.SlaveId, TaskId: status.TaskId, Uuid: status.Uuid,
	}})
}

func (c *chaos) silence() {
	if a, ok := pick(c, c.agents); ok {
		a.Silent = !a.Silent
		c.Advance(time.Duration(c.rand.IntN(100)) * time.Second)
	}
}

// restartAgent makes an agent re-register with some of its tasks.
func (c *chaos) restartAgent() {
	a, ok := pick(c, c.agents)
	if !ok {
		return
	}
	msg := &internalpb.ReregisterSlaveMessage{
		Slave: mastertest.AgentInfo(a.PID().Addr), Version: proto.String("1.12.0"), AgentCapabilities: mastertest.AgentCapabilities(),
	}
	msg.Slave.Id = mastertest.AgentID(a)
	known, used := map[string]bool{}, 0
	for _, run := range mastertest.All[*internalpb.RunTaskMessage](a) {
		if c.rand.IntN(2) == 0 || run.GetTask().GetExecutor() != nil || used == 3 {
			continue
		}
		used++
		if id := run.GetFramework().GetId().GetValue(); !known[id] {
			known[id] = true
			msg.Frameworks = append(msg.Frameworks, run.GetFramework())
		}
		msg.Tasks = append(msg.Tasks, &mesospb.Task{
			Name: run.GetTask().Name, TaskId: run.GetTask().TaskId, FrameworkId: run.GetFramework().Id, SlaveId: msg.Slave.Id,
			State: mesospb.TaskState_TASK_RUNNING.Enum(), Resources: run.GetTask().Resources,
		})
	}
	a.Silent = false
	a.Say(msg)
}

// endScheduler tears a framework down, disconnects it, or makes it fail over.
func (c *chaos) endScheduler() {
	s, ok := c.scheduler()
	if !ok {
		return
	}
	again := proto.CloneOf(s.info)
	again.Id = mastertest.FrameworkID(s.Peer)
	switch c.rand.IntN(3) {
	case 0:
		s.gone = true
		s.Call(&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum()})
	case 1:
		s.gone = true
		s.Exit()
	case 2:
		s.Subscribe(again, true)
	}
}

func (c *chaos) killOrReconcile() {
	s, ok := c.scheduler()
	if !ok {
		return
	}
	s.Call(&schedulerpb.Call{Type: schedulerpb.Call_RECONCILE.Enum(), Reconcile: &schedulerpb.Call_Reconcile{}})
	s.Call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{
		TaskId: ids.Task(fmt.Sprintf("t%d", c.rand.IntN(c.serial+1))).Proto(),
	}})
}

// electAnother occasionally makes the master fail over. The agents and schedulers come back.
func (c *chaos) electAnother() {
	if c.rand.IntN(3) > 0 {
		return
	}
	c.Fail()
	c.masters++
	c.Elect(fmt.Sprintf("%08d-1111-4111-8111-111111111111", c.masters))
	c.Advance(time.Second) // it reads the registry
	for _, s := range c.schedulers {
		if !s.gone && len(mastertest.All[*internalpb.FrameworkRegisteredMessage](s.Peer)) > 0 {
			again := proto.CloneOf(s.info)
			again.Id = mastertest.FrameworkID(s.Peer)
			s.Subscribe(again, false)
		}
	}
	for _, f := range c.clients {
		if f.FrameworkID() != nil && c.rand.IntN(2) == 0 {
			again := mastertest.Framework(partitionAware)
			again.Id = f.FrameworkID()
			f.Subscribe(again)
		}
	}
	for range 2 * len(c.agents) {
		c.restartAgent()
	}
}

func (c *chaos) check(when string) {
	c.Helper()
	c.Do(func(m *master.Master) {
		if err := m.Book().Check(); err != nil {
			c.Fatalf("%s: %v", when, err)
		}
	})
}

// Whatever happens, the book is consistent after every step. When all tasks are terminal, everything that the agents
// have is offered: no resources got lost between the book and the allocator.
func TestAnythingAtAnyTime(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			c := &chaos{
				Cluster: mastertest.New(t, mastertest.Config{Seed: seed + 1, Configure: func(c *master.Config) { c.OfferTimeout = time.Minute }}),
				rand:    rand.New(rand.NewPCG(seed, 7)),
			}
			c.World.SlowWork = time.Duration(c.rand.IntN(2)) * 100 * time.Millisecond
			for i := range 150 {
				c.step()
				c.check(fmt.Sprintf("after step %d", i))
			}
			c.settle()
		})
	}
}

// settle ends all tasks and executors, and waits until all resources are offered.
func (c *chaos) settle() {
	c.Helper()
	c.Advance(11 * time.Minute) // silent agents are unreachable, disconnected ones removed, and filters expired
	for _, s := range c.schedulers {
		if !s.gone {
			s.Call(&schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum(), Revive: &schedulerpb.Call_Revive{}})
		}
	}
	c.Scheduler("witness", "10.9.9.9:1", mastertest.Framework())
	for _, a := range c.agents {
		for _, run := range mastertest.All[*internalpb.RunTaskMessage](a) {
			c.end(a, run)
		}
	}
	left := ""
	offered := func() bool {
		left = ""
		c.Do(func(m *master.Master) {
			for _, a := range m.Book().Agents() {
				if a.Active && !a.Offered().Unallocate().Equal(a.Total) {
					left = fmt.Sprintf("agent %s has %v, of which %v is used and %v offered", a.ID, a.Total, a.Used(), a.Offered())
				}
			}
		})
		return left == ""
	}
	for range 100 {
		if offered() {
			return
		}
		c.Advance(time.Second)
	}
	c.Error(left)
}

// end ends a task and its executor if the master still knows them.
func (c *chaos) end(a *mastertest.Peer, run *internalpb.RunTaskMessage) {
	framework := run.GetFramework().GetId()
	a.Report(framework, run.GetTask().GetTaskId().GetValue(), mesospb.TaskState_TASK_FINISHED, 255)
	if e := run.GetTask().GetExecutor(); e != nil {
		a.Say(&internalpb.ExitedExecutorMessage{
			SlaveId: mastertest.AgentID(a), FrameworkId: framework, ExecutorId: e.ExecutorId, Status: proto.Int32(0),
		})
	}
}
