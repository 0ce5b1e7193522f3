package blackbox

import (
	"path/filepath"
	"strings"
	"testing"
)

// A task runs on resources that its agent does not have but may lend.
func TestTaskOnLentResources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	master := startMaster(t, "0", filepath.Join(dir, "master"))
	startAgent(t, "0", master.address, filepath.Join(dir, "agent"),
		"--resource_estimator=org_apache_mesos_FixedResourceEstimator",
		`--modules={"libraries": [{"name": "fixed_resource_estimator", "modules": [{"name": "org_apache_mesos_FixedResourceEstimator",
			"parameters": [{"key": "resources", "value": "cpus:8"}]}]}]}`)
	status, out := does(t, nil, "mesos-execute", "--master="+master.address, `--task={"name": "t", "task_id": {"value": "t"}, "agent_id": {"value": ""},
		"command": {"value": "echo on borrowed time"}, "resources": [
			{"name": "cpus", "type": "SCALAR", "scalar": {"value": 6}, "revocable": {}},
			{"name": "mem", "type": "SCALAR", "scalar": {"value": 32}}]}`)
	if status != 0 || !strings.Contains(out, "TASK_FINISHED") {
		t.Errorf("mesos-execute ended with %d:\n%s", status, out)
	}
}
