package blackbox

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/internalpb"
	"meseta/messages/tasks"
)

// streams returns the records of all streams of updates below a work directory, by task.
func streams(t *testing.T, work string) map[string][]*internalpb.StatusUpdateRecord {
	t.Helper()
	all := map[string][]*internalpb.StatusUpdateRecord{}
	err := filepath.WalkDir(filepath.Join(work, "meta"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "task.updates" {
			return err
		}
		content, err := os.ReadFile(path)
		for err == nil && len(content) > 0 {
			n := 4 + binary.LittleEndian.Uint32(content)
			r := &internalpb.StatusUpdateRecord{}
			err = proto.Unmarshal(content[4:n], r)
			all[filepath.Base(filepath.Dir(path))] = append(all[filepath.Base(filepath.Dir(path))], r)
			content = content[n:]
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// acknowledged returns what is wrong with a stream: each update is there once and acknowledged once, in order, and the last
// one is the end of the task. The acknowledgement of that may be missing, because mesos-execute removes its framework right
// after it.
func acknowledged(records []*internalpb.StatusUpdateRecord) string {
	var updates, acknowledgements []string
	var last *internalpb.StatusUpdate
	for _, r := range records {
		if u := r.GetUpdate(); u != nil {
			updates, last = append(updates, string(u.GetUuid())), u
		} else {
			acknowledgements = append(acknowledgements, string(r.GetUuid()))
		}
	}
	ended := last != nil && tasks.IsTerminal(last.GetStatus().GetState())
	switch {
	case !slices.Equal(updates, acknowledgements) && !(ended && slices.Equal(updates[:len(updates)-1], acknowledgements)):
		return fmt.Sprintf("%d updates and %d acknowledgements that differ from them", len(updates), len(acknowledgements))
	case len(slices.Compact(slices.Sorted(slices.Values(updates)))) != len(updates):
		return "an update was written twice"
	case !ended:
		return "the last update is " + last.GetStatus().GetState().String()
	}
	return ""
}

// short starts a task that ends at once.
func short(t *testing.T, master, name string) *process {
	t.Helper()
	return execute(t, master, name, "echo ran "+name, "--checkpoint", "--resources=cpus:0.1;mem:32")
}

// ranOnce demands that a short task has run once, if it finished, and at most once if its launch met a dead agent.
func ranOnce(t *testing.T, p *process, work, name string) (finished bool) {
	t.Helper()
	finished = p.ends() == 0
	ran := len(outputs(t, work, "ran "+name))
	if ran > 1 || finished && ran != 1 {
		t.Errorf("task %s finished: %t, and has run %d times", name, finished, ran)
	}
	if finished {
		inOrder(t, p.out.String(), name)
	}
	return finished
}

// Agents are killed one after the other while tasks of all kinds run and short ones come and go. Those that run do not notice:
// their processes stay the same and their outputs are whole. Every update of any task was acknowledged once, in order.
func TestAgentsKilledInALoopUnderLoad(t *testing.T) {
	t.Parallel()
	for name, flag := range map[string]string{"v0 executors": "--no-http_command_executor", "HTTP executors": "--http_command_executor"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := startMaster(t, "0", t.TempDir())
			work, dir, port, g := t.TempDir(), t.TempDir(), freePort(t), newGate(t)
			agent := func(patience string) *process {
				return startAgent(t, port, m.address, work, flag, "--runtime_dir="+dir, patience, "--resources=cpus:8;mem:4096;disk:1000")
			}
			a, mark := agent(brief), "mark-"+port
			single := execute(t, m.address, "one", counting(g, mark), "--checkpoint")
			healthy := map[string]any{"health_check": checked(map[string]any{"command": map[string]any{"value": "true"}})}
			group := executeGroup(t, m.address, []member{{"two", counting(g, mark), nil}, {"three", counting(g, mark), healthy}}, "--checkpoint")
			single.awaits("TASK_RUNNING for task 'one'")
			group.awaits("TASK_RUNNING for task 'two'")
			group.awaits("TASK_RUNNING for task 'three'")
			before, shorts := processes(t, mark), map[string]*process{}
			for round := range 4 {
				for i := range 3 {
					name := fmt.Sprintf("short-%d-%d", round, i)
					shorts[name] = short(t, m.address, name)
				}
				shorts[fmt.Sprintf("short-%d-0", round)].awaits("Subscribed with ID")
				a.signal(syscall.SIGKILL)
				a.ends()
				a = agent(long)
				a.awaits("] re-registered ")
				if now := processes(t, mark); !slices.Equal(now, before) || len(now) != 3 {
					t.Errorf("the processes are %v, before they were %v", now, before)
				}
			}
			finished := 0
			for name, p := range shorts {
				if ranOnce(t, p, work, name) {
					finished++
				}
			}
			if finished == 0 {
				t.Error("no short task has finished")
			}
			g.open(t)
			single.ended(0, "TASK_FINISHED for task 'one'")
			group.ended(0, "TASK_FINISHED for task 'two'", "TASK_FINISHED for task 'three'")
			inOrder(t, single.out.String(), "one")
			inOrder(t, group.out.String(), "two")
			inOrder(t, group.out.String(), "three")
			for _, output := range outputs(t, work, mark) {
				whole(t, output)
			}
			allAcknowledged(t, work)
		})
	}
}

// allAcknowledged demands that the streams of all tasks below a work directory become right.
func allAcknowledged(t *testing.T, work string) {
	t.Helper()
	gone(t, func() (wrong []string) {
		for task, records := range streams(t, work) {
			if text := acknowledged(records); text != "" {
				wrong = append(wrong, task+": "+text)
			}
		}
		return wrong
	})
}

// everyKind are tasks of all kinds that run long on one agent, each in an executor that is still the same in the end: those of
// custom executors of both APIs, which run short tasks as well, one with a persistent volume, and a group with nested checks.
type everyKind struct {
	t             *testing.T
	g             gate
	mark          string
	work, dir     string // of the agent
	group         *process
	ledgers       []*ledger
	stops         []func()
	before, hosts []string // the processes of the tasks, and of the executors
}

// kindsAgent are flags of an agent for tasks of all kinds.
const kindsAgent = "--resources=cpus:8;mem:4096;disk:1000"

func startEveryKind(t *testing.T, w *world, work, dir, mark string, checks bool, atOnce int) *everyKind {
	t.Helper()
	w.operates(t, "reserve_resources", "resources", cpusJSON+","+memJSON+","+fmt.Sprintf(diskJSON, 100))
	w.operates(t, "create_volumes", "volumes", volume)
	k := &everyKind{t: t, g: newGate(t), mark: mark, work: work, dir: dir}
	long, master := counting(k.g, mark), w.master.address
	begins := func(name, role string, atOnce int, tasks func(l *ledger) taskMaker) {
		l := newLedger(name)
		l.atOnce = atOnce
		k.ledgers, k.stops = append(k.ledgers, l), append(k.stops, startDrivenOf(t, master, role, l, tasks(l)))
	}
	for _, api := range []string{"v0", "v1"} {
		begins(api, "*", atOnce, func(l *ledger) taskMaker { return shellTasks(t, api, l, long) })
	}
	begins("volume", "red", 1, func(l *ledger) taskMaker { return withVolume(l, long) })
	two, three := map[string]any{}, map[string]any{}
	if checks {
		noted := map[string]any{"value": "echo checked >>checks"}
		two["health_check"] = checked(map[string]any{"command": noted})
		three["check"] = checked(map[string]any{"command": map[string]any{"command": noted}})
	}
	k.group = executeGroup(t, master, []member{{"two", long, two}, {"three", long, three}}, "--checkpoint")
	gone(t, func() []string { // what does not run yet
		if k.before = processes(t, mark); len(k.before) < 5 {
			return []string{fmt.Sprintf("only %v", k.before)}
		}
		return nil
	})
	k.group.awaits("TASK_RUNNING for task 'two'")
	k.group.awaits("TASK_RUNNING for task 'three'")
	k.hosts = executors(t, dir)
	return k
}

// same demands that the tasks run in the processes and executors that they began in.
func (k *everyKind) same() {
	k.t.Helper()
	if now := processes(k.t, k.mark); !slices.Equal(now, k.before) || len(now) != 5 {
		k.t.Errorf("the processes are %v, before they were %v", now, k.before)
	}
	now := executors(k.t, k.dir)
	for _, host := range k.hosts {
		if !slices.Contains(now, host) {
			k.t.Errorf("the executors are %v, before they were %v", now, k.hosts)
		}
	}
}

// checksGoOn waits until both tasks of the group are checked again.
func (k *everyKind) checksGoOn() {
	k.t.Helper()
	count := func(task string) (n int64) {
		found, err := filepath.Glob(filepath.Join(k.work, "slaves/*/frameworks/*/executors/*/runs/latest/tasks", task, "checks"))
		if err != nil {
			k.t.Fatal(err)
		}
		for _, name := range found {
			if info, err := os.Stat(name); err == nil {
				n += info.Size()
			}
		}
		return n
	}
	for _, task := range []string{"two", "three"} {
		before := count(task)
		gone(k.t, func() []string {
			if count(task) == before {
				return []string{"no check of task " + task}
			}
			return nil
		})
	}
}

// end has the tasks end, and demands that they have printed everything once, and that all updates were acknowledged in order.
func (k *everyKind) end() {
	k.t.Helper()
	k.g.open(k.t)
	k.group.ended(0, "TASK_FINISHED for task 'two'", "TASK_FINISHED for task 'three'")
	inOrder(k.t, k.group.out.String(), "two")
	inOrder(k.t, k.group.out.String(), "three")
	if strings.Contains(k.group.out.String(), "healthy?: false") {
		k.t.Errorf("a healthy task was found sick:\n%s", k.group.out)
	}
	k.ledgers[2].goesOn(k.t) // the long task
	k.ledgers[2].goesOn(k.t) // one that looks into the volume after it
	for _, l := range k.ledgers {
		l.close(k.t, k.work)
	}
	runs, err := filepath.Glob(filepath.Join(k.work, "slaves/*/frameworks/*/executors/shells-*/runs/*-*"))
	if err != nil || len(runs) != 2 {
		k.t.Errorf("the custom executors have run as %v, %v", runs, err)
	}
	whole(k.t, k.inVolume())
	printed := outputs(k.t, k.work, k.mark)
	if len(printed) != 4 {
		k.t.Errorf("%d tasks have printed something, want 4", len(printed))
	}
	for _, output := range printed {
		whole(k.t, output)
	}
	allAcknowledged(k.t, k.work)
	for _, stop := range k.stops {
		stop()
	}
	gone(k.t, func() []string { return executors(k.t, k.dir) })
}

// inVolume returns what was printed into the volume.
func (k *everyKind) inVolume() string {
	k.t.Helper()
	text, err := os.ReadFile(filepath.Join(k.work, "volumes/roles/red/v/stdout"))
	if err != nil {
		k.t.Fatal(err)
	}
	return strings.TrimPrefix(string(text), k.mark+"\n")
}

// Agents are killed one after the other under custom executors of both APIs, which are given new tasks all the time, a task
// that prints into a persistent volume, and a group whose tasks are checked. None of them notices, and checks go on.
func TestCustomExecutorsVolumesAndChecksOutliveAgents(t *testing.T) {
	t.Parallel()
	w := &world{master: startMaster(t, "0", t.TempDir())}
	work, dir, port := t.TempDir(), t.TempDir(), freePort(t)
	agent := func(patience string) {
		w.agent = startAgent(t, port, w.master.address, work, "--runtime_dir="+dir, patience, kindsAgent)
	}
	agent(brief)
	w.agent.awaits("] registered ")
	k := startEveryKind(t, w, work, dir, "mark-"+port, true, 3)
	for range 4 {
		k.ledgers[0].goesOn(t)
		w.agent.kill()
		agent(long)
		w.agent.awaits("] re-registered ")
		k.same()
		k.ledgers[1].goesOn(t)
	}
	k.checksGoOn()
	k.end()
}
