package slave_test

import (
	"cmp"
	"errors"
	"net/netip"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// Nobody but an executor reports about its tasks, or speaks to its scheduler: no stranger, no other executor, and nobody without
// an address.
func TestOnlyExecutorsReport(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.config.Resources = "cpus:4;mem:4096;disk:8192" })
	mine, another := custom("mine", true, framework()), custom("other", true, framework())
	mine.Pid, another.Pid = nil, nil // the scheduler uses HTTP, so that it hears through the master
	w.say(mine)
	another.Task.Executor.ExecutorId = &mesospb.ExecutorID{Value: proto.String("x2")}
	w.say(another)
	w.states("mine", mesospb.TaskState_TASK_RUNNING)
	w.states("other", mesospb.TaskState_TASK_RUNNING)
	before := len(w.m.Messages)
	update := &internalpb.StatusUpdateMessage{Pid: proto.String(w.refs[0].PID().String()), Update: proto.CloneOf(w.m.Last("mine"))}
	update.Update.Status.State = mesospb.TaskState_TASK_FINISHED.Enum()
	update.Update.Uuid = []byte("0123456789abcdef")
	said := &internalpb.ExecutorToFrameworkMessage{
		SlaveId: update.Update.SlaveId, FrameworkId: update.Update.FrameworkId, ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}, Data: []byte("x"),
	}
	stranger, err := runtime.Spawn(w.Node("10.0.0.9:1"), "stranger", &mute{})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []proto.Message{update, said} {
		runtime.Tell(stranger, func(s *mute) { s.Send(w.agent.PID(), m) })
		w.executor(1, func(x *slavetest.Executor) { x.Send(w.agent.PID(), m) })
		w.agentNode.Deliver(runtime.Envelope{To: w.agent.PID(), Name: string(m.ProtoReflect().Descriptor().FullName()), Message: m})
	}
	w.Advance(time.Second)
	w.states("mine", mesospb.TaskState_TASK_RUNNING)
	if n := len(w.m.Messages); n != before {
		t.Errorf("the scheduler heard %d messages", n-before)
	}
	for _, m := range []proto.Message{said, update} {
		w.executor(0, func(x *slavetest.Executor) { x.Send(w.agent.PID(), m) })
	}
	w.Advance(time.Second)
	w.states("mine", mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED)
	if n := len(w.m.Messages); n != before+1 {
		t.Errorf("of the executor, the scheduler heard %d messages", n-before)
	}
}

// A driver registers its executor only from where that can be: this machine, its container, or where it was told to be. From
// elsewhere it is told to end and is not sent the task, which goes to the executor when that comes.
func TestExecutorsRegisterFromTheirPlaces(t *testing.T) {
	t.Parallel()
	const elsewhere = "10.0.0.9:1"
	one := []netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")}
	network := []*mesospb.NetworkInfo{{IpAddresses: []*mesospb.NetworkInfo_IPAddress{{IpAddress: proto.String("10.0.0.9")}}}}
	variable := func(name, value string) *mesospb.Environment {
		return &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{Name: &name, Value: &value}}}
	}
	for name, c := range map[string]struct {
		at     string // of the driver; "": elsewhere
		change func(*world, *internalpb.RunTaskMessage)
		in     bool
	}{
		"elsewhere":               {},
		"the agent's address":     {at: "10.0.0.3:7", in: true},
		"loopback":                {at: "127.0.0.1:7", in: true},
		"another of this machine": {change: func(w *world, _ *internalpb.RunTaskMessage) { w.system.Own = one }, in: true},
		"what is bridged here": {change: func(w *world, _ *internalpb.RunTaskMessage) {
			w.system.Own = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24")}
		}, in: true},
		"what is bridged beside it": {change: func(w *world, _ *internalpb.RunTaskMessage) {
			w.system.Own = []netip.Prefix{netip.MustParsePrefix("10.0.1.0/24")}
		}},
		"not known to this machine": {change: func(w *world, _ *internalpb.RunTaskMessage) {
			w.system.Own, w.system.Err = one, errors.New("no netlink")
		}},
		"the container's": {change: func(w *world, _ *internalpb.RunTaskMessage) { w.containers.Networks = network }, in: true},
		"the agent's variable": {change: func(w *world, _ *internalpb.RunTaskMessage) {
			w.config.Environment = map[string]string{"LIBPROCESS_ADVERTISE_IP": "10.0.0.9"}
		}, in: true},
		"its variable": {change: func(_ *world, m *internalpb.RunTaskMessage) {
			m.Task.Executor.Command.Environment = variable("LIBPROCESS_IP", "10.0.0.9")
		}, in: true},
		"another value": {change: func(_ *world, m *internalpb.RunTaskMessage) {
			m.Task.Executor.Command.Environment = variable("LIBPROCESS_IP", "10.0.0.8")
		}},
		"no address": {change: func(_ *world, m *internalpb.RunTaskMessage) {
			m.Task.Executor.Command.Environment = variable("LIBPROCESS_IP", "")
		}},
		"Docker's containers are where": {change: func(_ *world, m *internalpb.RunTaskMessage) {
			m.Task.Executor.Container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_DOCKER.Enum(), Docker: &mesospb.ContainerInfo_DockerInfo{Image: proto.String("i")}}
		}, in: true},
		"of a command task": {change: func(_ *world, m *internalpb.RunTaskMessage) {
			m.Task.Executor, m.Task.Command = nil, &mesospb.CommandInfo{Value: proto.String("true")}
			m.Task.Container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_DOCKER.Enum(), Docker: &mesospb.ContainerInfo_DockerInfo{Image: proto.String("i")}}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, d := claimed(t, cmp.Or(c.at, elsewhere), c.change)
			if d.tasks != 0 != c.in || d.registered != c.in || d.ended == c.in {
				t.Errorf("it was sent %d tasks, registered %t, told to end %t", d.tasks, d.registered, d.ended)
			}
			if c.in {
				return
			}
			w.executor(0, func(x *slavetest.Executor) { x.Send(w.agent.PID(), d.register) })
			w.Advance(time.Second)
			if n := len(w.executors[0].Tasks); n != 1 {
				t.Errorf("the executor was sent %d tasks", n)
			}
		})
	}
}

// claimed has somebody at an address claim to be an executor that has not registered yet.
func claimed(t *testing.T, at string, change func(*world, *internalpb.RunTaskMessage)) (*world, *claimant) {
	t.Helper()
	m := custom("t", true, framework())
	w := newWorld(t, func(w *world) {
		w.shape = func(x *slavetest.Executor) { x.Silent = true }
		if change != nil {
			change(w, m)
		}
	})
	w.say(m)
	d := &claimant{register: &internalpb.RegisterExecutorMessage{FrameworkId: f1.Proto(), ExecutorId: w.executors[0].ID.Proto()}, agent: w.agent.PID()}
	if _, err := runtime.Spawn(w.Node(at), "executor(1)", d); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Second)
	return w, d
}

// claimant registers an executor.
type claimant struct {
	runtime.Actor
	register          *internalpb.RegisterExecutorMessage
	agent             runtime.PID
	tasks             int
	registered, ended bool
}

func (d *claimant) Initialize() {
	runtime.Install(d, func(runtime.PID, *internalpb.ExecutorRegisteredMessage) { d.registered = true })
	runtime.Install(d, func(runtime.PID, *internalpb.RunTaskMessage) { d.tasks++ })
	runtime.Install(d, func(runtime.PID, *internalpb.ShutdownExecutorMessage) { d.ended = true })
	d.Send(d.agent, d.register)
}
