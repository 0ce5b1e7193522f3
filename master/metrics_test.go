package master_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
)

// snapshot returns the answer of /metrics/snapshot.
func snapshot(c *mastertest.Cluster) map[string]float64 {
	c.Helper()
	values := map[string]float64{}
	if err := json.Unmarshal(c.Get("/metrics/snapshot").Body, &values); err != nil {
		c.Fatal(err)
	}
	return values
}

func expectMetrics(c *mastertest.Cluster, want map[string]float64) {
	c.Helper()
	got := snapshot(c)
	for key, value := range want {
		if v, ok := got[key]; !ok || v != value {
			c.Errorf("%s is %v (%v), want %v", key, v, ok, value)
		}
	}
}

func TestMetricsOfTasks(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Metrics: true})
	agent := c.Agent("agent", "10.0.0.2:5051")
	info := mastertest.Framework(partitionAware)
	name := "a name (with 100% of +/)"
	info.Name = &name
	f := c.Scheduler("f", "10.0.0.3:6000", info)
	c.Advance(time.Second)
	f.Launch(f.Offer(), mastertest.Task("t1", f.Offer()), mastertest.Task("t2", f.Offer()))
	id, on := mastertest.FrameworkID(f), mastertest.AgentID(agent)
	agent.Report(id, "t1", mesospb.TaskState_TASK_RUNNING, 1)
	f.Acknowledge(on, "t1", 1)
	agent.Report(id, "t1", mesospb.TaskState_TASK_FINISHED, 2)
	f.Acknowledge(on, "t1", 2)
	agent.Report(id, "t0", mesospb.TaskState_TASK_RUNNING, 3) // an unknown task
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{TaskId: ids.Task("t2").Proto()}})

	expectMetrics(c, map[string]float64{
		"master/elected": 1, "master/dropped_messages": 0,
		"master/slaves_connected": 1, "master/slaves_active": 1, "master/slaves_inactive": 0, "master/slave_registrations": 1,
		"master/frameworks_active": 1, "master/frameworks_connected": 1, "master/frameworks_disconnected": 0,
		"master/tasks_staging": 1, "master/tasks_running": 0, "master/tasks_finished": 1,
		"master/messages_register_framework": 1, "master/messages_launch_tasks": 1, "master/messages_status_update": 3,
		"master/messages_status_update_acknowledgement": 2, "master/messages_kill_task": 1, "master/messages_register_slave": 1,
		"master/valid_status_updates": 2, "master/invalid_status_updates": 1, "master/valid_status_update_acknowledgements": 2,
		"registrar/queued_operations": 0, "allocator/mesos/resources/cpus/total": snapshot(c)["master/cpus_total"],
	})
	prefix := "master/frameworks/a%20name%20(with%20100%25%20of%20%2B%2F)/" + id.GetValue() + "/"
	own := map[string]float64{}
	for key, value := range map[string]float64{
		"subscribed": 1, "calls": 5, "calls/accept": 1, "calls/acknowledge": 2, "calls/kill": 1, "calls/subscribe": 1,
		"events/subscribed": 1, "events/offers": 1, "events/update": 3, "events/error": 0, "offers/accepted": 1,
		"operations": 2, "operations/launch": 2, "operations/launch_group": 0, "offers/declined": 0, "offers/rescinded": 0,
		"tasks/active/task_staging": 1, "tasks/active/task_running": 0, "tasks/terminal/task_finished": 1,
	} {
		own[prefix+key] = value
	}
	expectMetrics(c, own)
}

func TestMetricsOfEndings(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Metrics: true, Configure: func(c *master.Config) { c.HideFrameworkMetrics = true }})
	agent, f := running(c, mastertest.Framework(partitionAware))
	c.Advance(10 * time.Second) // an offer of the remaining resources
	f.Launch(f.Offer(), mastertest.Task("t1", f.Offer()))
	total := snapshot(c)["master/cpus_total"]
	if used := snapshot(c)["master/cpus_used"]; used <= 0 || snapshot(c)["master/cpus_percent"] != used/total {
		t.Errorf("%v of %v cpus are used", used, total)
	}
	agent.Silent = true
	c.Advance(2 * time.Minute)
	expectMetrics(c, map[string]float64{
		"master/slaves_connected": 0, "master/slaves_unreachable": 1, "master/slave_removals": 1,
		"master/slave_removals/reason_unhealthy": 1, "master/slave_removals/reason_registered": 0,
		"master/slave_unreachable_scheduled": 1, "master/slave_unreachable_completed": 1, "master/slave_unreachable_canceled": 0,
		"master/tasks_unreachable": 1, "master/tasks_error": 1, "master/tasks_running": 0, "master/cpus_total": 0, "master/cpus_percent": 0,
		"master/task_error/source_master/reason_task_invalid":        1,
		"master/task_unreachable/source_master/reason_slave_removed": 1,
	})
	for key := range snapshot(c) {
		if strings.HasPrefix(key, "master/frameworks/") {
			t.Errorf("%s is shown", key)
		}
	}
}

// Refused calls count for their framework, undecodable ones for none. Operations and their acknowledgements have
// counters of their own.
func TestMetricsOfRefusedCalls(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{Metrics: true})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Client("f", mediatype.JSON)
	f.Subscribe(mastertest.Framework())
	id := f.FrameworkID()
	stream := f.StreamID
	f.StreamID = "another"
	expectStatus(c, f, &schedulerpb.Call{Type: schedulerpb.Call_REVIVE.Enum()}, 400)
	f.StreamID = stream
	expectStatus(c, f, &schedulerpb.Call{Type: schedulerpb.Call_MESSAGE.Enum()}, 400)
	expectStatus(c, f, &schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE.Enum()}, 400)
	expectStatus(c, f, &schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS.Enum()}, 400)
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACKNOWLEDGE_OPERATION_STATUS.Enum(),
		AcknowledgeOperationStatus: &schedulerpb.Call_AcknowledgeOperationStatus{
			SlaveId: mastertest.AgentID(agent), OperationId: operationID("1"), Uuid: mastertest.UUID(1),
		}})
	f.Call(&schedulerpb.Call{Type: schedulerpb.Call_KILL.Enum(), Kill: &schedulerpb.Call_Kill{TaskId: ids.Task("nobody").Proto()}})
	f.Accept(f.Offer(), operations()...)
	driver := c.Scheduler("driver", "10.0.0.3:6000", mastertest.Framework())
	driver.Say(&internalpb.FrameworkToExecutorMessage{
		FrameworkId: id, SlaveId: mastertest.AgentID(agent), ExecutorId: ids.Executor("e").Proto(), Data: []byte("x"),
	})
	agent.Report(ids.Framework("nobody").Proto(), "t", mesospb.TaskState_TASK_RUNNING, 1)

	prefix := "master/frameworks/f/" + id.GetValue() + "/"
	expectMetrics(c, map[string]float64{
		prefix + "calls": 5, prefix + "calls/subscribe": 1, prefix + "calls/revive": 1, prefix + "calls/message": 0,
		prefix + "calls/acknowledge_operation_status": 1, prefix + "calls/kill": 1, prefix + "calls/accept": 1,
		prefix + "operations": 0, prefix + "events/update_operation_status": float64(len(operations()) - 2),
		"master/messages_revive_offers": 0, "master/messages_kill_task": 1, "master/messages_reconcile_tasks": 1,
		"master/invalid_framework_to_executor_messages": 2, "master/invalid_status_update_acknowledgements": 1,
		"master/messages_operation_status_update_acknowledgement": 1,
		"master/invalid_operation_status_update_acknowledgements": 2,
		"master/valid_operation_status_update_acknowledgements":   0,
		"master/operations/total":                                 float64(len(operations()) - 1),
		"master/operations/error":                                 float64(len(operations()) - 1),
		"master/operations/reserve/error":                         4,
		"master/operations/create_disk/total":                     1,
		"master/operations/shrink_volume/total":                   0,
		"master/operations/pending":                               0,
		"master/invalid_status_updates":                           1,
	})
}

func expectStatus(c *mastertest.Cluster, f *mastertest.Client, call *schedulerpb.Call, status int) {
	c.Helper()
	if r := f.Post(call); r.Status != status {
		c.Errorf("%s is answered %d %s, not %d", call.GetType(), r.Status, r.Body, status)
	}
}
