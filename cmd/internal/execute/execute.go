// Package execute implements the framework of mesos-execute. It runs one task or one task group, and prints its
// updates.
//
// [Scheduler] is an actor beside that of the scheduler driver. It launches the tasks on the first offer that has room
// for them, prints what it is told, and ends with the last task or when it is interrupted.
package execute

import (
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/sched"
)

// goodbye is how long an interrupted task may take to end beyond its grace period.
const goodbye = 10 * time.Second

const (
	// groupExecutor is the ID of the default executor of a group; groupOverhead is what that needs besides the tasks.
	groupExecutor = "default-executor"
	groupOverhead = "cpus:0.1;mem:32;disk:32"
)

// Config says what to run. All fields but Group, Container, KillAfter and Credential are required.
type Config struct {
	Tasks      []*mesospb.TaskInfo    // one task or those of a group; without agent, with unreserved resources
	Group      bool                   // the tasks form a group, which runs in a default executor
	Container  *mesospb.ContainerInfo // of the executor of a group; nil means that it has none of its own
	Role       string                 // the framework's role; resources that are reserved to it are used if necessary
	KillAfter  *time.Duration         // time after which a running task is killed; nil means never
	Credential *mesospb.Credential    // of the framework; nil means that it does not authenticate
	Out        io.Writer              // where updates are printed
	Over       func(error)            // called once at the end; nil means that all tasks finished
}

// Scheduler runs the tasks of a [Config]. It is an actor; [Start] makes one.
type Scheduler struct {
	runtime.Actor
	config Config
	want   resources.Resources // of all tasks together
	driver *sched.Driver
	id     ids.Framework

	launched    bool
	interrupted bool
	ended       map[ids.Task]bool // terminal tasks
	failure     error             // how the first task ended that did not finish
	over        bool
}

// Start spawns a scheduler and its driver, which looks for the master.
func Start(node *runtime.Node, info *mesospb.FrameworkInfo, master string, c Config) (runtime.Ref[*Scheduler], *sched.Driver, error) {
	none := runtime.Ref[*Scheduler]{}
	want, err := c.needs()
	if err != nil {
		return none, nil, err
	}
	ref, err := runtime.Spawn(node, "execute", &Scheduler{config: c, want: want, ended: map[ids.Task]bool{}})
	if err != nil {
		return none, nil, err
	}
	d := sched.NewDriver(node, callbacks{ref: ref}, info, master, sched.Options{Credential: c.Credential})
	runtime.Tell(ref, func(s *Scheduler) { s.driver = d })
	d.Start()
	return ref, d, nil
}

// needs returns the resources that an offer must have.
func (c Config) needs() (resources.Resources, error) {
	var want resources.Resources
	for _, t := range c.Tasks {
		one, err := resources.FromProto(t.GetResources())
		if err != nil {
			return want, fmt.Errorf("resources of task %s: %w", t.GetTaskId().GetValue(), err)
		}
		want = want.Plus(one)
	}
	if c.Group {
		want = want.Plus(overhead())
	}
	return want, nil
}

func overhead() resources.Resources {
	bag, err := resources.Parse(groupOverhead, "*")
	if err != nil {
		panic(err)
	}
	return bag
}

// Interrupt kills the tasks and ends with them. If it is called again, the scheduler ends at once, and its tasks with
// the framework.
func (s *Scheduler) Interrupt() {
	if s.interrupted || !s.launched {
		s.end(errors.New("interrupted"))
		return
	}
	s.interrupted = true
	var grace time.Duration
	for _, t := range s.config.Tasks {
		grace = max(grace, time.Duration(t.GetKillPolicy().GetGracePeriod().GetNanoseconds()))
		s.kill(ids.TaskOf(t.GetTaskId()))
	}
	s.Delay(units.Sum(grace, goodbye), func() { s.end(errors.New("interrupted; the end of the task was not reported in time")) })
}

func (s *Scheduler) kill(task ids.Task) {
	if s.ended[task] {
		return
	}
	s.print("Asked to kill task '%s'", task)
	s.driver.KillTask(task)
}

// offered accepts the first offer with room, and declines the others.
func (s *Scheduler) offered(offers []*mesospb.Offer) {
	for _, o := range offers {
		id := ids.OfferOf(o.GetId())
		reserve, ok := s.fit(o)
		if s.launched || s.over || !ok {
			s.driver.DeclineOffer(id, nil)
			continue
		}
		s.launched = true
		s.driver.AcceptOffers([]ids.Offer{id}, []*mesospb.Offer_Operation{s.launch(o.GetSlaveId(), reserve)}, nil)
		for _, t := range s.config.Tasks {
			s.print("Submitted task '%s' to agent '%s'", t.GetName(), o.GetSlaveId().GetValue())
		}
	}
	if s.launched {
		s.driver.SuppressOffers()
	}
}

// fit reports whether an offer has room. say turns resources into those of the offer that are used: unreserved ones if
// they suffice, and otherwise those that are reserved to the role.
func (s *Scheduler) fit(o *mesospb.Offer) (say func(resources.Resources) resources.Resources, ok bool) {
	bag := resources.FromValid(o.GetResources()).Unallocate()
	if bag.Contains(s.want) {
		return func(r resources.Resources) resources.Resources { return r }, true
	}
	reserved := func(r resources.Resources) resources.Resources {
		r, err := r.PushReservation(&mesospb.Resource_ReservationInfo{
			Type: mesospb.Resource_ReservationInfo_STATIC.Enum(), Role: proto.String(s.config.Role),
		})
		if err != nil {
			return s.want // which the offer does not have
		}
		return r
	}
	return reserved, s.config.Role != "*" && bag.Contains(reserved(s.want))
}

// launch returns the operation that launches the tasks on an agent.
func (s *Scheduler) launch(agent *mesospb.SlaveID, say func(resources.Resources) resources.Resources) *mesospb.Offer_Operation {
	var tasks []*mesospb.TaskInfo
	for _, t := range s.config.Tasks {
		t = proto.CloneOf(t)
		t.SlaveId, t.Resources = agent, say(resources.FromValid(t.GetResources())).Proto()
		tasks = append(tasks, t)
	}
	if !s.config.Group {
		return &mesospb.Offer_Operation{
			Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
		}
	}
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_LAUNCH_GROUP.Enum(),
		LaunchGroup: &mesospb.Offer_Operation_LaunchGroup{
			TaskGroup: &mesospb.TaskGroupInfo{Tasks: tasks},
			Executor: &mesospb.ExecutorInfo{
				Type: mesospb.ExecutorInfo_DEFAULT.Enum(), ExecutorId: ids.Executor(groupExecutor).Proto(),
				FrameworkId: s.id.Proto(), Resources: say(overhead()).Proto(), Container: s.config.Container,
			},
		},
	}
}

// updated prints an update, and ends with the last terminal one.
func (s *Scheduler) updated(u *mesospb.TaskStatus) {
	task := ids.TaskOf(u.GetTaskId())
	s.print("Received status update %s for task '%s'", u.GetState(), task)
	if u.Message != nil {
		s.print("  message: '%s'", u.GetMessage())
	}
	if u.Source != nil {
		s.print("  source: %s", u.GetSource())
	}
	if u.Reason != nil {
		s.print("  reason: %s", u.GetReason())
	}
	if u.Healthy != nil {
		s.print("  healthy?: %t", u.GetHealthy())
	}
	switch u.GetState() {
	case mesospb.TaskState_TASK_STAGING, mesospb.TaskState_TASK_STARTING, mesospb.TaskState_TASK_KILLING,
		mesospb.TaskState_TASK_UNREACHABLE, mesospb.TaskState_TASK_UNKNOWN:
	case mesospb.TaskState_TASK_RUNNING:
		if s.config.KillAfter != nil {
			s.Delay(*s.config.KillAfter, func() { s.kill(task) })
		}
	default:
		s.taskEnded(task, u.GetState())
	}
}

func (s *Scheduler) taskEnded(task ids.Task, state mesospb.TaskState) {
	s.ended[task] = true
	if state != mesospb.TaskState_TASK_FINISHED && s.failure == nil {
		s.failure = fmt.Errorf("the task ended as %s", state)
	}
	if len(s.ended) == len(s.config.Tasks) {
		s.end(s.failure)
	}
}

func (s *Scheduler) print(format string, args ...any) {
	_, _ = fmt.Fprintf(s.config.Out, format+"\n", args...)
}

func (s *Scheduler) end(err error) {
	if !s.over {
		s.over = true
		s.config.Over(err)
	}
}

// callbacks passes the driver's callbacks on to the scheduler's own turns, in order.
type callbacks struct {
	sched.Base
	ref runtime.Ref[*Scheduler]
}

func (c callbacks) Registered(_ *sched.Driver, id ids.Framework, _ *mesospb.MasterInfo) {
	runtime.Tell(c.ref, func(s *Scheduler) {
		s.id = id
		s.print("Subscribed with ID %s", id)
	})
}

func (c callbacks) Disconnected(*sched.Driver) {
	runtime.Tell(c.ref, func(s *Scheduler) { s.print("Lost the master; looking for it") })
}

func (c callbacks) ResourceOffers(_ *sched.Driver, offers []*mesospb.Offer) {
	runtime.Tell(c.ref, func(s *Scheduler) { s.offered(offers) })
}

func (c callbacks) StatusUpdate(_ *sched.Driver, u *mesospb.TaskStatus) {
	runtime.Tell(c.ref, func(s *Scheduler) { s.updated(u) })
}

func (c callbacks) Error(_ *sched.Driver, message string) {
	runtime.Tell(c.ref, func(s *Scheduler) { s.end(fmt.Errorf("received an error: %s", message)) })
}
