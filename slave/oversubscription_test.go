package slave_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/slave/oversubscription"
)

// lent is what the master was told may be lent, each time it was told something about that.
func (w *world) lent() (all []string) {
	for _, m := range w.m.Reports {
		if m.GetUpdateOversubscribedResources() {
			all = append(all, resources.FromValid(m.GetOversubscribedResources()).String())
		}
	}
	return all
}

func parsed(t *testing.T, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// lend makes resources of a task revocable.
func lend(m *internalpb.RunTaskMessage) *internalpb.RunTaskMessage {
	for _, r := range append(m.Task.Resources, m.Task.GetExecutor().GetResources()...) {
		if r.GetName() == "cpus" {
			r.Revocable = &mesospb.Resource_RevocableInfo{}
		}
	}
	return m
}

// What may be lent is told once the agent is registered, and again only when it changes or the agent registers anew. What
// executors hold of it belongs to it.
func TestFixedResourceEstimator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) {
		w.measured()
		w.config.ResourceEstimator = oversubscription.NewFixedResourceEstimator(parsed(t, "cpus:4;mem:128"))
	})
	w.Advance(time.Minute)
	all := "cpus{REV}:4; mem{REV}:128"
	if got := w.lent(); !slices.Equal(got, []string{all}) {
		t.Fatalf("the master was told %q may be lent, want %q once", got, all)
	}
	w.say(lend(custom("t1", true, framework())))
	w.states("t1", running)
	w.Advance(40 * time.Second)
	if got, n := w.lent(), len(w.m.Reregistered); len(got) != 1+n {
		t.Errorf("the master was told %q may be lent after %d registrations, want nothing new while a task holds a part", got, 1+n)
	}
	w.expectMetrics(map[string]float64{"slave/cpus_revocable_total": 4, "slave/cpus_revocable_used": 1.1})
}

// script is a controller that says what it is told to, and an estimator likewise.
type script struct {
	initialize  func(oversubscription.Usage)
	corrections chan []*slavepb.QoSCorrection
	estimates   []runtime.Future[resources.Resources]
}

func (s *script) Initialize(_ *runtime.Node, usage oversubscription.Usage) error {
	if s.initialize != nil {
		s.initialize(usage)
	}
	return nil
}

func (s *script) Oversubscribable() runtime.Future[resources.Resources] {
	next := s.estimates[0]
	if len(s.estimates) > 1 {
		s.estimates = s.estimates[1:]
	}
	return next
}

func (s *script) Corrections() runtime.Future[[]*slavepb.QoSCorrection] {
	select {
	case c := <-s.corrections:
		return runtime.Ready(c)
	default:
		return runtime.Ready[[]*slavepb.QoSCorrection](nil)
	}
}

// An estimate that fails or is of firm resources changes nothing, and is not the last.
func TestBadEstimates(t *testing.T) {
	t.Parallel()
	good := oversubscription.NewFixedResourceEstimator(parsed(t, "cpus:1"))
	w := newWorld(t, func(w *world) {
		w.config.ResourceEstimator = &script{estimates: []runtime.Future[resources.Resources]{
			good.Oversubscribable(), // fails: it is not initialized
			runtime.Failed[resources.Resources](errors.New("no idea")),
			runtime.Ready(parsed(t, "cpus:7")),
			runtime.Ready(resources.FromValid([]*mesospb.Resource{{
				Name: proto.String("cpus"), Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: proto.Float64(2)},
				Revocable: &mesospb.Resource_RevocableInfo{},
			}})),
		}}
	})
	w.Advance(time.Minute)
	if got, want := w.lent(), []string{"cpus{REV}:2"}; !slices.Equal(got, want) {
		t.Errorf("the master was told %q may be lent, want %q", got, want)
	}
}

// While the system is overloaded, executors that hold something lent are killed, and only those. Their frameworks are told
// why, in a word that they know.
func TestLoadQoSController(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		framework *mesospb.FrameworkInfo
		want      mesospb.TaskState
	}{
		{"partition aware", framework(), mesospb.TaskState_TASK_GONE},
		{"old", framework(old), mesospb.TaskState_TASK_LOST},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var load oversubscription.Load
			threshold := 8.0
			controller, err := oversubscription.NewLoadQoSController(oversubscription.Thresholds{Fifteen: &threshold},
				func() (oversubscription.Load, error) { return load, nil })
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, func(w *world) {
				w.measured()
				w.config.QoSController, w.config.QoSCorrectionInterval = controller, time.Second
			})
			firm := command("firm", test.framework)
			w.say(firm, lend(custom("lent", true, test.framework)))
			load = oversubscription.Load{Five: 100, Fifteen: 8}
			w.Advance(10 * time.Second)
			w.states("lent", running)
			load.Fifteen = 8.1
			w.Advance(10 * time.Second)
			w.states("lent", running, test.want)
			w.reason("lent", mesospb.TaskStatus_REASON_CONTAINER_PREEMPTED)
			if m := w.m.Last("lent").GetStatus().GetMessage(); !strings.HasPrefix(m, "Container preempted by QoS correction") {
				t.Errorf("the framework was told %q", m)
			}
			w.states("firm", running)
			w.expectMetrics(map[string]float64{"slave/executors_preempted": 1})
		})
	}
}

// A correction that names what is not here, or is ending, is ignored.
func TestQoSCorrectionsIgnored(t *testing.T) {
	t.Parallel()
	s := &script{corrections: make(chan []*slavepb.QoSCorrection, 1)}
	w := newWorld(t, func(w *world) { w.measured(); w.config.QoSController, w.config.QoSCorrectionInterval = s, time.Second })
	w.say(custom("t1", true, framework()))
	none := ids.Container("none").Proto()
	s.corrections <- []*slavepb.QoSCorrection{
		{},
		{Type: slavepb.QoSCorrection_KILL.Enum()},
		{Type: slavepb.QoSCorrection_KILL.Enum(), Kill: &slavepb.QoSCorrection_Kill{FrameworkId: f1.Proto()}},
		{Type: slavepb.QoSCorrection_KILL.Enum(), Kill: &slavepb.QoSCorrection_Kill{FrameworkId: ids.Framework("f2").Proto(), ExecutorId: x1.Proto()}},
		{Type: slavepb.QoSCorrection_KILL.Enum(), Kill: &slavepb.QoSCorrection_Kill{FrameworkId: f1.Proto(), ExecutorId: ids.Executor("x2").Proto()}},
		{Type: slavepb.QoSCorrection_KILL.Enum(), Kill: &slavepb.QoSCorrection_Kill{FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), ContainerId: none}},
	}
	w.Advance(5 * time.Second)
	w.states("t1", running)
	w.expectMetrics(map[string]float64{"slave/executors_preempted": 0})
	kill := &slavepb.QoSCorrection{Type: slavepb.QoSCorrection_KILL.Enum(), Kill: &slavepb.QoSCorrection_Kill{FrameworkId: f1.Proto(), ExecutorId: x1.Proto()}}
	s.corrections <- []*slavepb.QoSCorrection{kill, kill}
	w.Advance(5 * time.Second)
	w.states("t1", running, mesospb.TaskState_TASK_GONE)
	w.expectMetrics(map[string]float64{"slave/executors_preempted": 1})
}

// The agent is measured executor by executor.
func TestUsage(t *testing.T) {
	t.Parallel()
	var usage oversubscription.Usage
	w := newWorld(t, func(w *world) {
		w.config.QoSController = &script{initialize: func(u oversubscription.Usage) { usage = u }}
	})
	w.say(lend(custom("t1", true, framework())))
	u, err := sim.Await(w.World, usage(), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	if len(u.GetExecutors()) != 1 {
		t.Fatalf("%d executors were measured, want 1", len(u.GetExecutors()))
	}
	e := u.GetExecutors()[0]
	if got, want := resources.FromValid(e.GetAllocated()).Unallocate().String(), "cpus{REV}:1.1; mem:96"; got != want {
		t.Errorf("allocated is %s, want %s", got, want)
	}
	if e.GetStatistics().GetMemRssBytes() != 1<<20 || len(e.GetTasks()) != 1 || e.GetTasks()[0].GetId().GetValue() != "t1" {
		t.Errorf("measured %v", e)
	}
}
