// Package webtest is for the tests of what actors serve: it makes requests, and is the client at the other end of a
// [web.Stream].
package webtest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"meseta/runtime"
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
