// Package runtime is libprocess in Go: actors that own their state, exchange messages, and reach actors on other nodes
// over a wire.
//
// # Actors
//
// An actor is a struct that embeds [Actor]. Everything that happens to it is an event in one queue: a message, a
// dispatched call, a timer, the result of a future, an HTTP request, the exit of a linked actor. The actor handles one
// event at a time; handling one is a turn. No event overtakes another, and an actor's state is touched only on its
// turns, so it needs no locks.
//
//	func (m *Master) Initialize() {                        // lists everything this actor reacts to
//		runtime.Install(m, m.registerFramework)            // the message's type is inferred from the handler
//		runtime.Install(m, m.killTask)
//	}
//
// # The life of an actor
//
// The caller's duties, in order:
//
//  1. Construct the behavior. A constructor only stores what the actor will need. It must not call methods of [Actor] or
//     functions that take a [Behavior], such as [Install], [Await] and [Go]: the actor has no node yet.
//  2. Call [Spawn], once for each behavior. From then on the behavior belongs to the actor: the caller must not read or
//     write its fields, and reaches it through the [Ref] or [PID] that Spawn returned. Messages may arrive before
//     Spawn returns; they wait.
//  3. Initialize, if the behavior has one, is the first turn. Install handlers there, and start timers, links and work.
//  4. Handlers run, one per event. They must not block: blocking work is for [Go], and another actor's result is for
//     [Await]. After every wait the world may have changed, so keep ids across turns, not pointers. Functions that do
//     not run on a turn (see below) must not touch the actor's state.
//  5. End the actor with [Node.Terminate], after what is queued, or, from inside, with [Actor.Terminate], after the
//     current turn.
//  6. Finalize, if the behavior has one, is the last turn. The actor's context has ended by then. Messages it sends
//     still leave, but nothing it awaits, books or starts will come back. When it returns, queued calls and promised
//     results fail with [ErrTerminated], the id is free, linked actors are told, and [Node.Wait] returns, in that order.
//  7. Call [Node.Close] when the node is done. It terminates the actors, waits for them and then closes the wire. An
//     actor must not call it: it would wait for its own turn to end.
//
// A panic on a turn ends the node ([Options].Fatal). Actors are never restarted with half of their state.
//
// # Messages
//
// A [PID] (id@ip:port) names an actor anywhere; it is a comparable value that may be sent, stored and used as a map key.
// [Actor.Send] sends a protobuf message to one. Only protobuf messages travel, even between two actors of one node;
// Go values are passed with [Call] and [Tell], within a node. A message is immutable once it is sent: neither the
// sender nor the receiver may change it, because within a node both hold the same one.
//
// A message that cannot be encoded, because a required field is missing or a proto3 string is not UTF-8, is refused when
// it is sent, on any node: it is logged as a warning, traced as a drop, and never delivered.
//
// Delivery is at most once. A message to an actor that is not there is dropped, and the drop is traced. These orders
// hold:
//
//   - An actor receives what another sent it in the order of sending. Within a node that includes calls.
//   - Messages that one node sends to another travel in the order of sending, whichever actors they are for, as long as
//     the connection lasts.
//   - Within a node, Exited follows everything that the linked actor sent. Between nodes it does not: each direction is a
//     connection of its own, so a message of the linked actor may arrive after its exit.
//   - Between nodes, messages may be lost when a connection ends, and nothing orders those sent on the old connection
//     and those on the next. An actor that must know uses [Actor.Link]: it is told once, by Exited, when the actor it
//     is linked to terminates or that connection ends.
//
// Nothing else is ordered: not messages of different senders, and not the results of two futures.
//
// A mailbox has no bound. A sender never waits, and an actor that falls behind uses memory. Where peers decide how much
// arrives, have a limiter (package limiter) pace the work and refuse the rest; [Actor.Queued] counts what waits.
//
// # Calls and futures
//
// A [Ref] names an actor of this node together with its Go type. [Dispatch], [Call] and [Tell] run a function on its
// turn; what it returns is a [Future]. [Try] is for methods that return an error as well, [Ask] for those that return a
// future. Futures never block: an actor continues with [Await], on a turn of its own, or with [Continue] or [Chain] if
// others wait for the result; it combines futures with [Then], [Recover], [Flatten], [Collect], [Settled] and
// [Within]. A result that becomes known in some later turn is promised with [Owe]. [Go] does blocking work elsewhere and
// returns its result as a future.
//
// [Future.Discard] says that nobody wants the result any more. It is a request, and it travels to the source: to
// discard a derived future, such as one of Then or Continue, discards the future it is derived from, for everything that
// waits for it. Share a future as [Undiscardable] where that is not wanted. Discarding a future of Go cancels the
// context that its function was given. An HTTP client that hangs up discards the future that its route's handler
// returned, and with it the work that was done for that answer.
//
// # Turns and other code
//
// Methods of [Actor], and functions that take a [Behavior], may be called only by that actor on its own turns. Methods of [Node],
// and functions that take a [Ref], may be called from anywhere.
//
// Functions given to [Then], [Recover], [Go], [Future.OnAny] and [Promise.OnDiscard] run on no turn: they run on whatever
// goroutine completes the future or does the work. They may compute, complete promises and call through a Ref, but must
// not touch an actor's state. A panic there ends the node as one on a turn does, and its report names the function.
//
// Code that is no actor, such as a main function, waits for a future with [Wait].
//
// Programs built with -race check this: the methods of [Actor], except for Self and Node, and the functions that take a
// Behavior panic, with the names of the actor and the method, when they are called off that actor's turns. In the
// simulator a test may call them between two steps.
//
// # Panics and errors
//
// A mistake in the program panics, at the call where it was made if possible: using an actor before Spawn, the zero Ref
// or the zero Future, Forward outside of a handler. What can happen to a correct program is an error: an id that is
// taken, an actor that has terminated, a wire that cannot listen, input that makes no sense.
//
// # Time
//
// [Actor.Delay] books a function on a later turn; [Timer.Cancel] is exact. Package limiter spreads things over time,
// [Sequence] does them one after the other.
//
// # Nodes and wires
//
// Time, randomness, goroutines and the network come from the [Node], so the same actors run on a real machine and in
// the simulator: package libprocess is the [Wire] that C++ nodes speak, package sim that of simulated clusters.
// Programs written on plain protoactor-go in the same process may send to our actors and watch them; see
// [Options].ActorSystem.
//
// # HTTP
//
// Package web lets actors answer HTTP requests, each on a turn of its own. It is built on what this package offers to
// all packages that extend it: [Extension], [Local] and [DispatchRequest].
//
// # Tracing
//
// [Node.Trace] records every event of a node with its cause, across nodes; package trace serves the record over HTTP and
// draws it as a tree. While nothing is recorded, an event costs one branch; recorded, about 0.2 µs, and a
// message between two actors is three events. Package runtimetest has what tests of actors need.
package runtime
