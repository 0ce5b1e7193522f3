package mesos_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// BenchmarkEnds ends many containers at the same time, as when tasks were launched together. The time for each must not
// grow with their number.
func BenchmarkEnds(b *testing.B) {
	for _, many := range []int{250, 500, 1000} {
		b.Run(fmt.Sprint(many), func(b *testing.B) {
			for b.Loop() {
				ends(b, many)
			}
			b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*many), "ms/container")
		})
	}
}

func ends(b *testing.B, many int) {
	b.StopTimer()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { b.Error(p.String()) }})
	if err != nil {
		b.Fatal(err)
	}
	c, err := mesos.New(n, mesos.Options{FrameworksHome: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	var runs []runtime.Future[struct{}]
	for i := range many {
		runs = append(runs, c.Launch(containerizer.Launch{ID: ids.Container(fmt.Sprint("c", i)), Config: &slavepb.ContainerConfig{
			CommandInfo: shell("exec sleep 1000"), Directory: proto.String(b.TempDir()),
		}}))
	}
	for _, run := range runs {
		await(b, run)
	}
	b.StartTimer()
	var over []runtime.Future[*slavepb.ContainerTermination]
	for i := range many {
		over = append(over, c.Destroy(ids.Container(fmt.Sprint("c", i))))
	}
	for _, one := range over {
		await(b, one)
	}
	b.StopTimer()
	if err := n.Close(context.Background()); err != nil {
		b.Error(err)
	}
	b.StartTimer()
}

func await[T any](b *testing.B, f runtime.Future[T]) {
	done := make(chan error, 1)
	f.OnAny(func(_ T, err error) { done <- err })
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}
