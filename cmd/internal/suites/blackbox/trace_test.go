package blackbox

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestATaskIsTraced has the command line ask a master and two agents, whose rings are full, what happened to a task. What the
// task was told in confidence is in no answer.
func TestATaskIsTraced(t *testing.T) {
	t.Parallel()
	m := startMaster(t, "0", t.TempDir())
	agents := []*process{startAgent(t, "0", m.address, t.TempDir()), startAgent(t, "0", m.address, t.TempDir())}
	for _, p := range append(agents, m) {
		p.fillRing()
	}
	p := execute(t, m.address, "traced", "test $FOO = confidential", `--env={"FOO":"confidential"}`)
	if status := p.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, p.out)
	}
	began := time.Now()
	trace := start(t, nil, "mesos", "--master="+m.address, "trace", "task", "traced")
	if status := trace.ends(); status != 0 {
		t.Fatalf("exit status %d: %s", status, trace.out)
	}
	took := time.Since(began)
	lines := strings.Split(trace.out.String(), "\n")
	next := 0
	for _, want := range []string{
		"→ master  Call ACCEPT", "master → slave(1)", "executor(1)", "StatusUpdateMessage traced TASK_RUNNING", "TASK_FINISHED", "ACKNOWLEDGE",
	} {
		for next < len(lines) && !strings.Contains(lines[next], want) {
			next++
		}
	}
	if next == len(lines) {
		t.Errorf("not the life of a task:\n%s", trace.out)
	}
	t.Logf("answered after %v", took)
	for _, p := range append(agents, m) {
		for _, path := range []string{"/trace", "/trace?format=html"} {
			if text := p.body(path); strings.Contains(text, "confidential") {
				t.Errorf("%s%s tells what is confidential", p.address, path)
			}
		}
	}
	unknown := start(t, nil, "mesos", "--master="+m.address, "trace", "task", "nobody")
	if status := unknown.ends(); status != 1 || !strings.Contains(unknown.out.String(), "nothing is remembered about task nobody") {
		t.Errorf("exit status %d: %s", status, unknown.out)
	}
}

// fillRing makes the process remember as many events as it can.
func (p *process) fillRing() {
	p.t.Helper()
	for range 100 {
		if strings.Count(p.body("/trace"), "\n") >= 1<<12 {
			return
		}
		for range 200 {
			p.body("/version")
		}
	}
	p.t.Fatal("the ring is never full")
}

// body requests a path.
func (p *process) body(path string) string {
	p.t.Helper()
	response, err := http.Get(fmt.Sprintf("http://%s%s", p.address, path))
	if err != nil {
		p.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		p.t.Fatalf("%s: %s, %v", path, response.Status, err)
	}
	return string(text)
}
