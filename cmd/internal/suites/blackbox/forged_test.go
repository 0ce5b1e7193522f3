package blackbox

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
)

// forgery is a message to an actor of a daemon. Its sender is what whoever sends it says.
type forgery struct {
	to            *process
	sender, actor string
	what          proto.Message
}

// head is the beginning of the request that carries the message.
func (x forgery) head(t *testing.T) []byte {
	t.Helper()
	body, err := proto.Marshal(x.what)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Appendf(nil, "POST /%s/%s HTTP/1.1\r\nLibprocess-From: %s\r\nContent-Length: %d\r\n\r\n%s",
		x.actor, x.what.ProtoReflect().Descriptor().FullName(), x.sender, len(body), body)
}

// says sends messages on one connection from an address of this machine, and returns the status of each.
func says(t *testing.T, local string, all ...forgery) (statuses []int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(local)}}
	conn, err := dialer.DialContext(ctx, "tcp", all[0].to.address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var written []byte
	for _, x := range all {
		written = append(written, x.head(t)...)
	}
	if _, err := conn.Write(written); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for range all {
		answer, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		statuses = append(statuses, answer.StatusCode)
	}
	return statuses
}

// victim is a framework of the HTTP API with a task "t", which ends when the gate is open.
type victim struct {
	*framework
	agent, id, task string
	open            gate
}

func newVictim(t *testing.T, w *world) *victim {
	t.Helper()
	v := &victim{framework: w.subscribes(t, strings.Replace(subscribe, `"user"`, `"failover_timeout":600,"user"`, 1)), task: "t", open: newGate(t)}
	t.Cleanup(func() { v.open.open(t) })
	v.agent = v.runs(v.task, v.open.wait()).GetUpdate().GetStatus().GetAgentId().GetValue()
	v.id = v.framework.id
	return v
}

func (v *victim) agentID() *mesospb.SlaveID         { return &mesospb.SlaveID{Value: &v.agent} }
func (v *victim) frameworkID() *mesospb.FrameworkID { return &mesospb.FrameworkID{Value: &v.id} }
func (v *victim) taskID() *mesospb.TaskID           { return &mesospb.TaskID{Value: &v.task} }

// unharmed lets the task end, of which the framework must be told, and nothing else before.
func (v *victim) unharmed(t *testing.T) {
	t.Helper()
	v.open.open(t)
	status := v.event(schedulerv1pb.Event_UPDATE).GetUpdate().GetStatus()
	if status.GetState() != mesosv1pb.TaskState_TASK_FINISHED {
		t.Errorf("the task is %s: %s", status.GetState(), status.GetMessage())
	}
	for _, p := range []*process{v.w.master, v.w.agent} {
		if status, text := p.get("/health"); status != http.StatusOK {
			t.Errorf("the health of %s: %d %s", p.name, status, text)
		}
	}
	if _, state := v.w.master.get("/state"); !strings.Contains(state, `"activated_slaves":1.0`) {
		t.Errorf("the agent is not active: %s", state)
	}
}

// byPretenders returns messages by which somebody does harm who pretends to be an agent, or the master.
func (v *victim) byPretenders() []forgery {
	asAgent, asMaster := "slave(1)@"+v.w.agent.address, "master@"+v.w.master.address
	update := &internalpb.StatusUpdateMessage{Pid: &asAgent, Update: &internalpb.StatusUpdate{
		FrameworkId: v.frameworkID(), SlaveId: v.agentID(), Timestamp: proto.Float64(0), Uuid: bytes.Repeat([]byte{1}, 16),
		Status: &mesospb.TaskStatus{TaskId: v.taskID(), State: mesospb.TaskState_TASK_FAILED.Enum(), Uuid: bytes.Repeat([]byte{1}, 16)},
	}}
	return []forgery{
		{v.w.master, asAgent, "master", update},
		{v.w.master, asAgent, "master", &internalpb.UnregisterSlaveMessage{SlaveId: v.agentID()}},
		{v.w.agent, asMaster, "slave(1)", &internalpb.KillTaskMessage{FrameworkId: v.frameworkID(), TaskId: v.taskID()}},
		{v.w.agent, asMaster, "slave(1)", &internalpb.ShutdownFrameworkMessage{FrameworkId: v.frameworkID()}},
		{v.w.agent, asMaster, "slave(1)", &internalpb.ShutdownMessage{Message: proto.String("go")}},
		{v.w.agent, asMaster, "slave(1)", &internalpb.DrainSlaveMessage{Config: &mesospb.DrainConfig{}}},
	}
}

// byNobody returns messages of schedulers, agents and masters, with a sender that is none of them.
func (v *victim) byNobody(sender string) (all []forgery) {
	for _, x := range v.byPretenders() {
		x.sender = sender
		all = append(all, x)
	}
	f, task := v.frameworkID(), v.taskID()
	for _, m := range []proto.Message{
		&internalpb.UnregisterFrameworkMessage{FrameworkId: f}, &internalpb.DeactivateFrameworkMessage{FrameworkId: f},
		&internalpb.KillTaskMessage{FrameworkId: f, TaskId: task},
		&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), FrameworkId: f, Kill: &schedulerpb.Call_Kill{TaskId: task, SlaveId: v.agentID()}},
		&schedulerpb.Call{Type: schedulerpb.Call_TEARDOWN.Enum(), FrameworkId: f},
		&internalpb.ExitedExecutorMessage{FrameworkId: f, SlaveId: v.agentID(), ExecutorId: &mesospb.ExecutorID{Value: &v.task}, Status: proto.Int32(1)},
	} {
		all = append(all, forgery{v.w.master, sender, "master", m})
	}
	return all
}

// Where senders have to be where they say, nobody at another address passes for an agent or for the master.
func TestForgedSendersAreRefused(t *testing.T) {
	t.Parallel()
	env := []string{"LIBPROCESS_REQUIRE_PEER_ADDRESS_IP_MATCH=1"}
	w := &world{master: startDaemonWith(t, env, "mesos-master", "--ip=127.0.0.1", "--port=0", "--hostname=localhost", "--registry=in_memory")}
	w.agent = startDaemonWith(t, env, "mesos-agent", agentArgs("0", w.master.address, t.TempDir(), nil)...)
	w.agent.awaits("registered")
	v := newVictim(t, w)
	for _, x := range append(v.byPretenders(), v.byNobody("@0.0.0.0:0")...) {
		if got := says(t, "127.0.0.9", x); got[0] != http.StatusBadRequest {
			t.Errorf("%T as %s: %d", x.what, x.sender, got[0])
		}
	}
	v.unharmed(t)
}

// Messages of nobody, and of actors that are neither the scheduler nor the agent nor the master, are taken and ignored.
//
// A framework of the HTTP API has no PID, and so has a message without a sender: they must not be taken for each other.
func TestStrangersDoNoHarm(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := newVictim(t, w)
	for _, sender := range []string{"@0.0.0.0:0", "scheduler@127.0.0.1:1"} {
		for _, x := range v.byNobody(sender) {
			if got := says(t, "127.0.0.1", x); got[0] != http.StatusAccepted {
				t.Errorf("%T of %s: %d", x.what, sender, got[0])
			}
		}
	}
	v.unharmed(t)
}

// A sender with the name of an actor that every node has by itself, or of the receiver, neither freezes nor ends a daemon; nor
// does one that does not answer.
func TestSendersThatAreNobody(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	v := newVictim(t, w)
	register := &internalpb.RegisterFrameworkMessage{Framework: &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("forged")}}
	call := &schedulerpb.Call{Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: register.Framework}}
	executor := &internalpb.RegisterExecutorMessage{FrameworkId: &mesospb.FrameworkID{Value: proto.String("f")}, ExecutorId: &mesospb.ExecutorID{Value: proto.String("x")}}
	for _, name := range []string{"deadletter", "eventstream", "guardian", "master", "slave(1)", "allocator", "__processes__", "nobody"} {
		for _, at := range []string{w.master.address, w.agent.address, "127.0.0.1:1", "0.0.0.0:0"} {
			sender := name + "@" + at
			says(t, "127.0.0.1", forgery{w.master, sender, "master", register}, forgery{w.master, sender, "master", call})
			says(t, "127.0.0.1", forgery{w.agent, sender, "slave(1)", executor})
		}
	}
	v.unharmed(t)
}

// Nobody elsewhere registers in the name of an executor that was started a moment ago, and is sent its tasks.
func TestExecutorsAreNotElsewhere(t *testing.T) {
	t.Parallel()
	g := newGuardedWorld(t, `{"value":"sleep 1000"}`)
	x := forgery{g.agent, "executor(1)@192.0.2.1:5", "slave(1)", &internalpb.RegisterExecutorMessage{
		FrameworkId: &mesospb.FrameworkID{Value: &g.f.id}, ExecutorId: &mesospb.ExecutorID{Value: proto.String("x")},
	}}
	if got := says(t, "127.0.0.1", x); got[0] != http.StatusAccepted {
		t.Errorf("answered %d", got[0])
	}
	g.agent.awaits("registration refused: neither this machine nor the executor's container has that address")
	if strings.Contains(g.agent.out.String(), "executor registered") {
		t.Error("it was let in")
	}
}

// playedAgent is an address that masters reach, at which nothing runs.
type playedAgent struct {
	*httptest.Server
	registered chan *mesospb.SlaveID
}

func newPlayedAgent(t *testing.T) *playedAgent {
	t.Helper()
	a := &playedAgent{registered: make(chan *mesospb.SlaveID, 1)}
	a.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		m := &internalpb.SlaveRegisteredMessage{}
		if err == nil && strings.HasSuffix(in.URL.Path, ".SlaveRegisteredMessage") && proto.Unmarshal(body, m) == nil {
			select {
			case a.registered <- m.GetSlaveId():
			default: // it is told again
			}
		}
		out.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(a.Close)
	return a
}

// says sends messages to a master, one right after the other.
func (a *playedAgent) says(t *testing.T, master *process, all ...proto.Message) {
	t.Helper()
	var forged []forgery
	for _, m := range all {
		forged = append(forged, forgery{master, "slave(1)@" + a.Listener.Addr().String(), "master", m})
	}
	says(t, "127.0.0.1", forged...)
}

// info describes it, with that many processors.
func (a *playedAgent) info(cpus float64, id *mesospb.SlaveID) *mesospb.SlaveInfo {
	port := int32(a.Listener.Addr().(*net.TCPAddr).Port)
	return &mesospb.SlaveInfo{Hostname: proto.String("h"), Port: &port, Id: id, Resources: []*mesospb.Resource{
		{Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &cpus}},
	}}
}

// An agent that says good-bye, and registers again with other resources before that is in the registry, does not end the master.
func TestAgentsThatContradictThemselves(t *testing.T) {
	t.Parallel()
	m := newWorld(t).master // which has recovered, since an agent has registered
	can := []*mesospb.SlaveInfo_Capability{
		{Type: mesospb.SlaveInfo_Capability_MULTI_ROLE.Enum()}, {Type: mesospb.SlaveInfo_Capability_HIERARCHICAL_ROLE.Enum()},
		{Type: mesospb.SlaveInfo_Capability_RESERVATION_REFINEMENT.Enum()},
	}
	version := proto.String("1.11.0")
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 5 {
		a := newPlayedAgent(t)
		a.says(t, m, &internalpb.RegisterSlaveMessage{Slave: a.info(1, nil), Version: version, AgentCapabilities: can})
		select {
		case id := <-a.registered:
			a.says(t, m, &internalpb.UnregisterSlaveMessage{SlaveId: id},
				&internalpb.ReregisterSlaveMessage{Slave: a.info(2, id), Version: version, AgentCapabilities: can})
		case <-ctx.Done():
			t.Fatal("the agent is not registered")
		}
		a.Close()
	}
	startAgent(t, "0", m.address, t.TempDir()).awaits("registered") // it is in the registry, and so is what came before
}
