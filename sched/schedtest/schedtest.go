// Package schedtest has the two ends of a scheduler's conversation for tests: a scripted [Scheduler] for tests of
// masters and drivers, and a scripted [Master] for tests of drivers and frameworks. Both write down what they hear.
package schedtest

import (
	"fmt"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/sched"
)

// Scheduler writes down every callback and then does what its script says. The zero value only listens. Read Heard
// when the driver has no turn, as between two steps of a simulated world.
type Scheduler struct {
	Heard []string // one line per callback

	OnRegistered func(*sched.Driver)
	OnOffers     func(*sched.Driver, []*mesospb.Offer)
	OnUpdate     func(*sched.Driver, *mesospb.TaskStatus)
	OnMessage    func(d *sched.Driver, executor ids.Executor, agent ids.Agent, data []byte)
}

var _ sched.Scheduler = (*Scheduler)(nil)

func (s *Scheduler) hear(format string, args ...any) {
	s.Heard = append(s.Heard, fmt.Sprintf(format, args...))
}

// Registered implements [sched.Scheduler].
func (s *Scheduler) Registered(d *sched.Driver, id ids.Framework, master *mesospb.MasterInfo) {
	s.hear("registered %s by %s", id, election.PID(master))
	if s.OnRegistered != nil {
		s.OnRegistered(d)
	}
}

// Reregistered implements [sched.Scheduler].
func (s *Scheduler) Reregistered(_ *sched.Driver, master *mesospb.MasterInfo) {
	s.hear("reregistered by %s", election.PID(master))
}

// Disconnected implements [sched.Scheduler].
func (s *Scheduler) Disconnected(*sched.Driver) { s.hear("disconnected") }

// ResourceOffers implements [sched.Scheduler].
func (s *Scheduler) ResourceOffers(d *sched.Driver, offers []*mesospb.Offer) {
	for _, o := range offers {
		s.hear("offer %s of %s", o.GetId().GetValue(), o.GetSlaveId().GetValue())
	}
	if s.OnOffers != nil {
		s.OnOffers(d, offers)
	}
}

// OfferRescinded implements [sched.Scheduler].
func (s *Scheduler) OfferRescinded(_ *sched.Driver, offer ids.Offer) { s.hear("rescinded %s", offer) }

// StatusUpdate implements [sched.Scheduler].
func (s *Scheduler) StatusUpdate(d *sched.Driver, status *mesospb.TaskStatus) {
	s.hear("update %s %s", status.GetTaskId().GetValue(), status.GetState())
	if s.OnUpdate != nil {
		s.OnUpdate(d, status)
	}
}

// FrameworkMessage implements [sched.Scheduler].
func (s *Scheduler) FrameworkMessage(d *sched.Driver, executor ids.Executor, agent ids.Agent, data []byte) {
	s.hear("message %q from %s on %s", data, executor, agent)
	if s.OnMessage != nil {
		s.OnMessage(d, executor, agent, data)
	}
}

// AgentLost implements [sched.Scheduler].
func (s *Scheduler) AgentLost(_ *sched.Driver, agent ids.Agent) { s.hear("lost agent %s", agent) }

// ExecutorLost implements [sched.Scheduler].
func (s *Scheduler) ExecutorLost(_ *sched.Driver, executor ids.Executor, agent ids.Agent, status int) {
	s.hear("lost executor %s on %s, status %d", executor, agent, status)
}

// Error implements [sched.Scheduler].
func (s *Scheduler) Error(_ *sched.Driver, message string) { s.hear("error %q", message) }

// Master is an actor in a master's place. Spawn it as "master". It lets every framework in, as FrameworkID, unless it
// is Mute; everything else is up to the test, by way of [runtime.Tell].
type Master struct {
	runtime.Actor
	FrameworkID ids.Framework
	Mute        bool

	Calls     []*schedulerpb.Call
	Scheduler runtime.PID // the last that subscribed
}

// Initialize installs what a driver may say.
func (m *Master) Initialize() {
	runtime.Install(m, m.call)
	runtime.Install(m, func(runtime.PID, *internalpb.DeactivateFrameworkMessage) {})
}

func (m *Master) call(from runtime.PID, c *schedulerpb.Call) {
	m.Calls = append(m.Calls, c)
	if c.GetType() != schedulerpb.Call_SUBSCRIBE || m.Mute {
		return
	}
	m.Scheduler = from
	id, info := m.FrameworkID.Proto(), election.MasterInfo(m.Self())
	if c.GetFrameworkId() != nil && !c.GetSubscribe().GetForce() {
		m.Reply(&internalpb.FrameworkReregisteredMessage{FrameworkId: id, MasterInfo: info})
		return
	}
	m.Reply(&internalpb.FrameworkRegisteredMessage{FrameworkId: id, MasterInfo: info})
}

// Offer offers one cpu of the agent at that PID.
func (m *Master) Offer(id ids.Offer, agent ids.Agent, at runtime.PID) {
	m.Send(m.Scheduler, &internalpb.ResourceOffersMessage{
		Offers: []*mesospb.Offer{{
			Id: id.Proto(), FrameworkId: m.FrameworkID.Proto(), SlaveId: agent.Proto(), Hostname: proto.String("host"),
			Resources: []*mesospb.Resource{{
				Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(1)},
			}},
		}},
		Pids: []string{at.String()},
	})
}

// Update sends a status update as if it came from the agent at that PID; the zero PID makes it the master's own.
func (m *Master) Update(task ids.Task, state mesospb.TaskState, agent ids.Agent, at runtime.PID, uuid []byte) {
	u := &internalpb.StatusUpdate{
		FrameworkId: m.FrameworkID.Proto(), SlaveId: agent.Proto(),
		Status:    &mesospb.TaskStatus{TaskId: task.Proto(), State: state.Enum(), SlaveId: agent.Proto(), Uuid: uuid},
		Timestamp: proto.Float64(0), Uuid: uuid,
	}
	message := &internalpb.StatusUpdateMessage{Update: u}
	if !at.IsZero() {
		message.Pid = proto.String(at.String())
	}
	m.Send(m.Scheduler, message)
}
