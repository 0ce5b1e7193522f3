package tracing

import (
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
	follow                bool          // from now on
}

// live is the same question about what happens from now on.
func (q question) live() question {
	q.since, q.after, q.follow = 0, "", true
	return q
}

func (q question) path() string {
	v := url.Values{}
	for name, value := range map[string]string{"about": q.about, "actor": q.actor, "message": q.message, "after": q.after} {
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
	asked   int               // nodes that answered
	silent  map[string]string // nodes of the cluster that did not, and why
	foreign []string          // peers that are seen in the records, and have no trace
}

const (
	mostAtOnce = 64 // requests
	mostRounds = 4  // in which peers are asked that earlier rounds found
)

// collect asks the nodes, and then the peers that appear in what they remember.
func collect(ctx context.Context, c Cluster, nodes []string, path string) (*answers, error) {
	a := &answers{silent: map[string]string{}}
	done := map[string]bool{}
	known := map[string]bool{}
	for _, n := range nodes {
		known[n] = true
	}
	for round, next := 0, nodes; len(next) > 0 && round < mostRounds; round++ {
		for _, n := range next {
			done[n] = true
		}
		a.round(ctx, c, next, known, path)
		next = nil
		for _, n := range peers(a.records) {
			if !done[n] {
				next = append(next, n)
			}
		}
	}
	slices.Sort(a.foreign)
	if a.asked == 0 {
		return nil, fmt.Errorf("no node answers: %s", a.complaint())
	}
	return a, ctx.Err()
}

// round asks nodes side by side.
func (a *answers) round(ctx context.Context, c Cluster, nodes []string, known map[string]bool, path string) {
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, mostAtOnce)
	for _, n := range nodes {
		slots <- struct{}{}
		all.Go(func() {
			defer func() { <-slots }()
			text, err := c.Get(ctx, n, path, known[n])
			records, bad := conversation.Parse(text)
			mu.Lock()
			defer mu.Unlock()
			switch err = errors.Join(err, bad); {
			case err == nil:
				a.asked++
				a.records = append(a.records, records...)
			case known[n]:
				a.silent[n] = err.Error()
			default:
				a.foreign = append(a.foreign, n)
			}
		})
	}
	all.Wait()
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

// complaint names the nodes that did not answer; it is empty if all did.
func (a *answers) complaint() string {
	var all []string
	for n, why := range a.silent {
		all = append(all, fmt.Sprintf("%s (%s)", n, why))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}
