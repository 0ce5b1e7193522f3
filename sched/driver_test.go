package sched_test

import (
	"bytes"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/sched"
	"meseta/sched/schedtest"
)

const (
	masterAddr = "10.0.0.1:5050"
	otherAddr  = "10.0.0.2:5050"
	driverAddr = "10.0.0.9:9000"
)

var agentPID = runtime.PID{ID: "slave(1)", Addr: "10.0.0.3:5051"}

// world is one master, one driver that speaks to it, and the scheduler behind that.
type world struct {
	*sim.World
	t         *testing.T
	master    runtime.Ref[*schedtest.Master]
	scheduler *schedtest.Scheduler
	driver    *sched.Driver
}

func newWorld(t *testing.T, info *mesospb.FrameworkInfo, o sched.Options) *world {
	t.Helper()
	w := &world{World: sim.New(1), t: t, scheduler: &schedtest.Scheduler{}}
	t.Cleanup(func() { runtimetest.End(t, w.World) })
	w.master = w.startMaster(masterAddr)
	info.User, info.Name, info.Hostname = proto.String("root"), proto.String("test"), proto.String("here")
	w.driver = sched.NewDriver(w.Node(driverAddr), w.scheduler, info, masterAddr, o)
	return w
}

func (w *world) startMaster(addr string) runtime.Ref[*schedtest.Master] {
	w.t.Helper()
	ref, err := runtime.Spawn(w.Node(addr), "master", &schedtest.Master{FrameworkID: "f1"})
	if err != nil {
		w.t.Fatal(err)
	}
	return ref
}

// tell has the master do f, and a second pass.
func (w *world) tell(f func(*schedtest.Master)) {
	runtime.Tell(w.master, f)
	w.Advance(time.Second)
}

// calls returns the types of the calls that the master got.
func (w *world) calls() []string {
	f := runtime.Dispatch(w.master, func(m *schedtest.Master) []string {
		var types []string
		for _, c := range m.Calls {
			types = append(types, c.GetType().String())
		}
		return types
	})
	types, err := sim.Await(w.World, f, time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	return types
}

func (w *world) lastCall() *schedulerpb.Call {
	f := runtime.Dispatch(w.master, func(m *schedtest.Master) *schedulerpb.Call { return m.Calls[len(m.Calls)-1] })
	c, err := sim.Await(w.World, f, time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func (w *world) heard(want ...string) {
	w.t.Helper()
	if got := strings.Join(w.scheduler.Heard, "\n"); got != strings.Join(want, "\n") {
		w.t.Errorf("the scheduler heard\n%s\nwant\n%s\n%s", got, strings.Join(want, "\n"), w.Log())
	}
}

var (
	uuids     = regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`)
	fractions = regexp.MustCompile(`(?m)^( *[0-9]+)\.[0-9]+ `)
)

// golden compares the conversation, to the second, and the callbacks with testdata/<name>.txt.
func (w *world) golden(name string) {
	w.t.Helper()
	log := fractions.ReplaceAllString(uuids.ReplaceAllString(w.Log(), "<uuid>"), "${1}s")
	got := log + "callbacks\n  " + strings.Join(w.scheduler.Heard, "\n  ") + "\n"
	runtimetest.Golden(w.t, name, got)
}

func task(id ids.Task, agent ids.Agent) *mesospb.TaskInfo {
	return &mesospb.TaskInfo{Name: proto.String(string(id)), TaskId: id.Proto(), SlaveId: agent.Proto()}
}

// A framework registers, launches a task on an offer, hears of its end, talks with its executor, and goes.
func TestLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
	w.scheduler.OnOffers = func(d *sched.Driver, offers []*mesospb.Offer) {
		for _, o := range offers {
			d.LaunchTasks([]ids.Offer{ids.OfferOf(o.GetId())}, []*mesospb.TaskInfo{task("t1", "a1")}, nil)
		}
	}
	if got := w.driver.Start(); got != sched.Running {
		t.Fatalf("started: %v", got)
	}
	w.Advance(time.Second)
	w.tell(func(m *schedtest.Master) { m.Offer("o1", "a1", agentPID) })
	uuid := []byte("0123456789abcdef")
	w.tell(func(m *schedtest.Master) { m.Update("t1", mesospb.TaskState_TASK_RUNNING, "a1", agentPID, uuid) })
	w.driver.SendFrameworkMessage("x1", "a1", []byte("straight to the agent"))
	w.driver.SendFrameworkMessage("x1", "a2", []byte("through the master"))
	w.tell(func(m *schedtest.Master) {
		m.Send(m.Scheduler, &internalpb.ExecutorToFrameworkMessage{
			SlaveId: ids.Agent("a1").Proto(), ExecutorId: ids.Executor("x1").Proto(), FrameworkId: ids.Framework("f1").Proto(), Data: []byte("hello"),
		})
		m.Send(m.Scheduler, &internalpb.ExitedExecutorMessage{
			SlaveId: ids.Agent("a1").Proto(), ExecutorId: ids.Executor("x1").Proto(), FrameworkId: ids.Framework("f1").Proto(), Status: proto.Int32(256),
		})
		m.Send(m.Scheduler, &internalpb.LostSlaveMessage{SlaveId: ids.Agent("a1").Proto()})
		m.Update("t1", mesospb.TaskState_TASK_LOST, "a1", runtime.PID{}, nil)
		m.Send(m.Scheduler, &internalpb.RescindResourceOfferMessage{OfferId: ids.Offer("o2").Proto()})
	})
	w.driver.DeclineOffer("o2", &mesospb.Filters{RefuseSeconds: proto.Float64(1)})
	w.driver.ReviveOffers()
	w.driver.SuppressOffers("r")
	w.driver.KillTask("t1")
	w.driver.ReconcileTasks([]*mesospb.TaskStatus{{TaskId: ids.Task("t1").Proto(), SlaveId: ids.Agent("a1").Proto()}})
	w.driver.RequestResources([]*mesospb.Request{{SlaveId: ids.Agent("a1").Proto()}})
	w.driver.Stop(false)
	w.Advance(time.Second)
	select {
	case <-w.driver.Done():
	default:
		t.Error("the driver is stopped, but not done")
	}
	w.golden("life")
}

// A master that does not answer is asked again, at random times within 2s, 4s, 8s … but never more than a tenth of the
// failover timeout apart.
func TestSubscriptionIsRetried(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		failover float64
		min, max int // subscriptions within ten minutes
	}{{0, 12, 40}, {20, 300, 700}, {1e300, 12, 40}, {math.Inf(1), 12, 40}, {math.NaN(), 12, 40}, {-1e300, 12, 40}} {
		w := newWorld(t, &mesospb.FrameworkInfo{FailoverTimeout: &c.failover}, sched.Options{})
		runtime.Tell(w.master, func(m *schedtest.Master) { m.Mute = true })
		w.driver.Start()
		w.Advance(10 * time.Minute)
		if n := len(w.calls()); n < c.min || n > c.max {
			t.Errorf("failover timeout %v: %d subscriptions in ten minutes", c.failover, n)
		}
		w.tell(func(m *schedtest.Master) { m.Mute = false })
		w.Advance(time.Minute)
		w.heard("registered f1 by master@" + masterAddr)
	}
}

// The master restarts at its address: the scheduler hears of the break, and the driver subscribes under its id.
func TestMasterRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
	w.driver.Start()
	w.Advance(time.Second)
	w.Crash(masterAddr)
	w.Advance(time.Second)
	w.driver.LaunchTasks([]ids.Offer{"o1"}, []*mesospb.TaskInfo{task("t1", "a1")}, nil)
	w.driver.ReviveOffers()
	w.Advance(10 * time.Second)
	w.master = w.startMaster(masterAddr)
	w.Advance(2 * time.Minute)
	w.heard("registered f1 by master@"+masterAddr, "disconnected", "update t1 TASK_LOST", "reregistered by master@"+masterAddr)
	if c := w.lastCall(); c.GetType() != schedulerpb.Call_UPDATE_FRAMEWORK {
		t.Errorf("a revive while disconnected must be made good; the last call is %v", c.GetType())
	}
}

// While a master that has died is named as the leader, the driver tries it with growing pauses, and says once that it cannot be reached.
func TestDeadLeaderIsLoggedOnce(t *testing.T) {
	t.Parallel()
	for name, credential := range map[string]*mesospb.Credential{"open": nil, "with a credential": {Principal: proto.String("p"), Secret: proto.String("s")}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
			node := w.NodeWith("10.0.0.8:9000", func(o *runtime.Options) { o.Log = zerolog.New(&log).Level(zerolog.InfoLevel) })
			driver := sched.NewDriver(node, &schedtest.Scheduler{}, &mesospb.FrameworkInfo{User: proto.String("root"), Name: proto.String("n")}, masterAddr,
				sched.Options{Credential: credential})
			w.Crash(masterAddr)
			driver.Start()
			w.Advance(5 * time.Minute)
			if n, tries := strings.Count(log.String(), "master unreachable"), strings.Count(log.String(), "authenticating"); n != 1 || tries > 20 {
				t.Errorf("logged %d times; %d attempts\n%s", n, tries, log.String())
			}
		})
	}
}

// A partition-aware framework hears TASK_DROPPED of what it launches while disconnected.
func TestLaunchWhileDisconnected(t *testing.T) {
	t.Parallel()
	aware := []*mesospb.FrameworkInfo_Capability{{Type: mesospb.FrameworkInfo_Capability_PARTITION_AWARE.Enum()}}
	w := newWorld(t, &mesospb.FrameworkInfo{Capabilities: aware}, sched.Options{})
	var got *mesospb.TaskStatus
	w.scheduler.OnUpdate = func(_ *sched.Driver, s *mesospb.TaskStatus) { got = s }
	w.Crash(masterAddr)
	w.driver.Start()
	w.driver.LaunchTasks([]ids.Offer{"o1"}, []*mesospb.TaskInfo{task("t1", "a1")}, nil)
	w.Advance(time.Second)
	if got.GetState() != mesospb.TaskState_TASK_DROPPED || got.GetReason() != mesospb.TaskStatus_REASON_MASTER_DISCONNECTED || got.GetUuid() != nil {
		t.Errorf("got %v", got)
	}
}

// Leadership moves: what the old master says no longer counts.
func TestOnlyTheLeaderIsHeard(t *testing.T) {
	t.Parallel()
	leader := election.NewStandalone(nil)
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{Detector: leader})
	other := w.startMaster(otherAddr)
	w.driver.Start()
	w.Advance(time.Minute)
	if n := len(w.calls()); n != 0 {
		t.Fatalf("%d calls to a master that does not lead", n)
	}
	leader.Appoint(election.MasterInfo(w.master.PID()))
	w.Advance(time.Second)
	leader.Appoint(election.MasterInfo(other.PID()))
	w.Advance(time.Second)
	w.tell(func(m *schedtest.Master) {
		m.Offer("o1", "a1", agentPID)
		m.Update("t1", mesospb.TaskState_TASK_RUNNING, "a1", agentPID, []byte("0123456789abcdef"))
		m.Send(m.Scheduler, &internalpb.LostSlaveMessage{SlaveId: ids.Agent("a1").Proto()})
		m.Send(m.Scheduler, &internalpb.FrameworkRegisteredMessage{FrameworkId: ids.Framework("f9").Proto(), MasterInfo: election.MasterInfo(m.Self())})
	})
	leader.Appoint(nil)
	w.Advance(time.Second)
	w.heard("registered f1 by master@"+masterAddr, "disconnected", "reregistered by master@"+otherAddr, "disconnected")
}

// Of a list of masters, the driver finds the one that can be reached.
func TestListOfMasters(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
	info := &mesospb.FrameworkInfo{Name: proto.String("test")}
	d := sched.NewDriver(w.Node("10.0.0.8:1"), w.scheduler, info, otherAddr+","+masterAddr, sched.Options{})
	d.Start()
	w.Advance(time.Minute)
	w.heard("registered f1 by master@" + masterAddr)
}

// A scheduler that takes over says so, and is registered rather than reregistered.
func TestFailover(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{Id: ids.Framework("f1").Proto()}, sched.Options{})
	w.driver.Start()
	w.Advance(time.Second)
	if c := w.lastCall(); !c.GetSubscribe().GetForce() || c.GetFrameworkId().GetValue() != "f1" {
		t.Errorf("subscribed with %v", c)
	}
	w.driver.Stop(true)
	w.Advance(time.Second)
	w.heard("registered f1 by master@" + masterAddr)
	if calls := w.calls(); len(calls) != 1 {
		t.Errorf("a driver that stops for failover must not say good-bye: %v", calls)
	}
}

func TestExplicitAcknowledgement(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{ExplicitAcknowledgements: true})
	var status *mesospb.TaskStatus
	w.scheduler.OnUpdate = func(_ *sched.Driver, s *mesospb.TaskStatus) { status = s }
	w.driver.Start()
	w.Advance(time.Second)
	uuid := []byte("0123456789abcdef")
	w.tell(func(m *schedtest.Master) { m.Update("t1", mesospb.TaskState_TASK_RUNNING, "a1", agentPID, uuid) })
	if calls := w.calls(); len(calls) != 1 {
		t.Fatalf("acknowledged without being asked: %v", calls)
	}
	w.driver.AcknowledgeStatusUpdate(status)
	w.Advance(time.Second)
	if c := w.lastCall(); string(c.GetAcknowledge().GetUuid()) != string(uuid) || c.GetAcknowledge().GetSlaveId().GetValue() != "a1" {
		t.Errorf("acknowledged %v", c)
	}
	w.tell(func(m *schedtest.Master) { m.Update("t2", mesospb.TaskState_TASK_LOST, "a1", runtime.PID{}, uuid) })
	if status.GetUuid() != nil {
		t.Errorf("the master's own update must not ask for acknowledgement: %v", status)
	}
}

// An error of the master ends callbacks, and the updates that follow are not acknowledged.
func TestErrorAborts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
	w.driver.Start()
	w.Advance(time.Second)
	w.tell(func(m *schedtest.Master) {
		m.Send(m.Scheduler, &internalpb.FrameworkErrorMessage{Message: proto.String("go away")})
		m.Update("t1", mesospb.TaskState_TASK_RUNNING, "a1", agentPID, []byte("0123456789abcdef"))
	})
	w.heard("registered f1 by master@"+masterAddr, `error "go away"`)
	if s := w.driver.Status(); s != sched.Aborted {
		t.Errorf("the driver is %v", s)
	}
	if calls := w.calls(); len(calls) != 1 {
		t.Errorf("calls after the error: %v", calls)
	}
	if s := w.driver.Stop(false); s != sched.Aborted {
		t.Errorf("Stop of an aborted driver returns %v", s)
	}
	w.Advance(time.Second)
	if calls := w.calls(); calls[len(calls)-1] != "TEARDOWN" {
		t.Errorf("an aborted driver can still be stopped: %v", calls)
	}
}

// A master may tell the same news as events.
func TestEvents(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
	runtime.Tell(w.master, func(m *schedtest.Master) { m.Mute = true })
	w.driver.Start()
	w.Advance(time.Millisecond * 100)
	agent, executor := ids.Agent("a1").Proto(), ids.Executor("x1").Proto()
	w.tell(func(m *schedtest.Master) {
		m.Scheduler = w.driver.PID()
		for _, e := range []*schedulerpb.Event{
			{Type: schedulerpb.Event_SUBSCRIBED.Enum(), Subscribed: &schedulerpb.Event_Subscribed{FrameworkId: ids.Framework("f1").Proto()}},
			{Type: schedulerpb.Event_OFFERS.Enum(), Offers: &schedulerpb.Event_Offers{Offers: []*mesospb.Offer{{
				Id: ids.Offer("o1").Proto(), FrameworkId: ids.Framework("f1").Proto(), SlaveId: agent, Hostname: proto.String("h"),
				Url: &mesospb.URL{Scheme: proto.String("http"), Path: proto.String("/slave(1)"), Address: &mesospb.Address{Ip: proto.String("10.0.0.3"), Port: proto.Int32(5051)}},
			}}}},
			{Type: schedulerpb.Event_RESCIND.Enum(), Rescind: &schedulerpb.Event_Rescind{OfferId: ids.Offer("o0").Proto()}},
			{Type: schedulerpb.Event_UPDATE.Enum(), Update: &schedulerpb.Event_Update{Status: &mesospb.TaskStatus{
				TaskId: ids.Task("t1").Proto(), State: mesospb.TaskState_TASK_RUNNING.Enum(), SlaveId: agent, Uuid: []byte("0123456789abcdef"),
			}}},
			{Type: schedulerpb.Event_MESSAGE.Enum(), Message: &schedulerpb.Event_Message{SlaveId: agent, ExecutorId: executor, Data: []byte("hi")}},
			{Type: schedulerpb.Event_FAILURE.Enum(), Failure: &schedulerpb.Event_Failure{SlaveId: agent, ExecutorId: executor, Status: proto.Int32(9)}},
			{Type: schedulerpb.Event_FAILURE.Enum(), Failure: &schedulerpb.Event_Failure{SlaveId: agent}},
			{Type: schedulerpb.Event_HEARTBEAT.Enum()},
			{Type: schedulerpb.Event_ERROR.Enum(), Error: &schedulerpb.Event_Error{Message: proto.String("enough")}},
		} {
			m.Send(m.Scheduler, e)
		}
	})
	w.heard("registered f1 by master@"+masterAddr, "offer o1 of a1", "rescinded o0", "update t1 TASK_RUNNING",
		`message "hi" from x1 on a1`, "lost executor x1 on a1, status 9", "lost agent a1", `error "enough"`)
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		info   *mesospb.FrameworkInfo
		master string
	}{
		"an address that is none":  {&mesospb.FrameworkInfo{Name: proto.String("test")}, "zk://a:2181:2181/mesos"},
		"a framework without name": {&mesospb.FrameworkInfo{}, masterAddr},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &schedtest.Scheduler{}
			d := sched.NewDriver(sim.New(1).Node(driverAddr), s, c.info, c.master, sched.Options{})
			if got := d.Run(); got != sched.Aborted || len(s.Heard) != 1 {
				t.Errorf("status %v, heard %q", got, s.Heard)
			}
		})
	}
}

func TestUpdateFramework(t *testing.T) {
	t.Parallel()
	w := newWorld(t, &mesospb.FrameworkInfo{}, sched.Options{})
	w.driver.Start()
	w.Advance(time.Second)
	changed := &mesospb.FrameworkInfo{Id: ids.Framework("f1").Proto(), User: proto.String("root"), Name: proto.String("renamed")}
	w.driver.UpdateFramework(changed, []string{"b", "a", "b"}, nil)
	w.Advance(time.Second)
	u := w.lastCall().GetUpdateFramework()
	if u.GetFrameworkInfo().GetName() != "renamed" || strings.Join(u.GetSuppressedRoles(), " ") != "a b" {
		t.Errorf("the master heard %v", w.lastCall())
	}
	w.driver.UpdateFramework(&mesospb.FrameworkInfo{Id: ids.Framework("f2").Proto()}, nil, nil)
	w.Advance(time.Second)
	if w.driver.Status() != sched.Aborted {
		t.Error("another id must abort the driver")
	}
}
