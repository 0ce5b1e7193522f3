package runtime

import (
	"fmt"
	"runtime/debug"

	"meseta/runtime/internal/funcs"
)

// Functions that are given away, to Then, OnAny or Go for example, do not run on a turn of the actor that gave them, but
// on whatever goroutine completes a future, fires a timer or reads a connection. A panic there must end the node, as one
// in a turn does, and must not be blamed on the actor whose turn it happens to interrupt.

// guard stands around one call of such a function: its method caught is deferred, and returned is set after the call.
type guard struct {
	node     *Node        // whose end a panic is; nil: unknown
	owner    *Actor       // whose result or work it is about; nil: nobody's
	to       string       // what the function was given to
	about    string       // how owner comes in: "with a result of"
	f        any          // the function
	where    fmt.Stringer // if not nil: said instead of all that
	returned bool
}

// caught, deferred, makes a panic, or the end of the goroutine, the end of the node.
func (g *guard) caught() {
	if g.returned {
		return
	}
	reason := recover()
	exited := reason == nil
	if exited {
		reason = goexit
	}
	if s, ok := reason.(*stray); ok {
		panic(s) // explained already, and on its way up to the node
	}
	n := g.node
	if n == nil && g.owner != nil {
		n = g.owner.node
	}
	switch {
	case n != nil:
		n.fail(Panic{Where: g.place(), Reason: reason, Stack: debug.Stack()}, exited)
	case !exited:
		panic(&stray{g.place(), reason})
	}
}

// place says where it was.
func (g *guard) place() string {
	if g.where != nil {
		return g.where.String()
	}
	where := "a function given to " + g.to
	if name := funcs.Name(funcs.Entry(g.f)); name != "" {
		where += " (" + name + ")"
	}
	if g.owner != nil {
		where += ", " + g.about + " actor " + g.owner.self.String()
	}
	return where
}

// stray is a panic of a function that is no actor's, on its way up to a turn that knows which node to end, or to the end
// of the program.
type stray struct {
	where  string
	reason any
}

// Error says what happened, as Go prints it.
func (s *stray) Error() string { return fmt.Sprintf("panic in %s: %v", s.where, s.reason) }

// goexit is the reason given when a function ended its goroutine.
const goexit = "it called runtime.Goexit, perhaps by way of FailNow, Fatal or Skip of a test, which only the test's own goroutine may"

// fail ends n. The end of a goroutine is told once: it passes through every function that is under way on it.
func (n *Node) fail(p Panic, exited bool) {
	if n.broken.Swap(true) && exited {
		return
	}
	n.fatal(p)
}

// Guard calls f, which runs on no turn, for a package beside this one: a panic in it ends n as a panic in a turn does, and
// its report says where it was. Guard reports whether f returned.
func (n *Node) Guard(where fmt.Stringer, f func()) (returned bool) {
	g := &guard{node: n, where: where}
	defer g.caught()
	f()
	g.returned = true
	return true
}
