package trace_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/trace"
	"meseta/runtime/trace/conversation"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

// teller tells itself what it is asked to, a second later.
type teller struct{ runtime.Actor }

func (s *teller) Initialize() {
	runtime.Install(s, func(runtime.PID, *wrapperspb.StringValue) {})
	web.Route(s, "/tell", web.Help{}, func(req *web.Request) runtime.Future[*web.Response] {
		about := wrapperspb.String(req.URL.RawQuery)
		s.Delay(time.Second, func() { s.Send(s.Self(), about) })
		return runtime.Ready(web.OK())
	})
}

// followed is a node with a teller, whose messages are about tasks; read is called for each that is looked at.
func followed(t *testing.T, read func()) (*sim.World, *runtime.Node) {
	t.Helper()
	w := sim.New(1)
	n := w.Node(here)
	lens := trace.Lens{Subjects: func(m proto.Message) []string {
		read()
		return []string{"task:" + m.(*wrapperspb.StringValue).Value}
	}}
	if err := trace.Spawn(n, trace.Options{Lens: lens}); err != nil {
		t.Fatal(err)
	}
	if _, err := runtime.Spawn(n, "teller", &teller{}); err != nil {
		t.Fatal(err)
	}
	return w, n
}

// heard are the events of a stream, and why it ended.
func heard(t *testing.T, s *web.Stream) (events []string, end string) {
	t.Helper()
	chunks, _ := webtest.Take(s)
	for line := range bytes.Lines(bytes.Join(chunks, nil)) {
		r, why, err := conversation.ParseFollowed(line)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if end = why; end == "" {
			events = append(events, strings.TrimSpace(r.Event+" "+r.What))
		}
	}
	return events, end
}

// What is followed is what happens from now on, and is of no cost when the client is gone.
func TestATraceIsFollowed(t *testing.T) {
	t.Parallel()
	looked := 0
	w, n := followed(t, func() { looked++ })
	tell := func(task string) {
		ask(t, w, n, http.MethodGet, "/teller/tell?"+task)
		w.Advance(2 * time.Second)
	}
	tell("t1")
	all := get(t, w, n, http.MethodGet, "follow=true&actor=teller")
	one := get(t, w, n, http.MethodGet, "follow=true&about=task:t2&actor=teller")
	if all.Status != http.StatusOK || all.Stream == nil || all.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Fatalf("%d %v", all.Status, all.Header)
	}
	tell("t1")
	told := []string{"enqueue request", "deliver request", "delay", "enqueue timer", "deliver timer", "send", "enqueue message", "deliver message"}
	if got, end := heard(t, all.Stream); !slices.Equal(got, told) || end != "" {
		t.Errorf("followed %q, %s; want %q", got, end, told)
	}
	if got, _ := heard(t, one.Stream); len(got) > 0 {
		t.Errorf("about another task: %q", got)
	}
	tell("t2")
	if got, _ := heard(t, one.Stream); !slices.Equal(got, told) { // with what led to it
		t.Errorf("about the task: %q; want %q", got, told)
	}
	webtest.HangUp(all.Stream)
	webtest.HangUp(one.Stream)
	w.Settle()
	looked = 0
	if tell("t2"); looked != 0 {
		t.Errorf("%d messages were read for nobody", looked)
	}
}

// loser tells somebody on a node that does not exist.
type loser struct{ runtime.Actor }

func (l *loser) Initialize() {
	web.Route(l, "/tell", web.Help{}, func(req *web.Request) runtime.Future[*web.Response] {
		l.Send(runtime.PID{ID: "nobody", Addr: "127.0.0.1:1"}, wrapperspb.String(req.URL.RawQuery))
		return runtime.Ready(web.OK())
	})
}

// What a wire drops it has encoded already; the trace keeps the bytes, and so knows whom they are about.
func TestWhatAWireDropsIsAboutItsSubject(t *testing.T) {
	t.Parallel()
	lens := trace.Lens{Subjects: func(m proto.Message) []string { return []string{"task:" + m.(*wrapperspb.StringValue).Value} }}
	wire, err := libprocess.Listen(libprocess.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dropped := make(chan struct{}, 2)
	n := runtimetest.Node(t, func(o *runtime.Options) {
		o.Wire, o.TraceRing, o.Dropped = wire, 100, func(runtime.Drop) { dropped <- struct{}{} }
	})
	if err := trace.Spawn(n, trace.Options{Lens: lens}); err != nil {
		t.Fatal(err)
	}
	runtimetest.Spawn(t, n, "loser", &loser{})
	ask := func(path string) *web.Response {
		res, err := runtime.Wait(t.Context(), webtest.Get(t, n, path))
		if err != nil || res.Status != http.StatusOK {
			t.Fatalf("%s: %v, %v", path, res, err)
		}
		return res
	}
	live := ask("/trace?follow=true&about=task:t1")
	for _, task := range []string{"t1", "t2"} {
		ask("/loser/tell?" + task)
		<-dropped
	}
	followed, _ := heard(t, live.Stream)
	var remembered []string
	for _, e := range (trace.Query{About: "task:t1"}).Select(n.Trace().Events(), lens) {
		remembered = append(remembered, strings.TrimSpace(trace.RecordOf(e).Event+" "+trace.RecordOf(e).What))
	}
	want := []string{"enqueue request", "deliver request", "send", "drop message"}
	if !slices.Equal(followed, want) || !slices.Equal(remembered, want) {
		t.Errorf("followed %q, remembered %q; want %q", followed, remembered, want)
	}
}

// Followers of a cause see what follows from it, however it was called.
func TestACauseIsFollowed(t *testing.T) {
	t.Parallel()
	w, n := followed(t, func() {})
	n.Trace().Record(100)
	ask(t, w, n, http.MethodGet, "/teller/tell?t1")
	events := n.Trace().Events()
	booked := events[slices.IndexFunc(events, func(e runtime.Event) bool { return e.Kind == runtime.EventDelay })]
	res := get(t, w, n, http.MethodGet, "follow=1&cause="+booked.ID.String())
	ask(t, w, n, http.MethodGet, "/teller/tell?t2")
	w.Advance(2 * time.Second)
	want := []string{"enqueue timer", "deliver timer", "send", "enqueue message", "deliver message"}
	if got, _ := heard(t, res.Stream); !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestSlowFollowersAreDropped(t *testing.T) {
	t.Parallel()
	w, n := followed(t, func() {})
	res := get(t, w, n, http.MethodGet, "follow=true")
	long := strings.Repeat("x", 1<<18)
	for range 100 {
		ask(t, w, n, http.MethodGet, "/teller/tell?"+long)
		w.Advance(2 * time.Second)
	}
	if size := res.Stream.Buffered(); size < 8<<20 || size > 9<<20 {
		t.Errorf("%d bytes wait", size)
	}
	if _, end := heard(t, res.Stream); !strings.Contains(end, "8 MiB") {
		t.Errorf("it ends with %q", end)
	}
	if _, done := webtest.Take(res.Stream); !done {
		t.Error("it goes on")
	}
}

func TestFollowersAreToldOfTheEnd(t *testing.T) {
	t.Parallel()
	w, n := followed(t, func() {})
	var all []*web.Response
	for range 16 {
		all = append(all, get(t, w, n, http.MethodGet, "follow=true&actor=nobody"))
	}
	if res := get(t, w, n, http.MethodGet, "follow=true"); res.Status != http.StatusServiceUnavailable {
		t.Errorf("one too many: %d", res.Status)
	}
	webtest.HangUp(all[0].Stream)
	w.Settle()
	if res := get(t, w, n, http.MethodGet, "follow=true"); res.Status != http.StatusOK {
		t.Errorf("after one has gone: %d", res.Status)
	}
	n.Terminate(runtime.PID{ID: "trace", Addr: here})
	w.Settle()
	for _, res := range all[1:] {
		if _, end := heard(t, res.Stream); end != "the node ends" {
			t.Errorf("it ends with %q", end)
		}
	}
}

func TestBadFollowing(t *testing.T) {
	t.Parallel()
	w, n := followed(t, func() {})
	id := fmt.Sprintf("%032x", 1)
	for query, want := range map[string]string{
		"follow=perhaps": "want true or false", "follow=true&since=1s": "from now on", "follow=true&after=" + id: "from now on", "follow=true&about=t": "not a subject",
	} {
		if res := get(t, w, n, http.MethodGet, query); res.Status != http.StatusBadRequest || !strings.Contains(string(res.Bytes()), want) {
			t.Errorf("%s: %d %s", query, res.Status, res.Bytes())
		}
	}
}
