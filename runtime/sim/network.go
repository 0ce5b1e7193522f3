package sim

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/runtime"
)

// Network describes how messages travel between nodes.
type Network struct {
	MinDelay, MaxDelay time.Duration // of a message; the seed decides
	Detection          time.Duration // how long a partition must last to break a connection
	Loss               float64       // the share of messages lost; TCP loses none, faulty peers do
	Repeat             float64       // the share of messages that arrive twice; peers that dial again repeat what they sent
	Reorder            bool          // messages between two nodes may overtake each other; TCP's never do
}

// DefaultNetwork is a data centre.
var DefaultNetwork = Network{
	MinDelay:  100 * time.Microsecond,
	MaxDelay:  5 * time.Millisecond,
	Detection: 15 * time.Second,
}

// SetNetwork changes how messages travel from now on.
func (w *World) SetNetwork(n Network) { w.net.Network = n }

// Verdict says what becomes of an intercepted message.
type Verdict int

// The verdicts.
const (
	Pass   Verdict = iota // deliver it
	Drop                  // lose it
	Repeat                // deliver it twice
)

// Intercept asks judge about every message that leaves a node for another, until remove is called. The first Drop
// decides; messages are repeated once at most.
func (w *World) Intercept(judge func(runtime.Envelope) Verdict) (remove func()) {
	j := &judge
	w.net.judges = append(w.net.judges, j)
	return func() {
		for i, other := range w.net.judges {
			if other == j {
				w.net.judges = append(w.net.judges[:i:i], w.net.judges[i+1:]...)
				return
			}
		}
	}
}

// route is a direction between two addresses.
type route struct{ from, to string }

type network struct {
	Network
	world  *World
	conns  map[route]*conn
	cut    map[route]*partition
	judges []*func(runtime.Envelope) Verdict

	dialled runtime.Connection // connections so far
}

// partition stops a direction. Another one later is another value.
type partition struct{ route }

// conn is one TCP connection: what its dialler has sent travels on it, in order.
type conn struct {
	route
	number   runtime.Connection
	dialler  *host
	acceptor *host         // nil: nobody has answered
	last     time.Duration // when the latest message sent arrives
	held     []packet      // sent during a partition
	broken   bool          // the end is on its way to the dialler
}

// packet is a message on the wire.
type packet struct {
	envelope runtime.Envelope
	body     []byte
}

func (n *network) delay() time.Duration {
	return n.MinDelay + time.Duration(n.world.rand.Int64N(int64(max(n.MaxDelay-n.MinDelay, 0))+1))
}

// conn returns the connection that h sends to addr on, dialling if there is none.
func (n *network) conn(h *host, addr string) *conn {
	r := route{h.addr, addr}
	if c := n.conns[r]; c != nil {
		return c
	}
	n.dialled++
	c := &conn{route: r, number: n.dialled, dialler: h, last: n.world.now}
	n.conns[r] = c
	if p := n.cut[r]; p != nil {
		n.detect(c, p) // the dial may time out
	} else {
		n.connect(c)
	}
	return c
}

// connect finds the node at the other end of c.
func (n *network) connect(c *conn) {
	acceptor := n.world.hosts[c.to]
	if acceptor == nil || acceptor.dead {
		n.breakAfter(c, n.delay()) // refused
		return
	}
	c.acceptor = acceptor
}

// detect breaks c unless p ends in time.
func (n *network) detect(c *conn, p *partition) {
	n.world.after(n.Detection, func() {
		if n.cut[c.route] == p {
			n.breakAfter(c, 0)
		}
	})
}

// heal sends on what c held during a partition.
func (n *network) heal(c *conn) {
	switch {
	case c.acceptor == nil:
		n.connect(c)
	case c.acceptor.dead:
		n.breakAfter(c, n.delay())
	}
	if c.broken {
		return
	}
	held := c.held
	c.held = nil
	for _, p := range held {
		n.transmit(c, p)
	}
}

// breakAfter ends c: what is sent on it is lost, and its dialler learns of it after d, behind all that has arrived.
func (n *network) breakAfter(c *conn, d time.Duration) {
	if c.broken {
		return
	}
	for _, p := range c.held {
		n.lose(c, p.envelope, "lost")
	}
	c.broken, c.held = true, nil
	n.world.after(max(d, c.last-n.world.now), func() { n.gone(c) })
}

// gone tells the dialler of c that it ended.
func (n *network) gone(c *conn) {
	if n.conns[c.route] != c {
		return
	}
	delete(n.conns, c.route)
	if !c.dialler.dead {
		c.dialler.receiver.Exited(c.to, c.number)
	}
}

func (n *network) send(h *host, e runtime.Envelope) {
	p, err := encode(e)
	if err != nil {
		h.receiver.Refused(e, err)
		return
	}
	c, verdict := n.conn(h, e.To.Addr), n.judge(e)
	if verdict == Drop {
		n.lose(c, e, "dropped")
		return
	}
	if c.broken || n.Loss > 0 && n.world.rand.Float64() < n.Loss {
		n.lose(c, e, "lost")
		return
	}
	n.put(c, p)
	if verdict == Repeat || n.Repeat > 0 && n.world.rand.Float64() < n.Repeat {
		n.put(c, p)
	}
}

// judge asks the judges.
func (n *network) judge(e runtime.Envelope) Verdict {
	verdict := Pass
	for _, judge := range n.judges {
		switch n.ask(*judge, e) {
		case Drop:
			return Drop
		case Repeat:
			verdict = Repeat
		}
	}
	return verdict
}

// ask asks one of them. A panic ends the node that sends.
func (n *network) ask(judge func(runtime.Envelope) Verdict, e runtime.Envelope) (v Verdict) {
	h := n.world.hosts[e.From.Addr]
	if h == nil || h.node == nil {
		return judge(e)
	}
	h.node.Guard(interception{e}, func() { v = judge(e) })
	return v
}

// interception says where a judge panicked.
type interception struct{ e runtime.Envelope }

// String implements [fmt.Stringer].
func (i interception) String() string {
	return fmt.Sprintf("a function given to Intercept, about a %s from %s to %s", i.e.Name, i.e.From, i.e.To)
}

// put sends p on c, or keeps it while nothing gets through.
func (n *network) put(c *conn, p packet) {
	if n.cut[c.route] != nil {
		c.held = append(c.held, p)
		return
	}
	n.transmit(c, p)
}

// lose notes, and traces where it was sent, that e will not arrive.
func (n *network) lose(c *conn, e runtime.Envelope, fate string) {
	n.world.log.message(n.world.now, fate, e)
	if !c.dialler.dead {
		c.dialler.receiver.Dropped(e, fate+" by the network")
	}
}

// transmit brings p to the other end of c.
func (n *network) transmit(c *conn, p packet) {
	at := n.world.now + n.delay()
	if !n.Reorder {
		at = max(at, c.last)
	}
	c.last = max(at, c.last)
	n.world.after(at-n.world.now, func() {
		switch {
		case c.acceptor.dead:
			n.lose(c, p.envelope, "lost")
		case n.cut[c.route] != nil && !c.broken:
			c.held = append(c.held, p)
		case n.cut[c.route] != nil:
			n.lose(c, p.envelope, "lost")
		default:
			n.arrive(c, p)
		}
	})
}

func (n *network) arrive(c *conn, p packet) {
	e := p.envelope
	n.world.log.message(n.world.now, "", e)
	e.Message, e.Body = nil, p.body
	if !c.acceptor.receiver.Deliver(e) {
		n.world.note("nobody is %s", e.To)
	}
}

// encode makes sure that the two ends share nothing.
func encode(e runtime.Envelope) (packet, error) {
	if e.Message == nil {
		return packet{envelope: e, body: append([]byte{}, e.Body...)}, nil
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(e.Message)
	return packet{envelope: e, body: append([]byte{}, body...)}, err
}

// The host is its node's wire.

// Addr implements [runtime.Wire].
func (h *host) Addr() string { return h.addr }

// Start implements [runtime.Wire].
func (h *host) Start(r runtime.Receiver) error {
	h.receiver = r
	return nil
}

// Send implements [runtime.Wire].
func (h *host) Send(e runtime.Envelope) {
	if !h.dead {
		h.world.net.send(h, e)
	}
}

// Link implements [runtime.Wire].
func (h *host) Link(addr string) runtime.Connection {
	if h.dead {
		return 0
	}
	return h.world.net.conn(h, addr).number
}

// Relink implements [runtime.Wire].
func (h *host) Relink(addr string) runtime.Connection {
	if h.dead {
		return 0
	}
	delete(h.world.net.conns, route{h.addr, addr})
	return h.world.net.conn(h, addr).number
}

// Close implements [runtime.Wire].
func (h *host) Close(context.Context) error {
	h.world.end(h)
	return nil
}
