// Package execute is the framework behind mesos-execute: it runs one task and tells how it fares.
//
// [Scheduler] is an actor beside the scheduler driver's. It launches the task on the first offer that has room for it,
// prints what it is told, and ends with the task, or when it is interrupted.
package execute

import (
	"fmt"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/sched"
)

// goodbye is how long an interrupted task is waited for beyond its grace period.
const goodbye = 10 * time.Second

// Config is what to run.
type Config struct {
	Task      *mesospb.TaskInfo // without agent; its resources are unreserved
	Role      string            // that the framework registered in; resources reserved to it are used if need be
	KillAfter time.Duration     // kills the task so long after it runs; 0: never
	Out       io.Writer         // is told what happens
	Over      func(error)       // told once; nil error means that the task finished
}

// Scheduler runs the task of one [Config]. It is an actor; make one with [Start].
type Scheduler struct {
	runtime.Actor
	config Config
	want   resources.Resources
	driver *sched.Driver

	launched    bool
	interrupted bool
	over        bool
}

// Start spawns a scheduler and its driver, and looks for the master.
func Start(node *runtime.Node, info *mesospb.FrameworkInfo, master string, c Config) (runtime.Ref[*Scheduler], *sched.Driver, error) {
	want, err := resources.FromProto(c.Task.GetResources())
	if err != nil {
		return runtime.Ref[*Scheduler]{}, nil, fmt.Errorf("the task's resources: %w", err)
	}
	ref, err := runtime.Spawn(node, "execute", &Scheduler{config: c, want: want})
	if err != nil {
		return runtime.Ref[*Scheduler]{}, nil, err
	}
	d := sched.NewDriver(node, callbacks{ref: ref}, info, master, sched.Options{})
	runtime.Tell(ref, func(s *Scheduler) { s.driver = d })
	d.Start()
	return ref, d, nil
}

// Interrupt kills the task and ends with it; the second time it ends at once, and the task with the framework.
func (s *Scheduler) Interrupt() {
	if s.interrupted || !s.launched {
		s.end(fmt.Errorf("interrupted"))
		return
	}
	s.interrupted = true
	s.kill()
	s.Delay(s.grace()+goodbye, func() { s.end(fmt.Errorf("interrupted; the task's end was not told")) })
}

func (s *Scheduler) grace() time.Duration {
	return time.Duration(s.config.Task.GetKillPolicy().GetGracePeriod().GetNanoseconds())
}

func (s *Scheduler) kill() {
	s.print("Asked to kill task '%s'", s.config.Task.GetTaskId().GetValue())
	s.driver.KillTask(ids.TaskOf(s.config.Task.GetTaskId()))
}

// offered takes the first offer with room, and lets the others go.
func (s *Scheduler) offered(offers []*mesospb.Offer) {
	for _, o := range offers {
		id := ids.OfferOf(o.GetId())
		use, ok := s.fit(o)
		if s.launched || s.over || !ok {
			s.driver.DeclineOffer(id, nil)
			continue
		}
		s.launched = true
		task := proto.CloneOf(s.config.Task)
		task.SlaveId, task.Resources = o.GetSlaveId(), use.Proto()
		s.driver.LaunchTasks([]ids.Offer{id}, []*mesospb.TaskInfo{task}, nil)
		s.print("Submitted task '%s' to agent '%s'", task.GetName(), o.GetSlaveId().GetValue())
	}
	if s.launched {
		s.driver.SuppressOffers()
	}
}

// fit returns the part of an offer that the task is to use: unreserved resources, or else those reserved to its role.
func (s *Scheduler) fit(o *mesospb.Offer) (resources.Resources, bool) {
	bag := resources.FromValid(o.GetResources()).Unallocate()
	if bag.Contains(s.want) {
		return s.want, true
	}
	reserved, err := s.want.PushReservation(&mesospb.Resource_ReservationInfo{
		Type: mesospb.Resource_ReservationInfo_STATIC.Enum(), Role: proto.String(s.config.Role),
	})
	return reserved, err == nil && s.config.Role != "*" && bag.Contains(reserved)
}

// updated prints an update and ends with a terminal one.
func (s *Scheduler) updated(u *mesospb.TaskStatus) {
	s.print("Received status update %s for task '%s'", u.GetState(), u.GetTaskId().GetValue())
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
		if s.config.KillAfter > 0 {
			s.Delay(s.config.KillAfter, s.kill)
		}
	case mesospb.TaskState_TASK_FINISHED:
		s.end(nil)
	default:
		s.end(fmt.Errorf("the task ended as %s", u.GetState()))
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

// callbacks carries what the driver calls back over to the scheduler's own turn, in order.
type callbacks struct {
	sched.Base
	ref runtime.Ref[*Scheduler]
}

func (c callbacks) Registered(_ *sched.Driver, id ids.Framework, _ *mesospb.MasterInfo) {
	runtime.Tell(c.ref, func(s *Scheduler) { s.print("Subscribed with ID %s", id) })
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
