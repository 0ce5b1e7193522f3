package trace_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/trace"
	"meseta/runtime/web"
)

const (
	here  = "10.0.0.1:1"
	there = "10.0.0.2:1"
)

// client asks the server after a second, works on the answer, and hangs up.
type client struct {
	runtime.Actor
	server runtime.PID
}

func (c *client) Initialize() {
	runtime.Install(c, c.answered)
	c.Link(c.server)
	c.Delay(time.Second, c.ask)
}

func (c *client) ask() { c.Send(c.server, &emptypb.Empty{}) }

func (c *client) answered(_ runtime.PID, m *wrapperspb.BoolValue) {
	runtime.Await(c, runtime.Go(c, work), c.worked)
}

func work(context.Context) (string, error) { return "done", nil }

func (c *client) worked(s string, _ error) { c.Send(c.server, wrapperspb.String(s)) }

func (c *client) Exited(runtime.PID) { c.Terminate() }

// server lets a judge decide what it answers.
type server struct {
	runtime.Actor
	judge runtime.Ref[*judge]
}

func (s *server) Initialize() {
	runtime.Install(s, s.asked)
	runtime.Install(s, s.bye)
}

func (s *server) asked(from runtime.PID, _ *emptypb.Empty) {
	fair := runtime.Then(runtime.Call(s.judge, (*judge).rule, from.ID), func(ok bool) (bool, error) { return !ok, nil })
	runtime.Await(s, runtime.Within(s, fair, time.Minute, runtime.ErrTimeout), s.ruled)
}

func (s *server) ruled(ok bool, _ error) { s.Reply(wrapperspb.Bool(ok)) }

func (s *server) bye(runtime.PID, *wrapperspb.StringValue) {
	s.Send(runtime.PID{ID: "nobody", Addr: there}, &emptypb.Empty{})
	s.Terminate()
}

type judge struct{ runtime.Actor }

func (j *judge) rule(who string) bool { return who != "client" }

// conversed runs a client and a server on two nodes that remember everything.
func conversed(t *testing.T, seed uint64) (w *sim.World, a, b *runtime.Node) {
	t.Helper()
	w = sim.New(seed)
	remember := func(o *runtime.Options) { o.TraceRing = 1000 }
	a, b = w.NodeWith(here, remember), w.NodeWith(there, remember)
	j, err := runtime.Spawn(b, "judge", &judge{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := runtime.Spawn(b, "server", &server{judge: j})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Spawn(a, "client", &client{server: s.PID()}); err != nil {
		t.Fatal(err)
	}
	w.Advance(time.Minute)
	w.Crash(there)
	w.Advance(time.Second)
	return w, a, b
}

const wantTree = `spawn at judge
  deliver start at judge
spawn at server
  deliver start at server
spawn at client
  deliver start at client
    link client -> server
    delay trace_test.(*client).ask-fm (1s) at client
      deliver timer trace_test.(*client).ask-fm at client
        send Empty client -> server
          deliver message Empty client -> server
            deliver call trace_test.(*judge).rule at judge
              deliver answer trace_test.(*server).ruled-fm client -> server
                send BoolValue server -> client
                  deliver message BoolValue server -> client
                    work trace_test.work at client
                      deliver answer trace_test.(*client).worked-fm server -> client
                        send StringValue client -> server
                          deliver message StringValue client -> server
                            send Empty server -> nobody
                              drop message Empty (no such actor) server -> nobody
                            deliver terminate at server
break 10.0.0.2:1
  deliver exit server -> client
    deliver terminate at client
`

func TestCausesFormATreeAcrossNodes(t *testing.T) {
	t.Parallel()
	_, a, b := conversed(t, 1)
	got := trace.Tree(append(b.Trace().Events(), a.Trace().Events()...))
	if got != wantTree {
		t.Errorf("got\n%s\nwant\n%s", got, wantTree)
	}
}

func TestTraceFollowsFromTheSeed(t *testing.T) {
	t.Parallel()
	run := func(seed uint64) string {
		_, a, b := conversed(t, seed)
		return string(trace.Lines(append(a.Trace().Events(), b.Trace().Events()...)))
	}
	if first, again := run(1), run(1); first != again {
		t.Error("seed 1 differs from itself")
	}
	if run(1) == run(2) {
		t.Error("seeds 1 and 2 agree")
	}
}

func TestEventIDsAreUnique(t *testing.T) {
	t.Parallel()
	_, a, b := conversed(t, 1)
	seen := map[runtime.EventID]bool{}
	for _, e := range append(a.Trace().Events(), b.Trace().Events()...) {
		if e.ID.IsZero() || seen[e.ID] {
			t.Errorf("event id %s twice", e.ID)
		}
		if id, err := runtime.ParseEventID(e.ID.String()); id != e.ID || err != nil {
			t.Errorf("%s is read as %s, %v", e.ID, id, err)
		}
		seen[e.ID] = true
	}
}

// get asks the node's trace actor for events.
func get(t *testing.T, w *sim.World, n *runtime.Node, method, query string) *web.Response {
	t.Helper()
	return ask(t, w, n, method, "/trace?"+query)
}

// ask asks the node's trace actor.
func ask(t *testing.T, w *sim.World, n *runtime.Node, method, path string) *web.Response {
	t.Helper()
	u, err := url.Parse(path)
	if err != nil {
		t.Fatal(err)
	}
	res, err := sim.Await(w, web.Serve(n, &web.Request{
		Method: method, URL: u, Header: http.Header{}, Body: strings.NewReader(""),
	}), time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func TestQueries(t *testing.T) {
	t.Parallel()
	w, a, _ := conversed(t, 1)
	if err := trace.Spawn(a, trace.Options{}); err != nil {
		t.Fatal(err)
	}
	var ask runtime.EventID
	for _, e := range a.Trace().Events() {
		if e.Kind == runtime.EventSend && e.Name == "google.protobuf.Empty" {
			ask = e.ID
		}
	}
	for query, want := range map[string]int{
		"actor=client&message=BoolValue":           2, // enqueue, deliver
		"actor=cli*&message=google.protobuf.Bool*": 2,
		"message=*worked*":                         2,
		"actor=nobody":                             0,
		"message=Empty&cause=" + ask.String():      1,
		"effect=" + ask.String():                   6, // it, two of a timer, its booking, the start and the spawn
		"actor=client&message=Empty&effect=" + ask.String() + "," + ask.String(): 1,
		"message=Empty&since=2s":                   0,
		"message=Empty&since=10m":                  1,
		"message=Empty&since=2024-01-01T00:00:00Z": 1,
		"message=Empty&since=2024-01-01T00:00:02Z": 0,
	} {
		res := get(t, w, a, http.MethodGet, query)
		lines := strings.Count(string(res.Bytes()), "\n")
		if res.Status != http.StatusOK || lines != want {
			t.Errorf("%s: status %d, %d lines, want %d\n%s", query, res.Status, lines, want, res.Bytes())
		}
	}
}

func TestLinesAreJSON(t *testing.T) {
	t.Parallel()
	_, a, _ := conversed(t, 1)
	for line := range strings.Lines(string(trace.Lines(a.Trace().Events()))) {
		var r trace.Record
		if err := json.Unmarshal([]byte(line), &r); err != nil || r.ID == "" || r.Event == "" {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func TestBadQueries(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	n := w.Node(here)
	if err := trace.Spawn(n, trace.Options{}); err != nil {
		t.Fatal(err)
	}
	for _, query := range []string{"actor=[", "since=yesterday", "cause=xyz", "effect=xyz", "follow=true&effect=" + strings.Repeat("0", 31) + "1"} {
		if res := get(t, w, n, http.MethodGet, query); res.Status != http.StatusBadRequest {
			t.Errorf("%s: status %d", query, res.Status)
		}
	}
	for query, want := range map[string]int{"": 400, "events=-1": 400, "events=x": 400, "events=1048577": 400, "events=10": 200} {
		if res := ask(t, w, n, http.MethodPost, "/trace/record?"+query); res.Status != want {
			t.Errorf("%s: status %d, want %d", query, res.Status, want)
		}
	}
	for path, method := range map[string]string{"/trace": "POST", "/trace/actors": "POST", "/trace/record?events=10": "GET", "/trace/save": "GET"} {
		if res := ask(t, w, n, method, path); res.Status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s: status %d", method, path, res.Status)
		}
	}
	if len(n.Trace().Events()) == 0 {
		t.Error("nothing is remembered although it was asked for")
	}
}
