package command_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/executor"
	"meseta/slave/executor/command"
	"meseta/slave/executor/executortest"
	"meseta/slave/processtree"
)

// run runs a real command to its end and returns what the agent received. It calls during while the command runs.
func run(t *testing.T, script string, during func(agent runtime.Ref[*executortest.Agent])) (states string, last *mesospb.TaskStatus) {
	t.Helper()
	return runTask(t, sleep(func(t *mesospb.TaskInfo) { t.Command.Value = &script }), during)
}

func runTask(t *testing.T, task *mesospb.TaskInfo, during func(agent runtime.Ref[*executortest.Agent])) (states string, last *mesospb.TaskStatus) {
	t.Helper()
	node, err := runtime.NewNode(runtime.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, node) })
	running := make(chan struct{})
	fake := &executortest.Agent{}
	fake.OnRegister = func() { fake.Run(task); close(running) }
	agent, err := runtime.Spawn(node, "slave(1)", fake)
	if err != nil {
		t.Fatal(err)
	}
	d, err := command.Start(node, command.New(command.Options{Inherited: os.Environ()}), executortest.Environment(agent.PID()), executor.Options{Die: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	<-running
	if during != nil {
		during(agent)
	}
	d.Join()
	_ = d.Wait(t.Context())
	node.Terminate(agent.PID())
	_ = node.Wait(t.Context(), agent.PID())
	return strings.Join(fake.States("t1"), " "), fake.Updates[len(fake.Updates)-1].GetStatus()
}

func TestRealCommand(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	states, last := run(t, "ps -o sid= -p $$ > "+out+"; echo $$ >> "+out+"; exit 3", nil)
	if states != "TASK_STARTING TASK_RUNNING TASK_FAILED" || last.GetMessage() != "Command exited with status 3" {
		t.Errorf("told %s, %q", states, last.GetMessage())
	}
	written, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	if f := strings.Fields(string(written)); len(f) == 2 && f[0] != f[1] {
		t.Errorf("the command %s is in the session of %s, not its own", f[1], f[0])
	}
}

// The command, and its child in a session of its own, ignore SIGTERM.
func TestRealKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ready := filepath.Join(dir, "ready")
	if err := syscall.Mkfifo(ready, 0o600); err != nil {
		t.Fatal(err)
	}
	script := `trap '' TERM; setsid sh -c 'echo $$ > ` + ready + `; while [ -d ` + dir + ` ]; do sleep 1; done' & while [ -d ` + dir + ` ]; do wait; done`
	var child int
	states, last := run(t, script, func(agent runtime.Ref[*executortest.Agent]) {
		line, err := os.ReadFile(ready) // waits until the child writes
		if err != nil {
			t.Fatal(err)
		}
		if child, err = strconv.Atoi(strings.TrimSpace(string(line))); err != nil {
			t.Fatal(err)
		}
		runtime.Tell(agent, func(a *executortest.Agent) { a.Kill("t1", policy(0)) })
	})
	if states != "TASK_STARTING TASK_RUNNING TASK_KILLED" || last.GetMessage() != "Command terminated with signal Killed" {
		t.Errorf("told %s, %q", states, last.GetMessage())
	}
	for range 1000 { // the parent that inherited the child may take a moment to reap it
		all, err := processtree.Look()
		if err != nil {
			t.Fatal(err)
		}
		if !all.Has(child) {
			return
		}
	}
	t.Errorf("the child %d is still there", child)
}
