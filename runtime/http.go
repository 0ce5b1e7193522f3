package runtime

import (
	"io"
	"net/http"
	"net/url"
)

// Request is an HTTP request to an actor's route.
type Request struct {
	Method string
	URL    *url.URL // Path is the decoded path as the client sent it: "/master/state"
	Header http.Header
	Body   io.Reader // never nil; bounded by the wire's limits
	Client string    // the peer's "ip:port"
	Route  string    // the path below the actor that matched: "/state"
}

// Response is the answer to a [Request].
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Stream, when set, replaces Body: what is written to it is sent as chunks, one per Write, until it is closed.
	Stream *Stream
}

// Help describes a route for /help.
type Help struct {
	TLDR        string
	Description string
}
