package slave_test

import (
	"testing"
	"time"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/runtime/sim"
	"meseta/slave/slavetest"
)

// measured gives the agent's node its metrics.
func (w *world) measured() {
	w.early = func() {
		if _, err := metrics.Spawn(w.agentNode, metrics.Options{}); err != nil {
			w.t.Fatal(err)
		}
	}
}

// expectMetrics demands some of them.
func (w *world) expectMetrics(want map[string]float64) {
	w.t.Helper()
	values, err := sim.Await(w.World, metrics.Of(w.agentNode, 0), time.Second)
	if err != nil {
		w.t.Fatal(err)
	}
	got := map[string]float64{}
	for _, v := range values {
		got[v.Key] = v.Value
	}
	for key, value := range want {
		if v, ok := got[key]; !ok || v != value {
			w.t.Errorf("%s is %v (%v), want %v", key, v, ok, value)
		}
	}
}

func TestMeasures(t *testing.T) {
	t.Parallel()
	w := newWorld(t, (*world).measured)
	w.say(custom("t1", true, framework()), custom("t2", false, framework()))
	w.expectMetrics(map[string]float64{
		"slave/registered": 1, "slave/frameworks_active": 1, "slave/executors_running": 1, "slave/executors_registering": 0,
		"slave/tasks_staging": 0, "slave/tasks_running": 2, "slave/valid_status_updates": 2, "slave/invalid_status_updates": 0,
		"slave/cpus_total": 4, "slave/cpus_used": 2.1, "slave/cpus_percent": 0.525, "slave/gpus_total": 0, "slave/mem_used": 160,
		"slave/cpus_revocable_total": 0, "slave/executor_directory_max_allowed_age_secs": (7 * 24 * time.Hour).Seconds(),
		"slave/recovery_time_secs": 0, // on the world's clock
	})
	w.executor(0, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.executor(0, func(x *slavetest.Executor) { x.Report("t2", failed) })
	w.say(&internalpb.FrameworkToExecutorMessage{
		SlaveId: ids.Agent("a1").Proto(), FrameworkId: f1.Proto(), ExecutorId: x1.Proto(), Data: []byte("x"),
	}, &internalpb.FrameworkToExecutorMessage{
		SlaveId: ids.Agent("a1").Proto(), FrameworkId: f1.Proto(), ExecutorId: ids.Executor("x9").Proto(), Data: []byte("x"),
	}, &internalpb.ShutdownFrameworkMessage{FrameworkId: f1.Proto()})
	w.idle()
	w.expectMetrics(map[string]float64{
		"slave/frameworks_active": 0, "slave/executors_running": 0, "slave/executors_terminated": 1, "slave/tasks_running": 0,
		"slave/tasks_finished": 1, "slave/tasks_failed": 1, "slave/tasks_killed": 0, "slave/cpus_used": 0, "slave/container_launch_errors": 0,
		"slave/valid_framework_messages": 1, "slave/invalid_framework_messages": 1, "slave/valid_status_updates": 4,
	})
}
