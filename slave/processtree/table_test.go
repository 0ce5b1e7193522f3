package processtree

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// leaderless makes a process of this test's program end its first thread and say so.
const leaderless = "PROCESSTREE_TEST_LEADERLESS"

func init() {
	if os.Getenv(leaderless) == "" {
		return
	}
	runtime.LockOSThread() // initializers run on the first thread
	var rest sync.WaitGroup
	rest.Go(func() {
		stat := fmt.Sprintf("/proc/self/task/%d/stat", os.Getpid())
		for {
			line, err := os.ReadFile(stat)
			if err == nil && bytes.Contains(line, []byte(") Z ")) {
				fmt.Println("the first thread is over")
				select {}
			}
			runtime.Gosched()
		}
	})
	_, _, _ = syscall.RawSyscall(syscall.SYS_EXIT, 0, 0, 0)
}

// A process whose first thread has ended looks like a zombie but is alive.
func TestLeaderlessProcessIsAlive(t *testing.T) {
	t.Parallel()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), leaderless+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if s, err := Look(); err != nil || !s.Has(cmd.Process.Pid) {
		t.Errorf("process %d is not found: %v", cmd.Process.Pid, err)
	}
	if _, err := Signal(cmd.Process.Pid, syscall.SIGKILL); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	if s, err := Look(); err != nil || s.Has(cmd.Process.Pid) {
		t.Errorf("process %d is found: %v", cmd.Process.Pid, err)
	}
}

// The name of a program may look like the rest of the line.
func TestParse(t *testing.T) {
	t.Parallel()
	const tail = "0 -1 4194304 1 2 3 4 5 6 7 8 20 0 %d 0 12345 0 0"
	for _, c := range []struct {
		name, line string
		want       Process
		alive      bool
	}{
		{"plain", "7 (sleep) S 1 2 3 " + fmt.Sprintf(tail, 1), Process{7, 1, 2, 3}, true},
		{"parentheses and spaces", "7 (a) Z 9 (b) S 1 2 3 " + fmt.Sprintf(tail, 1), Process{7, 1, 2, 3}, true},
		{"over", "7 (sleep) Z 1 2 3 " + fmt.Sprintf(tail, 1), Process{7, 1, 2, 3}, false},
		{"only its first thread is over", "7 (sleep) Z 1 2 3 " + fmt.Sprintf(tail, 2), Process{7, 1, 2, 3}, true},
		{"cut", "7 (sleep) S 1 2", Process{}, false},
		{"empty", "", Process{}, false},
	} {
		if p, alive := parse(7, []byte(c.line)); p != c.want || alive != c.alive {
			t.Errorf("%s: got %v, %v", c.name, p, alive)
		}
	}
}

// Callers that come before a reading begins share it; a later one does not.
func TestCallersShareAReading(t *testing.T) {
	t.Parallel()
	table := &Table{}
	early, late := table.join(), table.join()
	one, err := table.carryOut(early)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := table.carryOut(late); two != one || err != nil {
		t.Errorf("two callers read twice: %v", err)
	}
	if again, err := table.Look(); again == one || err != nil {
		t.Errorf("a later caller got an old table: %v", err)
	}
}

// However many callers share a reading, it contains what was started before each call.
func TestLookSeesWhatHadStarted(t *testing.T) {
	t.Parallel()
	table := &Table{}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			cmd := exec.Command("sleep", "1000")
			if err := cmd.Start(); err != nil {
				t.Error(err)
				return
			}
			if s, err := table.Look(); err != nil || !s.Has(cmd.Process.Pid) {
				t.Errorf("process %d is not seen: %v", cmd.Process.Pid, err)
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			if s, err := table.Look(); err != nil || s.Has(cmd.Process.Pid) {
				t.Errorf("process %d is still seen: %v", cmd.Process.Pid, err)
			}
		})
	}
	all.Wait()
}

// What is no process has no tree, and nobody gets that of the first process, which is the whole system.
func TestNoTreeOfTheSystem(t *testing.T) {
	t.Parallel()
	s := NewSnapshot([]Process{
		{PID: 1, Parent: 0}, {PID: 2, Parent: 0}, {PID: 7, Parent: 1, Group: 7, Session: 7}, {PID: 8, Parent: 7, Group: 0, Session: 0},
	})
	for _, root := range []int{-1, 0, 1} {
		if tree := s.Tree(root); len(tree) != 0 {
			t.Errorf("the tree of %d is %v", root, tree)
		}
		if err := kill(root, 0); err == nil {
			t.Errorf("%d would be signalled", root)
		}
	}
	if tree := fmt.Sprint(s.Tree(0, 7)); tree != "[7 8]" {
		t.Errorf("the tree of 7 is %s", tree)
	}
}
