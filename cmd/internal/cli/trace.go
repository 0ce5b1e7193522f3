package cli

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"meseta/cmd/internal/tracing"
)

func traceCommands(s *session) []*cobra.Command {
	t := &traced{session: s}
	return []*cobra.Command{tracing.TraceCommand(t, s.Out, s.Err), tracing.ActorCommand(t, s.Out, s.Err)}
}

// traced is the cluster as package tracing sees it. Nodes must not be called by two at once.
type traced struct {
	*session
	mu      sync.Mutex
	current *client // of the latest call of Nodes that succeeded
}

// Nodes implements [tracing.Cluster].
func (t *traced) Nodes(ctx context.Context) ([]string, error) {
	nodes, err := t.members(ctx)
	if err != nil {
		t.client = nil // the master may be failing over: the next call looks for the leader again
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = t.client
	return nodes, nil
}

func (t *traced) members(ctx context.Context) ([]string, error) {
	c, err := t.connect(ctx)
	if err != nil {
		return nil, err
	}
	nodes := []string{host(c.leader)}
	for _, other := range c.masters {
		nodes = append(nodes, host(other))
	}
	for _, source := range []struct{ path, key string }{{"/slaves", "slaves"}, {"/frameworks", "frameworks"}} {
		l, err := t.list(ctx, source.path, source.key)
		if err != nil {
			return nil, err
		}
		for _, text := range l {
			var member struct{ PID string }
			if err := json.Unmarshal(text, &member); err != nil {
				return nil, err
			}
			if _, addr, ok := strings.Cut(member.PID, "@"); ok {
				nodes = append(nodes, addr)
			}
		}
	}
	slices.Sort(nodes)
	return slices.Compact(nodes), nil
}

func host(place string) string { return place[strings.LastIndexByte(place, '/')+1:] }

// Get implements [tracing.Cluster].
func (t *traced) Get(ctx context.Context, node, path string, known bool) ([]byte, error) {
	c, err := t.reach()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	body, err := c.ask(ctx, node, path, known)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return io.ReadAll(body)
}

// Follow implements [tracing.Cluster]. The node must begin to respond within the timeout.
func (t *traced) Follow(ctx context.Context, node, path string, known bool) (io.ReadCloser, error) {
	c, err := t.reach()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(c.timeout, cancel)
	body, err := c.ask(ctx, node, path, known)
	if !late.Stop() {
		err = &silence{node, errLate}
	}
	if err != nil {
		cancel()
		return nil, err
	}
	return endless{body, cancel}, nil
}

// endless is the body of a response that ends with its context.
type endless struct {
	io.ReadCloser
	cancel func()
}

// Close implements [io.Closer].
func (e endless) Close() error {
	e.cancel()
	return e.ReadCloser.Close()
}

// ask requests a path of a node. Strangers do not see the user's credentials.
func (c *client) ask(ctx context.Context, node, path string, known bool) (io.ReadCloser, error) {
	if !known {
		stranger, anonymous := *c, *c.config
		anonymous.Master.Principal, anonymous.Agent.Principal = "", ""
		stranger.login, stranger.config = login{}, &anonymous
		c = &stranger
	}
	place := c.scheme + "://" + node
	if place != c.leader {
		place = c.agentScheme() + node
	}
	answer, err := c.send(ctx, http.MethodGet, place+path, nil, nil)
	var refused *refusal
	if errors.As(err, &refused) {
		return nil, &tracing.Refusal{Path: path, Status: refused.code, Why: refused.why, Principal: c.loginOf(place).principal, Unknown: !known}
	}
	if err != nil {
		return nil, err
	}
	return answer.Body, nil
}

// reach returns the client, also where no master was looked for.
func (t *traced) reach() (*client, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil {
		return t.current, nil
	}
	c, err := readConfig(t.env)
	if err != nil {
		return nil, err
	}
	return t.newClient(c)
}
