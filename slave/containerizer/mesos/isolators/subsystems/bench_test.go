package subsystems_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
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
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// launches is the number of containers that are launched at once.
const launches = 1000

// BenchmarkLaunches launches many containers with control groups at once and waits for their ends. It compares them with
// the same commands that are only started and reaped.
func BenchmarkLaunches(b *testing.B) {
	need(b, "cpu", "cpuacct", "memory", "pids")
	var contained, plain time.Duration
	for b.Loop() {
		contained += launchAll(b)
		begun := b.Elapsed()
		for range launches {
			pid, err := syscall.ForkExec("/bin/true", []string{"true"}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}})
			if err != nil {
				b.Fatal(err)
			}
			if _, err := syscall.Wait4(pid, nil, 0, nil); err != nil {
				b.Fatal(err)
			}
		}
		plain += b.Elapsed() - begun
	}
	b.ReportMetric(float64(b.N*launches)/contained.Seconds(), "launches/s")
	b.ReportMetric(float64(b.N*launches)/plain.Seconds(), "plain-launches/s")
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

func launchAll(b *testing.B) time.Duration {
	b.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { b.Error(p.String()) }})
	if err != nil {
		b.Fatal(err)
	}
	c := isolation.Default()
	c.Launcher, c.Isolation = "linux", "cgroups/cpu,cgroups/mem,cgroups/pids"
	tree := mesos.Tree{Base: base, Root: fmt.Sprint("meseta-bench-", os.Getpid())}
	dir := inMemory(b)
	x, err := c.New(n, tree, mesos.Options{RuntimeDir: filepath.Join(dir, "runtime")})
	if err != nil {
		b.Fatal(err)
	}
	rs, err := resources.Parse("cpus:0.1;mem:32", "*")
	if err != nil {
		b.Fatal(err)
	}
	all := make([]containerizer.Launch, launches)
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
	ends := make(chan error, launches)
	for _, l := range all {
		x.Launch(l)
		x.Wait(l.ID).OnAny(func(_ *slavepb.ContainerTermination, err error) { ends <- err })
	}
	for range all {
		if err := <-ends; err != nil {
			b.Fatal(err)
		}
	}
	took := b.Elapsed() - begun
	if err := n.Close(context.Background()); err != nil {
		b.Error(err)
	}
	for _, subsystem := range []string{"freezer", "cpu", "cpuacct", "memory", "pids"} {
		h, err := cgroups.Find(base, subsystem)
		if err == nil {
			err = cgroups.Group{Hierarchy: h, Name: tree.Root}.Remove()
		}
		if err != nil {
			b.Error(err)
		}
	}
	return took
}
