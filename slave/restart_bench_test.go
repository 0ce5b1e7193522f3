package slave_test

import (
	"context"
	"fmt"
	"os"
	goruntime "runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/actors/election"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/slavetest"
)

// driver is the driver of an executor whose container holds only a process that sleeps. All drivers are actors of one node,
// so that nothing but the agent is measured.
type driver struct {
	runtime.Actor
	agent     runtime.PID
	framework ids.Framework
	id        ids.Executor
	back      chan<- ids.Executor
}

// Initialize installs the messages of agents, and registers.
func (d *driver) Initialize() {
	runtime.Install(d, func(runtime.PID, *internalpb.ExecutorRegisteredMessage) {})
	runtime.Install(d, func(runtime.PID, *internalpb.StatusUpdateAcknowledgementMessage) {})
	runtime.Install(d, func(runtime.PID, *internalpb.ShutdownExecutorMessage) {})
	runtime.Install(d, func(runtime.PID, *internalpb.ExecutorReregisteredMessage) { d.back <- d.id })
	runtime.Install(d, func(from runtime.PID, _ *internalpb.ReconnectExecutorMessage) {
		d.Send(from, &internalpb.ReregisterExecutorMessage{FrameworkId: d.framework.Proto(), ExecutorId: d.id.Proto()})
	})
	runtime.Install(d, d.run)
	d.Send(d.agent, &internalpb.RegisterExecutorMessage{FrameworkId: d.framework.Proto(), ExecutorId: d.id.Proto()})
}

func (d *driver) run(from runtime.PID, m *internalpb.RunTaskMessage) {
	now := proto.Float64(float64(d.Now().UnixNano()) / 1e9)
	d.Send(from, &internalpb.StatusUpdateMessage{Pid: proto.String(d.Self().String()), Update: &internalpb.StatusUpdate{
		FrameworkId: d.framework.Proto(), ExecutorId: d.id.Proto(), SlaveId: m.GetTask().GetSlaveId(), Timestamp: now,
		Uuid:   ids.NewUUID(d.Rand()).Bytes(),
		Status: &mesospb.TaskStatus{TaskId: m.GetTask().GetTaskId(), SlaveId: m.GetTask().GetSlaveId(), State: running.Enum(), Timestamp: now},
	}})
}

// driverContainers are real containers in which nothing runs but what a driver is for.
type driverContainers struct {
	containerizer.Containerizer
	runs func(containerizer.Launch)
}

// Launch implements [containerizer.Containerizer].
func (c driverContainers) Launch(l containerizer.Launch) runtime.Future[struct{}] {
	f := c.Containerizer.Launch(l)
	f.OnAny(func(_ struct{}, err error) {
		if err == nil {
			c.runs(l)
		}
	})
	return f
}

// benchAgent is an agent with real containers, with a scripted master, on loopback and on a real disk.
type benchAgent struct {
	b           *testing.B
	work, dir   string
	address     string // of the agent
	node, there *runtime.Node
	master      runtime.Ref[*slavetest.Master]
	containers  containerizer.Containerizer
	registered  chan struct{}
	back        chan ids.Executor
	mu          sync.Mutex
	m           *slavetest.Master
	began       map[ids.Task]time.Time // by the master, like took
	took        []time.Duration
	ran         chan struct{}
	launched    []ids.Container
}

func newBenchAgent(b *testing.B) *benchAgent {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "runtime") // in memory, as is /var/run
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	processors := goruntime.GOMAXPROCS(0)
	disk.SpareProcessor() // as mesos-agent does
	b.Cleanup(func() { goruntime.GOMAXPROCS(processors) })
	a := &benchAgent{
		b: b, work: apart(b), dir: dir, there: listen(), registered: make(chan struct{}), back: make(chan ids.Executor, 10_000),
		ran: make(chan struct{}, 10_000), began: map[ids.Task]time.Time{},
	}
	a.m = &slavetest.Master{Acknowledge: true, OnRegister: func() { close(a.registered) }, OnUpdate: a.update}
	if a.master, err = runtime.Spawn(a.there, "master", a.m); err != nil {
		b.Fatal(err)
	}
	a.start()
	<-a.registered
	b.Cleanup(a.end)
	return a
}

// apart returns a directory that ext4 keeps away from others. Where many files have just been deleted, by another benchmark
// perhaps, ext4 passes over the places of all of them for each new one, which takes longer than a launch.
func apart(b *testing.B) string {
	b.Helper()
	dir := b.TempDir()
	if f, err := os.Open(dir); err == nil {
		if flags, err := unix.IoctlGetInt(int(f.Fd()), unix.FS_IOC_GETFLAGS); err == nil { // other file systems have none
			_ = unix.IoctlSetPointerInt(int(f.Fd()), unix.FS_IOC_SETFLAGS, flags|topDirectory)
		}
		f.Close()
	}
	dir, err := os.MkdirTemp(dir, "work")
	if err != nil {
		b.Fatal(err)
	}
	return dir
}

// topDirectory is the flag T of chattr: what is directly below a directory belongs to different things.
const topDirectory = 0x20000

// start starts the agent.
func (a *benchAgent) start() {
	a.b.Helper()
	a.node = listenAt(a.address)
	own, err := mesos.New(a.node, mesos.Options{WorkDir: a.work, RuntimeDir: a.dir})
	if err != nil {
		a.b.Fatal(err)
	}
	a.containers = own
	config := slave.Defaults()
	config.Detector, config.WorkDir = election.NewStandalone(election.MasterInfo(a.master.PID())), a.work
	config.Resources, config.RegistrationBackoff, config.Hostname = "cpus:10000;mem:1000000;disk:64", 0, "host"
	config.ExecutorReregistration = time.Minute
	config.Containerizer = driverContainers{own, a.drive}
	agent, err := slave.Spawn(a.node, config)
	if err != nil {
		a.b.Fatal(err)
	}
	a.address = agent.PID().Addr
}

// stop ends the agent, but not its containers.
func (a *benchAgent) stop() {
	a.b.Helper()
	if err := a.node.Close(context.Background()); err != nil {
		a.b.Error(err)
	}
}

// end ends everything.
func (a *benchAgent) end() {
	a.destroy()
	a.stop()
	if err := a.there.Close(context.Background()); err != nil {
		a.b.Error(err)
	}
}

// destroy ends all containers.
func (a *benchAgent) destroy() {
	a.mu.Lock()
	all := a.launched
	a.launched = nil
	a.mu.Unlock()
	var ends []runtime.Future[*slavepb.ContainerTermination]
	for _, id := range all {
		ends = append(ends, a.containers.Destroy(id))
	}
	for _, end := range ends {
		done := make(chan struct{})
		end.OnAny(func(*slavepb.ContainerTermination, error) { close(done) })
		<-done
	}
}

// drive starts the driver of an executor.
func (a *benchAgent) drive(l containerizer.Launch) {
	pid, _ := runtime.ParsePID(l.Environment["MESOS_SLAVE_PID"])
	d := &driver{
		agent: pid, framework: ids.Framework(l.Environment["MESOS_FRAMEWORK_ID"]), id: ids.Executor(l.Environment["MESOS_EXECUTOR_ID"]), back: a.back,
	}
	a.mu.Lock()
	a.launched = append(a.launched, l.ID)
	a.mu.Unlock()
	if _, err := runtime.Spawn(a.there, a.there.NewID("executor"), d); err != nil {
		a.b.Error(err)
	}
}

// update notes, on the master's turn, how long it took until a task runs.
func (a *benchAgent) update(u *internalpb.StatusUpdate) {
	if u.GetStatus().GetState() != running {
		return
	}
	task := ids.TaskOf(u.GetStatus().GetTaskId())
	a.took = append(a.took, a.m.Now().Sub(a.began[task]))
	a.ran <- struct{}{}
}

// launch has the master launch tasks, each in an executor of its own, with that time between two, and waits until they run.
func (a *benchAgent) launch(many int, name string, checkpoint bool, pause time.Duration) {
	runtime.Tell(a.master, func(m *slavetest.Master) {
		a.took = nil
		for i := range many {
			message := benchTask(ids.Task(fmt.Sprint(name, "-", i)), checkpoint)
			m.Delay(time.Duration(i)*pause, func() {
				a.began[ids.TaskOf(message.GetTask().GetTaskId())] = m.Now()
				m.Tell(message)
			})
		}
	})
	for range many {
		<-a.ran
	}
}

func benchTask(task ids.Task, checkpoint bool) *internalpb.RunTaskMessage {
	id := f1
	if checkpoint {
		id = "checkpointing"
	}
	m := custom(task, true, framework(func(f *mesospb.FrameworkInfo) { f.Id, f.Checkpoint = id.Proto(), &checkpoint }))
	m.Task.Executor.ExecutorId, m.Task.Executor.FrameworkId = ids.Executor(task).Proto(), id.Proto()
	m.Task.Executor.Command = &mesospb.CommandInfo{Value: proto.String("exec sleep 100000")}
	return m
}

// BenchmarkRecovery starts an agent after one with 1,000 checkpointed tasks, each in an executor of its own, and measures the
// time until all executors are back. Agents wait for --executor_reregistration_timeout besides.
func BenchmarkRecovery(b *testing.B) {
	const many = 1000
	a := newBenchAgent(b)
	a.launch(many, "t", true, 0)
	for b.Loop() {
		b.StopTimer()
		a.stop()
		b.StartTimer()
		a.start()
		for range many {
			<-a.back
		}
	}
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N), "ms/recovery")
}

// BenchmarkCheckpointedLaunch launches 100 tasks a second, each in an executor of its own, with and without checkpoints in turn,
// each for a quarter of a second, since the machine is slower at times. It measures the time from the master's message until the
// update that the task runs.
func BenchmarkCheckpointedLaunch(b *testing.B) {
	const turns, many, pause = 4, 25, time.Second / 100
	a := newBenchAgent(b)
	took := map[bool][]time.Duration{}
	for round := 0; b.Loop(); round++ {
		for turn := range 2 * turns {
			checkpoint := turn%2 == 1
			a.launch(many, fmt.Sprint(round, turn), checkpoint, pause)
			took[checkpoint] = append(took[checkpoint], a.took...)
			a.destroy()
		}
	}
	for checkpoint, name := range map[bool]string{false: "us/unchecked", true: "us/checkpointed"} {
		slices.Sort(took[checkpoint])
		b.ReportMetric(float64(took[checkpoint][len(took[checkpoint])/2].Microseconds()), name)
	}
}
