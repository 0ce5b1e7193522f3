package mastertest

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// Peer is an agent or a scheduler that talks to the master.
type Peer struct {
	runtime.Actor
	Name    string
	Heard   []proto.Message // all messages of the master but pings
	Silent  bool            // it does not answer pings
	cluster *Cluster
	ref     runtime.Ref[*Peer]
	addr    string
}

// Peer starts a peer: a node at addr with an actor named id.
func (c *Cluster) Peer(name, id, addr string) *Peer {
	c.Helper()
	p := &Peer{Name: name, cluster: c, addr: addr}
	ref, err := runtime.Spawn(c.World.Node(addr), id, p)
	if err != nil {
		c.Fatal(err)
	}
	p.ref = ref
	c.World.Settle()
	return p
}

// Initialize implements [runtime.Initializer].
func (p *Peer) Initialize() {
	hear(p, (*internalpb.PingSlaveMessage)(nil))
	hear(p, (*internalpb.SlaveRegisteredMessage)(nil))
	hear(p, (*internalpb.SlaveReregisteredMessage)(nil))
	hear(p, (*internalpb.RunTaskMessage)(nil))
	hear(p, (*internalpb.RunTaskGroupMessage)(nil))
	hear(p, (*internalpb.KillTaskMessage)(nil))
	hear(p, (*internalpb.ShutdownFrameworkMessage)(nil))
	hear(p, (*internalpb.ShutdownExecutorMessage)(nil))
	hear(p, (*internalpb.ShutdownMessage)(nil))
	hear(p, (*internalpb.DrainSlaveMessage)(nil))
	hear(p, (*internalpb.UpdateFrameworkMessage)(nil))
	hear(p, (*internalpb.CheckpointResourcesMessage)(nil))
	hear(p, (*internalpb.StatusUpdateAcknowledgementMessage)(nil))
	hear(p, (*internalpb.FrameworkToExecutorMessage)(nil))
	hear(p, (*internalpb.ReconcileOperationsMessage)(nil))
	hear(p, (*internalpb.ApplyOperationMessage)(nil))
	hear(p, (*internalpb.AcknowledgeOperationStatusMessage)(nil))

	hear(p, (*internalpb.FrameworkRegisteredMessage)(nil))
	hear(p, (*internalpb.FrameworkReregisteredMessage)(nil))
	hear(p, (*internalpb.FrameworkErrorMessage)(nil))
	hear(p, (*internalpb.ResourceOffersMessage)(nil))
	hear(p, (*internalpb.RescindResourceOfferMessage)(nil))
	hear(p, (*internalpb.InverseOffersMessage)(nil))
	hear(p, (*internalpb.RescindInverseOfferMessage)(nil))
	hear(p, (*internalpb.StatusUpdateMessage)(nil))
	hear(p, (*internalpb.LostSlaveMessage)(nil))
	hear(p, (*internalpb.ExitedExecutorMessage)(nil))
	hear(p, (*internalpb.ExecutorToFrameworkMessage)(nil))
	hear(p, (*internalpb.SubmitSchedulerResponse)(nil))
	hear(p, (*internalpb.AuthenticationErrorMessage)(nil))
}

func hear[M any, P interface {
	*M
	proto.Message
}](p *Peer, _ P) {
	runtime.Install(p, func(from runtime.PID, m P) { p.note(from, m) })
}

func (p *Peer) note(from runtime.PID, m proto.Message) {
	name := string(m.ProtoReflect().Descriptor().Name())
	if !p.cluster.quiet[name] {
		p.cluster.line(fmt.Sprintf("%s → %s  %s %s", from.ID, p.Name, name, describe(m)))
	}
	if _, ping := m.(*internalpb.PingSlaveMessage); !ping {
		p.Heard = append(p.Heard, m)
	} else if !p.Silent {
		p.Reply(&internalpb.PongSlaveMessage{})
	}
}

// describe returns the parts of a message that matter in a conversation.
func describe(m proto.Message) string {
	switch m := m.(type) {
	case *internalpb.PingSlaveMessage:
		return fmt.Sprintf("connected=%t", m.GetConnected())
	case *internalpb.SlaveReregisteredMessage:
		text := m.GetSlaveId().GetValue()
		for _, r := range m.GetReconciliations() {
			for _, s := range r.GetStatuses() {
				text += fmt.Sprintf(" %s:%s?", s.GetTaskId().GetValue(), s.GetState())
			}
		}
		return text
	case *internalpb.SlaveRegisteredMessage:
		return m.GetSlaveId().GetValue()
	case *internalpb.RunTaskMessage:
		return fmt.Sprintf("%s launch_executor=%t", m.GetTask().GetTaskId().GetValue(), m.GetLaunchExecutor())
	case *internalpb.RunTaskGroupMessage:
		var tasks []string
		for _, t := range m.GetTaskGroup().GetTasks() {
			tasks = append(tasks, t.GetTaskId().GetValue())
		}
		return fmt.Sprintf("%v launch_executor=%t", tasks, m.GetLaunchExecutor())
	case *internalpb.ResourceOffersMessage:
		return describeOffers(m.GetOffers())
	case *internalpb.InverseOffersMessage:
		return describeRequests(m.GetInverseOffers())
	case *internalpb.RescindInverseOfferMessage:
		return m.GetInverseOfferId().GetValue()
	case *internalpb.StatusUpdateMessage:
		return describeStatus(m.GetUpdate().GetStatus())
	case *internalpb.FrameworkErrorMessage:
		return fmt.Sprintf("%q", m.GetMessage())
	case *internalpb.ShutdownMessage:
		return fmt.Sprintf("%q", m.GetMessage())
	case *internalpb.UpdateFrameworkMessage:
		return fmt.Sprintf("%s at %s", m.GetFrameworkId().GetValue(), m.GetPid())
	}
	if text, ok := describeOperation(m); ok {
		return text
	}
	return describeIDs(m)
}

func describeOffers(offers []*mesospb.Offer) string {
	texts := make([]string, len(offers))
	for i, o := range offers {
		texts[i] = fmt.Sprintf("%s of %s: %s", o.GetId().GetValue(), o.GetSlaveId().GetValue(), amounts(o.GetResources()))
	}
	return strings.Join(texts, ", ")
}

func describeRequests(offers []*mesospb.InverseOffer) string {
	texts := make([]string, len(offers))
	for i, o := range offers {
		texts[i] = fmt.Sprintf("%s of %s from %v", o.GetId().GetValue(), o.GetSlaveId().GetValue(), o.GetUnavailability().GetStart().GetNanoseconds())
	}
	return strings.Join(texts, ", ")
}

func describeStatus(s *mesospb.TaskStatus) string {
	text := fmt.Sprintf("%s %s", s.GetTaskId().GetValue(), s.GetState())
	if s.Reason != nil {
		text += " " + s.GetReason().String()
	}
	if s.Message != nil {
		text += fmt.Sprintf(" %q", s.GetMessage())
	}
	return text
}

func describeIDs(m proto.Message) string {
	var found []string
	if m, ok := m.(interface{ GetFrameworkId() *mesospb.FrameworkID }); ok {
		found = append(found, m.GetFrameworkId().GetValue())
	}
	if m, ok := m.(interface{ GetSlaveId() *mesospb.SlaveID }); ok {
		found = append(found, m.GetSlaveId().GetValue())
	}
	if m, ok := m.(interface{ GetTaskId() *mesospb.TaskID }); ok {
		found = append(found, m.GetTaskId().GetValue())
	}
	if m, ok := m.(interface{ GetExecutorId() *mesospb.ExecutorID }); ok {
		found = append(found, m.GetExecutorId().GetValue())
	}
	if m, ok := m.(interface{ GetOfferId() *mesospb.OfferID }); ok {
		found = append(found, m.GetOfferId().GetValue())
	}
	return strings.Join(found, " ")
}

func amounts(rs []*mesospb.Resource) string {
	var texts []string
	for _, r := range rs {
		texts = append(texts, fmt.Sprintf("%s:%v", r.GetName(), r.GetScalar().GetValue()))
	}
	return strings.Join(texts, ";")
}

// Say sends m to the master and waits for the answers.
func (p *Peer) Say(m proto.Message) {
	runtime.Tell(p.ref, func(p *Peer) { p.Send(runtime.PID{ID: "master", Addr: p.cluster.config.Address}, m) })
	p.cluster.Advance(breath)
}

// SayAtOnce sends ms to the master, one right after the other, and waits for the answers.
func (p *Peer) SayAtOnce(ms ...proto.Message) {
	runtime.Tell(p.ref, func(p *Peer) {
		for _, m := range ms {
			p.Send(runtime.PID{ID: "master", Addr: p.cluster.config.Address}, m)
		}
	})
	p.cluster.Advance(breath)
}

// Deliver puts m into the master's queue, as if it had arrived from p just now. No time passes.
func (p *Peer) Deliver(m proto.Message) {
	p.cluster.node.Deliver(runtime.Envelope{
		From: p.PID(), To: p.cluster.Master.PID(), Name: string(m.ProtoReflect().Descriptor().FullName()), Message: m,
	})
}

// SayAnonymously sends m without a sender, as libprocess's post does, and waits for the answers.
func (c *Cluster) SayAnonymously(m proto.Message) {
	c.node.Deliver(runtime.Envelope{
		To: c.Master.PID(), Name: string(m.ProtoReflect().Descriptor().FullName()), Message: m,
	})
	c.Advance(breath)
}

// Exit ends the peer. The master notices the broken connection.
func (p *Peer) Exit() {
	p.cluster.note(p.Name + " exits")
	p.cluster.World.Crash(p.addr)
	p.cluster.Advance(breath)
}

// PID returns the PID of the peer.
func (p *Peer) PID() runtime.PID { return p.ref.PID() }

// Last returns the newest message of type M that p got.
func Last[M proto.Message](p *Peer) M {
	p.cluster.Helper()
	for _, m := range slices.Backward(p.Heard) {
		if m, ok := m.(M); ok {
			return m
		}
	}
	var none M
	p.cluster.Fatalf("%s heard no %T", p.Name, none)
	return none
}

// All returns the messages of type M that p got.
func All[M proto.Message](p *Peer) []M {
	var all []M
	for _, m := range p.Heard {
		if m, ok := m.(M); ok {
			all = append(all, m)
		}
	}
	return all
}

// ---- agents ----

// Agent starts an agent at addr and registers it with 4 cpus, 4 GB of memory and 8 GB of disk.
func (c *Cluster) Agent(name, addr string) *Peer {
	c.Helper()
	p := c.Peer(name, "slave(1)", addr)
	p.Say(Registration(addr))
	return p
}

// Registration returns the registration of a usual agent.
func Registration(addr string) *internalpb.RegisterSlaveMessage {
	return &internalpb.RegisterSlaveMessage{
		Slave: AgentInfo(addr), Version: proto.String("1.12.0"), AgentCapabilities: AgentCapabilities(),
		ResourceVersionUuid: &mesospb.UUID{Value: UUID(200)},
	}
}

// AgentInfo describes a usual agent without an ID.
func AgentInfo(addr string) *mesospb.SlaveInfo {
	host, _, _ := strings.Cut(addr, ":")
	return &mesospb.SlaveInfo{
		Hostname: proto.String(host), Port: proto.Int32(5051), Checkpoint: proto.Bool(true),
		Resources: []*mesospb.Resource{Resource("cpus", 4), Resource("mem", 4096), Resource("disk", 8192)},
	}
}

// AgentCapabilities returns the capabilities of a current agent.
func AgentCapabilities() []*mesospb.SlaveInfo_Capability {
	var all []mesospb.SlaveInfo_Capability_Type
	for n := range mesospb.SlaveInfo_Capability_Type_name {
		if n != 0 {
			all = append(all, mesospb.SlaveInfo_Capability_Type(n))
		}
	}
	slices.Sort(all)
	return capabilities.ListForAgent(all...)
}

// AgentID returns the ID that the master gave to the agent p.
func AgentID(p *Peer) *mesospb.SlaveID {
	return Last[*internalpb.SlaveRegisteredMessage](p).GetSlaveId()
}

// Report sends the update of a task, as an agent's status update manager does. n determines the UUID.
func (p *Peer) Report(framework *mesospb.FrameworkID, task string, state mesospb.TaskState, n byte) {
	p.Say(p.Update(framework, task, state, n))
}

// Update returns the update that Report sends.
func (p *Peer) Update(framework *mesospb.FrameworkID, task string, state mesospb.TaskState, n byte) *internalpb.StatusUpdateMessage {
	agent := AgentID(p)
	return &internalpb.StatusUpdateMessage{
		Pid: proto.String(p.PID().String()),
		Update: &internalpb.StatusUpdate{
			FrameworkId: framework, SlaveId: agent, Timestamp: proto.Float64(1), Uuid: UUID(n),
			Status: &mesospb.TaskStatus{
				TaskId: ids.Task(task).Proto(), SlaveId: agent, State: state.Enum(), Uuid: UUID(n),
				Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(), Timestamp: proto.Float64(1),
			},
		},
	}
}

// UUID returns a version-4 UUID whose last byte is n.
func UUID(n byte) []byte { return []byte{0, 0, 0, 0, 0, 0, 0x40, 0, 0x80, 0, 0, 0, 0, 0, 0, n} }

// ---- schedulers ----

// Framework describes a usual framework.
func Framework(declared ...mesospb.FrameworkInfo_Capability_Type) *mesospb.FrameworkInfo {
	return &mesospb.FrameworkInfo{
		User: proto.String("user"), Name: proto.String("f"), Checkpoint: proto.Bool(true),
		Capabilities: capabilities.ListForFramework(declared...),
	}
}

// Scheduler starts a scheduler at addr and subscribes it.
func (c *Cluster) Scheduler(name, addr string, info *mesospb.FrameworkInfo) *Peer {
	c.Helper()
	p := c.Peer(name, "scheduler-"+name, addr)
	p.Subscribe(info, false)
	return p
}

// Subscribe subscribes as the framework info.
func (p *Peer) Subscribe(info *mesospb.FrameworkInfo, force bool) {
	p.Say(&schedulerpb.Call{
		FrameworkId: info.Id, Type: schedulerpb.Call_SUBSCRIBE.Enum(),
		Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: info, Force: proto.Bool(force)},
	})
}

// FrameworkID returns the ID that the master gave to the scheduler p.
func FrameworkID(p *Peer) *mesospb.FrameworkID {
	return Last[*internalpb.FrameworkRegisteredMessage](p).GetFrameworkId()
}

// Call sends a call of p's framework.
func (p *Peer) Call(call *schedulerpb.Call) {
	if call.FrameworkId == nil {
		call.FrameworkId = FrameworkID(p)
	}
	p.Say(call)
}

// Offer returns the newest offer to p.
func (p *Peer) Offer() *mesospb.Offer {
	offers := Last[*internalpb.ResourceOffersMessage](p).GetOffers()
	return offers[len(offers)-1]
}

// Task returns a command task that uses half of a usual agent.
func Task(id string, on *mesospb.Offer) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{
		Name: proto.String(id), TaskId: ids.Task(id).Proto(), SlaveId: on.GetSlaveId(),
		Resources: []*mesospb.Resource{Resource("cpus", 2), Resource("mem", 1024)},
		Command:   &mesospb.CommandInfo{Value: proto.String("true")},
	}
}

// Launch accepts an offer with tasks.
func (p *Peer) Launch(offer *mesospb.Offer, tasks ...*mesospb.TaskInfo) {
	p.Call(&schedulerpb.Call{
		Type: schedulerpb.Call_ACCEPT.Enum(),
		Accept: &schedulerpb.Call_Accept{
			OfferIds: []*mesospb.OfferID{offer.Id},
			Operations: []*mesospb.Offer_Operation{{
				Type:   mesospb.Offer_Operation_LAUNCH.Enum(),
				Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
			}},
		},
	})
}

// Acknowledge acknowledges the update of a task with [UUID] n.
func (p *Peer) Acknowledge(agent *mesospb.SlaveID, task string, n byte) {
	p.Call(&schedulerpb.Call{
		Type:        schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: agent, TaskId: ids.Task(task).Proto(), Uuid: UUID(n)},
	})
}
