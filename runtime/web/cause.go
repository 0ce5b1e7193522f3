package web

import (
	"net/http"

	"meseta/runtime"
	"meseta/runtime/internal/labels"
	"meseta/runtime/internal/traceparent"
)

// NewClient returns a client whose connections t makes; nil means [http.DefaultTransport]. Programs have no other clients: each
// of its requests, and each that follows a redirect, names by a traceparent of W3C's Trace Context what caused it. See
// [Propagating].
func NewClient(t http.RoundTripper) *http.Client { return &http.Client{Transport: Propagating(t)} }

// Propagating returns a transport that writes into the header of each request that the turn, or the work of [runtime.Go], which
// runs on this goroutine caused it. Where nothing is traced it leaves the request as it is. nil means [http.DefaultTransport].
func Propagating(t http.RoundTripper) http.RoundTripper {
	if t == nil {
		t = http.DefaultTransport
	}
	return propagating{t}
}

type propagating struct{ http.RoundTripper }

// RoundTrip implements [http.RoundTripper].
func (p propagating) RoundTrip(r *http.Request) (*http.Response, error) {
	if cause := labels.Here(); !cause.IsZero() {
		r = r.Clone(r.Context())
		r.Header.Set(traceparent.Header, string(traceparent.Append(nil, cause)))
	}
	return p.RoundTripper.RoundTrip(r)
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (p propagating) CloseIdleConnections() {
	if t, ok := p.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
}

// causeOf returns what the client says that its request was caused by. Two causes are none.
func causeOf(req *Request) (cause runtime.EventID, ok bool) {
	values := req.Header[traceparent.Header]
	if len(values) != 1 {
		return cause, false
	}
	return traceparent.Parse([]byte(values[0]))
}

// Traceparent is the header by which the client says what caused its request, if that makes sense, and else empty. Traces
// remember it.
func (r *Request) Traceparent() string {
	if _, ok := causeOf(r); ok {
		return r.Header[traceparent.Header][0]
	}
	return ""
}
