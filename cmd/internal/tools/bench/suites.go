package main

import (
	"fmt"
	"path/filepath"
	"time"
)

// suites returns the benchmarks. The figures of the C++ master are those of a release build, measured beside ours on
// two processors of the same kind.
func suites(short bool) []suite {
	all := []suite{protoactor(short), libprocess(short), wire(short), ring(short), loaded(short), traces(short), resources(short), containers(short), listed()}
	for _, agents := range []int{1000, 5000} {
		all = append(all, hollow(agents, short))
		if short {
			break
		}
	}
	return append(all, guarded(short), reregistered(short), failedOver(short), state(short), authorized(short), polled(short), followed(short), rest(short), restart(short))
}

func repetitions(short bool) int {
	if short {
		return 1
	}
	return 3
}

// benchmark returns a command that runs the benchmarks of a package.
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
		group: "actors", about: 20 * time.Second, command: benchmark("^BenchmarkAgainstProtoactor$", rounds, "./runtime"), read: goBench,
		rows: []row{
			compared("tell", "Tell", 0.8),
			compared("idle ping-pong", "PingPong", 0.1),
			compared("64 ping-pong pairs", "PingPong64Pairs", 0.3),
		},
	}
}

// libprocess returns the four benchmarks of libprocess, and the memory of an idle actor.
func libprocess(short bool) suite {
	cpp := func(worst, best float64) rival { return rival{name: "C++ libprocess", worst: worst, best: best} }
	return suite{
		group:   "libprocess's four",
		about:   10 * time.Second,
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

// wire returns the benchmark of messages between two processes. Its rival is in a module of its own, which alternates
// the sides and takes medians itself.
func wire(short bool) suite {
	s := suite{
		group: "wire, two processes", about: 30 * time.Second, dir: filepath.Join("cmd", "internal", "tools", "bench", "wire"),
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

// ring returns the benchmark of nodes that remember their events.
func ring(short bool) suite {
	rounds := "40x"
	if short {
		rounds = "10x"
	}
	return suite{
		group: "trace, ring", about: 6 * time.Second, repeat: repetitions(short), command: benchmark("^BenchmarkRing$", rounds, "./runtime/trace"), read: goBench,
		rows: []row{
			{name: "CPU of an event", figure: "Ring ns/event", unit: "ns", goal: atMost(60)},
			{name: "its allocations", figure: "Ring allocs/event", goal: atMost(0.01)},
			{name: "CPU of a tell, no ring any more", figure: "Ring stopped/plain", unit: "× of never", goal: atMost(1.01)},
		},
	}
}

// loaded returns the measurement of a master that launches tasks as fast as it can while it remembers its latest events, as it
// does by default, alternating with one that does not. While the machine does other work, the processor time is the steadier of both.
func loaded(short bool) suite {
	rounds := "-rounds=15"
	if short {
		rounds = "-rounds=5"
	}
	return suite{
		group: "trace, load", about: 20 * time.Second, read: tabbed,
		command: []string{
			"go", "run", "./cmd/internal/tools/hollow", "-agents=1000", "-tasks=0", "-ring=16384", "-laps=8000", "-limit=5m", rounds,
		},
		rows: []row{
			{
				name: "tasks, 1,000 agents, ring on", figure: "tasks with a ring", unit: "/s",
				rival: rival{name: "off", figure: "tasks with a ring, alone"}, goal: atLeastTimes(0.9),
			},
			{
				name: "master CPU per task", figure: "master CPU per task with a ring", unit: "ms",
				rival: rival{name: "off", figure: "master CPU per task with a ring, alone"}, goal: atMostTimes(1.1),
			},
		},
	}
}

// traces returns the benchmark of the command that puts together what three nodes with full rings remember.
func traces(short bool) suite {
	return suite{
		group: "trace, command", about: 5 * time.Second, command: benchmark("^BenchmarkTrace$", "5x", "./cmd/internal/tracing"),
		repeat: repetitions(short), read: goBench,
		rows: []row{{name: "a task, 3 nodes, 16,384 events each", figure: "Trace ns/op", scale: 1e-6, unit: "ms", goal: below(1000)}},
	}
}

func resources(short bool) suite {
	s := suite{
		group: "resources", about: 4 * time.Second, command: benchmark("^BenchmarkAgainstProtobuf$", "100ms", "./messages/resources"),
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

// containers returns the benchmark of containers with control groups, which needs the rights of root.
func containers(short bool) suite {
	return suite{
		group: "containers", about: 30 * time.Second,
		command: benchmark("^BenchmarkLaunches$", "1x", "./slave/containerizer/mesos/isolators/subsystems"),
		repeat:  repetitions(short), read: goBench,
		rows: []row{{
			name: "1,000 × true, cgroups/cpu,mem", figure: "Launches usual-launches/s", unit: "/s",
			rival: rival{name: "clone+exec", figure: "Launches plain-launches/s"}, goal: atLeastTimes(0.7),
		}, {
			name: "the same", figure: "Launches usual-launches/s", unit: "/s",
			rival: rival{name: "in such 4 groups", figure: "Launches usual-bare-launches/s"}, goal: atLeastTimes(0.7),
		}, {
			name: "1,000 × true, cgroups/cpu,mem,pids", figure: "Launches launches/s", unit: "/s",
			rival: rival{name: "clone+exec", figure: "Launches plain-launches/s"}, goal: atLeastTimes(0.7),
		}, {
			name: "the same", figure: "Launches launches/s", unit: "/s",
			rival: rival{name: "in such 5 groups", figure: "Launches bare-launches/s"}, goal: atLeastTimes(0.7),
		}, {
			name: "2,000 × true, cgroups/cpu,mem,pids", figure: "Launches twice-launches/s", unit: "/s",
			rival: rival{name: "1,000", figure: "Launches launches/s"}, goal: atLeastTimes(0.85),
		}},
	}
}

// listed returns the measurement of an agent that says what a thousand containers use, which needs the rights of root.
func listed() suite {
	return suite{
		group: "containers", about: 40 * time.Second, read: tabbed,
		command: []string{"go", "test", "-v", "-count=1", "-run=^TestContainersOfAThousandExecutors$", "./cmd/internal/suites/blackbox"},
		rows:    []row{{name: "/containers, 1,000 executors", figure: "/containers of 1,000 executors", unit: "ms", goal: atMost(200)}},
	}
}

// hollow returns the measurements of a real master with agents without containers.
func hollow(agents int, short bool) suite {
	tasks := 20_000
	if short {
		tasks = 5000
	}
	cpp := func(worst, best float64) rival { return rival{name: "C++ master", worst: worst, best: best} }
	registers := cpp(4000, 4700)
	if agents >= 5000 {
		registers = cpp(7300, 7300)
	}
	return suite{
		group:   fmt.Sprintf("master, %d hollow agents", agents),
		about:   5 * time.Second,
		command: []string{"go", "run", "./cmd/internal/tools/hollow", fmt.Sprint("-agents=", agents), fmt.Sprint("-tasks=", tasks)},
		repeat:  repetitions(short), read: tabbed,
		rows: []row{
			{name: "agents registered", figure: "agents per second", unit: "/s", rival: registers, goal: atLeastTimes(2.5)},
			{name: "tasks completed", figure: "tasks per second", unit: "/s", rival: cpp(2600, 4400), goal: atLeastTimes(3)},
			{name: "master CPU per agent", figure: "master CPU per agent", unit: "ms"},
			{name: "master CPU per task", figure: "master CPU per task", unit: "ms", rival: cpp(0.33, 0.26), goal: atMostTimes(0.333)},
		},
	}
}

// guarded returns the measurements of a real master with TLS between all nodes, authentication and authorization, beside those of
// one that is open. The processor time for both ends of each connection is part of it.
func guarded(short bool) suite {
	tasks := 20_000
	if short {
		tasks = 5000
	}
	compared := func(name, figure, unit string, g goal) row {
		return row{name: name, figure: figure + ", guarded", unit: unit, rival: rival{name: "open", figure: figure}, goal: g}
	}
	return suite{
		group:   "master, TLS, credentials, ACLs",
		about:   12 * time.Second,
		command: []string{"go", "run", "./cmd/internal/tools/hollow", "-guarded", "-agents=1000", fmt.Sprint("-tasks=", tasks)},
		repeat:  repetitions(short), read: tabbed,
		rows: []row{
			compared("tasks completed", "tasks per second", "/s", atLeastTimes(0.6)),
			compared("master CPU per task", "master CPU per task", "ms", goal{}),
			compared("agents registered", "agents per second", "/s", goal{}),
		},
	}
}

// reregistered returns the measurements of a master that takes over and to which all agents return at once, with ten tasks each.
func reregistered(short bool) suite {
	agents := 5000
	if short {
		agents = 1000
	}
	s := suite{
		group: fmt.Sprintf("master replaced, %d agents, %d tasks", agents, 10*agents), about: 20 * time.Second,
		command: []string{
			"go", "run", "./cmd/internal/tools/hollow", "-stay", "-failover", fmt.Sprint("-agents=", agents), fmt.Sprint("-tasks=", 10*agents),
		},
		repeat: repetitions(short), read: tabbed,
	}
	compared := func(name, unit string, g goal, worst, best float64) row {
		r := row{name: name, figure: name, unit: unit, goal: g}
		if !short {
			r.rival = rival{name: "C++ master", worst: worst, best: best}
		}
		return r
	}
	s.rows = []row{
		compared("agents taken back per second", "/s", atLeast(20_000), 2700, 4400),
		compared("master CPU per agent taken back", "ms", atMost(0.06), 0.38, 0.38),
		compared("memory of the new master", "MB", atMost(250), 540, 700),
		compared("memory of the master that launched them, most", "MB", atMost(250), 540, 540),
	}
	return s
}

// failedOver returns the measurements of three masters, of which the leader is killed while 10,000 tasks run and more are
// launched. Agents detect the next leader and return to it as by default, after up to a second.
func failedOver(short bool) suite {
	return suite{
		group: "three masters, 1,000 agents", about: 10 * time.Second,
		command: []string{
			"go", "run", "./cmd/internal/tools/hollow", "-masters=3", "-agents=1000", "-tasks=10000", "-stay", "-failover",
		},
		repeat: repetitions(short), read: tabbed,
		rows: []row{
			{name: "agents admitted, synced by a quorum", figure: "agents per second", unit: "/s", goal: atLeast(2000)},
			{name: "leader killed, another leads", figure: "another master leads after", unit: "s"},
			{name: "leader killed, all agents are back", figure: "agents are back after", unit: "s", goal: atMost(3)},
			{name: "tasks known after that", figure: "tasks known after that", goal: atLeast(10_000)},
		},
	}
}

// state returns the measurements of /state of a large cluster, for the first request and for later ones.
func state(short bool) suite {
	agents, tasks := 5000, 50_000
	if short {
		agents, tasks = 1000, 10_000
	}
	first := func(name string) row {
		return row{name: name, figure: "/state, " + name, unit: "ms", goal: atMost(50)}
	}
	whole := func(name string) row {
		r := row{name: name, figure: "/state, " + name, unit: "ms", goal: atMost(300)}
		if !short {
			r.rival = rival{name: "C++ master", worst: 900, best: 900}
		}
		return r
	}
	return suite{
		group: fmt.Sprintf("/state, %d tasks", tasks), about: 8 * time.Second,
		command: []string{
			"go", "run", "./cmd/internal/tools/hollow", "-stay", "-state", "-detail", fmt.Sprint("-agents=", agents), fmt.Sprint("-tasks=", tasks),
		},
		repeat: repetitions(short), read: tabbed,
		rows: []row{{name: "size", figure: "/state, size", unit: "MB"}, first("first byte, cold"), whole("all of it, cold"), first("first byte"), whole("all of it")},
	}
}

// authorized returns the measurement of readers of /state whose view is filtered by what an authorizer allows, beside that
// of readers where there is none.
func authorized(short bool) suite {
	rounds := "25x"
	if short {
		rounds = "5x"
	}
	return suite{
		group: "readers with an authorizer", about: 15 * time.Second,
		command: benchmark("^BenchmarkAuthorizedReaders$", rounds, "./master/view"), read: goBench,
		rows: []row{{
			name: "/state, 50,000 tasks", figure: "AuthorizedReaders ns/filtered", scale: 1e-6, unit: "ms",
			rival: rival{name: "without", figure: "AuthorizedReaders ns/whole"}, goal: atMostTimes(1.3),
		}},
	}
}

// polled returns the measurement of a master that launches tasks as fast as it can while twenty clients request all of
// /state each second, alternating with one without clients.
func polled(short bool) suite {
	rounds := "-rounds=3"
	if short {
		rounds = "-rounds=1"
	}
	return suite{
		group: "20 poll /state", about: 40 * time.Second, read: tabbed,
		command: []string{
			"go", "run", "./cmd/internal/tools/hollow", "-agents=1000", "-tasks=20000", "-stay", "-pollers=20", "-every=1s", "-laps=60000",
			"-limit=5m", rounds,
		},
		rows: []row{
			{
				name: "tasks, 1,000 agents, 20,000 run", figure: "tasks while polled", unit: "/s",
				rival: rival{name: "unpolled", figure: "tasks while polled, alone"}, goal: atLeastTimes(0.8),
			},
			{name: "answers", figure: "polls", unit: "/s"},
		},
	}
}

// followed returns the measurements of a master that launches 1,000 tasks a second, and then as many as it can, while
// 1,000 operators subscribe to its events, and while 1,000 subscribers do not read.
func followed(short bool) suite {
	last := "-last=10s"
	if short {
		last = "-last=3s"
	}
	alone := func(figure string) rival { return rival{name: "unfollowed", figure: figure + ", alone"} }
	return suite{
		group: "1,000 followers", about: 70 * time.Second, read: tabbed,
		command: []string{
			"go", "run", "./cmd/internal/tools/hollow", "-agents=1000", "-tasks=0", "-followers=1000", "-rate=1000", "-laps=40000",
			"-limit=5m", last,
		},
		rows: []row{
			{name: "tasks at 1,000/s", figure: "tasks, steady", unit: "/s", rival: alone("tasks, steady"), goal: atLeastTimes(0.95)},
			{name: "half of them run after", figure: "tasks run after, half", unit: "ms", rival: alone("tasks run after, half")},
			{name: "99 % of them run after", figure: "tasks run after, 99 of 100", unit: "ms", rival: alone("tasks run after, 99 of 100")},
			{name: "master CPU", figure: "master CPU, steady, followed", unit: "% of a core", rival: rival{name: "unfollowed", figure: "master CPU, steady"}},
			{name: "the followers' own CPU", figure: "followers' CPU, steady", unit: "% of a core"},
			{name: "the last behind the first", figure: "the slowest follower behind the quickest", unit: "ms"},
			{name: "memory for an idle one", figure: "memory for each idle follower", unit: "kB"},
			{name: "memory for all, most", figure: "memory for followers, most", unit: "MB", goal: below(256)},
			{name: "tasks as fast as can be", figure: "tasks, flat out", unit: "/s", rival: alone("tasks, flat out")},
			{name: "followers that remain after that", figure: "followers left after tasks, flat out"},
			{name: "followers that do not read, cut off", figure: "stalled followers cut off", goal: atLeast(1000)},
			{name: "memory for those, most", figure: "memory for stalled followers, most", unit: "MB", goal: below(256)},
		},
	}
}

// restart returns the measurements of an agent with real containers and checkpoints on a real disk: how long it takes until
// 1,000 executors of an earlier agent are back, and what checkpoints cost a launch: of a command by mesos-executor, as users have it,
// and of an executor that is there as soon as its process is. A launch of the latter cannot take less than one sync of the disk longer
// than without checkpoints: the task is given to the executor when its record is on the medium, while the executor starts.
func restart(short bool) suite {
	rounds := "5x"
	if short {
		rounds = "2x"
	}
	return suite{
		group: "agent, checkpoints", about: 60 * time.Second, repeat: repetitions(short), command: benchmark("^Benchmark(Recovery|CheckpointedLaunch|CommandLaunch)$", rounds, "./slave"), read: goBench,
		rows: []row{
			{name: "1,000 tasks recovered", figure: "Recovery ms/recovery", scale: 1e-3, unit: "s", goal: atMost(2)},
			{
				name: "a launch of a command, 40/s", figure: "CommandLaunch us/checkpointed", scale: 1e-3, unit: "ms",
				rival: rival{name: "unchecked", figure: "CommandLaunch us/unchecked"}, goal: atMostTimes(1.3),
			},
			{
				name: "a launch that only sleeps, 100/s", figure: "CheckpointedLaunch us/checkpointed", scale: 1e-3, unit: "ms",
				rival: rival{name: "unchecked", figure: "CheckpointedLaunch us/unchecked"}, goal: atMostTimes(1.3),
			},
		},
	}
}

// rest returns the measurement of a master of an idle cluster with running tasks.
func rest(short bool) suite {
	idle := "10s"
	if short {
		idle = "3s"
	}
	return suite{
		group:   "idle master",
		about:   15 * time.Second,
		command: []string{"go", "run", "./cmd/internal/tools/hollow", "-agents=1000", "-tasks=10000", "-stay", "-idle=" + idle}, read: tabbed,
		rows: []row{{name: "1000 agents, 10000 tasks run", figure: "CPU of the idle master", unit: "% of a core", goal: below(1)}},
	}
}
