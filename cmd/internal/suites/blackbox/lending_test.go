package blackbox

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// lent is a task on revocable resources, for --task.
func lent(cpus int, command string) string {
	return fmt.Sprintf(`--task={"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": ""}, "command": {"value": %q}, "resources": [
			{"name": "cpus", "type": "SCALAR", "scalar": {"value": %d}, "revocable": {}},
			{"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}`, command, cpus)
}

// What was lent is taken back when a controller says so, which measures the agent: the task there ends with the reason, and another
// one, which holds what is its own, goes on.
func TestLentResourcesAreTakenBack(t *testing.T) {
	t.Parallel()
	m, a, both := moodyAgent(t)
	borrower := start(t, nil, "mesos-execute", "--master="+m.address, lent(2, "sleep 1000"))
	owner := execute(t, m.address, "owner", "sleep 1000")
	borrower.awaits("TASK_RUNNING")
	owner.awaits("TASK_RUNNING")
	both["corrects"].isAsked(t, 3)
	both["corrects"].becomes(t, "evict")
	if status := borrower.ends(); status != 1 || !strings.Contains(borrower.out.String(), "REASON_CONTAINER_PREEMPTED") {
		t.Errorf("whoever borrowed ended with %d:\n%s", status, borrower.out)
	}
	a.counts("slave/executors_preempted", 1)
	both["corrects"].isAsked(t, 3)
	if out := owner.out.String(); strings.Count(out, "Received status update") != 2 { // TASK_STARTING and TASK_RUNNING
		t.Errorf("whoever borrowed nothing was told\n%s", out)
	}
	a.lends(2)
}

// A task runs on resources that its agent does not have but may lend.
func TestTaskOnLentResources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	master := startMaster(t, "0", filepath.Join(dir, "master"))
	startAgent(t, "0", master.address, filepath.Join(dir, "agent"),
		"--resource_estimator=org_apache_mesos_FixedResourceEstimator",
		`--modules={"libraries": [{"name": "fixed_resource_estimator", "modules": [{"name": "org_apache_mesos_FixedResourceEstimator",
			"parameters": [{"key": "resources", "value": "cpus:8"}]}]}]}`)
	status, out := does(t, nil, "mesos-execute", "--master="+master.address, lent(6, "echo on borrowed time"))
	if status != 0 || !strings.Contains(out, "TASK_FINISHED") {
		t.Errorf("mesos-execute ended with %d:\n%s", status, out)
	}
}
