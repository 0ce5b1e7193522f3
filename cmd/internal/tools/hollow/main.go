// Command hollow measures a real mesos-master, a process of its own with its registry in a file, as agents and a
// scheduler see it that talk with it on the wire: how many agents it registers and how many tasks it passes through per
// second, and what processor time that takes it.
//
// The agents are hollow: actors on nodes of this process, without containers. A task goes all the way that a real one
// goes: it is offered, launched, reported to be running, which the scheduler acknowledges through the master, reported
// to be finished, and acknowledged again. All of it is counted at both ends; when anything is lost, comes twice or comes
// in the wrong order there is no figure but an error.
//
//	go run ./cmd/internal/tools/hollow -agents=5000 -tasks=20000
//	go run ./cmd/internal/tools/hollow -tasks=0 -followers=1000
//	go run ./cmd/internal/tools/hollow -tasks=20000 -stay -pollers=20
//
// Followers of all that happens, and clients that poll /state, are a further process, which yields to the others as
// clients on machines of their own would. Laps of launches with them take turns with laps without.
//
// Figures are printed a line each: name, value and unit, with tabs between.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options say what is measured.
type options struct {
	bin     string        // the folder with mesos-master; "" builds it
	agents  int           // how many register
	nodes   int           // how many nodes they share, each with a connection of its own
	tasks   int           // how many run; 0 leaves the scheduler out
	stay    bool          // tasks go on running
	idle    time.Duration // how long the master is watched when nothing happens any more
	state   bool          // /state is fetched in the end
	detail  bool          // tasks say as much of themselves as those of real frameworks
	profile string        // the folder that profiles of the master go to; "" makes none
	limit   time.Duration // of the whole run

	followers int           // how many follow all events, in another process
	media     string        // what they read: protobuf or json
	rate      int           // tasks per second of a steady load
	last      time.Duration // how long a steady load lasts
	laps      int           // how many tasks are launched as fast as can be, at a time
	warmUp    int           // how many are launched before anything is measured
	pollers   int           // how many poll /state, in another process
	every     time.Duration // how often each does
	rounds    int           // how often laps with pollers take turns with laps without
}

func main() {
	if invitation := os.Getenv(audienceVariable); invitation != "" {
		if err := attend(invitation, os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "hollow:", err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.bin, "bin", "", "folder with mesos-master; it is built if none is named")
	flag.IntVar(&o.agents, "agents", 1000, "how many agents register")
	flag.IntVar(&o.nodes, "nodes", 10, "how many nodes the agents share")
	flag.IntVar(&o.tasks, "tasks", 20_000, "how many tasks run; 0: none")
	flag.BoolVar(&o.stay, "stay", false, "tasks go on running instead of finishing at once")
	flag.DurationVar(&o.idle, "idle", 0, "how long the master is watched when nothing happens any more; 0: not at all")
	flag.BoolVar(&o.state, "state", false, "fetch /state in the end")
	flag.BoolVar(&o.detail, "detail", false, "tasks have labels, discovery and container status, 1.1 kB of /state each")
	flag.StringVar(&o.profile, "profile", "", "folder to write cpu.pprof and memory.pprof of the master to")
	flag.DurationVar(&o.limit, "limit", time.Minute, "how long all of it may take")
	flag.IntVar(&o.followers, "followers", 0, "how many operators follow all events; 0: none")
	flag.StringVar(&o.media, "media", "protobuf", "what followers read: protobuf or json")
	flag.IntVar(&o.rate, "rate", 1000, "tasks per second of a steady load")
	flag.DurationVar(&o.last, "last", 10*time.Second, "how long a steady load lasts")
	flag.IntVar(&o.laps, "laps", 40_000, "how many tasks are launched at a time as fast as can be, while somebody follows or polls")
	flag.IntVar(&o.warmUp, "warm-up", 20_000, "how many tasks are launched before that")
	flag.IntVar(&o.pollers, "pollers", 0, "how many clients poll /state; 0: none")
	flag.DurationVar(&o.every, "every", time.Second, "how often each of them does")
	flag.IntVar(&o.rounds, "rounds", 3, "how often laps with pollers take turns with laps without")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	err := measure(ctx, o, func(f figure) { fmt.Printf("%s\t%.6g\t%s\n", f.name, f.value, f.unit) })
	if err != nil {
		fmt.Fprintln(os.Stderr, "hollow:", err)
		os.Exit(1)
	}
}
