// Command hollow measures a real mesos-master, in a process of its own with its registry in a file, from the point of
// view of agents and a scheduler on the wire: how many agents it registers per second, how many tasks pass through it
// per second, and the processor time for each.
//
// The agents are hollow: actors on nodes of this process, without containers. A task has the life of a real one: it is
// offered, launched, reported as running, which the scheduler acknowledges through the master, reported as finished,
// and acknowledged again. Both ends count all of it. If anything is lost, repeated or reordered, the result is an error
// instead of a figure.
//
//	go run ./cmd/internal/tools/hollow -agents=5000 -tasks=20000
//	go run ./cmd/internal/tools/hollow -tasks=0 -followers=1000
//	go run ./cmd/internal/tools/hollow -tasks=20000 -stay -pollers=20
//	go run ./cmd/internal/tools/hollow -tasks=0 -ring=16384 -rounds=15 -laps=8000
//	go run ./cmd/internal/tools/hollow -guarded
//
// Subscribers of the master's events and clients that poll /state are in another process with a lower priority, because
// they stand for clients on other machines. Laps of launches with them alternate with laps without.
//
// Figures are printed a line each: name, value and unit, separated by tabs.
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

// options holds the values of the flags.
type options struct {
	bin      string        // directory with mesos-master; "" builds it
	masters  int           // number of masters
	agents   int           // number of agents
	nodes    int           // number of nodes of the agents, each with a connection of its own
	tasks    int           // number of tasks; 0 means no scheduler
	stay     bool          // tasks keep running
	idle     time.Duration // how long the idle master is observed
	state    bool          // fetch /state at the end
	failover bool          // replace the master by another one, to which the agents return
	detail   bool          // tasks have the details that real frameworks add
	guarded  bool          // measure a second cluster, with TLS, authentication and authorization
	profile  string        // directory for profiles of the master; "" means none
	limit    time.Duration // time limit of the whole run

	followers int           // number of subscribers, in another process
	media     string        // what they read: protobuf or json
	rate      int           // tasks per second of a steady load
	last      time.Duration // duration of a steady load
	laps      int           // number of tasks in a lap at full speed
	warmUp    int           // number of tasks that are launched before the first measurement
	pollers   int           // number of clients that poll /state, in another process
	every     time.Duration // time between two requests of each
	rounds    int           // number of rounds, each with a lap with pollers, or a ring, and one without
	ring      int           // number of events that the master remembers in every other lap
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
	flag.IntVar(&o.masters, "masters", 1, "how many masters agree on who leads")
	flag.IntVar(&o.agents, "agents", 1000, "how many agents register")
	flag.IntVar(&o.nodes, "nodes", 10, "how many nodes the agents share")
	flag.IntVar(&o.tasks, "tasks", 20_000, "how many tasks run; 0: none")
	flag.BoolVar(&o.stay, "stay", false, "tasks go on running instead of finishing at once")
	flag.DurationVar(&o.idle, "idle", 0, "how long the master is watched when nothing happens any more; 0: not at all")
	flag.BoolVar(&o.state, "state", false, "fetch /state in the end")
	flag.BoolVar(&o.failover, "failover", false, "kill the master, and measure how fast another one takes the agents back")
	flag.BoolVar(&o.detail, "detail", false, "tasks have labels, discovery and container status, 1.1 kB of /state each")
	flag.BoolVar(&o.guarded, "guarded", false, "measure a second cluster, too, with TLS, authentication and authorization on")
	flag.StringVar(&o.profile, "profile", "", "folder to write cpu.pprof and memory.pprof of the master to")
	flag.DurationVar(&o.limit, "limit", time.Minute, "how long all of it may take")
	flag.IntVar(&o.followers, "followers", 0, "how many operators follow all events; 0: none")
	flag.StringVar(&o.media, "media", "protobuf", "what followers read: protobuf or json")
	flag.IntVar(&o.rate, "rate", 1000, "tasks per second of a steady load")
	flag.DurationVar(&o.last, "last", 10*time.Second, "how long a steady load lasts")
	flag.IntVar(&o.laps, "laps", 40_000, "how many tasks are launched at a time as fast as can be, while clients follow or poll")
	flag.IntVar(&o.warmUp, "warm-up", 20_000, "how many tasks are launched before that")
	flag.IntVar(&o.pollers, "pollers", 0, "how many clients poll /state; 0: none")
	flag.DurationVar(&o.every, "every", time.Second, "how often each of them does")
	flag.IntVar(&o.rounds, "rounds", 3, "how often laps with pollers, or a ring, take turns with laps without")
	flag.IntVar(&o.ring, "ring", 0, "how many events the master remembers, while laps without that take turns; 0: it is not measured")
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
