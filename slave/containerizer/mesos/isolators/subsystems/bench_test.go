package subsystems_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	goruntime "runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/forker/spawn"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// launches is the number of containers that are launched at once.
const launches = 1000

// set is isolators, and the hierarchies in which they and the launcher have groups.
type set struct {
	isolators   string
	hierarchies []string
}

var (
	usual = set{"cgroups/cpu,cgroups/mem", []string{"freezer", "cpu", "cpuacct", "memory"}}
	wider = set{usual.isolators + ",cgroups/pids", append(usual.hierarchies[:4:4], "pids")}
)

// BenchmarkLaunches launches many containers with control groups at once and waits for their ends, and then twice as many. It
// compares them with the same commands that are only started and reaped, and with what the system itself takes for them in groups
// of their own. It does so with the isolators that most operators choose, and with one more.
func BenchmarkLaunches(b *testing.B) {
	needV1(b, "cpu", "cpuacct", "memory", "pids")
	var contained, twice, bare, common, commonBare, plain time.Duration
	for b.Loop() {
		contained += launchAll(b, wider, launches)
		twice += launchAll(b, wider, 2*launches)
		bare += timed(b, func() error { return wider.runAll(launches) })
		common += launchAll(b, usual, launches)
		commonBare += timed(b, func() error { return usual.runAll(launches) })
		plain += timed(b, func() error {
			for range launches {
				if err := run(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	rate := func(n int, took time.Duration) float64 { return float64(b.N*n) / took.Seconds() }
	b.ReportMetric(rate(launches, contained), "launches/s")
	b.ReportMetric(rate(2*launches, twice), "twice-launches/s")
	b.ReportMetric(rate(launches, bare), "bare-launches/s")
	b.ReportMetric(rate(launches, common), "usual-launches/s")
	b.ReportMetric(rate(launches, commonBare), "usual-bare-launches/s")
	b.ReportMetric(rate(launches, plain), "plain-launches/s")
}

func timed(b *testing.B, do func() error) time.Duration {
	b.Helper()
	begun := b.Elapsed()
	if err := do(); err != nil {
		b.Fatal(err)
	}
	return b.Elapsed() - begun
}

// run starts the command of the benchmark and reaps it.
func run() error {
	pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
	if err == nil {
		_, err = syscall.Wait4(pid, nil, 0, nil)
	}
	return err
}

// abreast is the number of commands that runAll runs at the same time. More are not faster: the kernel makes one group at a time.
const abreast = 4

// runAll runs commands in groups like those of containers, and does nothing else: no container could end sooner.
func (s set) runAll(n int) error {
	root := fmt.Sprint("meseta-bare-", os.Getpid())
	var next atomic.Int64
	failed := make([]error, abreast)
	var all sync.WaitGroup
	for i := range failed {
		all.Go(func() {
			for c := next.Add(1); c <= int64(n) && failed[i] == nil; c = next.Add(1) {
				failed[i] = s.runIn(fmt.Sprint(root, "/c", c))
			}
		})
	}
	all.Wait()
	return errors.Join(append(failed, s.forGroups(root, cgroups.Group.Remove))...)
}

// runIn runs the command in a group of that name in each hierarchy.
func (s set) runIn(name string) error {
	err := s.forGroups(name, func(g cgroups.Group) error {
		err := g.Make()
		for file, value := range map[string]string{"cpu.shares": "102", "memory.soft_limit_in_bytes": "32M", "memory.limit_in_bytes": "32M"} {
			if err == nil && strings.HasPrefix(file, filepath.Base(g.Hierarchy.Path)+".") {
				err = g.Set(file, value)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if err := s.enter(name); err != nil {
		return err
	}
	return s.forGroups(name, func(g cgroups.Group) (err error) {
		for range 100000 { // until the process is gone from the group
			if err = g.Remove(); err == nil {
				break
			}
			goruntime.Gosched()
		}
		return err
	})
}

// enter starts the command, which enters the groups itself, and reaps it.
func (s set) enter(name string) error {
	here, err := os.Open(".")
	if err != nil {
		return err
	}
	defer here.Close()
	command := spawn.Process{Path: "/bin/true", Args: []string{"true"}, Files: []int{0, 1, 2}, Directory: int(here.Fd()), Unified: -1}
	_ = s.forGroups(name, func(g cgroups.Group) error {
		command.Groups = append(command.Groups, filepath.Join(g.Path(), "tasks"))
		return nil
	})
	pid, handle, err := spawn.Start(command)
	if err != nil {
		return err
	}
	_, err = syscall.Wait4(pid, nil, 0, nil)
	return errors.Join(err, syscall.Close(handle))
}

// forGroups calls do for the group of that name in each hierarchy.
func (s set) forGroups(name string, do func(cgroups.Group) error) error {
	for _, subsystem := range s.hierarchies {
		if err := do(cgroups.Group{Hierarchy: cgroups.Hierarchy{Path: filepath.Join(base, subsystem), Version: cgroups.V1}, Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// inMemory returns a directory in memory, as /run is, if the system has one. How fast a disk makes files is not the
// containerizer's.
func inMemory(b *testing.B) string {
	b.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "launches-")
	if err != nil {
		return b.TempDir()
	}
	b.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// launchAll launches n containers at once and waits for their ends.
func launchAll(b *testing.B, s set, n int) time.Duration {
	b.Helper()
	node, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { b.Error(p.String()) }})
	if err != nil {
		b.Fatal(err)
	}
	c := isolation.Default()
	c.Launcher, c.Isolation = "linux", s.isolators
	tree := mesos.Tree{Base: base, Root: fmt.Sprint("meseta-bench-", os.Getpid())}
	dir := inMemory(b)
	x, err := c.New(node, tree, mesos.Options{RuntimeDir: filepath.Join(dir, "runtime")})
	if err != nil {
		b.Fatal(err)
	}
	rs, err := resources.Parse("cpus:0.1;mem:32", "*")
	if err != nil {
		b.Fatal(err)
	}
	all := make([]containerizer.Launch, n)
	for i := range all {
		all[i] = containerizer.Launch{ID: ids.Container(fmt.Sprint("c", i)), Config: &slavepb.ContainerConfig{
			CommandInfo: &mesospb.CommandInfo{Value: proto.String("/bin/true"), Shell: proto.Bool(false)},
			Directory:   proto.String(filepath.Join(dir, fmt.Sprint("sandbox-", i))), Resources: rs.Proto(),
		}}
		if err := os.Mkdir(all[i].Config.GetDirectory(), 0o755); err != nil {
			b.Fatal(err)
		}
	}
	begun := b.Elapsed()
	ends := make(chan error, n)
	for _, l := range all {
		x.Launch(l)
		x.Wait(l.ID).OnAny(func(t *slavepb.ContainerTermination, err error) {
			if err == nil && (t.Status == nil || t.GetStatus() != 0) {
				err = fmt.Errorf("container %s has ended with %v", l.ID, t)
			}
			ends <- err
		})
	}
	for range all {
		if err := <-ends; err != nil {
			b.Fatal(err)
		}
	}
	took := b.Elapsed() - begun
	if err := node.Close(context.Background()); err != nil {
		b.Error(err)
	}
	if err := s.forGroups(tree.Root, cgroups.Group.Remove); err != nil {
		b.Error(err)
	}
	return took
}
