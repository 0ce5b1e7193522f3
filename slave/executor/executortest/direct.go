package executortest

import (
	"bytes"
	"cmp"
	"io"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/executorpb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/executorv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
	"meseta/slave/executor"
)

// Direct is an [executor.HTTP] that passes requests directly to the agent's node, in virtual time.
type Direct struct {
	Node func() *runtime.Node // returns the agent's current node
	ID   string               // of the agent's actor
	Cut  bool                 // the agent cannot be reached
	Away func() bool          // reports whether there is no agent; nil means never
	Slow time.Duration        // delay of answers of the agent API

	Clock runtime.Clock // of the executor; nil means that of the agent
	Look  time.Duration // time between two checks for events; 0 means five milliseconds

	Said  func()                  // called before each request, answer and event; nil means not
	Heard func(*executorpb.Event) // called with each event that has reached the executor; nil means not

	Heartbeats int // number of HEARTBEAT calls so far

	open []*directEvents
}

// Break breaks the open streams.
func (d *Direct) Break() {
	for _, e := range d.open {
		e.Close()
	}
	d.open = nil
}

func (d *Direct) away() bool { return d.Cut || d.Away != nil && d.Away() }

func (d *Direct) clock() runtime.Clock {
	if d.Clock != nil {
		return d.Clock
	}
	return d.Node().Clock()
}

func (d *Direct) say() {
	if d.Said != nil {
		d.Said()
	}
}

func (d *Direct) post(path string, call proto.Message, status int) runtime.Future[*web.Response] {
	if d.say(); d.away() {
		return runtime.Failed[*web.Response](io.ErrClosedPipe)
	}
	media, node := mediatype.Protobuf.String(), d.Node()
	answered := d.answer(node, web.Serve(node, &web.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/" + d.ID + path},
		Header: http.Header{"Content-Type": {media}, "Accept": {media}},
		Body:   bytes.NewReader(mediatype.Protobuf.Marshal(call)), Client: "10.0.0.3:1",
	}))
	return runtime.Then(answered, func(r *web.Response) (*web.Response, error) {
		if r.Status != status {
			return nil, &executor.StatusError{Status: r.Status, Text: string(r.Body)}
		}
		return r, nil
	})
}

// gone reports whether the agent on a node has ended, even if there is another one by now.
func (d *Direct) gone(node *runtime.Node) bool {
	return d.Away != nil && (d.Away() || d.Node() != node)
}

// answer returns the answer of the agent on a node, which fails if the agent ends before.
func (d *Direct) answer(node *runtime.Node, answered runtime.Future[*web.Response]) runtime.Future[*web.Response] {
	if d.Away == nil {
		return answered
	}
	p := runtime.NewPromise[*web.Response]()
	answered.OnAny(func(r *web.Response, err error) {
		d.say()
		switch {
		case err != nil:
			p.Fail(err)
		case d.gone(node):
			p.Fail(io.ErrClosedPipe)
		default:
			p.Set(r)
		}
	})
	p.OnDiscard(answered.Discard)
	d.look(node, p)
	return p.Future()
}

func (d *Direct) look(node *runtime.Node, p runtime.Promise[*web.Response]) {
	if _, over, _ := p.Future().Peek(); over {
		return
	}
	if d.gone(node) {
		p.Fail(io.ErrClosedPipe)
		return
	}
	d.clock().AfterFunc(d.interval(), func() { d.look(node, p) })
}

func (d *Direct) interval() time.Duration { return cmp.Or(d.Look, 5*time.Millisecond) }

// Subscribe implements [executor.HTTP].
func (d *Direct) Subscribe(b runtime.Behavior, call *executorpb.Call) runtime.Future[executor.Events] {
	node := d.Node()
	answered := d.post("/api/v1/executor", evolve.Evolve[executorv1pb.Call](call), http.StatusOK)
	return runtime.Then(answered, func(r *web.Response) (executor.Events, error) {
		e := &directEvents{direct: d, node: node, stream: r.Stream}
		d.open = append(d.open, e)
		return e, nil
	})
}

// Call implements [executor.HTTP].
func (d *Direct) Call(_ runtime.Behavior, call *executorpb.Call) runtime.Future[struct{}] {
	if call.GetType() == executorpb.Call_HEARTBEAT {
		d.Heartbeats++
	}
	answered := d.post("/api/v1/executor", evolve.Evolve[executorv1pb.Call](call), http.StatusAccepted)
	return runtime.Then(answered, func(*web.Response) (struct{}, error) { return struct{}{}, nil })
}

// Operate implements [executor.HTTP].
func (d *Direct) Operate(_ runtime.Behavior, call *agentpb.Call) runtime.Future[*agentpb.Response] {
	answered := d.post("/api/v1", evolve.Evolve[agentv1pb.Call](call), http.StatusOK)
	late := runtime.NewPromise[*agentpb.Response]()
	answered.OnAny(func(r *web.Response, err error) {
		d.clock().AfterFunc(d.Slow, func() {
			if err != nil {
				late.Fail(err)
				return
			}
			x, err := executor.ReadResponse(r.Body)
			if err != nil {
				late.Fail(err)
				return
			}
			late.Set(x)
		})
	})
	late.OnDiscard(answered.Discard)
	return late.Future()
}

// Session implements [executor.HTTP]. It does not wait for the container's output.
func (d *Direct) Session(_ runtime.Behavior, call *agentpb.Call) runtime.Future[struct{}] {
	answered := d.post("/api/v1", evolve.Evolve[agentv1pb.Call](call), http.StatusOK)
	return runtime.Then(answered, func(*web.Response) (struct{}, error) { return struct{}{}, nil })
}

// directEvents checks every few milliseconds for what is written to a stream.
type directEvents struct {
	direct  *Direct
	node    *runtime.Node // of the agent
	stream  *web.Stream
	decoder recordio.Decoder
	ready   []*executorpb.Event
	err     error
}

// Next implements [executor.Events].
func (e *directEvents) Next(runtime.Behavior) runtime.Future[*executorpb.Event] {
	p := runtime.NewPromise[*executorpb.Event]()
	e.look(p)
	return p.Future()
}

func (e *directEvents) look(p runtime.Promise[*executorpb.Event]) {
	if len(e.ready) == 0 && e.err == nil {
		e.take()
	}
	if e.err == nil && e.direct.gone(e.node) {
		e.err = io.EOF
	}
	switch {
	case len(e.ready) > 0:
		next := e.ready[0]
		e.ready = e.ready[1:]
		p.Set(next)
	case e.err != nil:
		p.Fail(e.err)
	default:
		e.direct.clock().AfterFunc(e.direct.interval(), func() { e.look(p) })
	}
}

func (e *directEvents) take() {
	chunks, done := webtest.Take(e.stream)
	for _, chunk := range chunks {
		err := e.decoder.Write(chunk, func(record []byte) {
			event, err := executor.ReadEvent(record)
			if err != nil {
				e.err = err
				return
			}
			if e.direct.say(); e.direct.gone(e.node) {
				return
			}
			if e.direct.Heard != nil {
				e.direct.Heard(event)
			}
			e.ready = append(e.ready, event)
		})
		if err != nil {
			e.err = err
		}
	}
	if done && e.err == nil {
		e.err = io.EOF
	}
}

// Close implements [executor.Events].
func (e *directEvents) Close() {
	webtest.HangUp(e.stream)
	if e.err == nil {
		e.err = io.EOF
	}
}
