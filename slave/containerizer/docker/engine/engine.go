// Package engine talks to a Docker engine through its HTTP API.
//
// It has the few calls that containers of Mesos need, with the engine's own words for errors. All calls block until the
// engine has answered or their context ends.
package engine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"meseta/runtime/web"
)

// Client talks to the engine behind a socket. Its methods may be called from any goroutine.
type Client struct {
	socket  string
	http    *http.Client
	version string // of the API; "" until Connect
}

// The versions of the API that this package knows: the oldest one that has all its calls, which Docker 17.06 speaks, and
// the newest one that it was written for.
const (
	oldest = "1.30"
	newest = "1.41"
)

// most bounds the size of an answer, in bytes.
const most = 16 << 20

// Dial returns a client of the engine behind a Unix socket.
func Dial(socket string) *Client {
	dialer := &net.Dialer{}
	return &Client{socket: socket, http: web.NewClient(&http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		},
		MaxIdleConnsPerHost: 4,
	})}
}

// Close closes idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Connect agrees with the engine on a version of the API. It fails if the engine does not run or is too old. It must be
// called before other methods, which may then be called concurrently.
func (c *Client) Connect(ctx context.Context) error {
	answer, err := c.send(ctx, http.MethodGet, "/_ping", nil, nil)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	theirs := answer.Header.Get("Api-Version")
	if before(theirs, oldest) {
		return fmt.Errorf("the Docker engine speaks version '%s' of its API; version %s (Docker 17.06) or later is needed", theirs, oldest)
	}
	c.version = newest
	if before(theirs, newest) {
		c.version = theirs
	}
	return nil
}

// before reports whether a version precedes another one. What is no version precedes all.
func before(a, b string) bool {
	var x, y [2]int
	if n, _ := fmt.Sscanf(a, "%d.%d", &x[0], &x[1]); n < 2 {
		return true
	}
	_, _ = fmt.Sscanf(b, "%d.%d", &y[0], &y[1])
	return x[0] < y[0] || x[0] == y[0] && x[1] < y[1]
}

// Error is a refusal of the engine.
type Error struct {
	Status  int    // of the HTTP answer
	Message string // of the engine
}

// Error implements error. Its text is that of Docker's command.
func (e *Error) Error() string { return "Error response from daemon: " + e.Message }

// Missing reports whether an error says that there is no such container or image.
func Missing(err error) bool {
	var refused *Error
	return errors.As(err, &refused) && refused.Status == http.StatusNotFound
}

// UnreachableError is the error of a call without an answer.
type UnreachableError struct {
	Socket string
	Cause  error
}

// Error implements error. Its text is that of Docker's command.
func (e *UnreachableError) Error() string {
	return "Cannot connect to the Docker daemon at unix://" + e.Socket + ". Is the docker daemon running?"
}

// Unwrap returns the cause.
func (e *UnreachableError) Unwrap() error { return e.Cause }

// call sends a request and decodes the JSON of the answer into to, unless that is nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, body, to any) error {
	content, err := c.raw(ctx, method, path, query, body)
	if err != nil || to == nil {
		return err
	}
	if err := json.Unmarshal(content, to); err != nil {
		return fmt.Errorf("the Docker engine answered %s with nonsense: %w", path, err)
	}
	return nil
}

// raw sends a request and returns the whole answer.
func (c *Client) raw(ctx context.Context, method, path string, query url.Values, body any) ([]byte, error) {
	var reader io.Reader
	if body != nil {
		content, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		reader = bytes.NewReader(content)
	}
	answer, err := c.open(ctx, method, path, query, http.Header{"Content-Type": {"application/json"}}, reader)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return c.read(ctx, answer.Body)
}

// read reads an answer, which must not be too large.
func (c *Client) read(ctx context.Context, r io.Reader) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(r, most+1))
	switch {
	case err != nil:
		return nil, c.broken(ctx, err)
	case len(content) > most:
		return nil, fmt.Errorf("the Docker engine answered with more than %d bytes", most)
	}
	return content, nil
}

// open sends a request in the agreed version of the API. The caller closes the answer's body.
func (c *Client) open(ctx context.Context, method, path string, query url.Values, header http.Header, body io.Reader) (*http.Response, error) {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.send(ctx, method, "/v"+c.version+path, header, body)
}

// send sends a request. A refusal is an [*Error].
func (c *Client) send(ctx context.Context, method, path string, header http.Header, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, c.broken(ctx, err)
	}
	if answer.StatusCode < 300 {
		return answer, nil
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotModified {
		return nil, &Error{Status: answer.StatusCode}
	}
	content, err := c.read(ctx, answer.Body)
	if err != nil {
		return nil, err
	}
	return nil, refusal(answer.StatusCode, content)
}

// broken returns the error of a call that was not answered.
func (c *Client) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &UnreachableError{Socket: c.socket, Cause: err}
}

// refusal returns the error that the engine's answer says.
func refusal(status int, content []byte) error {
	var said struct {
		Message string `json:"message"`
	}
	if err := json.Unmarshal(content, &said); err != nil || said.Message == "" {
		said.Message = strings.TrimSpace(string(content))
	}
	if said.Message == "" {
		said.Message = http.StatusText(status)
	}
	return &Error{Status: status, Message: said.Message}
}
