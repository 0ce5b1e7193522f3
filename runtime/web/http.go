package web

import (
	"io"
	"iter"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// Request is an HTTP request to an actor's route.
type Request struct {
	Method string
	URL    *url.URL // Path is the decoded path as the client sent it: "/master/state"
	Header http.Header
	Body   io.Reader // never nil; bounded by the wire's limits, or Arriving on routes of RouteArriving
	Client string    // the peer's "ip:port"
	Route  string    // the path below the actor that matched: "/state"

	Principal *Principal // whom the route's realm knows the client as; nil when nobody asked
}

// String is how traces call the request: "GET /master/state". It says no user and password that are in the URL, and no parameters
// that are called like secrets.
func (r *Request) String() string { return r.Method + " " + withoutSecrets(r.URL).String() }

// confidential are the names of parameters which may let others in.
var confidential = regexp.MustCompile(`(?i)auth|credential|jwt|key|passw|secret|signature|token`)

// longestQuery bounds, in bytes, what traces say of a query: to look at all of what a client may send takes tens of milliseconds,
// on the turn of the actor that is asked.
const longestQuery = 1 << 10

// withoutSecrets returns u, or a copy of it without user and password, with "…" in the place of values that look confidential, and
// with a query that is cut to longestQuery.
func withoutSecrets(u *url.URL) *url.URL {
	query := u.RawQuery
	if len(query) > longestQuery {
		query = query[:longestQuery] + "…"
	}
	if u.User == nil && !confidential.MatchString(query) && !strings.Contains(query, "%") && query == u.RawQuery {
		return u
	}
	open := *u
	open.User = nil
	parts := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, part := range parts {
		name, _, given := strings.Cut(part, "=")
		if plain, err := url.QueryUnescape(name); given && (err != nil || confidential.MatchString(plain)) {
			parts[i] = name + "=…"
		}
	}
	open.RawQuery = strings.Join(parts, "&")
	return &open
}

// Arriving is a body that is still coming in. Whoever reads it waits for the client, and so must not do it on a turn; see
// [runtime.Go]. It is of no use once the request is answered.
type Arriving interface {
	io.Reader
	// Whole reads to the end, within the wire's limits. Its error may be a [StatusError].
	Whole() ([]byte, error)
}

// StatusError is an error that tells how a request which causes it is to be answered.
type StatusError interface {
	error
	Status() int // 400 or above
}

// Response is the answer to a [Request].
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	// Stream, when set, replaces Body: what is written to it is sent as chunks, one per Write, until it is closed.
	Stream *Stream
	// Content, when set, replaces Body: the wire draws a body that is too long to be had at once, piece by piece, as the
	// client takes it, on no actor's turn. A piece is valid until the next is drawn.
	Content iter.Seq[[]byte]
	// Length, when set, is how many bytes Content yields. They are sent as they are; should there be fewer in the end, the
	// connection breaks, which tells the client.
	Length int64
}

// Bytes returns the body, drawn to its end if it is Content. It does not read a Stream.
func (r *Response) Bytes() []byte {
	if r.Content == nil {
		return r.Body
	}
	var body []byte
	for piece := range r.Content {
		body = append(body, piece...)
	}
	return body
}
