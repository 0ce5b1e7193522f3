package blackbox

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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
			gone(t, func() (wrong []string) {
				for task, records := range streams(t, work) {
					if text := acknowledged(records); text != "" {
						wrong = append(wrong, task+": "+text)
					}
				}
				return wrong
			})
		})
	}
}
