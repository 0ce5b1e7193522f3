package runtime

import (
	"context"
	"math/rand/v2"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime/internal/events"
	"meseta/runtime/internal/handlers"
	"meseta/runtime/internal/labels"
	"meseta/runtime/internal/pending"
	"meseta/runtime/internal/recent"
)

// Behavior is anything that embeds [Actor].
type Behavior interface{ base() *Actor }

// Optional methods of a behavior.
type (
	// Initializer is called on the first turn, to install handlers.
	Initializer interface{ Initialize() }
	// Finalizer is called on the last turn.
	Finalizer interface{ Finalize() }
	// Exiter is told, once per [Actor.Link], that a linked actor terminated or its node can no longer be reached.
	Exiter interface{ Exited(pid PID) }
)

// Actor is embedded by every actor. Its methods may be called only on the actor's own turns, except for Self and Node,
// which may be called from anywhere once it is spawned. Race builds panic when others are called elsewhere.
type Actor struct {
	// What every turn and every sender reads comes first, then what is rarely used. Of the mailbox, senders write the
	// beginning and the actor the end, and the rest is what the actor writes in every turn: they run on different processors,
	// and share no cache line.
	node     *Node
	self     PID
	impl     Behavior
	flags    flags
	handlers atomic.Pointer[handlers.Table]
	past     *recent.Few[recent.Event]
	traced   *traced // nil: none of its turns was
	lane     uint32  // of what it adds to the trace

	locals  *[]any         // see Local
	links   map[PID]uint64 // the linked actors, each with the number of its Link
	log     *zerolog.Logger
	life    *life
	pending atomic.Pointer[pending.Book] // promises and timers

	mailbox mailbox

	usual   *handlers.Handler // of the latest message: the next one is often alike
	lenient reflect.Type      // of the latest message sent that can always be encoded
	current *item             // the event being handled
	from    PID               // whom it is from
	turn    EventID           // when traced: the event of this turn
}

// traced is the turn that runs, or ran, as the trace knows it.
type traced struct {
	label *labels.Label
	at    events.Place
	burst events.Burst
}

// flags are read far more often than set.
type flags struct {
	stop   atomic.Bool // terminate before anything else
	absent atomic.Bool // nobody is found under the name any more
}

// life is the actor's context.
type life struct {
	ctx context.Context
	end context.CancelFunc
}

func (a *Actor) base() *Actor { return a }

// home is the node of an actor that was spawned, for what may be called only on its turns.
func (a *Actor) home() *Node {
	if a.node == nil {
		panic("runtime: an actor was used before Spawn; a constructor only keeps what Initialize needs")
	}
	a.onTurn()
	return a.node
}

// Self is the actor's own PID.
func (a *Actor) Self() PID { return a.self }

// From is the sender of the message being handled, also inside [Await] continuations started by its handler; zero
// elsewhere.
func (a *Actor) From() PID {
	a.onTurn()
	return a.from
}

// Node is where the actor lives.
func (a *Actor) Node() *Node { return a.node }

// Now is the node's time.
func (a *Actor) Now() time.Time { return a.home().clock.Now() }

// Rand is the node's source of randomness; in the simulator it follows from the seed.
func (a *Actor) Rand() *rand.Rand { return a.home().rand }

// Log carries the actor's name.
func (a *Actor) Log() *zerolog.Logger {
	a.onTurn()
	if a.log == nil {
		log := a.home().log.With().Str("actor", a.self.ID).Logger()
		a.log = &log
	}
	return a.log
}

// Context ends when the actor terminates. Pass it to what the actor starts.
func (a *Actor) Context() context.Context {
	a.onTurn()
	if a.life == nil {
		ctx, end := context.WithCancel(context.Background())
		a.life = &life{ctx, end}
	}
	return a.life.ctx
}

// endLife ends the actor's context, also if it is first used in Finalize.
func (a *Actor) endLife() {
	if a.life == nil {
		a.life = ended
	}
	a.life.end()
}

// ended is the life of actors that asked for no context before their last turn.
var ended = func() *life {
	ctx, end := context.WithCancel(context.Background())
	end()
	return &life{ctx, end}
}()

// Terminate ends this actor after the current turn; what is queued is not handled.
func (a *Actor) Terminate() {
	a.home()
	a.mailbox.interrupt(a.turn)
}
