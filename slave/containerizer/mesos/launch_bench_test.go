package mesos_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// launches is the number of containers that one round of BenchmarkLaunches launches at the same time.
const launches = 200

// BenchmarkLaunches launches many containers at the same time and waits for their ends. It compares them with processes
// that are only started and reaped.
func BenchmarkLaunches(b *testing.B) {
	b.Run("containers", func(b *testing.B) {
		for b.Loop() {
			launchAll(b, "")
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*launches), "us/launch")
	})
	b.Run("recoverable", func(b *testing.B) { // in memory, as is /var/run
		dir, err := os.MkdirTemp("/dev/shm", "runtime")
		if err != nil {
			b.Skip(err)
		}
		defer os.RemoveAll(dir)
		for b.Loop() {
			launchAll(b, dir)
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*launches), "us/launch")
	})
	b.Run("processes", func(b *testing.B) {
		for b.Loop() {
			for range launches {
				if err := exec.Command("/bin/true").Run(); err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*launches), "us/launch")
	})
}

func launchAll(b *testing.B, runtimeDir string) {
	b.StopTimer()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { b.Error(p.String()) }})
	if err != nil {
		b.Fatal(err)
	}
	c, err := mesos.New(n, mesos.Options{FrameworksHome: b.TempDir(), RuntimeDir: runtimeDir})
	if err != nil {
		b.Fatal(err)
	}
	all := make([]containerizer.Launch, launches)
	for i := range all {
		all[i] = containerizer.Launch{ID: ids.Container(fmt.Sprint("c", i)), Config: &slavepb.ContainerConfig{
			CommandInfo: &mesospb.CommandInfo{Value: proto.String("/bin/true"), Shell: proto.Bool(false)}, Directory: proto.String(b.TempDir()),
		}}
	}
	b.StartTimer()
	var ends []runtime.Future[*slavepb.ContainerTermination]
	for _, l := range all {
		c.Launch(l)
		ends = append(ends, c.Wait(l.ID))
	}
	for _, end := range ends {
		await(b, end)
	}
	b.StopTimer()
	if err := n.Close(context.Background()); err != nil {
		b.Error(err)
	}
	b.StartTimer()
}
