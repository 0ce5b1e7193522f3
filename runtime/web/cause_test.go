package web_test

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// others is a transport that answers at once: the first request with a redirect. It keeps the headers of what it is asked.
type others struct {
	asked []http.Header
	idle  bool // its idle connections were closed
}

func (o *others) RoundTrip(r *http.Request) (*http.Response, error) {
	o.asked = append(o.asked, r.Header)
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}
	if len(o.asked) == 1 {
		answer.StatusCode, answer.Header = http.StatusFound, http.Header{"Location": {"/elsewhere"}}
	}
	return answer, nil
}

func (o *others) CloseIdleConnections() { o.idle = true }

// askOthers makes a request and returns the header of that which followed the redirect. What the first one said is the same, and
// the caller's own header is left alone.
func askOthers() (http.Header, error) {
	o := &others{}
	req, err := http.NewRequest(http.MethodGet, "http://others/", nil)
	if err != nil {
		return nil, err
	}
	client := web.NewClient(o)
	if _, err = client.Do(req); err != nil {
		return nil, err
	}
	client.CloseIdleConnections()
	if len(o.asked) != 2 || o.asked[0].Get("Traceparent") != o.asked[1].Get("Traceparent") || len(req.Header) != 0 || !o.idle {
		return nil, fmt.Errorf("asked %v; the request's own header is %v; idle connections closed: %t", o.asked, req.Header, o.idle)
	}
	return o.asked[1], nil
}

// relay asks somebody else by HTTP before it answers.
type relay struct {
	runtime.Actor
	asked http.Header
}

func (r *relay) Initialize() { web.Route(r, "/", web.Help{}, r.serve) }

func (r *relay) serve(*web.Request) runtime.Future[*web.Response] {
	return runtime.Chain(r, runtime.Go(r, func(context.Context) (http.Header, error) {
		return askOthers()
	}), func(h http.Header, err error) runtime.Future[*web.Response] {
		r.asked = h
		return runtime.Ready(web.OK())
	})
}

func askRelay(t *testing.T, w *sim.World, n *runtime.Node, parents ...string) {
	t.Helper()
	req := &web.Request{Method: http.MethodGet, URL: &url.URL{Path: "/relay"}, Header: http.Header{"Traceparent": parents}, Body: strings.NewReader("")}
	f := web.Serve(n, req)
	w.Settle()
	if r, done, err := f.Peek(); !done || err != nil || r.Status != http.StatusOK {
		t.Fatalf("%v, %t, %v", r, done, err)
	}
}

// The trace of a request's client is the cause of the request, and what the actor asks others is caused by the actor.
func TestTracesOfOthers(t *testing.T) {
	t.Parallel()
	const trace = "0af7651916cd43dd8448eb211c80319c"
	const parent = "00-" + trace + "-b7ad6b7169203331-01"
	for name, test := range map[string]struct {
		parents     []string
		cause, note string
	}{
		"a trace":  {[]string{parent}, trace, "traceparent " + parent},
		"none":     {nil, "", ""},
		"two":      {[]string{parent, parent}, "", ""},
		"nonsense": {[]string{"00-" + strings.ToUpper(trace) + "-b7ad6b7169203331-01"}, "", ""},
	} {
		w := sim.New(1)
		n := w.Node("10.0.0.1:1")
		n.Trace().Record(1000)
		ref, err := runtime.Spawn(n, "relay", &relay{})
		if err != nil {
			t.Fatal(err)
		}
		askRelay(t, w, n, test.parents...)
		work := ""
		for _, e := range n.Trace().Events() {
			if e.Kind == runtime.EventEnqueue && e.What == runtime.OnRequest && (e.Cause.String() != test.cause || e.Note != test.note) {
				t.Errorf("%s: the request is caused by %q, %q; want %q, %q", name, e.Cause, e.Note, test.cause, test.note)
			}
			if e.Kind == runtime.EventWork {
				work = e.ID.String()
			}
		}
		var sent string
		runtime.Tell(ref, func(r *relay) { sent = r.asked.Get("Traceparent") })
		w.Settle()
		if work == "" || !strings.HasPrefix(sent, "00-"+work+"-") {
			t.Errorf("%s: it was sent %q; want the work %s as its cause", name, sent, work)
		}
	}
}

func TestNothingIsPropagatedWhereNothingIsTraced(t *testing.T) {
	t.Parallel()
	if h, err := askOthers(); err != nil || len(h.Values("Traceparent")) > 0 {
		t.Errorf("%v, %v", h, err)
	}
}
