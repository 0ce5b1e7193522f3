package blackbox

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/sched"
	"meseta/slave/slavetest/recording"
)

// Where the recorded agent was.
const (
	theirMeta    = "/var/lib/mesos/a/meta"
	theirRuntime = "/var/lib/mesos/a-runtime"
)

// estate is what a C++ agent has left when it was killed: its directories, processes that stand in for those of its containers,
// and executors that speak as those of the recording did.
type estate struct {
	t         *testing.T
	work, dir string // --work_dir and --runtime_dir
	port      string // of the agent
	tree      recording.Tree
	told      *process // what executors and the scheduler hear, line by line; it is no process

	processes  map[string]*remnant // by their recorded IDs
	addresses  map[string]string   // of drivers, by the recorded ones
	framework  *mesospb.FrameworkInfo
	executors  []ids.Executor
	containers map[string]*remnant // of containers, by their IDs
	drivers    map[ids.Executor]*driverStandIn
}

// remnant is a process of a container whose agent is gone. It ends when its gate is opened, or by SIGTERM, and writes how, as the process
// does by which a C++ agent starts a container.
type remnant struct {
	cmd  *exec.Cmd
	gate gate
}

func (r *remnant) pid() string { return strconv.Itoa(r.cmd.Process.Pid) }

// lives reports whether it has not ended. One that has ended has no command line, even before somebody waits for it.
func (r *remnant) lives() bool {
	line, err := os.ReadFile("/proc/" + r.pid() + "/cmdline")
	return err == nil && len(line) > 0
}

// newEstate makes what was recorded in a file be there.
func newEstate(t *testing.T, name string) *estate {
	t.Helper()
	tree, err := recording.ReadTree(shared(t, "golden/recovery/"+name+"-trees.txt"), nil)
	if err != nil {
		t.Fatal(err)
	}
	e := &estate{
		t: t, work: t.TempDir(), dir: t.TempDir(), port: freePort(t), tree: tree, told: &process{t: t, name: "everybody", out: &transcript{}},
		processes: map[string]*remnant{}, addresses: map[string]string{}, containers: map[string]*remnant{}, drivers: map[ids.Executor]*driverStandIn{},
	}
	for _, path := range tree.Under(theirRuntime) {
		if filepath.Base(path) == "pid" {
			e.starts(path)
		}
	}
	for _, path := range tree.Under(theirMeta) {
		if filepath.Base(path) == "framework.info" {
			e.framework = tree[path].Records[0].(*mesospb.FrameworkInfo)
		}
	}
	for _, path := range tree.Under(theirMeta) {
		if filepath.Base(filepath.Dir(path)) == "runs" && tree[path].Kind == 'd' {
			e.standsIn(path)
		}
	}
	e.translate()
	if err := errors.Join(tree.Write(theirMeta, filepath.Join(e.work, "meta")), tree.Write(theirRuntime, e.dir)); err != nil {
		t.Fatal(err)
	}
	return e
}

// starts starts the process whose ID is in a recorded file.
func (e *estate) starts(path string) {
	e.t.Helper()
	folder := e.dir + strings.TrimPrefix(filepath.Dir(path), theirRuntime)
	r := &remnant{gate: newGate(e.t)}
	const status = ` > "$MESOS_CONTAINERIZER_RUNTIME_DIRECTORY/status"`
	r.cmd = exec.Command("sh", "-c", "trap 'printf 15"+status+"; exit' TERM; "+r.gate.wait()+"; printf 0"+status)
	r.cmd.Env = append(clean(os.Environ()), "MESOS_CONTAINERIZER_RUNTIME_DIRECTORY="+folder)
	r.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := r.cmd.Start(); err != nil {
		e.t.Fatal(err)
	}
	e.t.Cleanup(func() {
		r.cmd.Process.Kill() //nolint:errcheck // it may have ended
		r.cmd.Wait()         //nolint:errcheck // likewise
	})
	e.processes[e.tree[path].Text] = r
	e.containers[filepath.Base(filepath.Dir(path))] = r
}

// translate puts into the recorded tree what is different here: paths, the port, the boot, processes and addresses.
func (e *estate) translate() {
	e.t.Helper()
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		e.t.Fatal(err)
	}
	names := []string{theirRuntime + "/", e.dir + "/", "/var/lib/mesos/a/", e.work + "/"}
	for theirs, ours := range e.addresses {
		names = append(names, theirs, ours)
	}
	translated := strings.NewReplacer(names...)
	for path, f := range e.tree {
		f.Text = translated.Replace(f.Text)
		switch filepath.Base(path) {
		case "boot_id":
			f.Text = strings.TrimSpace(string(boot))
		case "pid", "forked.pid":
			f.Text = e.processes[f.Text].pid()
		}
		for i, m := range f.Records {
			text := executorPID.ReplaceAllStringFunc(prototext.Format(m), func(field string) string {
				return "executor_pid: " + e.processes[executorPID.FindStringSubmatch(field)[1]].pid()
			})
			f.Records[i] = proto.Clone(m)
			proto.Reset(f.Records[i])
			if err := prototext.Unmarshal([]byte(translated.Replace(text)), f.Records[i]); err != nil {
				e.t.Fatal(err)
			}
			e.settle(f.Records[i])
		}
	}
}

var executorPID = regexp.MustCompile(`executor_pid: *([0-9]+)`)

// settle does for a record what is not a matter of its text.
func (e *estate) settle(m proto.Message) {
	switch m := m.(type) {
	case *mesospb.SlaveInfo:
		port, _ := strconv.ParseInt(e.port, 10, 32)
		m.Port = proto.Int32(int32(port))
	case *slavepb.ContainerConfig:
		if err := os.MkdirAll(m.GetDirectory(), 0o755); err != nil {
			e.t.Fatal(err)
		}
	}
}

// startsAgent starts one of ours in place of the recorded one.
func (e *estate) startsAgent(master string) *process {
	return startAgent(e.t, e.port, master, e.work, "--runtime_dir="+e.dir, "--launcher=posix", "--isolation=posix/cpu,posix/mem",
		"--resources=cpus:4;mem:4096;disk:8192;ports:[31000-32000]", "--attributes=rack:r1;zone:z1", "--executor_reregistration_timeout=10secs")
}

// states are the states of tasks that the scheduler has heard of, without repetitions.
func (e *estate) states() map[string][]string {
	heard := map[string][]string{}
	seen := map[string]bool{}
	for line := range strings.Lines(e.told.out.String()) {
		if words := strings.Fields(line); words[0] == "update" && !seen[line] {
			seen[line] = true
			heard[words[1]] = append(heard[words[1]], words[2])
		}
	}
	return heard
}

// tells adds a line to what is told.
func (e *estate) tells(format string, args ...any) {
	fmt.Fprintf(e.told.out, format+"\n", args...)
}

// follower is the scheduler of the recorded framework, which has gone to another master.
type follower struct {
	sched.Base
	e *estate
}

// Registered implements [sched.Scheduler].
func (f follower) Registered(_ *sched.Driver, id ids.Framework, _ *mesospb.MasterInfo) {
	f.e.tells("scheduler registered %s", id)
}

// StatusUpdate implements [sched.Scheduler].
func (f follower) StatusUpdate(_ *sched.Driver, s *mesospb.TaskStatus) {
	f.e.tells("update %s %s %x", s.GetTaskId().GetValue(), s.GetState(), s.GetUuid())
}

// startsScheduler starts it.
func (e *estate) startsScheduler(master string) *sched.Driver {
	e.t.Helper()
	d := sched.NewDriver(newNode(e.t), follower{e: e}, e.framework, master, sched.Options{RegistrationBackoff: 10 * time.Millisecond})
	if status := d.Start(); status != sched.Running {
		e.t.Fatalf("the driver is %s", status)
	}
	e.t.Cleanup(func() { d.Stop(true) })
	return d
}

// pending are the states of tasks in the recorded files whose acknowledgements are not in them.
func (e *estate) pending() map[string][]string {
	all := map[string][]string{}
	for path, f := range e.tree {
		if filepath.Base(path) != "task.updates" {
			continue
		}
		acknowledged := map[string]bool{}
		for _, r := range f.Records {
			acknowledged[string(r.(*internalpb.StatusUpdateRecord).GetUuid())] = true
		}
		for _, r := range f.Records {
			u := r.(*internalpb.StatusUpdateRecord).GetUpdate()
			if u != nil && !acknowledged[string(u.GetUuid())] {
				task := u.GetStatus().GetTaskId().GetValue()
				all[task] = append(all[task], u.GetStatus().GetState().String())
			}
		}
	}
	return all
}

// running are the processes of containers that the agent knows.
func (e *estate) running(agent *process) (all []string) {
	e.t.Helper()
	status, body := agent.asks(`{"type": "GET_CONTAINERS", "get_containers": {"show_nested": true}}`)
	for _, m := range regexp.MustCompile(`"executor_pid":([0-9]+)`).FindAllStringSubmatch(body, -1) {
		all = append(all, m[1])
	}
	if status != http.StatusOK {
		e.t.Errorf("answered %d %s", status, body)
	}
	slices.Sort(all)
	return all
}

// An agent takes over what a C++ agent has left, on the disk and running, and is killed and started again itself: executors of every kind come
// back to it, as the same processes, in which tasks run on until they are killed or finish; what was not acknowledged is told in order, and each
// once; what nobody is to have any more ends; and in the end it is written that all have ended, and how.
//
// Recorded in golden/recovery/1-restart, 3-unacked and 11-http-command-executor.
func TestTakingOverFromAnotherAgent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"1-restart-before", "3-unacked-before", "11-http-command-executor-before"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := newEstate(t, name)
			want := e.pending()
			master := startMaster(t, "0", t.TempDir())
			var agent *process
			for i := range 2 {
				before := len(e.told.out.String())
				agent = e.startsAgent(master.address)
				for _, x := range e.executors {
					e.told.awaitsAfter(before, string(x)+" is back")
				}
				agent.awaits("] re-registered ")
				if i == 0 {
					agent.kill()
				}
			}
			scheduler := e.startsScheduler(master.address)
			e.told.awaits("scheduler registered " + e.framework.GetId().GetValue())
			e.check(agent)
			e.ends(scheduler, want)
			for task, states := range want {
				e.told.awaits("update " + task + " " + states[len(states)-1])
			}
			gone(t, func() []string { return e.unended() })
			if got := e.states(); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("the scheduler has heard %v, want %v", got, want)
			}
			e.buried()
		})
	}
}

// check demands that the processes are those of before, except for those of frameworks without checkpoints, which end.
func (e *estate) check(agent *process) {
	e.t.Helper()
	var want []string
	for id, r := range e.containers {
		if config := e.tree[theirRuntime+"/containers/"+id+"/config"]; config != nil && e.foreign(config.Records[0].(*slavepb.ContainerConfig)) {
			gone(e.t, func() []string { return slices.DeleteFunc([]string{r.pid()}, func(string) bool { return !r.lives() }) })
			continue
		}
		if want = append(want, r.pid()); !r.lives() {
			e.t.Errorf("a process of container %s has ended", id)
		}
	}
	slices.Sort(want)
	if got := e.running(agent); !slices.Equal(got, want) {
		e.t.Errorf("the agent knows the processes %v, want %v", got, want)
	}
}

// foreign reports whether a container is that of another framework, which wants no checkpoints.
func (e *estate) foreign(c *slavepb.ContainerConfig) bool {
	return c.GetExecutorInfo().GetFrameworkId().GetValue() != e.framework.GetId().GetValue()
}

// ends has every task end, some by themselves, and adds the states that follow.
func (e *estate) ends(scheduler *sched.Driver, want map[string][]string) {
	for path := range e.tree {
		if filepath.Base(path) != "task.info" {
			continue
		}
		task := filepath.Base(filepath.Dir(path))
		state := "TASK_KILLED"
		if strings.HasPrefix(task, "hold-1") || strings.HasPrefix(task, "grp-1") {
			state = "TASK_FINISHED"
			e.finishes(task)
		} else {
			scheduler.KillTask(ids.Task(task))
		}
		want[task] = append(want[task], state)
	}
}

// unended are the processes that live, and the runs that are not written to have ended.
func (e *estate) unended() (all []string) {
	for id, r := range e.containers {
		if r.lives() {
			all = append(all, id)
		}
	}
	for path, f := range e.tree {
		if filepath.Base(filepath.Dir(path)) != "runs" || f.Kind != 'd' {
			continue
		}
		sentinel := filepath.Join(e.work, "meta", strings.TrimPrefix(path, theirMeta), "executor.sentinel")
		if _, err := os.Stat(sentinel); err != nil {
			all = append(all, sentinel)
		}
	}
	return all
}

// buried demands that nothing is left of containers.
func (e *estate) buried() {
	e.t.Helper()
	gone(e.t, func() []string {
		left, err := filepath.Glob(filepath.Join(e.dir, "containers/*"))
		if err != nil {
			e.t.Fatal(err)
		}
		return left
	})
}
