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

// master is a mesos-master that runs as an operator runs it.
type master struct {
	*cluster.Cluster
	pid     runtime.PID
	process procfs.Proc
	dir     string // with its registry and its log
}

// startMaster starts a master, which it builds unless bin names a directory.
func startMaster(ctx context.Context, bin string, masters int, profiled bool, g *guard) (m *master, err error) {
	dir, err := os.MkdirTemp("", "hollow-")
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			os.RemoveAll(dir)
		}
	}()
	m = &master{dir: dir}
	if bin == "" {
		bin = dir
		if err := build(ctx, bin); err != nil {
			return nil, err
		}
	}
	o := cluster.Options{Bin: bin, Dir: dir, Agents: -1, Masters: masters}
	o.MasterArgs, o.MasterEnv = g.master()
	if profiled {
		o.MasterArgs, o.MasterEnv = append(o.MasterArgs, "--memory_profiling"), append(o.MasterEnv, "LIBPROCESS_ENABLE_PROFILER=1")
	}
	if m.Cluster, err = cluster.Start(ctx, o); err != nil {
		return nil, err
	}
	if masters > 1 {
		return m, nil // it is known later who leads
	}
	if err = m.observe(m.Master); err != nil {
		return nil, errors.Join(err, m.Stop())
	}
	return m, nil
}

// observe makes the master at addr the one that is measured.
func (m *master) observe(addr string) error {
	id, err := m.ProcessAt(addr)
	if err == nil {
		m.pid = runtime.PID{ID: "master", Addr: addr}
		m.process, err = procfs.NewProc(id)
	}
	return err
}

// replace kills the master and starts another one in its place.
func (m *master) replace(ctx context.Context) error {
	if err := m.ReplaceMaster(ctx); err != nil {
		return err
	}
	return m.observe(m.Master)
}

// build builds mesos-master into bin.
func build(ctx context.Context, bin string) error {
	text, err := exec.CommandContext(ctx, "go", "build", "-o", bin, "meseta/cmd/mesos-master").CombinedOutput()
	if err != nil {
		return fmt.Errorf("build mesos-master: %w\n%s", err, text)
	}
	return nil
}

func (m *master) stop() error { return errors.Join(m.Stop(), os.RemoveAll(m.dir)) }

// worked returns the processor time of the master so far, or 0 if it has ended.
func (m *master) worked() time.Duration { return workOf(m.process) }

func workOf(p procfs.Proc) time.Duration {
	stat, err := p.Stat()
	if err != nil {
		return 0
	}
	return time.Duration(stat.CPUTime() * float64(time.Second))
}

// memory returns the memory of the master, and its peak since forgetPeak, in MB.
func (m *master) memory() (now, most float64) {
	status, err := m.process.NewStatus()
	if err != nil {
		return 0, 0
	}
	return float64(status.VmRSS) / 1e6, float64(status.VmHWM) / 1e6
}

// forgetPeak resets the peak of the master's memory. See proc_pid_clear_refs(5).
func (m *master) forgetPeak() error {
	return os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", m.process.PID), []byte("5"), 0)
}

// lastWords returns the last lines of the master's log.
func (m *master) lastWords() string {
	text, err := os.ReadFile(filepath.Join(m.dir, "master.log"))
	if err != nil || len(text) == 0 {
		return ""
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "; the master's last words:\n  " + strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}

// get copies the answer of the master to out and returns its size. It calls first when the first byte has arrived.
func (m *master) get(ctx context.Context, path string, out io.Writer, first func()) (int64, error) {
	trace := &httptrace.ClientTrace{GotFirstResponseByte: first}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, "http://"+m.pid.Addr+path, nil)
	if err != nil {
		return 0, err
	}
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	response, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("GET %s: %s", path, response.Status)
	}
	return io.Copy(out, response.Body)
}

// post asks the master to do something.
func (m *master) post(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+m.pid.Addr+path, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(req)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("POST %s: %s", path, response.Status)
	}
	return nil
}

func (m *master) startProfile(ctx context.Context) error {
	_, err := m.get(ctx, "/profiler/start", io.Discard, nil)
	return err
}

// saveProfile ends the profile that startProfile began. It saves the profile and that of allocations.
func (m *master) saveProfile(ctx context.Context, dir string) error {
	for _, path := range []string{"/memory-profiler/start", "/memory-profiler/stop"} {
		if _, err := m.get(ctx, path, io.Discard, nil); err != nil {
			return err
		}
	}
	return errors.Join(
		m.save(ctx, "/profiler/stop", filepath.Join(dir, "cpu.pprof")),
		m.save(ctx, "/memory-profiler/download/raw", filepath.Join(dir, "memory.pprof")),
	)
}

func (m *master) save(ctx context.Context, path, name string) error {
	file, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = m.get(ctx, path, file, nil)
	return errors.Join(err, file.Close())
}
