// Package sim runs a whole cluster of nodes in one goroutine, on virtual time, over a simulated network, from one seed.
//
// The actors are the very ones that run on real machines; only the [runtime.Clock], the [runtime.Scheduler] and the
// [runtime.Wire] of their nodes are the simulator's. Everything that could differ between two runs is decided by the
// seed: which actor has the next turn, how long a message travels, what [runtime.Actor.Rand] yields. The same seed gives
// the same conversation, byte for byte ([World.Log]); another seed gives another interleaving of it.
//
//	w := sim.New(1)
//	master := w.Node("10.0.0.1:5050")
//	agent := w.Node("10.0.0.2:5051")
//	… spawn actors on them …
//	w.Advance(time.Minute)                 // a minute of cluster life, in milliseconds
//	w.Partition("10.0.0.1:5050", "10.0.0.2:5051")
//
// The network behaves as TCP does: messages between two nodes arrive in order, encoded and decoded on the way; a
// partition delays them, and when it lasts longer than [Network.Detection] the connection breaks, what was under way is
// lost and links exit. [World.PartitionOneWay] does so in one direction. [World.SetClock] makes a machine's clock jump.
//
// A node that ends loses everything it had in its mailboxes and timers. Each machine has a disk ([World.Disk]), which nodes
// reach through package disk and which outlives them: [World.Kill] ends the process, [World.Crash] the machine, and then
// what was not synced is lost in part. Disks fill, stall and fail when a test says so.
//
// Delays and durations are of virtual time, which moves only in [World.Advance], [World.RunUntil] and [Await]. The zero
// [Network] delivers at once and breaks a partitioned connection at once; a new world has [DefaultNetwork].
//
// Nothing here may be used from a second goroutine, and nothing an actor does may wait for one.
package sim
