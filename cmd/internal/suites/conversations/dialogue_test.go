package conversations

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/schedulerv1pb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
	"meseta/slave/slavetest/recording"
)

// dialogue is a recorded conversation of several nodes, one of which is ours. The others say what they have said, when they
// have said it, but never before ours has said to them what they answer. Ours has to say what the recorded node has said, to
// everybody in the same order.
type dialogue struct {
	t        *testing.T
	world    *sim.World
	ours     string // address of our node
	node     *runtime.Node
	recorded []recording.Message
	nodes    map[string]*runtime.Node // of the others, by address
	voices   map[string]runtime.Ref[*voice]
	streams  map[string]*web.Stream // by port
	ids      map[string]string      // of our streams, by the recorded ones and by port
	expected map[string][]string    // by the receiver
	said     map[string][]string
	proofs   proofs
	began    time.Time
	late     time.Duration
	stopped  time.Duration // until when our node is stopped: what others say to it arrives then
}

// proofs knows the challenges by which peers were authenticated: as recorded, and in this world.
type proofs struct{ recorded, ours map[string]string } // by the receiver

// newDialogue reads a recorded conversation of golden/auth in which a node is at address.
func newDialogue(t *testing.T, name, address string, world *sim.World) *dialogue {
	t.Helper()
	all, err := recording.ReadConversation(authFile(t, name+"-wire-timeline.txt"))
	if err != nil {
		t.Fatal(err)
	}
	d := &dialogue{
		t: t, world: world, ours: address, recorded: all, nodes: map[string]*runtime.Node{},
		voices: map[string]runtime.Ref[*voice]{}, streams: map[string]*web.Stream{}, ids: map[string]string{},
		expected: map[string][]string{}, said: map[string][]string{}, proofs: proofs{map[string]string{}, map[string]string{}},
	}
	if address != masterAddress {
		d.voice(theirMaster)
	}
	world.Intercept(d.hear)
	return d
}

// authFile finds a recording; the test is skipped where there are none.
func authFile(t *testing.T, name string) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = "../../../../../shared"
	}
	file := filepath.Join(dir, "golden/auth", name)
	if _, err := os.Stat(file); err != nil {
		t.Skip("the recordings are not here: ", err)
	}
	return file
}

// voice returns the actor that speaks for a PID.
func (d *dialogue) voice(text string) runtime.Ref[*voice] {
	d.t.Helper()
	if v, ok := d.voices[text]; ok {
		return v
	}
	pid, err := runtime.ParsePID(text)
	if err != nil {
		d.t.Fatal(err)
	}
	if d.nodes[pid.Addr] == nil {
		d.nodes[pid.Addr] = d.world.Node(pid.Addr)
	}
	v, err := runtime.Spawn(d.nodes[pid.Addr], pid.ID, &voice{})
	if err != nil {
		d.t.Fatal(err)
	}
	d.voices[text] = v
	return v
}

// hear notes what our node sends.
func (d *dialogue) hear(e runtime.Envelope) sim.Verdict {
	if e.From.Addr == d.ours && e.To.Addr != d.ours {
		if step, ok := e.Message.(*internalpb.AuthenticationStepMessage); ok {
			d.proofs.ours[anonymous(e.To.String())] = string(step.GetData())
		}
		d.say(e.To.String(), e.From.String(), e.Message)
	}
	return sim.Pass
}

func (d *dialogue) say(to, from string, m proto.Message) {
	if text := d.plain(from, m); text != "" {
		d.said[anonymous(to)] = append(d.said[anonymous(to)], text)
	}
}

// leaving is when a node leaves: its connections close.
type leaving struct {
	at   float64 // seconds of the recording
	addr string
}

// play plays the conversation until a time of the recording.
func (d *dialogue) play(until float64, gone ...leaving) {
	d.t.Helper()
	d.began = d.world.Now().Add(-d.first())
	for _, m := range d.recorded {
		if m.At >= seconds(until) {
			break
		}
		for len(gone) > 0 && seconds(gone[0].at) <= m.At {
			d.pass(seconds(gone[0].at))
			d.world.Kill(gone[0].addr)
			gone = gone[1:]
		}
		d.line(m)
	}
	d.pass(seconds(until))
	for _, addr := range sorted(d.nodes) {
		d.answer(addr)
	}
	d.same()
}

// first is when our node, or somebody to it, says something first.
func (d *dialogue) first() time.Duration {
	for _, m := range d.recorded {
		if sender, err := runtime.ParsePID(m.Sender()); err == nil && sender.Addr == d.ours || "127.0.0.1:"+m.To == d.ours {
			return m.At
		}
	}
	d.t.Fatalf("nothing was recorded of %s", d.ours)
	return 0
}

// line says what another has said, or expects what the recorded node has said.
func (d *dialogue) line(m recording.Message) {
	d.t.Helper()
	port := d.ours[strings.LastIndexByte(d.ours, ':')+1:]
	actor, _, _ := strings.Cut(strings.TrimPrefix(m.Path(), "/"), "/")
	switch sender, err := runtime.ParsePID(m.Sender()); {
	case err == nil && sender.Addr == d.ours:
		d.expect(actor+"@127.0.0.1:"+m.To, m.Sender(), m.Body)
	case err == nil && m.To == port:
		d.answer(sender.Addr)
		d.pass(max(m.At, d.stopped))
		d.deliver(m, runtime.PID{ID: actor, Addr: d.ours})
	case m.From == port && strings.HasPrefix(m.Line, "event "):
		d.expect("stream "+m.To, "", d.event([]byte(m.Text)))
	case m.From == port && m.Header["Mesos-Stream-Id"] != "":
		d.ids[m.Header["Mesos-Stream-Id"]] = d.ids[m.To]
	case m.To == port && strings.HasSuffix(m.Path(), "/api/v1/scheduler"):
		d.pass(m.At)
		d.call(m)
	}
}

func (d *dialogue) expect(to, from string, m proto.Message) {
	if step, ok := m.(*internalpb.AuthenticationStepMessage); ok {
		d.proofs.recorded[anonymous(to)] = string(step.GetData())
	}
	if text := d.plain(from, m); text != "" {
		d.expected[anonymous(to)] = append(d.expected[anonymous(to)], text)
	}
}

// answer waits until our node has said to the node of somebody what the recorded one had said.
func (d *dialogue) answer(addr string) {
	began := d.world.Now()
	if d.world.RunUntil(func() bool { return count(d.said, addr) >= count(d.expected, addr) }, 5*time.Second) {
		d.late += d.world.Now().Sub(began)
	}
}

// count returns how much was said to the actors at an address.
func count(said map[string][]string, addr string) (n int) {
	for to, all := range said {
		if strings.HasSuffix(to, "@"+addr) {
			n += len(all)
		}
	}
	return n
}

// pass lets the time of the recording pass.
func (d *dialogue) pass(at time.Duration) {
	const tick = 5 * time.Millisecond
	for {
		d.poll()
		left := at + d.late - d.world.Now().Sub(d.began)
		if left <= 0 {
			return
		}
		d.world.Advance(min(left, tick))
	}
}

// deliver says what another has said. A proof answers the challenge of this world.
func (d *dialogue) deliver(m recording.Message, to runtime.PID) {
	d.t.Helper()
	body := proto.Clone(m.Body)
	if step, ok := body.(*internalpb.AuthenticationStepMessage); ok {
		step.Data = d.proof(m.Sender(), step.GetData())
	}
	to = d.translated(to)
	runtime.Tell(d.voice(m.Sender()), func(v *voice) { v.Send(to, body) })
	d.world.Settle()
}

// translated returns where an actor of our node is: drivers have random names.
func (d *dialogue) translated(to runtime.PID) runtime.PID {
	for _, pid := range d.node.PIDs() {
		if anonymous(pid.ID) == anonymous(to.ID) {
			return pid
		}
	}
	return to
}

// call makes a call of a scheduler.
func (d *dialogue) call(m recording.Message) {
	d.t.Helper()
	u, err := url.Parse(m.Path())
	if err != nil {
		d.t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
	if id := m.Header["Mesos-Stream-Id"]; id != "" {
		header.Set("Mesos-Stream-Id", d.ids[id])
	}
	answer := web.Serve(d.node, &web.Request{
		Method: http.MethodPost, URL: u, Header: header, Body: strings.NewReader(m.Text), Client: "127.0.0.1:" + m.From,
	})
	d.world.Settle()
	r, done, err := answer.Peek()
	if !done || err != nil {
		d.t.Fatalf("%s: %v", m.Line, err)
	}
	if r.Stream != nil {
		webtest.Attach(r.Stream, func() {})
		d.streams[m.From], d.ids[m.From] = r.Stream, r.Header.Get("Mesos-Stream-Id")
	}
}

// poll reads the streams.
func (d *dialogue) poll() {
	for _, port := range sorted(d.streams) {
		chunks, _ := webtest.Take(d.streams[port])
		var decoder recordio.Decoder
		err := decoder.Write(bytes.Join(chunks, nil), func(record []byte) { d.say("stream "+port, "", d.event(record)) })
		if err != nil {
			d.t.Error(err)
		}
	}
}

func (d *dialogue) event(text []byte) proto.Message {
	e := &schedulerv1pb.Event{}
	if err := mesosjson.Unmarshal(text, e); err != nil {
		d.t.Errorf("%v in %.300s", err, text)
	}
	return e
}

// same demands that our node has said what the recorded one has said.
func (d *dialogue) same() {
	d.t.Helper()
	all := map[string]bool{}
	for to := range d.expected {
		all[to] = true
	}
	for to := range d.said {
		all[to] = true
	}
	for _, to := range sorted(all) {
		if diff := cmp.Diff(d.expected[to], d.said[to]); diff != "" {
			d.t.Errorf("to %s (-recorded +ours):\n%s", to, diff)
		}
	}
}

// uuids is what is random in names.
var uuids = regexp.MustCompile(`scheduler-[0-9a-f]{8}-[0-9a-f-]{27}`)

// anonymous returns a name without what is random in it.
func anonymous(text string) string { return uuids.ReplaceAllString(text, "scheduler") }

// plain returns the text of a message, without what depends on the clock or on chance; "" if it is not to be compared.
func (d *dialogue) plain(from string, m proto.Message) string {
	m = proto.Clone(m)
	switch m := m.(type) {
	case *internalpb.PingSlaveMessage, *internalpb.PongSlaveMessage:
		return ""
	case *internalpb.AuthenticationStepMessage:
		m.Data = challenge.ReplaceAll(m.Data, []byte("<a challenge>"))
	case *internalpb.RegisterSlaveMessage:
		m.ResourceVersionUuid = nil
	case *internalpb.UpdateSlaveMessage:
		m.ResourceVersionUuid = nil
	case *internalpb.ResourceOffersMessage:
		for _, o := range m.GetOffers() {
			slices.SortFunc(o.Resources, func(x, y *mesospb.Resource) int { return strings.Compare(x.GetName(), y.GetName()) })
		}
	case *internalpb.StatusUpdateMessage:
		if m.GetUpdate().GetStatus().GetSource() == mesospb.TaskStatus_SOURCE_MASTER {
			m.Update.Timestamp, m.Update.Status.Timestamp = proto.Float64(0), nil
		}
	case *internalpb.FrameworkErrorMessage:
		if m.GetMessage() == "Framework disconnected" { // to a driver whose connection broke; only what arrived was recorded
			return ""
		}
	case *schedulerv1pb.Event:
		if m.GetType() == schedulerv1pb.Event_HEARTBEAT {
			return ""
		}
		plainEvent(m)
	}
	text, err := prototext.MarshalOptions{Multiline: true}.Marshal(m)
	if err != nil {
		d.t.Error(err)
	}
	return anonymous(from + " " + string(m.ProtoReflect().Descriptor().FullName()) + "\n" + spaces.ReplaceAllString(string(text), ": "))
}

func plainEvent(m *schedulerv1pb.Event) {
	for _, o := range m.GetOffers().GetOffers() {
		slices.SortFunc(o.Resources, func(x, y *mesosv1pb.Resource) int { return strings.Compare(x.GetName(), y.GetName()) })
	}
	if info := m.GetSubscribed().GetMasterInfo(); info != nil { // see inOldWords of package master/api
		info.Capabilities = slices.DeleteFunc(info.Capabilities, func(c *mesosv1pb.MasterInfo_Capability) bool {
			return c.GetType() == mesosv1pb.MasterInfo_Capability_QUOTA_V2
		})
	}
	if s := m.GetUpdate().GetStatus(); s != nil && s.GetSource() == mesosv1pb.TaskStatus_SOURCE_MASTER {
		s.Timestamp = nil
	}
}

var challenge = regexp.MustCompile(`^<[0-9]+\.[0-9]+@[^<>]+>$`)
