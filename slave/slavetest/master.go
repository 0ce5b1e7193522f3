// Package slavetest provides the peers of an agent for tests: a scripted [Master], an [Executor] that does as it is
// told, [Containers] without processes, and a [System] that never changes.
package slavetest

import (
	"bytes"
	"cmp"
	"fmt"
	"io/fs"
	"net/netip"
	"slices"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Master is an actor that acts as a master. It registers every agent as "a1" and records what it receives.
type Master struct {
	runtime.Actor
	Deaf            bool // does not answer registrations
	Acknowledge     bool // acknowledges updates at once
	PingTimeout     float64
	Reconciliations []*internalpb.ReconcileTasksMessage // sent to the next agent that re-registers
	OnRegister      func()                              // called when an agent has registered for the first time
	OnReregister    func()                              // called when an agent re-registers, before it is answered
	OnUpdate        func(*internalpb.StatusUpdate)      // called with each update
	OnExit          func()                              // called when an executor has ended
	Forgetful       bool                                // does not acknowledge the statuses of operations

	Agent         runtime.PID // the agent that registered last
	Registrations int
	Reregistered  []*internalpb.ReregisterSlaveMessage
	Updates       []*internalpb.StatusUpdate
	Exited        []*internalpb.ExitedExecutorMessage
	Reports       []*internalpb.UpdateSlaveMessage
	Unregistered  int
	Pongs         int
	Messages      []string // from executors to frameworks
	Registered    []*internalpb.RegisterSlaveMessage
	Statuses      []*internalpb.UpdateOperationStatusMessage
	Version       *mesospb.UUID // of the agent's resources
}

// Initialize installs the messages of agents.
func (m *Master) Initialize() {
	runtime.Install(m, m.register)
	runtime.Install(m, m.reregister)
	runtime.Install(m, m.update)
	runtime.Install(m, m.exited)
	runtime.Install(m, func(runtime.PID, *internalpb.UnregisterSlaveMessage) { m.Unregistered++ })
	runtime.Install(m, func(runtime.PID, *internalpb.PongSlaveMessage) { m.Pongs++ })
	runtime.Install(m, func(_ runtime.PID, x *internalpb.UpdateSlaveMessage) { m.Reports = append(m.Reports, x) })
	runtime.Install(m, m.operationStatus)
	runtime.Install(m, func(_ runtime.PID, x *internalpb.ExecutorToFrameworkMessage) {
		m.Messages = append(m.Messages, string(x.GetData()))
	})
}

func (m *Master) connection() *internalpb.MasterSlaveConnection {
	if m.PingTimeout == 0 {
		return nil
	}
	return &internalpb.MasterSlaveConnection{TotalPingTimeoutSeconds: proto.Float64(m.PingTimeout)}
}

func (m *Master) register(from runtime.PID, x *internalpb.RegisterSlaveMessage) {
	m.Agent, m.Version = from, x.GetResourceVersionUuid()
	m.Registered = append(m.Registered, x)
	m.Registrations++
	if !m.Deaf {
		m.Send(from, &internalpb.SlaveRegisteredMessage{SlaveId: ids.Agent("a1").Proto(), Connection: m.connection()})
	}
	if m.OnRegister != nil && m.Registrations == 1 {
		m.OnRegister()
	}
}

func (m *Master) reregister(from runtime.PID, x *internalpb.ReregisterSlaveMessage) {
	m.Agent, m.Version = from, x.GetResourceVersionUuid()
	m.Reregistered = append(m.Reregistered, x)
	if m.OnReregister != nil {
		m.OnReregister()
	}
	if !m.Deaf {
		m.Send(from, &internalpb.SlaveReregisteredMessage{
			SlaveId: x.GetSlave().GetId(), Reconciliations: m.Reconciliations, Connection: m.connection(),
		})
		m.Reconciliations = nil
	}
}

func (m *Master) exited(_ runtime.PID, x *internalpb.ExitedExecutorMessage) {
	m.Exited = append(m.Exited, x)
	if m.OnExit != nil {
		m.OnExit()
	}
}

func (m *Master) update(_ runtime.PID, x *internalpb.StatusUpdateMessage) {
	m.Updates = append(m.Updates, x.GetUpdate())
	if m.OnUpdate != nil {
		m.OnUpdate(x.GetUpdate())
	}
	if m.Acknowledge {
		m.Ack(x.GetUpdate())
	}
}

func (m *Master) operationStatus(_ runtime.PID, x *internalpb.UpdateOperationStatusMessage) {
	m.Statuses = append(m.Statuses, x)
	if !m.Forgetful && x.GetStatus().Uuid != nil {
		m.AckOperation(x)
	}
}

// AckOperation acknowledges the status of an operation.
func (m *Master) AckOperation(x *internalpb.UpdateOperationStatusMessage) {
	m.Send(m.Agent, &internalpb.AcknowledgeOperationStatusMessage{
		StatusUuid: x.GetStatus().GetUuid(), OperationUuid: x.GetOperationUuid(),
	})
}

// Apply sends the agent an operation on the resources that it has reported.
func (m *Master) Apply(uuid byte, info *mesospb.Offer_Operation) {
	id := ids.UUID{uuid}
	m.Send(m.Agent, &internalpb.ApplyOperationMessage{
		OperationInfo: info, OperationUuid: &mesospb.UUID{Value: id.Bytes()},
		ResourceVersionUuid: &internalpb.ResourceVersionUUID{Uuid: m.Version},
	})
}

// Ack acknowledges an update.
func (m *Master) Ack(u *internalpb.StatusUpdate) {
	m.Send(m.Agent, &internalpb.StatusUpdateAcknowledgementMessage{
		SlaveId: u.GetSlaveId(), FrameworkId: u.GetFrameworkId(), TaskId: u.GetStatus().GetTaskId(), Uuid: u.GetUuid(),
	})
}

// Tell sends the agent a message.
func (m *Master) Tell(message proto.Message) { m.Send(m.Agent, message) }

// States returns the states of a task in its updates, in order.
func (m *Master) States(task ids.Task) []mesospb.TaskState {
	var states []mesospb.TaskState
	for _, u := range m.Updates {
		if ids.TaskOf(u.GetStatus().GetTaskId()) == task {
			states = append(states, u.GetStatus().GetState())
		}
	}
	return states
}

// Last returns the latest update of a task, or nil.
func (m *Master) Last(task ids.Task) *internalpb.StatusUpdate {
	for i := len(m.Updates) - 1; i >= 0; i-- {
		if ids.TaskOf(m.Updates[i].GetStatus().GetTaskId()) == task {
			return m.Updates[i]
		}
	}
	return nil
}

// Executor is an actor that acts as an executor. It registers and reports its tasks as running, unless told otherwise.
type Executor struct {
	runtime.Actor
	AgentPID  runtime.PID
	Agent     ids.Agent
	Framework ids.Framework
	ID        ids.Executor
	Silent    bool   // does not register
	Quiet     bool   // does not report tasks as running
	Stubborn  bool   // does not end when asked to shut down
	Deaf      bool   // ignores that tasks are to be killed
	Doubtful  bool   // repeats all updates when it reconnects, as if it had heard no acknowledgement
	Estranged bool   // does not answer an agent that asks it to reconnect
	Died      func() // called when it ends

	Tasks        []*mesospb.TaskInfo
	Killed       []*internalpb.KillTaskMessage
	Acknowledged [][]byte
	Messages     []string
	Shutdowns    int
	Reconnected  int // how often an agent has taken it back

	unacknowledged []*internalpb.StatusUpdate
	silent         []*mesospb.TaskInfo // tasks without an acknowledged update
}

// Initialize installs the messages of agents, and registers.
func (x *Executor) Initialize() {
	runtime.Install(x, func(runtime.PID, *internalpb.ExecutorRegisteredMessage) {})
	runtime.Install(x, x.reconnect)
	runtime.Install(x, func(runtime.PID, *internalpb.ExecutorReregisteredMessage) { x.Reconnected++ })
	runtime.Install(x, x.run)
	runtime.Install(x, x.kill)
	runtime.Install(x, x.acknowledged)
	runtime.Install(x, func(_ runtime.PID, m *internalpb.FrameworkToExecutorMessage) {
		x.Messages = append(x.Messages, string(m.GetData()))
	})
	runtime.Install(x, x.shutdown)
	if !x.Silent {
		x.Register()
	}
}

// Register registers with the agent.
func (x *Executor) Register() {
	x.Link(x.AgentPID)
	x.Send(x.AgentPID, &internalpb.RegisterExecutorMessage{FrameworkId: x.Framework.Proto(), ExecutorId: x.ID.Proto()})
}

func (x *Executor) reconnect(from runtime.PID, _ *internalpb.ReconnectExecutorMessage) {
	if x.Estranged {
		return
	}
	x.AgentPID = from
	x.Relink(from)
	x.Send(from, &internalpb.ReregisterExecutorMessage{
		FrameworkId: x.Framework.Proto(), ExecutorId: x.ID.Proto(),
		Updates: slices.Clone(x.unacknowledged), Tasks: slices.Clone(x.silent),
	})
}

// Forget makes the executor one that was never given a task.
func (x *Executor) Forget(task ids.Task) {
	never := func(t *mesospb.TaskInfo) bool { return ids.TaskOf(t.GetTaskId()) == task }
	x.Tasks, x.silent = slices.DeleteFunc(x.Tasks, never), slices.DeleteFunc(x.silent, never)
}

func (x *Executor) acknowledged(_ runtime.PID, m *internalpb.StatusUpdateAcknowledgementMessage) {
	x.Acknowledged = append(x.Acknowledged, m.GetUuid())
	if x.Doubtful {
		return
	}
	x.unacknowledged = slices.DeleteFunc(x.unacknowledged, func(u *internalpb.StatusUpdate) bool {
		return bytes.Equal(u.GetUuid(), m.GetUuid())
	})
	x.silent = slices.DeleteFunc(x.silent, func(t *mesospb.TaskInfo) bool {
		return t.GetTaskId().GetValue() == m.GetTaskId().GetValue()
	})
}

func (x *Executor) run(_ runtime.PID, m *internalpb.RunTaskMessage) {
	x.Tasks, x.silent = append(x.Tasks, m.GetTask()), append(x.silent, m.GetTask())
	if !x.Quiet {
		x.Report(ids.TaskOf(m.GetTask().GetTaskId()), mesospb.TaskState_TASK_RUNNING)
	}
}

func (x *Executor) kill(_ runtime.PID, m *internalpb.KillTaskMessage) {
	x.Killed = append(x.Killed, m)
	if x.Deaf {
		return
	}
	x.Report(ids.TaskOf(m.GetTaskId()), mesospb.TaskState_TASK_KILLED)
}

func (x *Executor) shutdown(runtime.PID, *internalpb.ShutdownExecutorMessage) {
	x.Shutdowns++
	if !x.Stubborn && x.Died != nil {
		x.Died()
		x.Terminate()
	}
}

// Report sends an update of a task and returns it.
func (x *Executor) Report(task ids.Task, state mesospb.TaskState) *internalpb.StatusUpdateMessage {
	now := proto.Float64(float64(x.Now().UnixNano()) / 1e9)
	m := &internalpb.StatusUpdateMessage{
		Pid: proto.String(x.Self().String()),
		Update: &internalpb.StatusUpdate{
			FrameworkId: x.Framework.Proto(), ExecutorId: x.ID.Proto(), SlaveId: x.Agent.Proto(),
			Timestamp: now, Uuid: ids.NewUUID(x.Rand()).Bytes(),
			Status: &mesospb.TaskStatus{
				TaskId: task.Proto(), SlaveId: x.Agent.Proto(), State: state.Enum(), Timestamp: now,
			},
		},
	}
	x.unacknowledged = append(x.unacknowledged, m.GetUpdate())
	x.Send(x.AgentPID, m)
	return m
}

// Say sends a message to the framework.
func (x *Executor) Say(data string) {
	x.Send(x.AgentPID, &internalpb.ExecutorToFrameworkMessage{
		SlaveId: x.Agent.Proto(), FrameworkId: x.Framework.Proto(), ExecutorId: x.ID.Proto(), Data: []byte(data),
	})
}

// Recorder is an actor that acts as a scheduler and records messages of executors.
type Recorder struct {
	runtime.Actor
	Messages []string
}

// Initialize installs the messages of executors.
func (r *Recorder) Initialize() {
	runtime.Install(r, func(_ runtime.PID, x *internalpb.ExecutorToFrameworkMessage) {
		r.Messages = append(r.Messages, string(x.GetData()))
	})
}

// System is a machine with 4 cpus, 8 GB of memory and a disk of 100 GB.
type System struct {
	Usage float64           // used share of the disk, from 0 to 1
	Looks int               // how often somebody asked for it
	Disks []string          // mount points
	Links map[string]string // symbolic links, by path
	Boot  string            // ID of its boot; empty means "boot"
	Own   []netip.Prefix    // networks whose addresses are all on it
	Err   error             // if set, every method fails with it
}

// CPUs implements probe.System.
func (s *System) CPUs() (int, error) { return 4, s.Err }

// Memory implements probe.System.
func (s *System) Memory() (uint64, error) { return 8 << 30, s.Err }

// DiskSize implements probe.System.
func (s *System) DiskSize(string) (uint64, error) { return 100 << 30, s.Err }

// DiskUsage implements probe.System.
func (s *System) DiskUsage(string) (float64, error) {
	s.Looks++
	return s.Usage, s.Err
}

// Mounts implements probe.System.
func (s *System) Mounts() ([]string, error) { return s.Disks, s.Err }

// RealPath implements probe.System. What is neither a link nor a mount point does not exist.
func (s *System) RealPath(path string) (string, error) {
	if target, ok := s.Links[path]; ok {
		path = target
	}
	if !slices.Contains(s.Disks, path) {
		return "", fmt.Errorf("%s: %w", path, fs.ErrNotExist)
	}
	return path, s.Err
}

// MakeDirectory implements probe.System.
func (s *System) MakeDirectory(string) error { return s.Err }

// BootID implements probe.System.
func (s *System) BootID() (string, error) { return cmp.Or(s.Boot, "boot"), s.Err }

// Networks implements probe.System.
func (s *System) Networks() ([]netip.Prefix, error) { return s.Own, s.Err }
