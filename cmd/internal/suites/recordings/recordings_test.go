package recordings

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"meseta/cmd/internal/cluster"
	"meseta/cmd/internal/tools/binaries"
)

// stage is a master and an agent on which a task runs.
type stage struct {
	t       *testing.T
	cluster *cluster.Cluster
	sandbox string // of the task
	virtual string // the same, as the agent shows it
}

// newStage builds the programs, starts them, and has a task run, which tells through a pipe that it does.
func newStage(t *testing.T) *stage {
	t.Helper()
	bin, dir := t.TempDir(), t.TempDir()
	if err := binaries.Build(t.Context(), bin, "mesos-master", "mesos-agent", "mesos-executor", "mesos-execute"); err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(context.Background(), cluster.Options{
		Bin: bin, Dir: dir, Agents: 1, Resources: "cpus:4;mem:1024;disk:100",
		MasterArgs: []string{"--log_dir=" + filepath.Join(dir, "log")}, AgentArgs: []string{"--log_dir=" + filepath.Join(dir, "log")},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := &stage{t: t, cluster: c}
	s.run(bin, filepath.Join(dir, "runs"))
	s.findSandbox()
	return s
}

// run runs a task as long as the test.
func (s *stage) run(bin, pipe string) {
	s.t.Helper()
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		s.t.Fatal(err)
	}
	execute := exec.Command(filepath.Join(bin, "mesos-execute"), "--master="+s.cluster.Master, "--name=task", "--principal=test",
		"--resources=cpus:1;mem:64", "--command=echo hello; echo up > "+pipe+"; exec sleep 1000")
	if err := execute.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		execute.Process.Signal(os.Interrupt) //nolint:errcheck // it may have ended
		execute.Wait()                       //nolint:errcheck // it was interrupted
	})
	up, err := os.ReadFile(pipe) // waits for the task
	if err != nil || string(up) != "up\n" {
		s.t.Fatalf("%q %v", up, err)
	}
}

func (s *stage) findSandbox() {
	s.t.Helper()
	var shown map[string]string
	if err := json.Unmarshal(s.get("agent", "/files/debug", "").body, &shown); err != nil {
		s.t.Fatal(err)
	}
	for virtual, path := range shown {
		if strings.HasPrefix(virtual, "/frameworks/") {
			s.virtual, s.sandbox = virtual, path
		}
	}
	if s.sandbox == "" {
		s.t.Fatalf("the agent shows no sandbox: %v", shown)
	}
}

// address is where a daemon is.
func (s *stage) address(daemon string) string {
	if daemon == "agent" {
		return s.cluster.Agents[0]
	}
	return s.cluster.Master
}

func (s *stage) request(daemon, target, accept string) (int, *answer) {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, "http://"+s.address(daemon)+target, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	if accept != "" {
		req.Header.Set("Accept", accept)
	}
	r, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	return r.StatusCode, receive(s.t, r)
}

func (s *stage) get(daemon, target, accept string) *answer {
	s.t.Helper()
	status, a := s.request(daemon, target, accept)
	if status != http.StatusOK {
		s.t.Fatalf("%s: %d %s", target, status, a.body)
	}
	return a
}

// shared with every daemon: what the tests here are about.
var everywhere = regexp.MustCompile(`^/(version|health|metrics|help|system|logging|__processes__|profiler|memory-profiler|files|nosuch|master/nosuch|master/health|` +
	`slave\(1\)/(health|version|redirect|recordio|monitor/statistics\.json)|monitor/statistics\.json)`)

// recordedSandbox is what stands for the task's sandbox in the recordings, and recordedVirtual what it was shown as.
var (
	recordedSandbox = regexp.MustCompile(`/var/lib/mesos/gold/agent/slaves/[^&]*/runs/[0-9a-f-]{36}`)
	recordedVirtual = regexp.MustCompile(`/frameworks/[^&]*/runs/latest`)
)

// known differences, by recording and line, with their reasons.
var known = map[string]string{
	"master-version lacks .git_sha": unstamped, "agent-version lacks .git_sha": unstamped,
}

const unstamped = "only where the programs are built with -buildvcs"

func TestRecordings(t *testing.T) {
	t.Parallel()
	recordings := readIndex(t, everywhere.MatchString)
	if len(recordings) < 40 {
		t.Fatalf("only %d recordings were found", len(recordings))
	}
	s := newStage(t)
	for _, r := range recordings {
		s.replay(r)
	}
	s.compareMetrics(recordings)
	s.looksAround()
}

// replay sends a recorded request and compares the answers.
func (s *stage) replay(r recording) {
	target := recordedSandbox.ReplaceAllLiteralString(r.target, s.sandbox)
	target = recordedVirtual.ReplaceAllLiteralString(target, s.virtual)
	status, got := s.request(r.daemon, target, r.accept)
	if status != r.status {
		s.t.Errorf("%s: %s is answered %d, not %d: %s", r.name, target, status, r.status, got.body)
		return
	}
	for _, line := range compare(r, got) {
		if known[r.name+" "+line] == "" {
			s.t.Errorf("%s: %s", r.name, line)
		}
	}
}

// compare lists what is different in an answer, but for the values in it.
func compare(r recording, got *answer) []string {
	want := r.answer
	if want == nil {
		return nil
	}
	var lines []string
	if got.contentType != want.contentType {
		lines = append(lines, "Content-Type "+got.contentType+" instead of "+want.contentType)
	}
	if name := func(a *answer) string { return strings.SplitAfter(a.disposition, "filename=")[0] }; name(got) != name(want) {
		lines = append(lines, "Content-Disposition "+got.disposition+" instead of "+want.disposition)
	}
	if (len(got.body) == 0) != (len(want.body) == 0) {
		lines = append(lines, "a body of another length: "+string(got.body))
	}
	if want.contentType != "application/json" || strings.HasPrefix(r.target, "/metrics/") || strings.HasPrefix(r.target, "/files/debug") {
		return lines
	}
	wanted, err := shape(want.body)
	if err != nil {
		return append(lines, err.Error())
	}
	shown, err := shape(got.body)
	if err != nil {
		return append(lines, err.Error())
	}
	return append(lines, difference(wanted, shown)...)
}

// looksAround asks what the recordings do not show: the answers fit together.
func (s *stage) looksAround() {
	if body := s.get("agent", "/files/download?path="+url.QueryEscape(s.virtual+"/stdout"), "").body; !bytes.HasPrefix(body, []byte("hello\n")) {
		s.t.Errorf("the task wrote %q", body)
	}
	for daemon, log := range map[string]string{"master": "/master/log", "agent": "/slave/log"} {
		if body := s.get(daemon, "/files/download?path="+log, "").body; !bytes.Contains(body, []byte("started")) {
			s.t.Errorf("%s: %.200q", log, body)
		}
	}
	s.request("agent", "/logging/toggle?level=1&duration=1mins", "")
	if got := string(s.get("agent", "/logging/toggle", "").body); got != "1\n" {
		s.t.Errorf("verbosity is %q", got)
	}
	for daemon, lines := range map[string][]string{
		"master": {"mesos_master_elected 1", "mesos_master_slave_registrations_total 1", "mesos_system_cpus "},
		"agent":  {"mesos_slave_registered 1", "# TYPE mesos_slave_tasks_running gauge"},
	} {
		page := string(s.get(daemon, "/metrics", "").body)
		for _, line := range lines {
			if !strings.Contains(page, "\n"+line) {
				s.t.Errorf("/metrics of the %s has no line %q", daemon, line)
			}
		}
	}
}
