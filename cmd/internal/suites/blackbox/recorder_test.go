package blackbox

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// An agent that is told to quit leaves what it remembers in a file, which tells what happened to a task, and nothing confidential.
func TestADaemonThatQuitsLeavesItsTrace(t *testing.T) {
	t.Parallel()
	logs := t.TempDir()
	m := startMaster(t, "0", t.TempDir())
	agent := startAgent(t, "0", m.address, t.TempDir(), "--log_dir="+logs)
	p := execute(t, m.address, "witnessed", "test $FOO = confidential", `--env={"FOO":"confidential"}`)
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.out)
	}
	agent.signal(syscall.SIGQUIT)
	if status := agent.ends(); status != 2 {
		t.Errorf("exit status %d", status)
	}
	found := regexp.MustCompile(`events are in (\S+); mesos trace --file reads it`).FindStringSubmatch(agent.out.String())
	if found == nil || filepath.Dir(found[1]) != logs || !strings.Contains(agent.out.String(), "goroutine ") {
		t.Fatalf("it does not say which file in %s has the events, or what its goroutines do", logs)
	}
	path := found[1]
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v %v; want a file that only its user can read", info, err)
	}
	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte("confidential")) {
		t.Errorf("%v, or %s tells what is confidential", err, path)
	}
	got := strings.Join(traced(t, "witnessed", []string{"--file=" + path}, "witnessed"), "\n")
	for _, want := range []string{"RunTaskMessage witnessed", "TASK_RUNNING", "TASK_FINISHED"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not among:\n%s", want, got)
		}
	}
}

// A master whose standard error nobody reads hangs when the pipe is full. Ten seconds later its log file tells which actor's turn
// hangs and where, and which file has what led to it. It goes on as soon as somebody reads.
func TestAHangIsReported(t *testing.T) {
	t.Parallel()
	logs := t.TempDir()
	m := startMaster(t, "0", t.TempDir(), "--log_dir="+logs)
	ctx, enough := context.WithCancel(t.Context())
	var frameworks sync.WaitGroup
	m.out.mu.Lock() // nobody reads on
	frameworks.Go(func() {
		for ctx.Err() == nil {
			m.subscribes(ctx)
		}
	})
	report := hangs(logs)
	m.out.mu.Unlock()
	enough()
	frameworks.Wait()
	if report == "" {
		t.Fatal("no hang is reported")
	}
	found := regexp.MustCompile(`hangs=\S+ .* longer_than=10s saved=(\S+) stack=`).FindStringSubmatch(report)
	if found == nil || filepath.Dir(found[1]) != logs || !strings.Contains(report, "os.(*File).Write") {
		t.Fatalf("it does not say who hangs, where, and which file in %s has the events: %s", logs, report)
	}
	status, text := does(t, nil, "mesos", "trace", "--actor=*", "--all", "--file="+found[1])
	if status != 0 || !strings.Contains(text, "its turn is not over") {
		t.Errorf("exit status %d; the turn that hangs is not among:\n%s", status, text)
	}
	m.get("/state")
}

// subscribes has a framework subscribe and disconnect, of which the master logs several lines.
func (p *process) subscribes(ctx context.Context) {
	const call = `{"type":"SUBSCRIBE","subscribe":{"framework_info":{"user":"nobody","name":"noisy"}}}`
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+"/api/v1/scheduler", strings.NewReader(call))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	if answer, err := http.DefaultClient.Do(req); err == nil {
		answer.Body.Close()
	}
}

// hangs returns the first report of a hang in log files, if there is one in time.
func hangs(logs string) (report string) {
	remaining(func() []string {
		files, _ := filepath.Glob(filepath.Join(logs, "*.log.WARNING.*")) //nolint:errcheck // the pattern is right
		for _, file := range files {
			text, _ := os.ReadFile(file) //nolint:errcheck // then it is looked for again
			for line := range strings.Lines(string(text)) {
				if strings.Contains(line, "an actor's turn takes long") && strings.HasSuffix(line, "\n") {
					report = line
					return nil
				}
			}
		}
		return []string{"no report"}
	})
	return report
}
