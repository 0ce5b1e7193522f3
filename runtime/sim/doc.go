// Package sim runs a whole cluster of nodes in one goroutine, on virtual time, over a simulated network, from one seed.
//
// The actors are those that run on real machines; only the [runtime.Clock], the [runtime.Scheduler] and the [runtime.Wire]
// of their nodes are the simulator's. The seed decides which actor has the next turn, how long a message travels and what
// [runtime.Actor.Rand] yields. The same seed gives the same conversation, byte for byte ([World.Log]), if the actors take
// time, randomness and work from their node and act on nothing that depends on the order of a map; another seed gives
// another interleaving.
//
//	w := sim.New(1)
//	master := w.Node("10.0.0.1:5050")
//	agent := w.Node("10.0.0.2:5051")
//	… spawn actors on them …
//	w.Advance(time.Minute)                 // a minute of cluster life, in milliseconds
//	w.Partition("10.0.0.1:5050", "10.0.0.2:5051")
//
// The network behaves as TCP does: messages between two nodes are encoded, arrive in order and are decoded, unless
// [Network].Reorder says otherwise. A partition delays them; when it lasts longer than [Network].Detection, the connection
// breaks, what was under way is lost, and links exit. [World.PartitionOneWay] cuts one direction. [World.SetClock] makes a
// machine's clock jump.
//
// A node that ends loses its mailboxes and timers. Each machine has a disk ([World.Disk]), which nodes reach through
// package disk and which outlives them: [World.Kill] ends the process, [World.Crash] the machine, and with it part of
// what was not synced. [World.Pause] stops a node for a while. Disks fill, stall and fail when a test says so.
//
// Delays and durations are of virtual time, which moves only in [World.Advance], [World.RunUntil] and [Await]. The zero
// [Network] delivers at once and breaks a partitioned connection at once; a new world has [DefaultNetwork].
//
// A world belongs to one goroutine, and nothing an actor does may wait for another. Between two steps, that is while none of
// the world's methods runs, a test may look at an actor's fields and call its methods as if on its turn.
package sim
