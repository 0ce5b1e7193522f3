package cli

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
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/agentv1pb"
	"meseta/runtime/web"
)

// client sends requests to the leading master and to agents.
type client struct {
	config  *config
	timeout time.Duration
	http    *http.Client // for short requests, and for streams
	login   login        // takes precedence over that of the configuration
	origin  origin       // of all requests
	scheme  string       // of masters and agents: http, or https
	leader  string       // a URL; empty until known
	masters []string     // URLs of masters that the user named
}

func (s *session) newClient(c *config) (*client, error) {
	transport, err := s.transport(c)
	if err != nil {
		return nil, err
	}
	who, err := s.login()
	if err != nil {
		return nil, err
	}
	return &client{config: c, timeout: c.timeout(), login: who, origin: s.origin(), scheme: s.scheme(), http: web.NewClient(transport)}, nil
}

// find finds the leading master by asking the masters of p in turn, or ZooKeeper.
func (c *client) find(ctx context.Context, p place) error {
	if p.zooKeeper != nil {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		leader, err := p.zooKeeper.Leader(ctx)
		c.leader = c.scheme + "://" + net.JoinHostPort(leader.GetAddress().GetIp(), fmt.Sprint(leader.GetAddress().GetPort()))
		return err
	}
	c.masters = p.masters
	var failed []error
	for _, master := range p.masters {
		leader, err := c.leaderAccordingTo(ctx, master)
		if err == nil {
			c.leader = leader
			return nil
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// leaderAccordingTo asks one master for the leader.
func (c *client) leaderAccordingTo(ctx context.Context, master string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.send(ctx, http.MethodGet, master+"/redirect", nil, nil)
	var refused *refusal
	if errors.As(err, &refused) && refused.code == http.StatusNotFound {
		return "", fmt.Errorf("master at %s: the server there is not a Mesos master", master)
	}
	if err != nil {
		return "", fmt.Errorf("master at %w", err)
	}
	defer answer.Body.Close()
	leader, err := answer.Location()
	if err != nil || leader.Host == "" {
		return "", fmt.Errorf("master at %s: it does not know the leading master (%s)", master, answer.Status)
	}
	leader.Path = ""
	return leader.String(), nil
}

// get requests path from the leading master, and returns the list named key of the response, or the whole response if
// key is empty.
func (c *client) get(ctx context.Context, path string, query url.Values, key string) (json.RawMessage, error) {
	return c.getFrom(ctx, c.leader, path, query, key)
}

func (c *client) getFrom(ctx context.Context, base, path string, query url.Values, key string) (json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	place := base + path
	if len(query) > 0 {
		place += "?" + query.Encode()
	}
	answer, err := c.send(ctx, http.MethodGet, place, nil, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	if key == "" {
		return text, nil
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(text, &fields); err != nil {
		return nil, fmt.Errorf("%s: %w", place, err)
	}
	if fields[key] == nil {
		return nil, fmt.Errorf("%s: the response has no %q", place, key)
	}
	return fields[key], nil
}

// call makes a call of an agent's API. It returns nil if the call has no response.
func (c *client) call(ctx context.Context, agent string, call *agentv1pb.Call) (*agentv1pb.Response, error) {
	answer, err := c.stream(ctx, agent, call, "")
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	body, err := io.ReadAll(answer)
	if err != nil {
		return nil, &silence{agent, err}
	}
	if len(body) == 0 {
		return nil, nil
	}
	response := &agentv1pb.Response{}
	if err := proto.Unmarshal(body, response); err != nil {
		return nil, fmt.Errorf("response of the agent at %s: %w", agent, err)
	}
	return response, nil
}

const (
	typeProtobuf = "application/x-protobuf"
	typeRecords  = "application/recordio"
)

// stream makes a call whose response is streamed. If records is not empty, it is the type of the streamed records.
func (c *client) stream(ctx context.Context, agent string, call *agentv1pb.Call, records string) (io.ReadCloser, error) {
	body, err := proto.Marshal(call)
	if err != nil {
		return nil, err
	}
	header := http.Header{"Content-Type": {typeProtobuf}, "Accept": {typeProtobuf}}
	if records != "" {
		header = http.Header{"Content-Type": {typeProtobuf}, "Accept": {typeRecords}, "Message-Accept": {records}}
	}
	answer, err := c.send(ctx, http.MethodPost, agent+"/api/v1", header, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// send sends a request, and returns an error with the reason if the request was refused.
func (c *client) send(ctx context.Context, method, place string, header http.Header, body io.Reader) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, place, body)
	if err != nil {
		return nil, err
	}
	for name, values := range header {
		request.Header[name] = values
	}
	request.Header.Set(traceparent, c.origin.header())
	who := c.loginOf(place)
	if who.principal != "" {
		request.SetBasicAuth(who.principal, who.secret)
	}
	h := *c.http
	h.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	answer, err := h.Do(request)
	if err != nil {
		return nil, &silence{request.URL.Host, plain(err)}
	}
	if answer.StatusCode == http.StatusTemporaryRedirect && request.URL.Path != "/redirect" {
		answer.Body.Close()
		return nil, fmt.Errorf("%s: this master no longer leads; try again", request.URL.Host)
	}
	if answer.StatusCode >= 400 {
		defer answer.Body.Close()
		why, _ := io.ReadAll(io.LimitReader(answer.Body, 1<<10)) // the status alone suffices
		return nil, &refusal{place, answer.Status, strings.TrimSpace(string(why)), answer.StatusCode}
	}
	return answer, nil
}

// loginOf returns what the client authenticates with at a URL.
func (c *client) loginOf(place string) login {
	if c.leader != "" && !strings.HasPrefix(place, c.leader) {
		return c.login.of(c.config.Agent.Principal, c.config.Agent.Secret)
	}
	return c.login.of(c.config.Master.Principal, c.config.Master.Secret)
}

// refusal is an error response.
type refusal struct {
	place, status, why string
	code               int
}

func (r *refusal) Error() string {
	text := fmt.Sprintf("%s: %s", r.place, r.status)
	if r.why != "" && strings.TrimSuffix(r.why, ".") != r.status {
		text += ": " + r.why
	}
	if r.code == http.StatusUnauthorized {
		text += "; " + whoYouAre
	}
	return text
}

// whoYouAre helps those who are asked who they are.
const whoYouAre = "--credential, MESOS_CREDENTIAL or the configuration file say who you are"

// silence is the error of a request without a response.
type silence struct {
	host string
	why  error
}

func (s *silence) Error() string { return fmt.Sprintf("%s: %v", s.host, s.why) }
func (s *silence) Unwrap() error { return s.why }

// isAway reports whether err means that the server is unreachable now and may come back.
func isAway(err error) bool {
	var silent *silence
	var refused *refusal
	return errors.As(err, &silent) || errors.As(err, &refused) && refused.code == http.StatusServiceUnavailable
}

// errLate is the reason for a missing response of a server that was reached.
var errLate = errors.New("no response within the timeout")

// plain returns a short reason for a missing response.
func plain(err error) error {
	var failed *url.Error
	var number syscall.Errno
	switch {
	case !errors.As(err, &failed):
		return err
	case failed.Timeout():
		return errLate
	case errors.As(err, &number):
		return number // such as connection refused
	}
	return failed.Err
}
