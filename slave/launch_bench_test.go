package slave_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/slave/slavetest"
)

// program is an agent as users have it, the program with its executor, its work directory on a real disk and its runtime directory
// in memory, with a scripted master.
type program struct {
	master runtime.Ref[*slavetest.Master]
	m      *slavetest.Master
	began  map[ids.Task]time.Time // by the master, like took
	took   []time.Duration
	ran    chan struct{}
	ended  chan struct{} // a task
}

func startProgram(b *testing.B) *program {
	b.Helper()
	bin := b.TempDir()
	build := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "meseta/cmd/mesos-agent", "meseta/cmd/mesos-executor", "meseta/cmd/mesos-containerizer")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	dir, err := os.MkdirTemp("/dev/shm", "runtime") // in memory, as is /var/run
	if err != nil {
		b.Skip(err)
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	there, registered := listen(), make(chan struct{})
	p := &program{began: map[ids.Task]time.Time{}, ran: make(chan struct{}, 10_000), ended: make(chan struct{}, 10_000)}
	p.m = &slavetest.Master{Acknowledge: true, OnRegister: func() { close(registered) }, OnUpdate: p.update}
	if p.master, err = runtime.Spawn(there, "master", p.m); err != nil {
		b.Fatal(err)
	}
	agent := exec.Command(filepath.Join(bin, "mesos-agent"), "--master="+there.Addr(), "--ip=127.0.0.1", "--port=0", "--hostname=host",
		"--work_dir="+apart(b), "--runtime_dir="+dir, "--launcher_dir="+bin, "--launcher=posix", "--isolation=posix/cpu,posix/mem",
		"--resources=cpus:10000;mem:1000000;disk:64;ports:[]", "--registration_backoff_factor=0ns")
	if err := agent.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := agent.Process.Signal(syscall.SIGUSR1); err != nil { // which ends its tasks as well
			b.Error(err)
		}
		agent.Wait() //nolint:errcheck // it ends by that signal
	})
	<-registered
	return p
}

// update notes, on the master's turn, how long it took until a task runs, and that it has ended.
func (p *program) update(u *internalpb.StatusUpdate) {
	switch u.GetStatus().GetState() {
	case running:
		p.took = append(p.took, p.m.Now().Sub(p.began[ids.TaskOf(u.GetStatus().GetTaskId())]))
		p.ran <- struct{}{}
	case mesospb.TaskState_TASK_KILLED:
		p.ended <- struct{}{}
	}
}

// launch has the master launch commands, with that time between two, waits until they run, kills them, and waits until they
// have ended. It returns how long the launches took.
func (p *program) launch(many int, name string, checkpoint bool, pause time.Duration) []time.Duration {
	all := make([]*internalpb.RunTaskMessage, many)
	for i := range all {
		all[i] = command(ids.Task(fmt.Sprint(name, "-", i)), framework(func(f *mesospb.FrameworkInfo) {
			f.Id, f.Checkpoint = ids.Framework(fmt.Sprint("checkpoint-", checkpoint)).Proto(), &checkpoint
		}))
		all[i].Task.Command = &mesospb.CommandInfo{Value: proto.String("exec sleep 100000")}
	}
	runtime.Tell(p.master, func(m *slavetest.Master) {
		p.took = nil
		for i, message := range all {
			m.Delay(time.Duration(i)*pause, func() {
				p.began[ids.TaskOf(message.GetTask().GetTaskId())] = m.Now()
				m.Tell(message)
			})
		}
	})
	for range all {
		<-p.ran
	}
	took := p.took
	runtime.Tell(p.master, func(m *slavetest.Master) {
		for _, message := range all {
			m.Tell(&internalpb.KillTaskMessage{FrameworkId: message.GetFramework().GetId(), TaskId: message.GetTask().GetTaskId()})
		}
	})
	for range all {
		<-p.ended
	}
	return took
}

// BenchmarkCommandLaunch launches 40 commands a second, each by a mesos-executor, with and without checkpoints in turn, and measures
// the time from the master's message until the update that the command runs. Two cores start no more than 70 such executors a
// second, whoever asks for them.
func BenchmarkCommandLaunch(b *testing.B) {
	const many, pause = 40, time.Second / 40
	p := startProgram(b)
	took := map[bool][]time.Duration{}
	for round := 0; b.Loop(); round++ {
		for _, checkpoint := range []bool{false, true} {
			took[checkpoint] = append(took[checkpoint], p.launch(many, fmt.Sprint(round, checkpoint), checkpoint, pause)...)
		}
	}
	for checkpoint, name := range map[bool]string{false: "us/unchecked", true: "us/checkpointed"} {
		slices.Sort(took[checkpoint])
		b.ReportMetric(float64(took[checkpoint][len(took[checkpoint])/2].Microseconds()), name)
	}
}
