package tracing

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"meseta/runtime"
	"meseta/runtime/trace"
	"meseta/runtime/trace/conversation"
)

// watcher is one run of "mesos actor".
type watcher struct {
	cluster  Cluster
	out, err io.Writer
	nodes    []string
	limit    int
	all      bool
	json     bool
}

const actorHelp = `Show the actors of masters, agents, schedulers and executors: what waits for them, how busy they are, and what they do.

A PID is id@ip:port, as in "slave(1)@10.0.0.2:5051". What is waiting is in its queue now; turns are counted, and times measured, as far as the actor's node remembers.`

// ActorCommand returns "mesos actor".
func ActorCommand(c Cluster, out, err io.Writer) *cobra.Command {
	w := &watcher{cluster: c, out: out, err: err}
	cmd := &cobra.Command{Use: "actor", Short: "List, inspect and watch actors", Long: actorHelp, Args: cobra.NoArgs,
		Example: "  mesos actor top\n  mesos actor inspect master@10.0.0.1:5050\n  mesos actor tap 'slave(1)@10.0.0.2:5051'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() }}
	run := func(f func(context.Context, []string) error) func(*cobra.Command, []string) error {
		return func(cmd *cobra.Command, args []string) error {
			w.json = wantsJSON(cmd.Flags())
			return f(cmd.Context(), args)
		}
	}
	list := &cobra.Command{Use: "list", Short: "List all actors", Args: cobra.NoArgs,
		Long:    "Lists the actors of all nodes that the master knows, by node and ID, with the length and age of their queues and their rates.",
		Example: "  mesos actor list\n  mesos actor list --node=10.0.0.2:5051",
		RunE:    run(func(ctx context.Context, _ []string) error { return w.list(ctx, byPID) })}
	top := &cobra.Command{Use: "top", Short: "List the busiest actors", Args: cobra.NoArgs,
		Long:    "Lists the actors of all nodes that the master knows, those first that work most.",
		Example: "  mesos actor top\n  mesos actor top --limit=10",
		RunE:    run(func(ctx context.Context, _ []string) error { return w.list(ctx, byWork) })}
	inspect := &cobra.Command{Use: "inspect <pid>", Short: "Show what an actor handles, waits for, and did last", Args: onePID,
		Long:    "Shows the queue, handlers, links, timers and longest turns of one actor, and its latest messages.",
		Example: "  mesos actor inspect master@10.0.0.1:5050",
		RunE:    run(func(ctx context.Context, args []string) error { return w.inspect(ctx, args[0]) })}
	tap := &cobra.Command{Use: "tap <pid>", Short: "Print what an actor says and hears, until interrupted", Args: onePID,
		Long: "Prints the messages that one actor sends and receives from now on, when they are sent and when they are handled, and what it is told and tells over HTTP, " +
			"a line each; with --all also calls, answers, timers, requests, links, and when each of them was queued. Ctrl-C ends it.",
		Example: "  mesos actor tap 'slave(1)@10.0.0.2:5051'\n  mesos actor tap master@10.0.0.1:5050 --all",
		RunE:    run(func(ctx context.Context, args []string) error { return w.tap(ctx, args[0]) })}
	tap.Flags().BoolVar(&w.all, "all", false, "all that happens in the actor, not messages only")
	for _, sub := range []*cobra.Command{list, top} {
		sub.Flags().StringSliceVar(&w.nodes, "node", nil, "ask this host:port instead of the nodes that the master knows; may be repeated")
		sub.Flags().IntVar(&w.limit, "limit", 0, "only the first so many; 0 means all")
	}
	cmd.AddCommand(list, top, inspect, tap)
	return cmd
}

func onePID(cmd *cobra.Command, args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("%s needs one PID, as in master@10.0.0.1:5050", cmd.CommandPath())
	}
	if _, err := runtime.ParsePID(args[0]); err != nil {
		return fmt.Errorf("%s; mesos actor list shows those that are", strings.TrimPrefix(err.Error(), "runtime: "))
	}
	return nil
}

func byPID(x, y trace.ActorRecord) int { return cmp.Compare(x.PID, y.PID) }

// byWork puts those first for whom most waits, and then those who work most.
func byWork(x, y trace.ActorRecord) int {
	return cmp.Or(cmp.Compare(y.Waiting, x.Waiting), cmp.Compare(y.Busy, x.Busy), byPID(x, y))
}

// of asks one node for its actors.
func (w *watcher) of(ctx context.Context, node string, known bool) (all []trace.ActorRecord, err error) {
	text, err := w.cluster.Get(ctx, node, "/trace/actors", known)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s: not a list of actors: %w", node, err)
	}
	return all, nil
}

func (w *watcher) list(ctx context.Context, order func(x, y trace.ActorRecord) int) error {
	if w.limit < 0 {
		return fmt.Errorf("--limit=%d: want a number that is not negative", w.limit)
	}
	nodes := w.nodes
	if len(nodes) == 0 {
		var err error
		if nodes, err = w.cluster.Nodes(ctx); err != nil {
			return err
		}
	}
	var all []trace.ActorRecord
	failed := map[string]error{}
	for _, n := range nodes {
		actors, err := w.of(ctx, n, true)
		if err != nil {
			failed[n] = err
		}
		all = append(all, actors...)
	}
	slices.SortStableFunc(all, byPID)
	all = slices.CompactFunc(all, func(x, y trace.ActorRecord) bool { return x.PID == y.PID }) // of a node that has two addresses
	if len(all) == 0 {
		return fmt.Errorf("no node answers: %s", complain(failed, func(error) bool { return true }))
	}
	for _, line := range complaints(failed) {
		io.WriteString(w.err, line) //nolint:errcheck // as with other complaints
	}
	slices.SortFunc(all, order)
	if w.limit > 0 {
		all = all[:min(w.limit, len(all))]
	}
	if w.json {
		return w.write(all)
	}
	t := tabwriter.NewWriter(w.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "PID\tWAITING\tOLDEST\tTURNS/S\tBUSY\tLONGEST\tRUNNING")
	for _, a := range all {
		fmt.Fprintf(t, "%s\t%d\t%s\t%.1f\t%.2f%%\t%s\t%s\n", a.PID, a.Waiting, ms(a.Oldest), a.Rate, 100*a.Busy,
			strings.TrimSpace(ms(a.Longest)+" "+cell(a.Slowest)), cell(a.Running))
	}
	return t.Flush()
}

// write writes JSON, as other commands do.
func (w *watcher) write(x any) error {
	e := json.NewEncoder(w.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	return e.Encode(x)
}

// widest is how many letters of what a turn is about a table shows. The query of a request may be long.
const widest = 48

// cell cuts what is too long for a table, which has room for as much in every row. "mesos actor inspect" shows all of it.
func cell(s string) string {
	if r := []rune(s); len(r) > widest {
		return string(r[:widest-1]) + "…"
	}
	return s
}

// ms writes milliseconds.
func ms(x float64) string {
	if x == 0 {
		return "-"
	}
	return time.Duration(x * float64(time.Millisecond)).Round(time.Microsecond).String()
}

// lastMessages is how many messages "mesos actor inspect" shows.
const lastMessages = 20

// find asks the node of an actor about it.
func (w *watcher) find(ctx context.Context, pid string) (a trace.ActorRecord, err error) {
	node, _ := about(pid)
	all, err := w.of(ctx, node, w.known(ctx, node))
	if err != nil {
		return a, err
	}
	i := slices.IndexFunc(all, func(a trace.ActorRecord) bool { return a.PID == pid })
	if i < 0 {
		return a, fmt.Errorf("there is no actor %s on its node; mesos actor list --node=%s lists those that are", pid, node)
	}
	return all[i], nil
}

func (w *watcher) inspect(ctx context.Context, pid string) error {
	a, err := w.find(ctx, pid)
	if err != nil {
		return err
	}
	records, err := w.events(ctx, pid)
	if err != nil {
		return err
	}
	records = slices.DeleteFunc(records, func(r conversation.Record) bool { return !talk(r) })
	records = records[max(0, len(records)-lastMessages):]
	if w.json {
		return w.write(inspected{a, records})
	}
	fmt.Fprintf(w.out, "pid      %s\nturns    %d, %.1f per second, busy %.2f%%\nlongest  %s %s\nwaiting  %d",
		a.PID, a.Turns, a.Rate, 100*a.Busy, ms(a.Longest), a.Slowest, a.Waiting)
	if a.Waiting > 0 {
		fmt.Fprintf(w.out, ", the oldest for %s", ms(a.Oldest))
	}
	fmt.Fprintln(w.out)
	if a.Running != "" {
		fmt.Fprintf(w.out, "running  %s, for %s\n", a.Running, ms(a.RunsFor))
	}
	for _, field := range []struct {
		name string
		all  []string
	}{{"timers", a.Timers}, {"links", a.Links}, {"handles", a.Handles}} {
		for i, one := range field.all {
			if i > 0 {
				field.name = ""
			}
			fmt.Fprintf(w.out, "%-8s %s\n", field.name, one)
		}
	}
	for _, r := range records {
		fmt.Fprintln(w.out, eventLine(r))
	}
	return nil
}

// inspected is what "mesos actor inspect" shows, as JSON.
type inspected struct {
	trace.ActorRecord
	Messages []conversation.Record `json:"messages"` // the latest ones
}

// talk reports whether r is something that its actor said or was told, at one place of its way: when it was sent, handled or dropped.
func talk(r conversation.Record) bool {
	switch r.Event {
	case "send", "say", "hear":
		return true
	case "deliver", "drop":
		return r.What == "message"
	}
	return false
}

// known reports whether the master knows the node, so that it may see the user's credentials.
func (w *watcher) known(ctx context.Context, node string) bool {
	nodes, err := w.cluster.Nodes(ctx)
	return err == nil && slices.Contains(nodes, node)
}

// events returns what the actor said and heard, as far as its node remembers.
func (w *watcher) events(ctx context.Context, pid string) ([]conversation.Record, error) {
	node, q := about(pid)
	text, err := w.cluster.Get(ctx, node, q.path(), w.known(ctx, node))
	if err != nil {
		return nil, err
	}
	records, err := conversation.Parse(text)
	return slices.DeleteFunc(records, func(r conversation.Record) bool { return !mine(r, pid) }), err
}

// about asks what the actor says and hears.
func about(pid string) (node string, q question) {
	id, node, _ := strings.Cut(pid, "@")
	return node, question{actor: id}
}

// mine reports whether the actor said or heard r: the question may have been about others, too.
func mine(r conversation.Record, pid string) bool { return r.From == pid || r.To == pid }

// tap prints events as they come.
func (w *watcher) tap(ctx context.Context, pid string) error {
	if _, err := w.find(ctx, pid); err != nil {
		return err
	}
	node, q := about(pid)
	line := line(w.json)
	err := followNode(ctx, w.cluster, node, q.live().path(), w.known(ctx, node), func() error { return nil }, func(r conversation.Record) {
		if mine(r, pid) && (w.all || talk(r)) {
			io.WriteString(w.out, line(r)) //nolint:errcheck // as with other lines
		}
	})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("%s tells no more: %w", node, err)
}
