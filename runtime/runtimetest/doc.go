// Package runtimetest is for the tests of actors.
//
// [World] gives a simulated cluster and [Node] a node on real time; both end with the test, which fails if an actor
// panicked, or if a node is not [Quiet] when its actors have been terminated. [End] and [Close] do the same for worlds and
// nodes that were made otherwise. [Spawn] starts an actor in one line.
//
//	w := runtimetest.World(t, 1)
//	n := w.Node("10.0.0.1:5050")
//	master := runtimetest.Spawn(t, n, "master", master.New(…))
//	ping := runtimetest.FutureMessage[*internalpb.PingSlaveMessage](n, runtime.PID{}, agent)
//	w.Advance(time.Minute)
//
// Filters see what is about to be queued for the actors of one node, as libprocess's FUTURE_PROTOBUF, DROP_PROTOBUF,
// FUTURE_DISPATCH and DROP_DISPATCH do. [Golden] compares a conversation with the one that was reviewed.
package runtimetest
