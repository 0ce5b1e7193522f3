// Package runtime is libprocess in Go: actors that own their state, talk by messages, and meet other nodes on the wire.
//
// An actor is a struct that embeds [Actor]. Everything that happens to it is an event in one FIFO: a message, a
// dispatched call, a timer, the answer of a future, an HTTP request, the exit of a linked peer. Events are handled one
// at a time; handling one is a turn. Nothing overtakes, and nothing an actor owns is ever touched outside its turn.
//
//	func (m *Master) Initialize() {                        // the contents page: everything this actor reacts to
//		runtime.Install(m, m.registerFramework)            // the message's type is inferred from the handler
//		runtime.Route(m, "/state", stateHelp, m.state)
//	}
//
// A [PID] (id@ip:port) names an actor anywhere; it can be sent to and linked to. A [Ref] names an actor of this node
// together with its Go type; it can be dispatched to. Futures never block: an actor continues with [Await], on a turn
// of its own.
//
// Time, randomness, goroutines and the network come from the [Node], so that the same actors run on a real machine and
// in the simulator (package sim).
package runtime
