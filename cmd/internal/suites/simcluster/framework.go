package simcluster

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/masterpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/sched"
	"meseta/sched/schedtest"
)

// Framework is a framework: what it wants, and what it knows of its tasks. Its schedulers come and go.
type Framework struct {
	Name string
	ID   ids.Framework // once it is registered
	Hold bool          // offers are left unanswered
	// Refusal is for how long offers are refused that no job needs; nil: five seconds. New jobs end it.
	Refusal *mesospb.Filters
	Tasks   map[ids.Task]*Task
	Order   []ids.Task // of Tasks: as they were launched

	cluster   *Cluster
	number    int
	http      bool // its schedulers speak HTTP
	info      *mesospb.FrameworkInfo
	wanted    []Job
	runs      int
	scheduler *Scheduler
}

// Task is what a framework knows of one of its tasks.
type Task struct {
	ID       ids.Task
	Agent    ids.Agent
	Statuses []*mesospb.TaskStatus // as they came, without repetitions
	Repeated int                   // how often an update came again
	removed  bool                  // with its framework
}

// Scheduler is one scheduler of a framework: a process with a driver, or with something that speaks HTTP.
type Scheduler struct {
	schedtest.Scheduler
	Driver *sched.Driver // nil: it speaks HTTP
	Failed string        // why it gave up, if it did

	framework *Framework
	addr      string
	voice     voice
}

// Framework starts a framework called name, with a week of failover timeout, checkpoints, and all that a framework of
// today knows of its tasks' states; change, which may be nil, has another say.
func (c *Cluster) Framework(name string, change func(*mesospb.FrameworkInfo)) *Framework {
	c.Helper()
	return c.framework(name, false, change)
}

// FrameworkOverHTTP is [Cluster.Framework] for one whose schedulers speak HTTP. There must be a master.
func (c *Cluster) FrameworkOverHTTP(name string, change func(*mesospb.FrameworkInfo)) *Framework {
	c.Helper()
	if !c.doors {
		c.doors = true
		c.Master.openDoor()
	}
	return c.framework(name, true, change)
}

func (c *Cluster) framework(name string, http bool, change func(*mesospb.FrameworkInfo)) *Framework {
	c.Helper()
	f := &Framework{
		Name: name, Tasks: map[ids.Task]*Task{}, cluster: c, number: len(c.Frameworks) + 1, http: http,
		info: &mesospb.FrameworkInfo{
			User: proto.String("root"), Name: &name, Hostname: &name, Roles: []string{"*"}, Checkpoint: proto.Bool(true),
			FailoverTimeout: proto.Float64(7 * 24 * 3600),
		},
	}
	f.info.Capabilities = capabilities.ListForFramework(
		mesospb.FrameworkInfo_Capability_MULTI_ROLE, mesospb.FrameworkInfo_Capability_PARTITION_AWARE,
		mesospb.FrameworkInfo_Capability_TASK_KILLING_STATE,
	)
	if change != nil {
		change(f.info)
	}
	c.Frameworks = append(c.Frameworks, f)
	f.Start()
	return f
}

// Start starts a scheduler, which takes over from the last one if there was one. One that has no id yet leaves nothing to
// be taken over: it ends.
func (f *Framework) Start() {
	c := f.cluster
	c.Helper()
	if f.scheduler != nil && f.ID == "" {
		f.Crash()
	}
	f.runs++
	s := &Scheduler{framework: f, addr: fmt.Sprintf("10.0.1.%d:%d", f.number, 9000+f.runs)}
	name := f.Name
	if f.runs > 1 {
		name = fmt.Sprintf("%s'%d", f.Name, f.runs)
	}
	node := c.node(name, s.addr, "")
	f.scheduler = s
	pid := s.drive(node)
	if err := live(node, pid, func() { c.World.Exit(s.addr) }); err != nil {
		c.Fatal(err)
	}
}

// drive starts what speaks for s, and returns what its process lasts as long as.
func (s *Scheduler) drive(node *runtime.Node) runtime.PID {
	f, c := s.framework, s.framework.cluster
	if f.http {
		x := &client{scheduler: s}
		ref, err := runtime.Spawn(node, node.NewID("client"), x)
		if err != nil {
			c.Fatal(err)
		}
		s.voice = speaking{ref, x}
		return ref.PID()
	}
	info := proto.CloneOf(f.info)
	if f.ID != "" {
		info.Id = f.ID.Proto()
	}
	s.Driver = sched.NewDriver(node, s, info, "", sched.Options{Detector: c.detector(node)})
	s.voice = driven{s.Driver}
	if status := s.Driver.Start(); status != sched.Running {
		c.Fatalf("the driver of %s does not start: %s", f.Name, status)
	}
	return s.Driver.PID()
}

// Addr implements [Member].
func (f *Framework) Addr() string { return f.scheduler.addr }

// Scheduler is the newest scheduler of the framework.
func (f *Framework) Scheduler() *Scheduler { return f.scheduler }

// Crash ends the scheduler without a word.
func (f *Framework) Crash() { f.cluster.World.Crash(f.scheduler.addr) }

// Living reports whether there is a scheduler that has not given up.
func (f *Framework) Living() bool {
	return f.cluster.living(f.scheduler.addr) && f.scheduler.voice.living()
}

// Launch has jobs launched as soon as offers have room for them.
func (f *Framework) Launch(jobs ...Job) {
	f.wanted = append(f.wanted, jobs...)
	if f.ID != "" {
		f.scheduler.voice.revive()
	}
}

// Rest gives up the jobs that are not launched yet.
func (f *Framework) Rest() { f.wanted = nil }

// Kill asks to end a task.
func (f *Framework) Kill(t ids.Task) { f.scheduler.voice.kill(t) }

// Reconcile asks what has become of all tasks whose end was not told.
func (f *Framework) Reconcile() {
	var open []*mesospb.TaskStatus
	for _, id := range f.Order {
		if t := f.Tasks[id]; !t.removed && len(t.Ends()) == 0 {
			open = append(open, &mesospb.TaskStatus{
				TaskId: id.Proto(), SlaveId: t.Agent.Proto(), State: mesospb.TaskState_TASK_STAGING.Enum(),
			})
		}
	}
	if len(open) > 0 {
		f.scheduler.voice.reconcile(open)
	}
}

// ---- what the driver says ----

// Registered implements [sched.Scheduler].
func (s *Scheduler) Registered(d *sched.Driver, id ids.Framework, master *mesospb.MasterInfo) {
	s.framework.ID = id
	s.Scheduler.Registered(d, id, master)
}

// ResourceOffers implements [sched.Scheduler].
func (s *Scheduler) ResourceOffers(d *sched.Driver, offers []*mesospb.Offer) {
	s.Scheduler.ResourceOffers(d, offers)
	s.offered(offers)
}

// offered launches what fits, and gives the rest back.
func (s *Scheduler) offered(offers []*mesospb.Offer) {
	if s.framework.Hold {
		return
	}
	for _, o := range offers {
		if operations := s.framework.place(o); len(operations) > 0 {
			s.voice.accept(ids.OfferOf(o.GetId()), operations)
		} else {
			s.voice.decline(ids.OfferOf(o.GetId()), s.framework.Refusal)
		}
	}
}

// place takes those wanted jobs that o has room for.
func (f *Framework) place(o *mesospb.Offer) []*mesospb.Offer_Operation {
	agent, left := ids.AgentOf(o.GetSlaveId()), roomIn(o.GetResources())
	var tasks []*mesospb.TaskInfo
	var operations []*mesospb.Offer_Operation
	f.wanted = slices.DeleteFunc(f.wanted, func(j Job) bool {
		if j.On != "" && j.On != agent || !left.take(j) {
			return false
		}
		where := place{with(f.info, f.ID), o.GetSlaveId(), o.GetAllocationInfo().GetRole()}
		if j.Pod == "" {
			tasks = append(tasks, j.info(where))
		} else {
			operations = append(operations, j.group(where))
		}
		for _, id := range j.ids() {
			f.Tasks[id] = &Task{ID: id, Agent: agent}
			f.Order = append(f.Order, id)
		}
		return true
	})
	if len(tasks) > 0 {
		operations = append(operations, &mesospb.Offer_Operation{
			Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
		})
	}
	return operations
}

func with(info *mesospb.FrameworkInfo, id ids.Framework) *mesospb.FrameworkInfo {
	info = proto.CloneOf(info)
	info.Id = id.Proto()
	return info
}

// StatusUpdate implements [sched.Scheduler].
func (s *Scheduler) StatusUpdate(d *sched.Driver, status *mesospb.TaskStatus) {
	s.Scheduler.StatusUpdate(d, status)
	s.updated(status)
}

func (s *Scheduler) updated(status *mesospb.TaskStatus) {
	id := ids.TaskOf(status.GetTaskId())
	if t := s.framework.Tasks[id]; t != nil {
		t.update(status)
		return
	}
	s.framework.cluster.Errorf("%s hears %s of %s, which it never launched", s.framework.Name, status.GetState(), id)
}

// removed is what a scheduler is told that comes back after its failover timeout.
const removed = "Framework has been removed"

// Error implements [sched.Scheduler].
func (s *Scheduler) Error(d *sched.Driver, message string) {
	s.Scheduler.Error(d, message)
	s.failed(message)
}

// failed is the end of a scheduler. A framework that was removed has no tasks any more, and comes back as another.
func (s *Scheduler) failed(message string) {
	s.Failed = message
	if f := s.framework; message == removed && f.scheduler == s {
		f.forget()
	}
}

// Teardown has an operator end the framework, and reports whether there was one to end. Its scheduler ends, and the next
// one that is started is another framework.
func (f *Framework) Teardown() bool {
	asked := f.cluster.Operate(&masterpb.Call{
		Type: masterpb.Call_TEARDOWN.Enum(), Teardown: &masterpb.Call_Teardown{FrameworkId: f.ID.Proto()},
	})
	f.cluster.World.Settle()
	if asked == nil || !asked.Done() {
		return false
	}
	f.Crash()
	f.forget()
	return true
}

// forget is what remains of a framework that was removed.
func (f *Framework) forget() {
	f.ID = ""
	for _, t := range f.Tasks {
		t.removed = true
	}
}

// Heard are the callbacks of the newest scheduler, without offers.
func (f *Framework) Heard() []string {
	return slices.DeleteFunc(slices.Clone(f.scheduler.Scheduler.Heard), func(line string) bool {
		return strings.HasPrefix(line, "offer ")
	})
}
