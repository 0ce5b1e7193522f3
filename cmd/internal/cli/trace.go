package cli

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"meseta/cmd/internal/tracing"
)

func traceCommands(s *session) []*cobra.Command {
	return []*cobra.Command{tracing.TraceCommand(traced{s}, s.Out, s.Err), tracing.ActorCommand(traced{s}, s.Out, s.Err)}
}

// traced is the cluster as package tracing sees it.
type traced struct{ *session }

// Nodes implements [tracing.Cluster].
func (t traced) Nodes(ctx context.Context) ([]string, error) {
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
func (t traced) Get(ctx context.Context, node, path string, known bool) ([]byte, error) {
	c, err := t.reach()
	if err != nil {
		return nil, err
	}
	if !known {
		stranger := *c.config
		stranger.Master.Principal, stranger.Agent.Principal = "", ""
		one := *c
		one.login = login{}
		one.config = &stranger
		c = &one
	}
	place := c.scheme + "://" + node
	if place != c.leader {
		place = c.agentScheme() + node
	}
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	answer, err := c.send(ctx, http.MethodGet, place+path, nil, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// reach returns the client, also where no master was looked for.
func (t traced) reach() (*client, error) {
	if t.client != nil {
		return t.client, nil
	}
	c, err := readConfig(t.env)
	if err != nil {
		return nil, err
	}
	return t.newClient(c)
}
