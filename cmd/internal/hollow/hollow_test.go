package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/internalpb"
	"meseta/messages/mesospb"
	"meseta/runtime"
	"meseta/runtime/sim"
)

func TestTrialsOfARealMaster(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	t.Run("figures and profiles", func(t *testing.T) { t.Parallel(); testFigures(t, bin) })
	t.Run("the trial ends with its master", func(t *testing.T) { t.Parallel(); testEndOfMaster(t, bin) })
}

func testFigures(t *testing.T, bin string) {
	t.Helper()
	got := map[string]float64{}
	o := options{bin: bin, agents: 20, nodes: 3, tasks: 200, state: true, profile: t.TempDir()}
	if err := measure(t.Context(), o, func(f figure) { got[f.name] = f.value }); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"agents per second", "tasks per second", "/state, size", "memory of the master, most"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	for _, name := range []string{"cpu.pprof", "memory.pprof"} {
		if info, err := os.Stat(filepath.Join(o.profile, name)); err != nil || info.Size() == 0 {
			t.Errorf("there is no profile: %v", err)
		}
	}
}

func testEndOfMaster(t *testing.T, bin string) {
	t.Helper()
	tr := &trial{options: options{agents: 2, nodes: 1}, tally: newTally(2, 0), print: func(figure) {}}
	var err error
	if tr.master, err = startMaster(t.Context(), bin, false); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.close() }) //nolint:errcheck // its master is gone
	if err := tr.listen(); err != nil {
		t.Fatal(err)
	}
	if err := tr.master.Stop(); err != nil {
		t.Fatal(err)
	}
	if err := tr.register(t.Context()); err == nil || !strings.Contains(err.Error(), "master ended") {
		t.Errorf("the trial ends with: %v", err)
	}
}

func TestMoreTasksThanAgentsHaveRoomForAreRefused(t *testing.T) {
	t.Parallel()
	if err := measure(t.Context(), options{agents: 2, nodes: 1, tasks: 2*room + 1}, nil); err == nil {
		t.Error("an agent runs more tasks than it has room for")
	}
}

// What a master that loses, repeats or mixes up updates says must not pass for a figure.
func TestUpdatesOutOfOrderEndTheTrial(t *testing.T) {
	t.Parallel()
	running, finished := mesospb.TaskState_TASK_RUNNING, mesospb.TaskState_TASK_FINISHED
	for _, c := range []struct {
		name   string
		states []mesospb.TaskState
		ok     bool
	}{
		{"in order", []mesospb.TaskState{running, finished}, true},
		{"the first is missing", []mesospb.TaskState{finished}, false},
		{"one comes twice", []mesospb.TaskState{running, running}, false},
		{"the task is lost", []mesospb.TaskState{running, mesospb.TaskState_TASK_LOST}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			world := sim.New(1)
			node := world.Node("10.0.0.1:1")
			s := &scheduler{tally: newTally(2, 1), master: runtime.PID{ID: "master", Addr: "10.0.0.2:5050"}, share: 1, left: 1}
			ref, err := runtime.Spawn(node, "scheduler", s)
			if err != nil {
				t.Fatal(err)
			}
			runtime.Tell(ref, func(s *scheduler) {
				info := s.tasks(ids.Agent("a").Proto())[0]
				for _, state := range c.states {
					s.update(runtime.PID{}, &internalpb.StatusUpdateMessage{Update: &internalpb.StatusUpdate{
						Status: &mesospb.TaskStatus{TaskId: proto.CloneOf(info.TaskId), State: state.Enum()},
					}})
				}
			})
			world.Settle()
			if err := s.tally.failed(); (err == nil) != c.ok {
				t.Errorf("the trial ends with: %v", err)
			}
		})
	}
}
