package blackbox

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"meseta/cmd/internal/cluster"
	"meseta/cmd/internal/program/daemon"
	"meseta/cmd/internal/tools/binaries"
)

// patience is how long a test waits for something that is bound to happen.
const patience = time.Minute

// bin is the folder of the programs.
var bin string

// lifeline is the reading end of a pipe that ends when this test program does, and with it the daemons, even when it
// panics or is killed.
var lifeline *os.File

// all are the programs that are built.
var all = []string{
	"mesos", "mesos-master", "mesos-agent", "mesos-executor", "mesos-default-executor", "mesos-docker-executor", "mesos-containerizer", "mesos-logrotate-logger", "mesos-local", "mesos-execute", "mesos-mapreduce",
}

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(serveModules())
	}
	if os.Getenv(asExecutor) != "" {
		os.Exit(runShells())
	}
	if os.Getenv(asPrisoner) != "" {
		os.Exit(beImprisoned())
	}
	if address := os.Getenv(asServer); address != "" {
		os.Exit(serveChecks(address))
	}
	if address := os.Getenv(asEcho); address != "" {
		os.Exit(serveDatagrams(address))
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if bin, err = os.MkdirTemp("", "blackbox-"); err != nil {
		fmt.Println(err)
		return 1
	}
	defer os.RemoveAll(bin)
	if err := os.Chmod(bin, 0o755); err != nil { // for executors of other users
		fmt.Println(err)
		return 1
	}
	var held *os.File
	if lifeline, held, err = os.Pipe(); err != nil {
		fmt.Println(err)
		return 1
	}
	defer held.Close()
	if err := binaries.Build(context.Background(), bin, all...); err != nil {
		fmt.Println(err)
		return 1
	}
	if err := runMore(); err != nil {
		fmt.Println(err)
		return 1
	}
	status := m.Run()
	if left := remaining(func() []string { return running(bin) }); len(left) > 0 {
		fmt.Println("left behind:", left)
		return 1
	}
	return status
}

// runMore has twice as many tests run at a time as there are processors, unless the command line says how many: most of their time they
// wait for a process.
func runMore() error {
	flag.Parse()
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if given {
		return nil
	}
	return flag.Set("test.parallel", strconv.Itoa(2*runtime.GOMAXPROCS(0)))
}

// running lists the processes whose program is in a folder.
func running(folder string) []string {
	found, err := binaries.Running(folder)
	if err != nil {
		return []string{err.Error()}
	}
	return found
}

// transcript is what a program printed so far.
type transcript struct {
	mu    sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

// Write implements [io.Writer].
func (tr *transcript) Write(p []byte) (int, error) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.grown != nil {
		close(tr.grown)
		tr.grown = nil
	}
	return tr.text.Write(p)
}

// String returns what was printed so far.
func (tr *transcript) String() string {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.text.String()
}

func (tr *transcript) look() (string, <-chan struct{}) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.grown == nil {
		tr.grown = make(chan struct{})
	}
	return tr.text.String(), tr.grown
}

// process is a program that was started.
type process struct {
	t       *testing.T
	name    string
	cmd     *exec.Cmd
	out     *transcript
	address string // of a daemon: "ip:port"
	waited  bool
}

// start starts a program, which is killed with the test if it has not ended.
func start(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: name, cmd: exec.Command(filepath.Join(bin, name), args...), out: &transcript{}}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	p.cmd.Env = append(clean(os.Environ()), env...)
	p.cmd.Dir = t.TempDir()
	p.begin()
	return p
}

func (p *process) begin() {
	p.t.Helper()
	p.cmd.WaitDelay = patience
	if p.name == "mesos-master" || p.name == "mesos-agent" {
		p.cmd.Env = append(p.cmd.Env, fmt.Sprintf("%s=%d", daemon.LifelineFD, 3+len(p.cmd.ExtraFiles)))
		p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, lifeline)
	}
	if err := p.cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		if !p.waited {
			p.cmd.Process.Signal(syscall.SIGTERM) //nolint:errcheck // it may have ended
			p.ends()
		}
		if p.t.Failed() && p.address != "" {
			p.t.Logf("%s printed\n%s", p.name, p.out)
		}
	})
}

// clean keeps the user's own settings for Mesos away.
func clean(environment []string) []string {
	var kept []string
	for _, v := range environment {
		if !strings.HasPrefix(v, "MESOS_") && !strings.HasPrefix(v, "LIBPROCESS_") {
			kept = append(kept, v)
		}
	}
	return kept
}

// startDaemon starts a daemon and returns when it can be reached.
func startDaemon(t *testing.T, name string, args ...string) *process {
	t.Helper()
	return startDaemonWith(t, nil, name, args...)
}

// startDaemonWith is startDaemon with environment variables.
func startDaemonWith(t *testing.T, env []string, name string, args ...string) *process {
	t.Helper()
	return startDaemonIn(t, "", env, name, args...)
}

// startDaemonIn is startDaemonWith in the namespaces of an apart; "" means those of the test.
func startDaemonIn(t *testing.T, space string, env []string, name string, args ...string) *process {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin, name), args...)
	if space != "" {
		cmd = apart(space).command(name, args...)
	}
	return startReady(t, env, name, cmd)
}

// startReady starts a daemon by a command, which may have files for it, and an output of its own, and returns when it can be
// reached.
func startReady(t *testing.T, env []string, name string, cmd *exec.Cmd) *process {
	t.Helper()
	ready, told, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer ready.Close()
	p := &process{t: t, name: name, cmd: cmd, out: &transcript{}}
	if p.cmd.Stdout == nil {
		p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	}
	p.cmd.Env = append(append(clean(os.Environ()), env...), fmt.Sprintf("%s=%d", daemon.ReadyFD, 3+len(cmd.ExtraFiles)))
	p.cmd.ExtraFiles = append(p.cmd.ExtraFiles, told)
	p.begin()
	told.Close()
	pid, err := bufio.NewReader(ready).ReadString('\n')
	if err != nil {
		t.Fatalf("%s did not start: %v\n%s", name, err, p.out)
	}
	_, p.address, _ = strings.Cut(strings.TrimSpace(pid), "@")
	return p
}

// startMaster starts a master on a port, or on any if that is "0", whose registry is in dir.
func startMaster(t *testing.T, port, dir string, args ...string) *process {
	t.Helper()
	return startDaemon(t, "mesos-master", append([]string{"--ip=127.0.0.1", "--port=" + port, "--hostname=localhost", "--work_dir=" + dir}, args...)...)
}

// startAgent starts an agent of the master at that address, likewise. Its containers end with it unless there is a
// --runtime_dir among the arguments.
func startAgent(t *testing.T, port, master, dir string, args ...string) *process {
	t.Helper()
	return startDaemon(t, "mesos-agent", agentArgs(port, master, dir, args)...)
}

// startAgentIn is startAgent in the namespaces of an apart.
func startAgentIn(t *testing.T, space, port, master, dir string, args ...string) *process {
	t.Helper()
	return startDaemonIn(t, space, nil, "mesos-agent", agentArgs(port, master, dir, args)...)
}

func agentArgs(port, master, dir string, args []string) []string {
	args = withDefaults(args, "--runtime_dir=", "--resources=cpus:4;mem:1024;disk:1000;ports:[31000-31999]")
	return append([]string{
		"--master=" + master, "--ip=127.0.0.1", "--port=" + port, "--hostname=localhost", "--work_dir=" + dir, "--launcher_dir=" + bin,
		"--registration_backoff_factor=10ms",
	}, args...)
}

// withDefaults adds those flags to args that are not given.
func withDefaults(args []string, defaults ...string) []string {
	for _, d := range defaults {
		name, _, _ := strings.Cut(d, "=")
		if !slices.ContainsFunc(args, func(arg string) bool { return strings.HasPrefix(arg, name+"=") }) {
			args = append(slices.Clone(args), d)
		}
	}
	return args
}

// awaits waits until the program has printed text.
func (p *process) awaits(text string) {
	p.t.Helper()
	p.awaitsAfter(0, text)
}

// awaitsAfter waits until the program has printed text somewhere after the first from bytes.
func (p *process) awaitsAfter(from int, text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), patience)
	defer cancel()
	for {
		printed, grown := p.out.look()
		if strings.Contains(printed[from:], text) {
			return
		}
		select {
		case <-grown:
		case <-ctx.Done():
			p.t.Fatalf("%s never printed %q", p.name, text)
		}
	}
}

func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Fatalf("%s: %v", p.name, err)
	}
}

// kill kills it with -9.
func (p *process) kill() {
	p.t.Helper()
	p.signal(syscall.SIGKILL)
	p.ends()
}

// ends waits for the end and returns the exit status; that of a signal is negative.
func (p *process) ends() int {
	p.t.Helper()
	p.waited = true
	ctx, cancel := context.WithTimeout(context.Background(), patience) // also when the test is over
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	})()
	err := p.cmd.Wait()
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		p.t.Errorf("%s did not end", p.name)
	case err != nil && !errors.As(err, &ended):
		p.t.Fatalf("%s: %v", p.name, err)
	}
	if status := p.cmd.ProcessState.Sys().(syscall.WaitStatus); status.Signaled() {
		return -int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// does runs a program to its end.
func does(t *testing.T, env []string, name string, args ...string) (status int, out string) {
	t.Helper()
	p := start(t, env, name, args...)
	status = p.ends()
	return status, p.out.String()
}

// get returns the body of an answer of a daemon.
func (p *process) get(path string) (status int, body string) {
	p.t.Helper()
	answer, err := http.Get("http://" + p.address + path)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// sees decodes the JSON that a daemon answers.
func (p *process) sees(path string, into any) {
	p.t.Helper()
	status, body := p.get(path)
	if status != http.StatusOK {
		p.t.Fatalf("%s: %d %s", path, status, body)
	}
	if err := json.Unmarshal([]byte(body), into); err != nil {
		p.t.Fatalf("%s: %v", path, err)
	}
}

// freePort finds a port for a daemon that others know before it runs.
func freePort(t *testing.T) string {
	t.Helper()
	port, err := cluster.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	return strconv.Itoa(port)
}

// gate is a file that a task waits for: sh -c gate.wait.
type gate string

func newGate(t *testing.T) gate { return gate(filepath.Join(t.TempDir(), "open")) }

// wait is a command of the shell that ends when the gate is open.
func (g gate) wait() string { return fmt.Sprintf("while %s; do sleep 0.02; done", g.shut()) }

// shut is a condition of the shell: the gate is not open, and the test, whose folder it is in, not over.
func (g gate) shut() string {
	return fmt.Sprintf("test -d %s && ! test -e %s", filepath.Dir(string(g)), string(g))
}

func (g gate) open(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(string(g), nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// gone waits until found finds nothing any more.
func gone(t *testing.T, found func() []string) {
	t.Helper()
	if left := remaining(found); len(left) > 0 {
		t.Fatalf("still there: %v", left)
	}
}

// remaining is what found still finds when there was time to end: when it has been the same for a while, or something for long. It
// polls, because nothing tells when a process is reaped, more and more seldom, since to look takes time from those that end.
func remaining(found func() []string) []string {
	same, all := time.NewTimer(patience), time.NewTimer(5*patience)
	defer same.Stop()
	defer all.Stop()
	pause := 20 * time.Millisecond
	again := time.NewTicker(pause)
	defer again.Stop()
	left := found()
	for len(left) > 0 {
		select {
		case <-again.C:
		case <-same.C:
			return left
		case <-all.C:
			return left
		}
		now := found()
		if !slices.Equal(now, left) {
			same.Reset(patience)
		}
		left, pause = now, min(pause*5/4, time.Second)
		again.Reset(pause)
	}
	return nil
}
