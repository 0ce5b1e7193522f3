package mastertest

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/evolve"
	"meseta/messages/mediatype"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/runtime"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// Client is a scheduler that uses HTTP. Tests write its calls and read its events as messages of v0; on the wire they
// have the names of v1.
type Client struct {
	Name     string
	Heard    []*schedulerpb.Event // all events but heartbeats
	Beats    int                  // number of heartbeats
	StreamID string
	Closed   bool // the stream has ended
	Deaf     bool // it does not read

	cluster *Cluster
	media   mediatype.Type
	stream  *web.Stream
	id      *mesospb.FrameworkID
}

// Client starts a scheduler that uses HTTP. It sends nothing yet.
func (c *Cluster) Client(name string, media mediatype.Type) *Client {
	client := &Client{Name: name, cluster: c, media: media}
	c.clients = append(c.clients, client)
	return client
}

// Post sends a POST request to the master's node.
func (c *Cluster) Post(path string, header http.Header, body []byte) *web.Response {
	c.Helper()
	return c.Request(http.MethodPost, path, header, body)
}

// Request sends a request to the master's node.
func (c *Cluster) Request(method, path string, header http.Header, body []byte) *web.Response {
	c.Helper()
	answer := c.serve(method, path, header, body)
	c.World.Settle()
	response, done, err := answer.Peek()
	if err != nil || !done {
		c.Fatalf("%s %s: %v, done %t", method, path, err, done)
	}
	response.Body = response.Bytes()
	return response
}

// Begin is like Request but does not wait. The master gets the request when the world advances, and must have answered
// it when the test ends.
func (c *Cluster) Begin(method, path string, header http.Header, body []byte) runtime.Future[*web.Response] {
	c.Helper()
	answer := c.serve(method, path, header, body)
	c.begun = append(c.begun, begun{method + " " + path, answer})
	return answer
}

func (c *Cluster) serve(method, path string, header http.Header, body []byte) runtime.Future[*web.Response] {
	c.Helper()
	u, err := url.Parse(path)
	if err != nil {
		c.Fatal(err)
	}
	return web.Serve(c.node, &web.Request{Method: method, URL: u, Header: header, Body: bytes.NewReader(body)})
}

// Post sends a call and returns the answer.
func (p *Client) Post(call *schedulerpb.Call) *web.Response {
	p.cluster.Helper()
	if call.FrameworkId == nil && call.GetType() != schedulerpb.Call_SUBSCRIBE {
		call.FrameworkId = p.id
	}
	header := http.Header{"Content-Type": {p.media.String()}, "Accept": {p.media.String()}}
	if p.StreamID != "" && call.GetType() != schedulerpb.Call_SUBSCRIBE {
		header.Set("Mesos-Stream-Id", p.StreamID)
	}
	return p.cluster.Post("/api/v1/scheduler", header, p.media.Marshal(evolve.Evolve[schedulerv1pb.Call](call)))
}

// Call sends a call, which must be accepted, and waits for its effects.
func (p *Client) Call(call *schedulerpb.Call) {
	p.cluster.Helper()
	if r := p.Post(call); r.Status != http.StatusAccepted || len(r.Body) > 0 {
		p.cluster.Errorf("%s says %s and is answered %d %s", p.Name, call.GetType(), r.Status, r.Body)
	}
	p.cluster.Advance(breath)
}

// Subscribe subscribes as the framework info. It abandons a stream that is open.
func (p *Client) Subscribe(info *mesospb.FrameworkInfo, suppressed ...string) {
	p.cluster.Helper()
	p.SubscribeAs(&schedulerpb.Call_Subscribe{FrameworkInfo: info, SuppressedRoles: suppressed})
}

// SubscribeAs is like Subscribe, with a complete call.
func (p *Client) SubscribeAs(call *schedulerpb.Call_Subscribe) {
	p.cluster.Helper()
	r := p.Post(&schedulerpb.Call{
		FrameworkId: call.GetFrameworkInfo().GetId(), Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: call,
	})
	if r.Status != http.StatusOK || r.Stream == nil || r.Header.Get("Content-Type") != p.media.String() {
		p.cluster.Fatalf("%s subscribes and is answered %d %v %s", p.Name, r.Status, r.Header, r.Body)
	}
	p.stream, p.StreamID, p.Closed = r.Stream, r.Header.Get("Mesos-Stream-Id"), false
	webtest.Attach(p.stream, func() {})
	p.cluster.Advance(breath)
}

// HangUp breaks the connection of the stream, which the master notices.
func (p *Client) HangUp() {
	p.cluster.note(p.Name + " hangs up")
	webtest.HangUp(p.stream)
	p.cluster.Advance(breath)
}

// read reads the stream, in which each record must be one chunk.
func (p *Client) read() {
	p.cluster.Helper()
	if p.stream == nil || p.Closed || p.Deaf {
		return
	}
	chunks, done := webtest.Take(p.stream)
	for _, chunk := range chunks {
		p.hear(p.decode(chunk))
	}
	if done {
		p.Closed = true
		webtest.HangUp(p.stream)
		p.cluster.line(p.Name + "'s stream ends")
	}
}

func (p *Client) decode(chunk []byte) *schedulerpb.Event {
	length, record, ok := bytes.Cut(chunk, []byte("\n"))
	if n, err := strconv.Atoi(string(length)); !ok || err != nil || n != len(record) {
		p.cluster.Fatalf("a chunk is not a record: %.100q", chunk)
	}
	v1 := &schedulerv1pb.Event{}
	if err := mediatype.Read(http.Header{"Content-Type": {p.media.String()}}, record, v1); err != nil {
		p.cluster.Fatalf("%v: %.100q", err, record)
	}
	return evolve.Devolve[schedulerpb.Event](v1)
}

func (p *Client) hear(e *schedulerpb.Event) {
	if e.GetType() == schedulerpb.Event_HEARTBEAT {
		if p.Beats++; !p.cluster.config.Pings {
			return
		}
	} else {
		p.Heard = append(p.Heard, e)
	}
	if e.GetType() == schedulerpb.Event_SUBSCRIBED {
		p.id = e.GetSubscribed().GetFrameworkId()
	}
	p.cluster.line(strings.TrimSpace(fmt.Sprintf("master → %s  %s %s", p.Name, e.GetType(), describeEvent(e))))
}

func describeEvent(e *schedulerpb.Event) string {
	switch e.GetType() {
	case schedulerpb.Event_SUBSCRIBED:
		return fmt.Sprintf("%s every %vs", e.GetSubscribed().GetFrameworkId().GetValue(), e.GetSubscribed().GetHeartbeatIntervalSeconds())
	case schedulerpb.Event_OFFERS:
		return describeOffers(e.GetOffers().GetOffers())
	case schedulerpb.Event_INVERSE_OFFERS:
		return describeRequests(e.GetInverseOffers().GetInverseOffers())
	case schedulerpb.Event_RESCIND_INVERSE_OFFER:
		return e.GetRescindInverseOffer().GetInverseOfferId().GetValue()
	case schedulerpb.Event_RESCIND:
		return e.GetRescind().GetOfferId().GetValue()
	case schedulerpb.Event_UPDATE:
		s := e.GetUpdate().GetStatus()
		return fmt.Sprintf("%s to_acknowledge=%t", describeStatus(s), s.Uuid != nil)
	case schedulerpb.Event_UPDATE_OPERATION_STATUS:
		s := e.GetUpdateOperationStatus().GetStatus()
		return fmt.Sprintf("%s %s %q", s.GetOperationId().GetValue(), s.GetState(), s.GetMessage())
	case schedulerpb.Event_MESSAGE:
		m := e.GetMessage()
		return fmt.Sprintf("%s %s %q", m.GetSlaveId().GetValue(), m.GetExecutorId().GetValue(), m.GetData())
	case schedulerpb.Event_FAILURE:
		return describeFailure(e.GetFailure())
	case schedulerpb.Event_ERROR:
		return fmt.Sprintf("%q", e.GetError().GetMessage())
	}
	return ""
}

func describeFailure(f *schedulerpb.Event_Failure) string {
	if f.ExecutorId == nil {
		return f.GetSlaveId().GetValue()
	}
	return fmt.Sprintf("%s %s status=%d", f.GetSlaveId().GetValue(), f.GetExecutorId().GetValue(), f.GetStatus())
}

// FrameworkID returns the ID that the master gave to the client.
func (p *Client) FrameworkID() *mesospb.FrameworkID { return p.id }

// Last returns the newest event of type t.
func (p *Client) Last(t schedulerpb.Event_Type) *schedulerpb.Event {
	p.cluster.Helper()
	for i := len(p.Heard) - 1; i >= 0; i-- {
		if p.Heard[i].GetType() == t {
			return p.Heard[i]
		}
	}
	p.cluster.Fatalf("%s heard no %s", p.Name, t)
	return nil
}

// Offer returns the newest offer.
func (p *Client) Offer() *mesospb.Offer {
	offers := p.Last(schedulerpb.Event_OFFERS).GetOffers().GetOffers()
	return offers[len(offers)-1]
}

// Accept accepts an offer with operations. The remaining resources are offered again at once.
func (p *Client) Accept(offer *mesospb.Offer, operations ...*mesospb.Offer_Operation) {
	p.cluster.Helper()
	p.Call(&schedulerpb.Call{Type: schedulerpb.Call_ACCEPT.Enum(), Accept: &schedulerpb.Call_Accept{
		OfferIds: []*mesospb.OfferID{offer.Id}, Operations: operations, Filters: &mesospb.Filters{RefuseSeconds: proto.Float64(0)},
	}})
}

// LaunchOperation returns a LAUNCH of tasks.
func LaunchOperation(tasks ...*mesospb.TaskInfo) *mesospb.Offer_Operation {
	return &mesospb.Offer_Operation{
		Type: mesospb.Offer_Operation_LAUNCH.Enum(), Launch: &mesospb.Offer_Operation_Launch{TaskInfos: tasks},
	}
}
