package subsystems_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/containerizer/mesos/isolators/subsystems"
	"meseta/slave/perf"
)

// needCounters skips a test unless the kernel counts events in control groups.
func needCounters(t *testing.T) {
	t.Helper()
	need(t)
	h, err := perf.Hierarchy(base)
	if err != nil {
		t.Skip(err)
	}
	events, err := perf.Parse("task-clock")
	if err != nil {
		t.Fatal(err)
	}
	counters, err := perf.Open(h.Path, events, []int{0})
	if err != nil {
		t.Skip(err)
	}
	counters.Close()
}

// sample waits for statistics that satisfy ok.
func (m *machine) sample(id ids.Container, ok func(*mesospb.PerfStatistics) bool) *mesospb.PerfStatistics {
	m.t.Helper()
	for {
		u, err := runtime.Wait(m.t.Context(), m.Usage(id))
		if err != nil {
			m.t.Fatal(err)
		}
		if s := u.GetPerf(); s != nil && ok(s) {
			return s
		}
	}
}

// Events are counted in each container by itself, also in nested ones with groups of their own, for some time, again and again. The next
// agent goes on.
func TestEventsAreCounted(t *testing.T) {
	t.Parallel()
	needCounters(t)
	m := newMachine(t, "cgroups/perf_event", func(c *isolation.Config) {
		c.Perf = subsystems.Sampling{Events: "task-clock,page-faults,cycles", Duration: 20 * time.Millisecond, Interval: 30 * time.Millisecond}
	})
	m.stop()
	m.keep = true
	m.start()
	c := m.config("sleep 1000", "cpus:1;mem:32")
	c.ExecutorInfo = &mesospb.ExecutorInfo{ExecutorId: &mesospb.ExecutorID{Value: proto.String("x1")}}
	m.launch("idle", c)
	busy := m.config("while :; do /bin/true; done", "cpus:1;mem:32")
	busy.ContainerInfo = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{ShareCgroups: proto.Bool(false)}}
	m.launch("idle.busy", busy)
	m.launch("idle.shared", &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{Value: proto.String("sleep 1000")}})
	s := m.sample("idle.busy", func(s *mesospb.PerfStatistics) bool { return s.GetPageFaults() > 0 && s.GetTaskClock() > 0 })
	if s.GetDuration() != 0.02 || s.GetTimestamp() < 1e9 || s.GetTaskClock() > 10_000 {
		t.Errorf("the nested container has %v", s)
	}
	m.sample("idle", func(s *mesospb.PerfStatistics) bool { return s.GetTaskClock() > 0 }) // what is in a container counts as its own
	if u, err := runtime.Wait(t.Context(), m.Usage("idle.shared")); err != nil || u.Perf != nil {
		t.Errorf("a container without groups has %v (%v)", u, err)
	}
	status, err := runtime.Wait(t.Context(), m.Status("idle"))
	if err != nil {
		t.Fatal(err)
	}
	m.stop()
	m.start()
	m.recover("idle", c, int(status.GetExecutorPid()))
	m.sample("idle", func(s *mesospb.PerfStatistics) bool { return s.Duration != nil && s.GetDuration() > 0 })
	m.Destroy("idle")
	m.end("idle")
}

// A group of a container is counted also when there are no events: its statistics have the fields that must be there, as in Mesos.
func TestNoEvents(t *testing.T) {
	t.Parallel()
	needCounters(t)
	m := newMachine(t, "cgroups/perf_event")
	m.launch("c1", m.config("sleep 1000", "cpus:1;mem:32"))
	s := m.sample("c1", func(*mesospb.PerfStatistics) bool { return true })
	if s.GetDuration() != 0 || s.Timestamp == nil || s.TaskClock != nil {
		t.Errorf("the container has %v", s)
	}
	m.Destroy("c1")
	m.end("c1")
}

// What cannot be counted is refused at the start.
func TestEventsAreRefused(t *testing.T) {
	t.Parallel()
	for problem, c := range map[string]isolation.Config{
		"perf_events: Invalid perf events: { bogus }": {
			Isolation: "cgroups/perf_event", Perf: subsystems.Sampling{Events: "cycles,bogus", Duration: time.Second, Interval: time.Minute},
		},
		"perf_events: Sampling perf for duration (1m0s) > interval (1s) is not supported.": {
			Isolation: "cgroups/all", Perf: subsystems.Sampling{Events: "cycles", Duration: time.Minute, Interval: time.Second},
		},
		"perf_events: needs the isolator cgroups/perf_event (--isolation)": {
			Isolation: "cgroups/cpu", Perf: subsystems.Sampling{Events: "cycles", Duration: time.Second, Interval: time.Minute},
		},
	} {
		if err := c.Check(); err == nil || err.Error() != problem {
			t.Errorf("%v, want %s", err, problem)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("control groups need the rights of root")
	}
	if _, err := cgroups.Find(base, "perf_event"); err == nil {
		t.Skip("perf_event is where it can be found")
	}
	_, err := perf.Hierarchy(t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "perf_event is not mounted below") {
		t.Errorf("a system without hierarchies: %v", err)
	}
}
