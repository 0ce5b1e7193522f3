package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
)

// An audience is this program started again.
func TestMain(m *testing.M) {
	if invitation := os.Getenv(audienceVariable); invitation != "" {
		if err := attend(invitation, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestTrialsOfARealMaster(t *testing.T) {
	t.Parallel()
	bin := t.TempDir()
	if err := build(t.Context(), bin); err != nil {
		t.Fatal(err)
	}
	t.Run("figures and profiles", func(t *testing.T) { t.Parallel(); testFigures(t, bin) })
	t.Run("guarded", func(t *testing.T) { t.Parallel(); testGuarded(t, bin) })
	t.Run("failover", func(t *testing.T) { t.Parallel(); testFailover(t, bin) })
	t.Run("followers", func(t *testing.T) { t.Parallel(); testFollowers(t, bin) })
	t.Run("pollers", func(t *testing.T) { t.Parallel(); testPollers(t, bin) })
	t.Run("a ring", func(t *testing.T) { t.Parallel(); testRing(t, bin) })
	t.Run("the trial ends with its master", func(t *testing.T) { t.Parallel(); testEndOfMaster(t, bin) })
}

func testFigures(t *testing.T, bin string) {
	t.Helper()
	o := options{bin: bin, agents: 20, nodes: 3, tasks: 200, state: true, profile: t.TempDir()}
	got := figuresOf(t, o)
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

func testGuarded(t *testing.T, bin string) {
	t.Helper()
	got := figuresOf(t, options{bin: bin, agents: 20, nodes: 3, tasks: 200, guarded: true})
	for _, name := range []string{"agents per second", "tasks per second", "agents per second, guarded", "tasks per second, guarded"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	testGuardGuards(t, bin)
}

// A guarded master speaks TLS only, with those only that have a certificate, and has rules.
func testGuardGuards(t *testing.T, bin string) {
	t.Helper()
	g, err := newGuard(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m, err := startMaster(t.Context(), bin, 1, false, g)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.stop(); err != nil {
			t.Error(err)
		}
	})
	if _, err := m.get(t.Context(), "/health", io.Discard, nil); err == nil {
		t.Error("the master answers what is not encrypted")
	}
	stranger := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, DisableKeepAlives: true}}
	if answer, err := stranger.Get("https://" + m.pid.Addr + "/health"); err == nil {
		answer.Body.Close()
		t.Error("the master answers somebody without a certificate")
	}
	friend := http.Client{Transport: g.transport.HTTP()}
	defer friend.CloseIdleConnections()
	answer, err := friend.Get("https://" + m.pid.Addr + "/flags")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusForbidden {
		t.Errorf("what no rule allows is answered %s", answer.Status)
	}
}

func testFailover(t *testing.T, bin string) {
	t.Helper()
	for masters, name := range map[int]string{1: "agents taken back per second", 3: "agents are back after"} {
		got := figuresOf(t, options{bin: bin, masters: masters, agents: 20, nodes: 3, tasks: 200, stay: true, failover: true})
		if got[name] <= 0 {
			t.Errorf("with %d masters, %s is %v", masters, name, got[name])
		}
	}
}

func figuresOf(t *testing.T, o options) map[string]float64 {
	t.Helper()
	got := map[string]float64{}
	if err := measure(t.Context(), o, func(f figure) { got[f.name] = f.value }); err != nil {
		t.Fatal(err)
	}
	return got
}

func testFollowers(t *testing.T, bin string) {
	t.Helper()
	got := figuresOf(t, options{
		bin: bin, agents: 20, nodes: 3, followers: 5, media: "json", rate: 100, last: time.Second, laps: 300, warmUp: 300,
	})
	for _, name := range []string{"tasks, steady", "tasks, steady, alone", "tasks, flat out"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if left := got["followers left after tasks, flat out"]; left != 5 {
		t.Errorf("%v of 5 followers are left", left)
	}
}

func testPollers(t *testing.T, bin string) {
	t.Helper()
	got := figuresOf(t, options{
		bin: bin, agents: 20, nodes: 3, tasks: 100, stay: true, pollers: 2, every: time.Millisecond, laps: 300, rounds: 1, warmUp: 300,
	})
	for _, name := range []string{"tasks while polled", "tasks while polled, alone", "polls"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
}

func testRing(t *testing.T, bin string) {
	t.Helper()
	got := figuresOf(t, options{bin: bin, agents: 20, nodes: 3, ring: 1000, laps: 300, rounds: 2, warmUp: 300})
	for _, name := range []string{"tasks with a ring", "tasks with a ring, alone"} {
		if got[name] <= 0 {
			t.Errorf("%s is %v", name, got[name])
		}
	}
	if _, measured := got["master CPU per task with a ring"]; !measured {
		t.Error("what the ring costs is not measured")
	}
}

// A wrong record for a follower ends the measurement.
func TestFollowersCheckWhatTheyHear(t *testing.T) {
	t.Parallel()
	framework := &mesosv1pb.FrameworkID{Value: proto.String("f")}
	state := &masterv1pb.Event{Type: masterv1pb.Event_SUBSCRIBED.Enum()}
	added := &masterv1pb.Event{Type: masterv1pb.Event_TASK_ADDED.Enum(), TaskAdded: &masterv1pb.Event_TaskAdded{
		Task: &mesosv1pb.Task{
			Name: proto.String("t"), TaskId: &mesosv1pb.TaskID{Value: proto.String("t")}, FrameworkId: framework,
			AgentId: &mesosv1pb.AgentID{Value: proto.String("a")}, State: mesosv1pb.TaskState_TASK_STAGING.Enum(),
		},
	}}
	updated := func(state mesosv1pb.TaskState) *masterv1pb.Event {
		return &masterv1pb.Event{Type: masterv1pb.Event_TASK_UPDATED.Enum(), TaskUpdated: &masterv1pb.Event_TaskUpdated{
			FrameworkId: framework, State: state.Enum(),
			Status: &mesosv1pb.TaskStatus{TaskId: &mesosv1pb.TaskID{Value: proto.String("t")}, State: state.Enum()},
		}}
	}
	running, finished := updated(mesosv1pb.TaskState_TASK_RUNNING), updated(mesosv1pb.TaskState_TASK_FINISHED)
	beat := &masterv1pb.Event{Type: masterv1pb.Event_HEARTBEAT.Enum()}
	for _, c := range []struct {
		name string
		told [][]*masterv1pb.Event // to each follower
		ok   bool
	}{
		{"all is well", [][]*masterv1pb.Event{{state, beat, added, running, finished}, {state, added, beat, running}}, true},
		{"no state", [][]*masterv1pb.Event{{added, running}}, false},
		{"two states", [][]*masterv1pb.Event{{state, state}}, false},
		{"an event is missing", [][]*masterv1pb.Event{{state, added, finished}}, false},
		{"an event is missing for one", [][]*masterv1pb.Event{{state, added, running, finished}, {state, added, finished}}, false},
		{"an event came twice", [][]*masterv1pb.Event{{state, added, running, running}}, false},
	} {
		f, err := newFollowers("protobuf")
		if err != nil {
			t.Fatal(err)
		}
		f.sums, f.times = f.sums[:sampled], f.times[:1]
		var wrong error
		for _, events := range c.told {
			one := &follower{followers: f}
			for _, e := range events {
				wrong = errors.Join(wrong, one.take(f.media.Marshal(e), time.Time{}))
			}
		}
		if (wrong == nil) != c.ok {
			t.Errorf("%s: %v", c.name, wrong)
		}
	}
}

func testEndOfMaster(t *testing.T, bin string) {
	t.Helper()
	tr := &trial{options: options{agents: 2, nodes: 1}, tally: newTally(2, 0), print: func(figure) {}}
	var err error
	if tr.master, err = startMaster(t.Context(), bin, 1, false, nil); err != nil {
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

func TestWithoutAMasterThereIsNoTrial(t *testing.T) {
	t.Parallel()
	if err := measure(t.Context(), options{bin: t.TempDir(), agents: 2, nodes: 1}, nil); err == nil {
		t.Error("there is nothing to measure, and no error")
	}
}

// A master that loses, repeats or reorders updates yields no figure.
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
			world := runtimetest.World(t, 1)
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
