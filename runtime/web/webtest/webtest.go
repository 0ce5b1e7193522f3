// Package webtest is for the tests of what actors serve: it makes requests, and is the client at the other end of a
// [web.Stream].
package webtest

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

// Request returns a request for target, a path with a query perhaps, whose body is as given. More may be set before it
// is served.
func Request(t testing.TB, method, target, body string) *web.Request {
	t.Helper()
	u, err := url.ParseRequestURI(target)
	if err != nil {
		t.Fatal(err)
	}
	return &web.Request{Method: method, URL: u, Header: http.Header{}, Body: strings.NewReader(body)}
}

// Get asks n for target.
func Get(t testing.TB, n *runtime.Node, target string) runtime.Future[*web.Response] {
	t.Helper()
	return web.Serve(n, Request(t, http.MethodGet, target, ""))
}

// Post sends body to target on n.
func Post(t testing.TB, n *runtime.Node, target, body string) runtime.Future[*web.Response] {
	t.Helper()
	return web.Serve(n, Request(t, http.MethodPost, target, body))
}

// Take returns the chunks that were written to s since the last call, as a wire takes them, and whether that was all.
func Take(s *web.Stream) (chunks [][]byte, done bool) { return s.Pipe().Take() }

// Attach makes the test the wire of s: cut is called when the client must go, because it lags too far.
func Attach(s *web.Stream, cut func()) { s.Pipe().Attach(cut) }

// HangUp lets the client of s go away.
func HangUp(s *web.Stream) { s.Pipe().Abandon() }

// asker is an actor that asks a server.
type asker struct{ runtime.Actor }

// CheckCauses fails unless each request of ask to a server, of which there must be one, says what caused it where that is traced,
// and nothing where it is not. ask is given the server's URL. It runs as the work of an actor, once without and once with traces.
func CheckCauses(t testing.TB, answer http.HandlerFunc, ask func(ctx context.Context, url string) error) {
	t.Helper()
	var mu sync.Mutex
	var parents []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		parents = append(parents, r.Header.Get("Traceparent"))
		mu.Unlock()
		answer(w, r)
	}))
	defer server.Close()
	n := runtimetest.Node(t)
	ref := runtimetest.Spawn(t, n, "asker", &asker{})
	asked := func() []string {
		parents = nil
		done := runtime.Flatten(runtime.Dispatch(ref, func(a *asker) runtime.Future[struct{}] {
			return runtime.Go(a, func(ctx context.Context) (struct{}, error) { return struct{}{}, ask(ctx, server.URL) })
		}))
		if _, err := runtime.Wait(t.Context(), done); err != nil || len(parents) == 0 {
			t.Errorf("%d requests, %v", len(parents), err)
		}
		return parents
	}
	for _, parent := range asked() {
		if parent != "" {
			t.Errorf("a request says that %q caused it, which is not traced", parent)
		}
	}
	n.Trace().Record(100)
	got := asked()
	cause := "nothing"
	for _, e := range n.Trace().Events() {
		if e.Kind == runtime.EventWork {
			cause = e.ID.String()
		}
	}
	for _, parent := range got {
		if !strings.HasPrefix(parent, "00-"+cause+"-") {
			t.Errorf("a request says that %q caused it; want %s", parent, cause)
		}
	}
}
