package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"meseta/cmd/internal/program/daemon"
)

// process is a daemon that the launcher started.
type process struct {
	pid   string // its address: "master@127.0.0.1:5050"
	cmd   *exec.Cmd
	ended chan struct{} // closed when it has been reaped

	expected atomic.Bool // its end is no failure
}

// launch describes a program to start.
type launch struct {
	name    string
	program string
	args    []string
	env     []string
	log     string // file for its output
	again   bool   // it ran before, and its log goes on
}

// start runs a program in a process group of its own, so that Ctrl-C on the terminal only reaches the launcher, and
// waits until the program reports that it is reachable.
func (c *Cluster) start(ctx context.Context, l launch) (*process, error) {
	how := os.O_CREATE | os.O_APPEND | os.O_WRONLY
	if !l.again {
		how |= os.O_TRUNC
	}
	out, err := os.OpenFile(l.log, how, 0o666)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	ready, told, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer ready.Close()
	p := &process{ended: make(chan struct{}), cmd: exec.Command(l.program, l.args...)}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.ExtraFiles = []*os.File{told, c.hold}
	p.cmd.Env = slices.Concat(withoutMesos(os.Environ()), c.options.Env, l.env)
	p.cmd.Env = append(p.cmd.Env, daemon.ReadyFD+"=3", daemon.LifelineFD+"=4")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	err = p.cmd.Start()
	told.Close()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", l.name, err)
	}
	go func() {
		err := p.cmd.Wait()
		if !p.expected.Load() {
			c.fail(fmt.Errorf("%s ended (%v); see %s", l.name, err, l.log))
		}
		close(p.ended)
	}()
	if p.pid, err = awaitReady(ctx, ready); err != nil {
		p.kill()
		return nil, fmt.Errorf("%s did not start: %w%s", l.name, err, lastLines(l.log))
	}
	return p, nil
}

// fail reports the end of a daemon. If nobody reads, the first reports are enough.
func (c *Cluster) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// withoutMesos removes the variables of Mesos, so that the user's settings do not affect the daemons.
func withoutMesos(environment []string) []string {
	var kept []string
	for _, v := range environment {
		if !strings.HasPrefix(v, "MESOS_") && !strings.HasPrefix(v, "LIBPROCESS_") {
			kept = append(kept, v)
		}
	}
	return kept
}

func awaitReady(ctx context.Context, ready *os.File) (string, error) {
	stop := context.AfterFunc(ctx, func() { ready.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	line, err := bufio.NewReader(ready).ReadString('\n')
	switch {
	case ctx.Err() != nil:
		return "", ctx.Err()
	case errors.Is(err, io.EOF):
		return "", errors.New("it ended")
	}
	return strings.TrimSuffix(line, "\n"), err
}

// lastLines returns the last lines that a daemon logged.
func lastLines(log string) string {
	all, err := os.ReadFile(log)
	if err != nil || len(all) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(all)), "\n")
	return "; its last log lines (" + filepath.Base(log) + "):\n  " + strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}

// stop sends a signal to the process, and kills its process group if it has not ended when ctx is done.
func (p *process) stop(ctx context.Context, how syscall.Signal) {
	p.cmd.Process.Signal(how) //nolint:errcheck // it may have ended
	select {
	case <-p.ended:
	case <-ctx.Done():
	}
	p.kill()
}

// kill kills the process and the rest of its group, and reaps it.
func (p *process) kill() {
	p.expected.Store(true)
	syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) //nolint:errcheck // it may have ended
	<-p.ended
}
