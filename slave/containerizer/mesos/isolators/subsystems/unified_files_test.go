package subsystems

import (
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
)

// fake returns a group of version 2 that is only a directory with files. It says nothing about what a kernel does with them, which
// TestPureVersion2 tests where it can.
func fake(t *testing.T, files map[string]string) cgroups.Group {
	t.Helper()
	g := cgroups.Group{Hierarchy: cgroups.Hierarchy{Path: t.TempDir(), Version: cgroups.V2}, Name: "mesos/c1"}
	for name, content := range files {
		set(t, g, name, content)
	}
	return g
}

func set(t *testing.T, g cgroups.Group, name, content string) {
	t.Helper()
	path := filepath.Join(g.Path(), name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func has(t *testing.T, text string) resources.Resources {
	t.Helper()
	rs, err := resources.Parse(text, "*")
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

// wants fails the test if files of a group have not the given values.
func wants(t *testing.T, g cgroups.Group, files map[string]string) {
	t.Helper()
	for name, want := range files {
		if got, err := g.Value(name); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", name, got, err, want)
		}
	}
}

func scalar(name string, n float64) map[string]*mesospb.Value_Scalar {
	return map[string]*mesospb.Value_Scalar{name: {Value: &n}}
}

// The weight is a hundred per processor, and the maximum that of the limit, or else of the request, within what the kernel accepts.
func TestProcessorsOfVersion2(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cfs, low    bool
		requests    string
		limits      map[string]*mesospb.Value_Scalar
		weight, max string
	}{
		{false, false, "cpus:0.6", nil, "60", "max 100000"},
		{true, false, "cpus:0.6", nil, "60", "60000 100000"},
		{false, false, "cpus:0.6", scalar("cpus", 1.5), "60", "150000 100000"},
		{true, false, "cpus:0.6", scalar("cpus", 1.5), "60", "150000 100000"},
		{true, false, "cpus:0.6", scalar("cpus", math.Inf(1)), "60", "max 100000"},
		{true, false, "cpus:0.001", nil, "1", "1000 100000"},
		{false, false, "cpus:1000", nil, "10000", "max 100000"},
		{false, true, "cpus:2", nil, "200", "max 100000"},
	} {
		g := fake(t, map[string]string{"cpu.weight": "", "cpu.max": ""})
		if test.max == "max 100000" { // nothing is written where there never was a limit
			set(t, g, "cpu.max", test.max)
		}
		if err := (unifiedCPU{cfs: test.cfs, low: test.low}).update(g, &info{}, has(t, test.requests), test.limits); err != nil {
			t.Fatal(err)
		}
		wants(t, g, map[string]string{"cpu.weight": test.weight, "cpu.max": test.max})
	}
	revocable := has(t, "cpus:2").Proto()
	revocable[0].Revocable = &mesospb.Resource_RevocableInfo{}
	g := fake(t, map[string]string{"cpu.weight": ""})
	if err := (unifiedCPU{low: true}).update(g, &info{}, resources.FromValid(revocable), nil); err != nil {
		t.Fatal(err)
	}
	wants(t, g, map[string]string{"cpu.weight": "2"})
}

// The soft limit is the request and the hard one the limit, which is not lowered, and swap is forbidden if it counts.
func TestMemoryOfVersion2(t *testing.T) {
	t.Parallel()
	g := fake(t, map[string]string{"memory.low": "", "memory.max": "", "memory.swap.max": "", "memory.events": ""})
	x := &info{container: &mesos.Container{Launch: containerizer.Launch{Config: &slavepb.ContainerConfig{}}}}
	s := unifiedMemory{swap: true}
	if err := s.prepare(g, x); err != nil {
		t.Fatal(err)
	}
	defer func(w *watch) { w.close() }(x.memory)
	for _, test := range []struct {
		requests  string
		limits    map[string]*mesospb.Value_Scalar
		low, hard string
	}{
		{"mem:96", nil, "100663296", "100663296"},
		{"mem:64", nil, "67108864", "100663296"},
		{"mem:64", scalar("mem", 160), "67108864", "167772160"},
		{"mem:1", nil, "33554432", "167772160"},
	} {
		set(t, g, "memory.low", "") // a kernel replaces all of a value
		if err := s.update(g, x, has(t, test.requests), test.limits); err != nil {
			t.Fatal(err)
		}
		wants(t, g, map[string]string{"memory.low": test.low, "memory.max": test.hard, "memory.swap.max": "0"})
	}
	endless := fake(t, map[string]string{"memory.low": "", "memory.max": "", "memory.events": ""})
	if err := s.prepare(endless, x); err != nil {
		t.Fatal(err)
	}
	defer x.memory.close()
	if err := s.update(endless, x, has(t, "mem:64"), scalar("mem", math.Inf(1))); err != nil {
		t.Fatal(err)
	}
	wants(t, endless, map[string]string{"memory.low": "67108864", "memory.max": "max"})
}

// A container ends when the kernel has counted that its memory was used up, and for no other event. What was counted before the agent began
// counts only in a container of an earlier agent.
func TestOutOfMemoryOfVersion2(t *testing.T) {
	t.Parallel()
	const stat = "anon 33554432\nfile 0\n"
	g := fake(t, map[string]string{
		"memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\n", "memory.max": "33554432\n", "memory.peak": "33554432\n", "memory.stat": stat,
	})
	x := &info{container: &mesos.Container{Launch: containerizer.Launch{Config: &slavepb.ContainerConfig{}}}}
	if err := (unifiedMemory{}).prepare(g, x); err != nil {
		t.Fatal(err)
	}
	defer x.memory.close()
	ended := make(chan *slavepb.ContainerLimitation, 1)
	var waiting sync.WaitGroup
	waiting.Go(func() {
		limitation, _ := x.memory.wait(t.Context())
		ended <- limitation
	})
	defer waiting.Wait()
	set(t, g, "memory.events", "low 9\nhigh 9\nmax 9\noom 0\noom_kill 0\n")
	if x.memory.killed() {
		t.Error("pressure is not the end")
	}
	set(t, g, "memory.events", "low 9\nhigh 9\nmax 9\noom 1\noom_kill 1\n")
	limitation := <-ended
	if limitation.GetReason() != mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY ||
		!strings.HasPrefix(limitation.GetMessage(), "Memory limit exceeded: Requested: 32MB Maximum Used: 32MB\n\nMEMORY STATISTICS: \nanon 33554432") ||
		limitation.GetResources()[0].GetScalar().GetValue() != 32 {
		t.Errorf("limited by %v", limitation)
	}
	var next info
	if err := (unifiedMemory{}).recover(g, &next); err != nil {
		t.Fatal(err)
	}
	defer next.memory.close()
	if limitation, err := next.memory.wait(t.Context()); err != nil || limitation == nil {
		t.Errorf("the next agent: %v, %v", limitation, err)
	}
	set(t, g, "memory.events.local", "oom 0\noom_kill 0\n") // it was one in a group of a nested container
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if limitation, err := next.memory.wait(stopped); err == nil {
		t.Errorf("a container whose nested one has used up its own memory ends: %v", limitation)
	}
}

// The statistics are what the files say.
func TestStatisticsOfVersion2(t *testing.T) {
	t.Parallel()
	g := fake(t, map[string]string{
		"cpu.stat":       "usage_usec 7000000\nuser_usec 5000000\nsystem_usec 2000000\nnr_periods 12\nnr_throttled 3\nthrottled_usec 1500000\n",
		"memory.current": "1000\n", "memory.swap.current": "70\n",
		"memory.stat":         "anon 1\nfile 2\nkernel 3\nsock 4\nfile_mapped 5\nunevictable 6\n",
		"leaf/cgroup.procs":   "7\n8\n",
		"leaf/cgroup.threads": "7\n8\n9\n",
	})
	got := &mesospb.ResourceStatistics{}
	if err := errors.Join((unifiedCPU{cfs: true, count: true}).usage(g, nil, got), (unifiedMemory{}).usage(g, nil, got)); err != nil {
		t.Fatal(err)
	}
	want := &mesospb.ResourceStatistics{
		Processes: proto.Uint32(2), Threads: proto.Uint32(3), CpusUserTimeSecs: proto.Float64(5), CpusSystemTimeSecs: proto.Float64(2),
		CpusNrPeriods: proto.Uint32(12), CpusNrThrottled: proto.Uint32(3), CpusThrottledTimeSecs: proto.Float64(1.5),
		MemTotalBytes: proto.Uint64(1000), MemSwapBytes: proto.Uint64(70), MemAnonBytes: proto.Uint64(1), MemRssBytes: proto.Uint64(1),
		MemFileBytes: proto.Uint64(2), MemCacheBytes: proto.Uint64(2), MemKmemUsageBytes: proto.Uint64(3), MemKmemTcpUsageBytes: proto.Uint64(4),
		MemMappedFileBytes: proto.Uint64(5), MemUnevictableBytes: proto.Uint64(6),
	}
	if !proto.Equal(got, want) {
		t.Errorf("the statistics are %v, want %v", got, want)
	}
}

// A hierarchy of version 2 has its own names of subsystems, and makes controllers available from the root down to the groups.
func TestSubsystemsOfVersion2(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	h := cgroups.Hierarchy{Path: base, Version: cgroups.V2}
	for _, group := range []string{".", "mesos", "mesos/c1"} {
		set(t, cgroups.Group{Hierarchy: h, Name: group}, "cgroup.subtree_control", "")
	}
	set(t, cgroups.Group{Hierarchy: h, Name: "."}, "cgroup.controllers", "cpuset cpu io memory hugetlb pids\n")
	for name, want := range map[string]bool{"cpu": true, "cpuacct": true, "blkio": true, "memory": true, "pids": true, "hugetlb": true, "devices": true, "net_cls": false, "net_prio": false} {
		if got, err := find(base, name); (err == nil) != want || want && got != h {
			t.Errorf("%s is in %v (%v)", name, got, err)
		}
	}
	g := cgroups.Group{Hierarchy: h, Name: "mesos/c1"}
	if err := enable(part{name: "blkio", hierarchy: h}, g); err != nil {
		t.Fatal(err)
	}
	for _, group := range []string{".", "mesos", "mesos/c1"} {
		wants(t, cgroups.Group{Hierarchy: h, Name: group}, map[string]string{"cgroup.subtree_control": "+io"})
	}
}
