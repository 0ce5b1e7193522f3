package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// drained is what a master shows of a drain.
type drained struct {
	Slaves []struct {
		ID          string
		Deactivated bool
		DrainInfo   struct{ State string } `json:"drain_info"`
	}
}

// operator makes a call of an operator about the only agent.
func (p *process) operator(call string) {
	p.t.Helper()
	var seen drained
	p.sees("/state", &seen)
	request(p.t, p, "POST", "/api/v1", []string{isJSON},
		fmt.Sprintf(`{"type":%q,%q:{"agent_id":{"value":%q}}}`, strings.ToUpper(call), call, seen.Slaves[0].ID)).wants("200")
}

// isDrained waits until the only agent of a master is in a state of draining; empty: in none.
func (p *process) isDrained(state string) {
	p.t.Helper()
	gone(p.t, func() []string {
		var seen drained
		p.sees("/state", &seen)
		if len(seen.Slaves) == 1 && seen.Slaves[0].DrainInfo.State == state && seen.Slaves[0].Deactivated == (state != "") {
			return nil
		}
		return []string{fmt.Sprintf("the agent is not %q: %+v", state, seen)}
	})
}

// A drain goes on although the agent and then the master are killed. The agent gets no new tasks until it is reactivated.
func TestDrainOutlivesAgentAndMaster(t *testing.T) {
	t.Parallel()
	masterPort, registry, port, work, g := freePort(t), t.TempDir(), freePort(t), t.TempDir(), newGate(t)
	m := startMaster(t, masterPort, registry)
	flags := []string{"--executor_reregistration_timeout=1secs", "--runtime_dir=" + t.TempDir()}
	a := startAgent(t, port, m.address, work, flags...)
	stubborn := member{"one", "trap '' TERM; " + g.wait(), map[string]any{
		"kill_policy": map[string]any{"grace_period": map[string]any{"nanoseconds": int64(time.Hour)}},
	}}
	p := executeGroup(t, m.address, []member{stubborn}, "--checkpoint")
	p.awaits("TASK_RUNNING for task 'one'")
	m.operator("drain_agent")
	p.awaits("TASK_KILLING for task 'one'")
	m.isDrained("DRAINING")
	config := func() []string {
		found, _ := filepath.Glob(filepath.Join(work, "meta/slaves/latest/drain.config"))
		return found
	}
	gone(t, func() []string {
		if len(config()) == 1 {
			return nil
		}
		return []string{"the drain is not recorded"}
	})

	a.kill()
	a = startAgent(t, port, m.address, work, flags...)
	a.awaits("] re-registered ")
	m.isDrained("DRAINING")
	if len(config()) != 1 {
		t.Errorf("the drain is recorded in %v", config())
	}

	m.kill()
	before := len(a.out.String())
	m = startMaster(t, masterPort, registry)
	a.awaitsAfter(before, "] re-registered ")
	m.isDrained("DRAINING")
	if heard := p.out.String(); strings.Contains(heard, "TASK_KILLED") || strings.Contains(heard, "TASK_FAILED") {
		t.Errorf("the task has not outlived them:\n%s", heard)
	}

	g.open(t)
	p.ended(1, "TASK_KILLED for task 'one'")
	m.isDrained("DRAINED")
	gone(t, config)
	late := execute(t, m.address, "late", "true")
	m.operator("reactivate_agent")
	late.ended(0, "TASK_FINISHED for task 'late'")
	m.isDrained("")
}

// The time in which a task has to complete goes on although the agent and then the master are killed, also for a task of a group.
func TestCompletionTimeOutlivesAgentAndMaster(t *testing.T) {
	t.Parallel()
	masterPort, registry, port, work, g := freePort(t), t.TempDir(), freePort(t), t.TempDir(), newGate(t)
	m := startMaster(t, masterPort, registry)
	flags := []string{"--executor_reregistration_timeout=1secs", "--runtime_dir=" + t.TempDir()}
	a := startAgent(t, port, m.address, work, flags...)
	bounded := member{"one", g.wait(), map[string]any{"max_completion_time": map[string]any{"nanoseconds": int64(12 * time.Second)}}}
	tasks := []*process{
		start(t, nil, "mesos-execute", "--master="+m.address, "--checkpoint", "--task="+encoded(t, bounded.task())),
		executeGroup(t, m.address, []member{bounded}, "--checkpoint"),
	}
	for _, p := range tasks {
		p.awaits("TASK_RUNNING for task 'one'")
	}
	a.kill()
	a = startAgent(t, port, m.address, work, flags...)
	a.awaits("] re-registered ")
	m.kill()
	before := len(a.out.String())
	startMaster(t, masterPort, registry)
	a.awaitsAfter(before, "] re-registered ")
	for _, p := range tasks {
		p.ended(1, "TASK_FAILED for task 'one'")
		if !strings.Contains(p.out.String(), "reason: REASON_MAX_COMPLETION_TIME_REACHED") {
			t.Errorf("a task ended otherwise:\n%s", p.out)
		}
	}
}

// An agent that cannot go on from what an earlier one has left says why and what to do, ends with 1, and leaves everything
// as it is.
func TestAgentsThatCannotGoOn(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	port, work := freePort(t), t.TempDir()
	a := startAgent(t, port, m.address, work)
	latest := filepath.Join(work, "meta/slaves/latest")
	info := filepath.Join(latest, "slave.info")
	gone(t, func() []string {
		if _, err := os.Stat(info); err != nil {
			return []string{err.Error()}
		}
		return nil
	})
	a.kill()
	whole, err := os.ReadFile(info)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		info []byte // what is in slave.info
		cpus int    // of --resources
		flag string
		want []string
		not  string
	}{
		{"junk", []byte("\x04\x00\x00\x00junk"), 4, "", []string{"Failed to perform recovery: Failed to read agent info from '", "try --no-strict.\n", "\nrm -f " + latest}, "policy"},
		{"less than before", whole, 1, "", []string{
			"Failed to perform recovery: Incompatible agent info detected. \n", "\nOld agent info:\n", "\nNew agent info:\n",
			"try --reconfiguration_policy=additive.\n", "\nrm -f " + latest,
		}, "strict"},
		{"less than additive allows", whole, 1, "--reconfiguration_policy=additive", []string{
			"Failed to perform recovery: Configuration change not permitted under 'additive' policy: Value of scalar resource 'cpus' decreased from 4 to 1\n",
			"\nrm -f " + latest,
		}, "try"},
		{"torn", whole[:len(whole)-1], 4, "", []string{"Failed to perform recovery: Failed to read agent info from '", "try --no-strict.\n", "\nrm -f " + latest}, "policy"},
	} {
		if err := os.WriteFile(info, c.info, 0o600); err != nil {
			t.Fatal(err)
		}
		status, out := does(t, nil, "mesos-agent", append([]string{
			"--master=" + m.address, "--ip=127.0.0.1", "--port=" + port, "--hostname=localhost", "--work_dir=" + work, "--launcher_dir=" + bin, "--runtime_dir=",
			fmt.Sprintf("--resources=cpus:%d;mem:1024;disk:1000;ports:[31000-31999]", c.cpus),
		}, strings.Fields(c.flag)...)...)
		_, told, _ := strings.Cut(out, "mesos-agent: ")
		for _, want := range c.want {
			if status != 1 || !strings.Contains(told, want) || strings.Contains(told, c.not) {
				t.Errorf("%s: the agent ends with %d and says %q, want %q", c.name, status, told, want)
			}
		}
		if now, err := os.ReadFile(info); err != nil || string(now) != string(c.info) {
			t.Errorf("%s: slave.info was changed (%v)", c.name, err)
		}
	}
	if err := os.WriteFile(info, whole, 0o600); err != nil {
		t.Fatal(err)
	}
	startAgent(t, port, m.address, work).awaits("] re-registered ")
}

// A work directory that cannot be made or written ends an agent with the path and the reason.
func TestWorkDirectoriesThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		file:               "mesos-agent: Failed to create agent work directory '" + file + "': mkdir " + file + ": not a directory\n",
		"/proc/1/nosuch/w": "mesos-agent: Failed to create agent work directory '/proc/1/nosuch/w': mkdir /proc/1/nosuch: no such file or directory\n",
	} {
		status, out := does(t, nil, "mesos-agent", "--master=127.0.0.1:5050", "--ip=127.0.0.1", "--port=0", "--work_dir="+dir, "--runtime_dir=")
		if status != 1 || !strings.HasSuffix(out, want) {
			t.Errorf("%s: the agent ends with %d and says %q, want %q", dir, status, out, want)
		}
	}
}
