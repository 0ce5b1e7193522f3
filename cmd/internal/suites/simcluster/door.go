package simcluster

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// look is the time between two looks at what was written to a stream.
const look = 100 * time.Millisecond

// doorPID is how schedulers that speak HTTP reach the master.
var doorPID = runtime.PID{ID: "http", Addr: masterAddr}

// door is the master's HTTP server. The world knows messages only: a call travels as one to the master's node, where it
// becomes a request, and the events of a stream travel back. So delays, partitions and crashes are those of all others.
type door struct {
	runtime.Actor
	streams map[runtime.PID]*doorStream
}

// doorStream is the connection that a scheduler has subscribed on.
type doorStream struct {
	client  runtime.PID
	id      string
	stream  *web.Stream
	decoder recordio.Decoder
}

// Initialize implements [runtime.Initializer].
func (d *door) Initialize() {
	d.streams = map[runtime.PID]*doorStream{}
	runtime.Install(d, d.call)
}

// Exited implements [runtime.Exiter]: a client has gone.
func (d *door) Exited(client runtime.PID) { d.hangUp(client) }

func (d *door) hangUp(client runtime.PID) {
	if s := d.streams[client]; s != nil {
		delete(d.streams, client)
		webtest.HangUp(s.stream)
	}
}

// Finalize hangs up on all.
func (d *door) Finalize() {
	for _, s := range d.streams {
		webtest.HangUp(s.stream)
	}
}

func (d *door) call(from runtime.PID, call *schedulerpb.Call) {
	media, subscribes := mediatype.Protobuf, call.GetType() == schedulerpb.Call_SUBSCRIBE
	header := http.Header{"Content-Type": {media.String()}, "Accept": {media.String()}}
	if subscribes {
		d.hangUp(from)
		d.Link(from)
	} else if s := d.streams[from]; s != nil {
		header.Set("Mesos-Stream-Id", s.id)
	}
	answered := web.Serve(d.Node(), &web.Request{
		Method: http.MethodPost, URL: &url.URL{Path: "/master/api/v1/scheduler"}, Header: header, Client: from.Addr,
		Body: bytes.NewReader(media.Marshal(evolve.Evolve[schedulerv1pb.Call](call))),
	})
	runtime.Await(d, answered, func(r *web.Response, err error) {
		switch {
		case err != nil:
			d.refuse(from, err.Error())
		case subscribes && r.Status == http.StatusOK:
			d.subscribed(from, r)
		case r.Status >= http.StatusMultipleChoices:
			d.refuse(from, fmt.Sprintf("%d %s", r.Status, r.Bytes()))
		}
	})
}

// refuse tells a client that it is not heard: it has to subscribe again.
func (d *door) refuse(client runtime.PID, why string) {
	d.hangUp(client)
	d.Send(client, &internalpb.FrameworkErrorMessage{Message: &why})
}

func (d *door) subscribed(client runtime.PID, r *web.Response) {
	d.hangUp(client)
	s := &doorStream{client: client, id: r.Header.Get("Mesos-Stream-Id"), stream: r.Stream}
	d.streams[client] = s
	webtest.Attach(s.stream, func() {})
	d.read(s)
}

// read passes on what was written to s, again and again.
func (d *door) read(s *doorStream) {
	if d.streams[s.client] != s {
		return
	}
	chunks, done := webtest.Take(s.stream)
	for _, chunk := range chunks {
		if err := s.decoder.Write(chunk, func(record []byte) { d.pass(s, record) }); err != nil {
			panic(err) // the master writes records
		}
	}
	if done {
		d.refuse(s.client, "the stream has ended")
		return
	}
	d.Delay(look, func() { d.read(s) })
}

func (d *door) pass(s *doorStream, record []byte) {
	event := &schedulerv1pb.Event{}
	if err := proto.Unmarshal(record, event); err != nil {
		panic(err) // the master writes events
	}
	if event.GetType() != schedulerv1pb.Event_HEARTBEAT {
		d.Send(s.client, evolve.Devolve[schedulerpb.Event](event))
	}
}
