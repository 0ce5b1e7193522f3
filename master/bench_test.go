package master_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/actors/registrar"
	"meseta/master"
	"meseta/master/api"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
	"meseta/runtime/libprocess"
)

// listen starts a node on loopback.
func listen(b *testing.B) *runtime.Node {
	b.Helper()
	wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	node, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = node.Close(ctx)
	})
	return node
}

func startMaster(b *testing.B) runtime.PID {
	b.Helper()
	node := listen(b)
	registry, err := runtime.Spawn(node, node.NewID("registrar"), registrar.New(&registrar.Memory{}, registrar.Defaults()))
	if err != nil {
		b.Fatal(err)
	}
	leader := &election.Standalone{}
	config := master.Defaults()
	config.Allocator.AllocationInterval = 10 * time.Millisecond
	ref, err := runtime.Spawn(node, "master", master.New(
		config, master.Partners{Serve: api.Serve, Registrar: registry, Contender: election.StandaloneContender{Elected: leader.Appoint}, Detector: leader},
	))
	if err != nil {
		b.Fatal(err)
	}
	return ref.PID()
}

// hollow is an agent without containers. Its tasks run and finish at once, and it does not count them.
type hollow struct {
	runtime.Actor
	master     runtime.PID
	id         *mesospb.SlaveID
	registered chan<- struct{}
	serial     uint64
}

func (h *hollow) Initialize() {
	runtime.Install(h, func(_ runtime.PID, m *internalpb.SlaveRegisteredMessage) {
		if h.id == nil {
			h.id = m.SlaveId
			h.registered <- struct{}{}
		}
	})
	runtime.Install(h, func(runtime.PID, *internalpb.PingSlaveMessage) { h.Reply(&internalpb.PongSlaveMessage{}) })
	runtime.Install(h, func(_ runtime.PID, m *internalpb.RunTaskMessage) {
		h.report(m.GetFramework().Id, m.GetTask().TaskId, mesospb.TaskState_TASK_RUNNING)
		h.report(m.GetFramework().Id, m.GetTask().TaskId, mesospb.TaskState_TASK_FINISHED)
	})
	runtime.Install(h, func(runtime.PID, *internalpb.StatusUpdateAcknowledgementMessage) {})
	msg := mastertest.Registration(h.Self().Addr)
	msg.Slave.Resources[0] = mastertest.Resource("cpus", 64)
	h.Send(h.master, msg)
}

func (h *hollow) report(framework *mesospb.FrameworkID, task *mesospb.TaskID, state mesospb.TaskState) {
	h.serial++
	uuid := mastertest.UUID(0)
	for i := range 5 {
		uuid[i] = byte(h.serial >> (8 * i))
	}
	now := proto.Float64(1)
	h.Send(h.master, &internalpb.StatusUpdateMessage{
		Pid: proto.String(h.Self().String()),
		Update: &internalpb.StatusUpdate{
			FrameworkId: framework, SlaveId: h.id, Timestamp: now, Uuid: uuid,
			Status: &mesospb.TaskStatus{
				TaskId: task, SlaveId: h.id, State: state.Enum(), Uuid: uuid, Timestamp: now,
				Source: mesospb.TaskStatus_SOURCE_EXECUTOR.Enum(),
			},
		},
	})
}

// hungry is a scheduler that launches tasks on every offer until it has launched enough.
type hungry struct {
	runtime.Actor
	master   runtime.PID
	id       *mesospb.FrameworkID
	left     int
	finished int
	want     int
	done     chan<- struct{}
}

func (h *hungry) Initialize() {
	runtime.Install(h, func(_ runtime.PID, m *internalpb.FrameworkRegisteredMessage) { h.id = m.FrameworkId })
	runtime.Install(h, h.offers)
	runtime.Install(h, h.update)
	h.Send(h.master, &schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: mastertest.Framework()},
	})
}

func (h *hungry) offers(_ runtime.PID, m *internalpb.ResourceOffersMessage) {
	for _, o := range m.GetOffers() {
		accept := &schedulerpb.Call_Accept{OfferIds: []*mesospb.OfferID{o.Id}, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(3600)}}
		launch := &mesospb.Offer_Operation_Launch{}
		for cpus := cpusOf(o); cpus > 0 && h.left > 0; cpus-- {
			h.left--
			id := strconv.Itoa(h.left)
			launch.TaskInfos = append(launch.TaskInfos, &mesospb.TaskInfo{
				Name: &id, TaskId: ids.Task(id).Proto(), SlaveId: o.SlaveId,
				Resources: []*mesospb.Resource{mastertest.Resource("cpus", 1), mastertest.Resource("mem", 1)},
				Command:   &mesospb.CommandInfo{Value: proto.String("true")},
			})
		}
		accept.Operations = []*mesospb.Offer_Operation{{Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: launch}}
		h.Send(h.master, &schedulerpb.Call{FrameworkId: h.id, Type: schedulerpb.Call_ACCEPT.Enum(), Accept: accept})
	}
}

func cpusOf(o *mesospb.Offer) int {
	for _, r := range o.GetResources() {
		if r.GetName() == "cpus" {
			return int(r.GetScalar().GetValue())
		}
	}
	return 0
}

func (h *hungry) update(_ runtime.PID, m *internalpb.StatusUpdateMessage) {
	s := m.GetUpdate().GetStatus()
	h.Send(h.master, &schedulerpb.Call{
		FrameworkId: h.id, Type: schedulerpb.Call_ACKNOWLEDGE.Enum(),
		Acknowledge: &schedulerpb.Call_Acknowledge{SlaveId: s.SlaveId, TaskId: s.TaskId, Uuid: s.Uuid},
	})
	if s.GetState() == mesospb.TaskState_TASK_FINISHED {
		if h.finished++; h.finished == h.want {
			h.done <- struct{}{}
		}
	}
}

func spawnHollow(b *testing.B, node *runtime.Node, master runtime.PID, n int) {
	b.Helper()
	registered := make(chan struct{}, n)
	for range n {
		if _, err := runtime.Spawn(node, node.NewID("slave"), &hollow{master: master, registered: registered}); err != nil {
			b.Fatal(err)
		}
	}
	for range n {
		<-registered
	}
}

// BenchmarkRegistration registers agents over the wire.
func BenchmarkRegistration(b *testing.B) {
	master, agents := startMaster(b), listen(b)
	b.ReportAllocs()
	b.ResetTimer()
	spawnHollow(b, agents, master, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "agents/s")
}

// BenchmarkTasks launches tasks over the wire; they run and finish, and both updates are acknowledged. Agents,
// scheduler and master share the processors.
func BenchmarkTasks(b *testing.B) {
	master, agents := startMaster(b), listen(b)
	spawnHollow(b, agents, master, 100)
	done := make(chan struct{}, 1)
	b.ReportAllocs()
	b.ResetTimer()
	if _, err := runtime.Spawn(listen(b), "scheduler", &hungry{master: master, left: b.N, want: b.N, done: done}); err != nil {
		b.Fatal(err)
	}
	<-done
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "tasks/s")
}
