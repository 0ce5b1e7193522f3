package runtime

import (
	"fmt"

	"meseta/runtime/internal/events"
	"meseta/runtime/internal/funcs"
)

// DispatchRequest is [Dispatch] for a caller outside the actor network, such as an HTTP client. about says what is
// asked for in a few words, "GET /state": traces, the report of a panic and [Waiting] show it while the request waits.
func DispatchRequest[B Behavior, R any](to Ref[B], about fmt.Stringer, f func(B) R) Future[R] {
	a := to.target()
	turn := a.node.causeHere()
	c := &requested[B, R]{dispatched[B, R]{behavior: to.behavior, f: f, entry: funcs.Entry(f), cell: cell[R]{owner: a, asked: stamp(turn)}}, about}
	a.node.put(a, item{kind: OnRequest, payload: c}, turn)
	return Future[R]{&c.cell}
}

// request is a call that says what it is about.
type request interface {
	call
	subject() fmt.Stringer
}

// requested is a call for a caller outside.
type requested[B Behavior, R any] struct {
	dispatched[B, R]
	about fmt.Stringer // nil once it ran, so that the future does not keep it
}

func (c *requested[B, R]) subject() fmt.Stringer { return c.about }

func (c *requested[B, R]) run() {
	c.about = nil
	c.dispatched.run()
}

func (c *requested[B, R]) drop(err error) {
	c.about = nil
	c.dispatched.drop(err)
}

// describe returns what a request is about, in bounded length.
func describe(r request) string { return events.Describe(r.subject()) }
