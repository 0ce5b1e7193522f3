package main

import (
	"fmt"
	"path/filepath"
)

// suites are the benchmarks. What C++ needs was measured on two processors of the kind these run on.
func suites(short bool) []suite {
	all := []suite{protoactor(short), libprocess(short), wire(short), resources(short)}
	for _, agents := range []int{1000, 5000} {
		all = append(all, hollow(agents, short))
		if short {
			break
		}
	}
	return append(all, state(short), polled(short), rest(short))
}

func repetitions(short bool) int {
	if short {
		return 1
	}
	return 3
}

// benchmark is a command that runs benchmarks of a package.
func benchmark(pattern, time, pkg string) []string {
	return []string{"go", "test", "-run=^$", "-bench=" + pattern, "-benchtime=" + time, pkg}
}

func protoactor(short bool) suite {
	rounds := "9x"
	if short {
		rounds = "3x"
	}
	compared := func(name, figure string, most float64) row {
		return row{
			name: name, figure: "AgainstProtoactor/" + figure + " ns/ours", unit: "ns",
			rival: rival{name: "protoactor-go", figure: "AgainstProtoactor/" + figure + " ns/stock"}, goal: atMostTimes(most),
		}
	}
	return suite{
		group: "actors", command: benchmark("^BenchmarkAgainstProtoactor$", rounds, "./runtime"), read: goBench,
		rows: []row{
			compared("tell", "Tell", 0.8),
			compared("idle ping-pong", "PingPong", 0.15),
			compared("64 ping-pong pairs", "PingPong64Pairs", 0.4),
		},
	}
}

// libprocess is libprocess's own four benchmarks, and what an actor takes that has nothing to do.
func libprocess(short bool) suite {
	cpp := func(worst, best float64) rival { return rival{name: "C++ libprocess", worst: worst, best: best} }
	return suite{
		group:   "libprocess's four",
		command: benchmark("^Benchmark(ClientServer|ThroughputPerformance|DispatchDefer|LargeNumberOfLinks|IdleActor)$", "1s", "./runtime"),
		repeat:  repetitions(short), read: goBench,
		rows: []row{
			{name: "ClientServer", figure: "ClientServer Mrpc/s", unit: "M rpc/s", rival: cpp(0.57, 0.86), goal: atLeast(0.57)},
			{name: "ThroughputPerformance", figure: "ThroughputPerformance Mpingpong/s", unit: "M/s", rival: cpp(3, 3.7), goal: atLeast(3)},
			{name: "DispatchDefer, 100,000", figure: "DispatchDefer ns/op", scale: 1e5 / 1e9, unit: "s", rival: cpp(0.53, 0.37), goal: atMost(0.53)},
			{name: "LargeNumberOfLinks", figure: "LargeNumberOfLinks ns/op", scale: 1e-9, unit: "s", rival: cpp(0.47, 0.13), goal: atMost(0.47)},
			{name: "an idle actor", figure: "IdleActor B/actor", unit: "B", goal: below(1024)},
		},
	}
}

// wire is the libprocess wire between two processes. What it is compared with is a module of its own, which takes turns
// and medians itself.
func wire(short bool) suite {
	s := suite{
		group: "wire, two processes", dir: filepath.Join("cmd", "internal", "bench", "wire"),
		command: []string{"go", "run", "."}, read: sideBySide,
	}
	if short {
		s.command = append(s.command, "-rounds=1", "-n=300000")
	}
	compared := func(name string, g goal) row {
		return row{
			name: name, figure: name + " ours", unit: "/s",
			rival: rival{name: "protoactor remote", figure: name + " theirs"}, goal: g,
		}
	}
	s.rows = []row{compared("100-byte messages", atLeastTimes(1.3)), compared("10 KiB messages", goal{})}
	return s
}

func resources(short bool) suite {
	s := suite{
		group: "resources", command: benchmark("^BenchmarkAgainstProtobuf$", "100ms", "./messages/resources"),
		repeat: repetitions(short), read: goBench,
	}
	for _, operation := range []string{"plus", "minus", "contains", "equal"} {
		figure := "AgainstProtobuf/" + operation
		s.rows = append(s.rows, row{
			name: operation, figure: figure + " ns/op", unit: "ns",
			rival: rival{name: "naive protobuf", figure: figure + " protobuf-ns/op"}, goal: atMostTimes(0.5),
		})
	}
	return s
}

// hollow is a real master with agents that have no containers.
func hollow(agents int, short bool) suite {
	tasks := 20_000
	if short {
		tasks = 5000
	}
	cpp := func(worst, best float64) rival { return rival{name: "C++ master", worst: worst, best: best} }
	return suite{
		group:   fmt.Sprintf("master, %d hollow agents", agents),
		command: []string{"go", "run", "./cmd/internal/hollow", fmt.Sprint("-agents=", agents), fmt.Sprint("-tasks=", tasks)},
		repeat:  repetitions(short), read: tabbed,
		rows: []row{
			{name: "agents registered", figure: "agents per second", unit: "/s", rival: cpp(2900, 2900), goal: atLeastTimes(3)},
			{name: "tasks completed", figure: "tasks per second", unit: "/s", rival: cpp(1300, 1700), goal: atLeastTimes(3)},
			{name: "master CPU per agent", figure: "master CPU per agent", unit: "ms"},
			{name: "master CPU per task", figure: "master CPU per task", unit: "ms", rival: cpp(1, 0.8), goal: atMostTimes(0.333)},
		},
	}
}

// state is /state of a large cluster, for one who asks for it the first time and for one who asks again.
func state(short bool) suite {
	agents, tasks := 5000, 50_000
	if short {
		agents, tasks = 1000, 10_000
	}
	within := func(most float64, name string) row {
		return row{name: name, figure: "/state, " + name, unit: "ms", goal: atMost(most)}
	}
	return suite{
		group: fmt.Sprintf("/state, %d tasks", tasks),
		command: []string{
			"go", "run", "./cmd/internal/hollow", "-stay", "-state", fmt.Sprint("-agents=", agents), fmt.Sprint("-tasks=", tasks),
		},
		repeat: repetitions(short), read: tabbed,
		rows: []row{
			within(50, "first byte, cold"), within(300, "all of it, cold"), within(50, "first byte"), within(300, "all of it"),
		},
	}
}

// polled is a master that launches tasks while twenty clients, who share its processors, ask for all of /state each
// second.
func polled(short bool) suite {
	return suite{
		group: "1,000 agents, 20,000 tasks", command: benchmark("^BenchmarkTasksWhilePolled$/^(nobody|20every1s)$", "30000x", "./master"),
		repeat: repetitions(short), read: goBench,
		rows: []row{{
			name: "tasks while 20 poll /state", figure: "TasksWhilePolled/20every1s tasks/s", unit: "/s",
			rival: rival{name: "while nobody does", figure: "TasksWhilePolled/nobody tasks/s"}, goal: atLeastTimes(0.8),
		}},
	}
}

// rest is a master of a cluster in which nothing happens, although tasks run.
func rest(short bool) suite {
	idle := "10s"
	if short {
		idle = "3s"
	}
	return suite{
		group:   "idle master",
		command: []string{"go", "run", "./cmd/internal/hollow", "-agents=1000", "-tasks=10000", "-stay", "-idle=" + idle}, read: tabbed,
		rows: []row{{name: "1000 agents, 10000 tasks run", figure: "CPU of the idle master", unit: "% of a core", goal: below(1)}},
	}
}
