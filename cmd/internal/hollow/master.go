package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/prometheus/procfs"

	"meseta/cmd/internal/cluster"
	"meseta/runtime"
)

// master is a mesos-master that runs as an operator would run it.
type master struct {
	*cluster.Cluster
	pid     runtime.PID
	process procfs.Proc
	dir     string // with its registry and its log
}

// startMaster starts a master, built before unless bin has one.
func startMaster(ctx context.Context, bin string) (m *master, err error) {
	m = &master{}
	if m.dir, err = os.MkdirTemp("", "hollow-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(m.dir)
		}
	}()
	if bin == "" {
		bin = m.dir
		build := exec.CommandContext(ctx, "go", "build", "-o", bin, "meseta/cmd/mesos-master")
		if text, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build mesos-master: %w\n%s", err, text)
		}
	}
	if m.Cluster, err = cluster.Start(ctx, cluster.Options{Bin: bin, Dir: m.dir, Agents: -1}); err != nil {
		return nil, err
	}
	m.pid = runtime.PID{ID: "master", Addr: m.Master}
	if m.process, err = procfs.NewProc(m.MasterProcess()); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

func (m *master) stop() error { return errors.Join(m.Stop(), os.RemoveAll(m.dir)) }

// worked is the processor time the master has taken so far; nothing if it is gone.
func (m *master) worked() time.Duration {
	stat, err := m.process.Stat()
	if err != nil {
		return 0
	}
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

// memory is the most memory that the master ever took, in MB.
func (m *master) memory() float64 {
	status, err := m.process.NewStatus()
	if err != nil {
		return 0
	}
	return float64(status.VmHWM) / 1e6
}

// lastWords are the last lines of the master's log.
func (m *master) lastWords() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "master.log"))
	if err != nil || len(text) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "; the master's last words:\n  " + strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}

// get fetches a page, and tells when its first byte and its last came, and how many there were.
func (m *master) get(ctx context.Context, path string, now func() time.Time) (first, whole time.Duration, size int64, err error) {
	began := now()
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { first = now().Sub(began) }}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, "http://"+m.Master+path, nil)
	if err != nil {
		return 0, 0, 0, err
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	response, err := client.Do(req)
	if err != nil {
		return 0, 0, 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, 0, 0, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	size, err = io.Copy(io.Discard, response.Body)
	return first, now().Sub(began), size, err
}
