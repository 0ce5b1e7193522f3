package tracing

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"meseta/runtime/trace/conversation"
)

const (
	mostSources = 1 << 14                // nodes that are followed at once
	longestLine = 16 << 20               // bytes of an event
	settled     = 10 * time.Second       // after which events do not come in another order than that of their times
	together    = 100 * time.Millisecond // for which events are held, so that those of several nodes are printed in order
)

// followNode calls each with the events of a node as they happen. ready is called when nothing that happens is missed any
// more. It returns why there are no more.
func followNode(ctx context.Context, c Cluster, node, path string, known bool, ready func() error, each func(conversation.Record)) error {
	body, err := c.Follow(ctx, node, path, known)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := ready(); err != nil {
		return err
	}
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, longestLine)
	for lines.Scan() {
		r, why, err := conversation.ParseFollowed(lines.Bytes())
		switch {
		case err != nil:
			return fmt.Errorf("not an event: %w", err)
		case why != "":
			return errors.New(why)
		}
		each(r)
	}
	return cmp.Or(ctx.Err(), lines.Err(), errors.New("the connection ended"))
}

// following is one run of "mesos trace --follow": it prints what nodes remember and then what happens, on all nodes that the
// master knows, on those that come later, and on the peers that appear in what they tell.
type following struct {
	cluster  Cluster
	out, err io.Writer
	line     func(conversation.Record) string
	question question
	find     func(context.Context) ([]string, error) // the nodes that the master knows
	again    time.Duration                           // until it looks for nodes that came, or came back

	sources map[string]*source // by their addresses
	told    chan told
	found   chan []string
	slots   chan struct{} // for requests at once
	running sync.WaitGroup
	first   int                   // sources of the beginning that have told nothing yet
	owners  map[string]*source    // of nodes, by what the ids of their events have in common
	held    []conversation.Record // are not printed yet
	due     <-chan time.Time      // when they are to be; nil: there are none
}

// source is a node that is followed.
type source struct {
	addr     string
	known    bool    // to the master
	runs     bool    // its stream is open, or being opened
	answered bool    // at some time
	first    bool    // it is of the beginning, and has told nothing yet
	failed   string  // why it does not answer, as was printed
	last     string  // the id of its latest event
	other    *source // the same node by another address, if that was there first
	stop     func()  // ends its stream
}

// told is what a source tells.
type told struct {
	by      *source
	records []conversation.Record
	over    error // not nil: there are no more
}

func (t *tracer) newFollowing() *following {
	q := t.question()
	q.actor, q.message = t.choice.Actor, t.choice.Message // each event is printed for itself, whatever led to it
	f := &following{
		cluster: t.cluster, out: t.out, err: t.err, line: line(t.json), question: q, find: t.cluster.Nodes, again: t.poll,
		sources: map[string]*source{}, owners: map[string]*source{}, told: make(chan told), found: make(chan []string), slots: make(chan struct{}, mostAtOnce),
	}
	if len(t.nodes) > 0 {
		f.find = func(context.Context) ([]string, error) { return t.nodes, nil }
	}
	return f
}

// run follows until ctx ends.
func (f *following) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer f.running.Wait()
	defer cancel()
	nodes, err := f.find(ctx)
	if err != nil {
		return err
	}
	if err := f.start(ctx, nodes); err != nil {
		return err
	}
	f.running.Go(func() { f.look(ctx) })
	for ctx.Err() == nil {
		f.next(ctx)
	}
	return nil
}

// start prints what the nodes remember, when all have told it, and goes on to follow them.
func (f *following) start(ctx context.Context, nodes []string) error {
	f.know(ctx, nodes)
	f.first = len(f.sources)
	for _, s := range f.sources {
		s.first = true
	}
	for f.first > 0 && ctx.Err() == nil {
		f.next(ctx)
	}
	if ctx.Err() != nil {
		return nil
	}
	var silent []string
	for _, s := range f.sources {
		if s.answered {
			silent = nil
			break
		}
		silent = append(silent, fmt.Sprintf("%s (%s)", s.addr, s.failed))
	}
	if len(silent) > 0 {
		slices.Sort(silent)
		return fmt.Errorf("no node answers: %s", strings.Join(silent, ", "))
	}
	f.print()
	return nil
}

// look looks for nodes now and then.
func (f *following) look(ctx context.Context) {
	tick := time.NewTicker(f.again)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		nodes, err := f.find(ctx)
		if err != nil {
			nodes = nil // no master leads at the moment; those that are known are still looked for
		}
		select {
		case <-ctx.Done():
			return
		case f.found <- nodes:
		}
	}
}

// next handles one thing that happens.
func (f *following) next(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-f.due:
		f.print()
	case nodes := <-f.found:
		f.know(ctx, nodes)
		for _, s := range f.sources {
			if s.missed() {
				f.begin(ctx, s)
			}
		}
	case t := <-f.told:
		f.hear(ctx, t)
	}
}

// missed reports whether a source should be asked again.
func (s *source) missed() bool {
	return !s.runs && (s.known || s.answered) && (s.other == nil || !s.other.runs)
}

// know takes the nodes that the master knows; none if it did not say.
func (f *following) know(ctx context.Context, nodes []string) {
	known := make(map[string]bool, len(nodes))
	for _, addr := range nodes {
		known[addr] = true
		f.add(ctx, addr, true)
	}
	for addr, s := range f.sources {
		if len(nodes) > 0 {
			s.known = known[addr]
		}
		if !s.known && !s.runs && s.answered {
			delete(f.sources, addr) // it has gone
		}
	}
}

// add follows a node, unless it is followed already.
func (f *following) add(ctx context.Context, addr string, known bool) {
	if f.sources[addr] == nil && (known || len(f.sources) < mostSources) {
		s := &source{addr: addr, known: known}
		f.sources[addr] = s
		f.begin(ctx, s)
	}
}

// begin opens the stream of a source.
func (f *following) begin(all context.Context, s *source) {
	if s.other != nil {
		s.last = s.other.last
	}
	s.runs, s.other = true, nil
	ctx, stop := context.WithCancel(all)
	s.stop = stop
	known, q := s.known, f.question
	if s.last != "" {
		q.after, q.since = s.last, 0
	}
	f.running.Go(func() { f.tell(all, told{by: s, over: f.stream(ctx, s, known, q)}) })
}

// stream tells what a source remembers, and what happens there from then on.
func (f *following) stream(ctx context.Context, s *source, known bool, q question) error {
	var before remembered
	catchUp := func() error {
		f.slots <- struct{}{}
		defer func() { <-f.slots }()
		text, err := f.cluster.Get(ctx, s.addr, q.path(), known)
		if err != nil {
			return err
		}
		records, err := conversation.Parse(text)
		before = rememberedAs(records)
		f.tell(ctx, told{by: s, records: records})
		return err
	}
	return followNode(ctx, f.cluster, s.addr, q.live().path(), known, catchUp, func(r conversation.Record) {
		if !before.has(r) {
			f.tell(ctx, told{by: s, records: []conversation.Record{r}})
		}
	})
}

func (f *following) tell(ctx context.Context, t told) {
	select {
	case <-ctx.Done():
	case f.told <- t:
	}
}

// hear takes what a source tells.
func (f *following) hear(ctx context.Context, t told) {
	s := t.by
	if s.first {
		s.first = false
		f.first--
	}
	if t.over != nil {
		f.lost(s, t.over)
		return
	}
	s.answered, s.failed = true, ""
	if len(t.records) == 0 || !f.owns(s, t.records[0]) {
		return
	}
	s.last = t.records[len(t.records)-1].ID
	for _, addr := range peers(t.records) {
		f.add(ctx, addr, false)
	}
	f.held = append(f.held, t.records...)
	if f.due == nil && f.first == 0 {
		f.due = time.After(together)
	}
}

// owns reports whether s tells the events of the node of r. Somebody else does if the node has several addresses.
func (f *following) owns(s *source, r conversation.Record) bool {
	owner := f.owners[r.Node()]
	if owner == nil || !owner.runs {
		f.owners[r.Node()] = s
		return true
	}
	if owner != s {
		s.other = owner
		s.stop()
	}
	return owner == s
}

// lost notes that a source tells no more, and says so once.
func (f *following) lost(s *source, err error) {
	why := reason(s.addr, err)
	s.runs = false
	s.stop()
	if s.failed == why || s.other != nil {
		return
	}
	told := s.answered && s.failed == ""
	s.failed = why
	switch {
	case told:
		fmt.Fprintf(f.err, "mesos: %s tells no more: %s\n", s.addr, why)
	case refused(err) && !hasNoTrace(err):
		fmt.Fprintf(f.err, "mesos: incomplete, because %s refuses to tell: %s\n", s.addr, why)
	case s.known && !hasNoTrace(err):
		fmt.Fprintf(f.err, "mesos: incomplete, because %s does not answer: %s\n", s.addr, why)
	case !s.answered:
		fmt.Fprintf(f.err, "mesos: a peer without a trace: %s\n", s.addr)
	}
}

// print prints what is held.
func (f *following) print() {
	slices.SortStableFunc(f.held, func(x, y conversation.Record) int { return x.Time.Compare(y.Time) })
	for _, r := range f.held {
		io.WriteString(f.out, f.line(r)) //nolint:errcheck // as with other lines
	}
	f.held, f.due = nil, nil
}

// remembered is what a node remembered when its stream was open already: it comes twice.
type remembered struct {
	ids    map[string]bool
	latest time.Time
}

func rememberedAs(records []conversation.Record) remembered {
	m := remembered{ids: make(map[string]bool, len(records))}
	for _, r := range records {
		m.ids[r.ID] = true
		m.latest = r.Time // they are in order
	}
	return m
}

// has reports whether r was remembered. Events come in the order of their times, or nearly so.
func (m *remembered) has(r conversation.Record) bool {
	if m.ids != nil && r.Time.Sub(m.latest) > settled {
		m.ids = nil
	}
	return m.ids[r.ID]
}
