package blackbox

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/slave/executor"
)

// A task has not the token of its executor: neither the command of one that uses v0 or the HTTP API, nor a task of a group, nor what
// checks the health of each. The executors have theirs.
func TestTasksHaveNoTokens(t *testing.T) {
	t.Parallel()
	const token, own = executor.TokenVariable + "=", "MESOS_SANDBOX="
	for _, http := range []bool{false, true} {
		t.Run(fmt.Sprint("http=", http), func(t *testing.T) {
			t.Parallel()
			m, work, g := startMaster(t, "0", t.TempDir()), t.TempDir(), newGate(t)
			agent := startAgent(t, "0", m.address, work, fmt.Sprintf("--http_command_executor=%t", http), "--jwt_secret_key="+write(t, "key", executorsKey))
			agent.awaits("registered")
			command := "env; until test -s checks; do sleep 0.02; done; echo of the check; cat checks; " + g.wait()
			healthy := map[string]any{"health_check": checked(map[string]any{"command": map[string]any{"value": "env > checked && mv checked checks"}})}
			one := member{"one", command, healthy}
			single := start(t, nil, "mesos-execute", "--master="+m.address, "--task="+one.json(t))
			group := executeGroup(t, m.address, []member{{"two", command, healthy}})
			single.awaits("TASK_RUNNING")
			group.awaits("TASK_RUNNING")
			if n := strings.Count(variablesBelow(t, agent), token); n < 2 {
				t.Errorf("%d of two executors have a token", n)
			}
			g.open(t)
			single.ended(0, "TASK_FINISHED")
			group.ended(0, "TASK_FINISHED")
			all := printedBelow(t, work)
			if strings.Contains(all, token) || strings.Count(all, own) != 4 || strings.Count(all, "of the check") != 2 {
				t.Errorf("two tasks and their checks have the variables\n%s", all)
			}
		})
	}
}

// A session in the container of an executor, whose variables it inherits, has not the executor's token.
func TestSessionsHaveNoTokens(t *testing.T) {
	t.Parallel()
	r := newRoom(t, "--jwt_secret_key="+write(t, "key", executorsKey))
	if !strings.Contains(variablesBelow(t, r.agent), executor.TokenVariable+"=") {
		t.Error("the executor has no token")
	}
	env := r.session("env", "env; echo over", "")
	env.until("STDOUT", "over\n")
	if said := env.said["STDOUT"]; strings.Contains(said, executor.TokenVariable) || !strings.Contains(said, "MESOS_EXECUTOR_ID=web") {
		t.Errorf("the session has the variables\n%s", said)
	}
}

// json returns the task.
func (m member) json(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(m.task())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// variablesBelow returns the variables with which the processes were started that are below another.
func variablesBelow(t *testing.T, p *process) (all string) {
	t.Helper()
	for _, pid := range below(t, p.cmd.Process.Pid) {
		if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err == nil { // it may have ended
			all += string(text)
		}
	}
	return all
}

// printedBelow returns what all containers in a work directory have printed.
func printedBelow(t *testing.T, work string) (all string) {
	t.Helper()
	err := filepath.WalkDir(work, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Name() != "stdout" {
			return err
		}
		text, err := os.ReadFile(path)
		all += string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
