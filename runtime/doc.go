// Package runtime is libprocess in Go: actors that own their state, talk by messages, and meet other nodes on the wire.
//
// # Actors
//
// An actor is a struct that embeds [Actor]. Everything that happens to it is an event in one queue: a message, a
// dispatched call, a timer, the answer of a future, an HTTP request, the exit of a linked peer. Events are handled one
// at a time; handling one is a turn. Nothing overtakes, and nothing an actor owns is ever touched outside its turn, so
// it needs no locks.
//
//	func (m *Master) Initialize() {                        // the contents page: everything this actor reacts to
//		runtime.Install(m, m.registerFramework)            // the message's type is inferred from the handler
//		runtime.Install(m, m.killTask)
//	}
//
// [Spawn] starts an actor on a [Node]. [Node.Terminate], [Node.TerminateNow] and [Actor.Terminate] end it; what is
// queued then fails with [ErrTerminated] instead of hanging. A panic in an actor ends the node: actors are never
// restarted with half of what they knew.
//
// # Messages
//
// A [PID] (id@ip:port) names an actor anywhere; it is a comparable value that may be sent, stored and used as a map key.
// [Actor.Send] delivers at most once, and in order between two actors. A message must not be changed after it was sent:
// within a node the receiver gets the very same one. [Actor.Link] asks to be told when an actor, or its node, is gone.
//
// # Calls and futures
//
// A [Ref] names an actor of this node together with its Go type. [Dispatch], [Call] and [Tell] run a function on its
// turn; what it returns is a [Future]. [Try] is for methods that return an error as well, [Ask] for those that return a
// future. Futures never block: an actor continues with [Await], on a turn of its own, or with [Continue] or [Chain] if
// others wait for what comes of it; it combines them with [Then], [Recover], [Flatten], [Collect], [Settled], [Within] and
// [Loop]. A result that becomes known in some later turn is promised with [Owe]. [Go] does blocking work
// elsewhere and returns its result as a future. After every wait the world may have changed: keep ids across turns, not
// pointers. Code that is no actor, such as a main function, learns of a result by [Future.OnAny].
//
// Functions that take a [Behavior], as Install, Await and Go do, are called by that actor on its turn. What belongs to a
// [Node] or a [Ref] may be called from anywhere.
//
// # Time
//
// [Actor.Delay] books a function on a later turn; [Timer.Cancel] is exact. [Limiter] spreads things over time,
// [Sequence] does them one after the other.
//
// # Nodes and wires
//
// Time, randomness, goroutines and the network come from the [Node], so that the same actors run on a real machine and
// in the simulator: package libprocess is the [Wire] that C++ nodes speak, package sim the one of simulated clusters.
// Programs written on plain protoactor-go in the same process may send to our actors and watch them, see
// [Options].ActorSystem.
//
// # HTTP
//
// Package web lets actors answer HTTP requests, each on a turn of its own. It is built on what this package offers to
// all that extend it: [Extension], [Local] and [DispatchRequest].
//
// # Seeing what happens
//
// [Node.Trace] observes every event of a node with its cause, across nodes: package trace reads it over HTTP and draws
// it as a tree. When nobody looks it costs one branch. Package runtimetest has what tests of actors need.
package runtime
