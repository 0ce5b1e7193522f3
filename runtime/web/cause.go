package web

import (
	"net/http"

	"meseta/runtime"
	"meseta/runtime/internal/labels"
	"meseta/runtime/internal/traceparent"
)

// Propagate writes into the header of a request that is about to be sent, by a traceparent of W3C's Trace Context, that the
// turn or the work of [runtime.Go] which runs on this goroutine caused it. Where nothing is traced it does nothing.
func Propagate(h http.Header) {
	if cause := labels.Here(); !cause.IsZero() {
		h.Set(traceparent.Header, string(traceparent.Append(nil, cause)))
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
