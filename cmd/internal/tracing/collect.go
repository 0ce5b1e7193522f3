package tracing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"meseta/runtime/trace/conversation"
)

// Cluster is how the commands reach nodes.
type Cluster interface {
	// Nodes returns the "host:port" of masters, agents and schedulers, as far as the leading master knows them.
	Nodes(ctx context.Context) ([]string, error)
	// Get requests a path of a node. Only to nodes that the master knows the credentials of the user are sent.
	Get(ctx context.Context, node, path string, known bool) ([]byte, error)
	// Follow is Get for a response that goes on until the node ends it or ctx ends.
	Follow(ctx context.Context, node, path string, known bool) (io.ReadCloser, error)
}

// question is what is asked of every node.
type question struct {
	about, actor, message string
	since                 time.Duration // 0: as long ago as is remembered
	after                 string        // later than the event of this id
	effects               []string      // these events and what led to them
	follow                bool          // from now on
}

// live is the same question about what happens from now on.
func (q question) live() question {
	q.since, q.after, q.follow = 0, "", true
	return q
}

func (q question) path() string {
	v := url.Values{}
	for name, value := range map[string]string{"about": q.about, "actor": q.actor, "message": q.message, "after": q.after, "effect": strings.Join(q.effects, ",")} {
		if value != "" {
			v.Set(name, value)
		}
	}
	if q.since > 0 {
		v.Set("since", q.since.String())
	}
	if q.follow {
		v.Set("follow", "true")
	}
	if len(v) == 0 {
		return "/trace"
	}
	return "/trace?" + v.Encode()
}

// answers is what the nodes said.
type answers struct {
	records []conversation.Record
	asked   int              // nodes that answered
	failed  map[string]error // nodes of the cluster that did not, and others that refused to, and why
	foreign []string         // peers that are seen in the records, and have no trace
}

const (
	mostAtOnce = 64 // requests
	mostRounds = 4  // in which peers are asked that earlier rounds found
)

// collector asks nodes.
type collector struct {
	cluster Cluster
	known   map[string]bool   // nodes that the master knows
	marks   map[string]string // nodes that answered, with what the ids of their events begin with; empty: there was none

	mu sync.Mutex
	answers
}

// collect asks the nodes, then the peers that appear in what they remember, and then all for what led to it.
func collect(ctx context.Context, cluster Cluster, nodes []string, q question) (*answers, error) {
	c := &collector{cluster: cluster, known: map[string]bool{}, marks: map[string]string{}, answers: answers{failed: map[string]error{}}}
	done := map[string]bool{}
	for _, n := range nodes {
		c.known[n] = true
	}
	for round, next := 0, nodes; len(next) > 0 && round < mostRounds; round++ {
		for _, n := range next {
			done[n] = true
		}
		sideBySide(next, func(n string) { c.ask(ctx, n, q) })
		next = nil
		for _, n := range peers(c.records) {
			if !done[n] {
				next = append(next, n)
			}
		}
	}
	if q.about != "" {
		c.trackDown(ctx, q.since)
	}
	slices.Sort(c.foreign)
	if c.asked == 0 {
		return nil, fmt.Errorf("no node answers: %s", cmp.Or(c.complaint(), strings.Join(c.foreign, ", ")+" (no trace there)"))
	}
	return &c.answers, ctx.Err()
}

// sideBySide calls f for all nodes, at most so many at once, and returns when all are done.
func sideBySide(nodes []string, f func(node string)) {
	var all sync.WaitGroup
	slots := make(chan struct{}, mostAtOnce)
	for _, n := range nodes {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			f(n)
		})
	}
	all.Wait()
}

// get asks a node.
func (c *collector) get(ctx context.Context, node string, q question) ([]conversation.Record, error) {
	text, err := c.cluster.Get(ctx, node, q.path(), c.known[node])
	records, bad := conversation.Parse(text)
	return records, errors.Join(err, bad)
}

// ask asks a node for the first time.
func (c *collector) ask(ctx context.Context, node string, q question) {
	records, err := c.get(ctx, node, q)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.asked++
		c.marks[node] = ""
		if len(records) > 0 {
			c.marks[node] = records[0].Node()
		}
		c.records = append(c.records, records...)
	case (c.known[node] || refused(err)) && !hasNoTrace(err):
		c.failed[node] = err
	default:
		c.foreign = append(c.foreign, node)
	}
}

// peers are the addresses of all actors in the records.
func peers(records []conversation.Record) []string {
	seen := map[string]bool{}
	for _, r := range records {
		for _, pid := range []string{r.From, r.To} {
			if _, addr, ok := strings.Cut(pid, "@"); ok && addr != "" {
				seen[addr] = true
			}
		}
	}
	all := make([]string, 0, len(seen))
	for addr := range seen {
		all = append(all, addr)
	}
	slices.Sort(all)
	return all
}

// complaint names the nodes that did not answer, or refused to; it is empty if there are none.
func (a *answers) complaint() string {
	return complain(a.failed, func(error) bool { return true })
}
