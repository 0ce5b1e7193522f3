package processtree_test

import (
	"bufio"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"meseta/slave/processtree"
)

func TestTree(t *testing.T) {
	t.Parallel()
	all := []processtree.Process{
		{PID: 1, Parent: 0, Group: 1, Session: 1},
		{PID: 10, Parent: 1, Group: 10, Session: 10},
		{PID: 11, Parent: 10, Group: 10, Session: 10},
		{PID: 12, Parent: 11, Group: 12, Session: 12}, // a session of its own
		{PID: 13, Parent: 1, Group: 12, Session: 12},  // orphaned, but in the session of 12
		{PID: 14, Parent: 13, Group: 14, Session: 14},
		{PID: 20, Parent: 1, Group: 10, Session: 10}, // orphaned, but in the group of 10
		{PID: 30, Parent: 1, Group: 30, Session: 30}, // unrelated
	}
	for _, c := range []struct {
		name string
		root int
		want []int
	}{
		{"descendants, and the groups and sessions they lead", 10, []int{10, 11, 12, 13, 14, 20}},
		{"not the group that the root is only a member of", 11, []int{11, 12, 13, 14}},
		{"what a gone root led", 12, []int{12, 13, 14}},
		{"nobody", 99, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := processtree.NewSnapshot(all).Tree(c.root)
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// The shell starts a process in a session of its own, which starts another one in the background.
func TestSignalReachesEverySession(t *testing.T) {
	t.Parallel()
	script := `setsid sh -c 'sleep 1000 & echo $!; wait' & wait`
	cmd := exec.Command("sh", "-c", script)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	sleeper, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		t.Fatal(err)
	}
	signalled, err := processtree.Signal(cmd.Process.Pid, syscall.SIGKILL)
	if err != nil {
		t.Fatal(err)
	}
	if signalled[0] != cmd.Process.Pid || !slices.Contains(signalled, sleeper) || slices.Contains(signalled, os.Getpid()) {
		t.Errorf("signalled %v; want %d first, and %d", signalled, cmd.Process.Pid, sleeper)
	}
	_ = cmd.Wait()
	if ws := cmd.ProcessState.Sys().(syscall.WaitStatus); ws.Signal() != syscall.SIGKILL {
		t.Errorf("the root ended with %v", ws)
	}
}
