package tracing

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"meseta/cmd/internal/tracing/otlp"
	"meseta/runtime/trace/conversation"
)

// kinds are what can be traced.
var kinds = []string{"task", "framework", "agent", "offer", "executor", "operation", "container"}

// tracer is one run of "mesos trace".
type tracer struct {
	cluster  Cluster
	out, err io.Writer

	choice   conversation.Choice
	since    time.Duration
	nodes    []string
	file     string
	format   string
	sequence bool
	chrome   bool
	json     bool
	otlp     string
	follow   bool
	poll     time.Duration // between looks for nodes that are to be followed
}

// formats are how a conversation can be shown.
var formats = map[string]func(*conversation.Conversation, string) string{
	"text":     func(c *conversation.Conversation, _ string) string { return c.Text() },
	"sequence": func(c *conversation.Conversation, _ string) string { return c.Sequence() },
	"mermaid":  func(c *conversation.Conversation, _ string) string { return c.Mermaid() },
	"svg":      func(c *conversation.Conversation, _ string) string { return c.SVG() },
	"html":     (*conversation.Conversation).HTML,
	"chrome":   func(c *conversation.Conversation, _ string) string { return string(c.Chrome()) },
}

const help = `Show who said what to whom about a task, a framework, an agent, an offer, an executor, an operation or a container, in the
whole cluster: what the actors of masters, agents, schedulers and executors remember is collected and put together. Each line
is below what caused it:

  $ mesos trace task t1
    0.000000  scheduler → master  Call ACCEPT …  [arrived after 1ms, waited 2µs, took 40µs]
    0.001043    master → slave(1)  RunTaskMessage t1 …

The numbers are seconds since the first line. Behind a message stand how long it took to arrive and waited in the receiver's
queue, and how long it was worked on; that it was said AGAIN; and if it was DROPPED, WAITS, or was not seen to arrive, as by
a peer that has ended or is not of this program's kind. What such a peer said is below what it most likely follows, the latest that
it was told about the same, with the remark that its cause was not seen. What requests with a traceparent of W3C's Trace Context led to belongs to their trace:
it is named behind them, and --otlp sends spans that continue it. Differences between the clocks of nodes are corrected as far as causes tell.

With --follow each event is a line of its own, from what is remembered on until Ctrl-C; nodes that come, or come back, meanwhile
are followed, too.

Each node remembers its last 16,384 events (POST /trace/record?events=N changes that), in at most 64 MiB. Without an id, everything
that --actor and --message select is shown. Secrets, environments and data of tasks are never shown.`

// TraceCommand returns "mesos trace".
func TraceCommand(c Cluster, out, err io.Writer) *cobra.Command {
	t := &tracer{cluster: c, out: out, err: err, poll: 5 * time.Second}
	cmd := &cobra.Command{
		Use:   "trace [<kind> <id>] [--since=<duration>] [--actor=<pattern>] [--message=<pattern>] [--format=<format>] [--follow]",
		Short: "Show what was said about a task, a framework, an agent, an offer or an executor",
		Long:  help,
		Example: "  mesos trace task web.1\n  mesos trace task web.1 --sequence\n  mesos trace agent 2ee24a6b-S0 --since=10m --format=html > agent.html\n" +
			"  mesos trace task web.1 --otlp=http://127.0.0.1:4318\n" +
			"  mesos trace --actor='slave*' --message='*Ping*' --follow\n  mesos trace task web.1 --file=/var/log/mesos/mesos-master.trace",
		ValidArgs: kinds,
		Args:      t.arguments,
		RunE:      func(cmd *cobra.Command, _ []string) error { return t.run(cmd.Context()) },
	}
	f := cmd.Flags()
	f.DurationVar(&t.since, "since", 0, "only what happened since so long ago, as in 10m")
	f.StringVar(&t.choice.Actor, "actor", "", "only what actors of this id said or heard; * and ? match any letters")
	f.StringVar(&t.choice.Message, "message", "", "only messages, functions and requests of this name; * and ? match any letters")
	f.BoolVar(&t.choice.All, "all", false, "with all calls and answers that led from one message to another")
	f.StringSliceVar(&t.nodes, "node", nil, "ask this host:port instead of the nodes that the master knows; may be repeated")
	f.StringVar(&t.file, "file", "", "read what a node has written to this file instead of asking nodes")
	f.StringVar(&t.format, "format", "text", "text, sequence, mermaid, svg, html, or chrome for ui.perfetto.dev")
	f.BoolVar(&t.sequence, "sequence", false, "draw a sequence diagram; the same as --format=sequence")
	f.BoolVar(&t.chrome, "chrome", false, "the same as --format=chrome")
	f.BoolVar(&t.json, "json", false, "print the events themselves, one JSON object on a line; the same as -o json")
	f.StringVar(&t.otlp, "otlp", "", "send what is shown as spans to this OpenTelemetry collector, as in http://127.0.0.1:4318")
	f.BoolVarP(&t.follow, "follow", "f", false, "go on and print what happens, as events, until interrupted")
	for _, group := range exclusive {
		cmd.MarkFlagsMutuallyExclusive(group...)
	}
	return cmd
}

// exclusive are groups of flags of which at most one may be set.
var exclusive = [][]string{
	{"format", "sequence", "chrome", "json", "otlp"}, {"follow", "format"}, {"follow", "sequence"}, {"follow", "chrome"}, {"follow", "otlp"},
	{"file", "node"}, {"file", "follow"},
}

// clash returns an error if two flags of fs exclude each other. --output=json is --json.
func clash(fs *pflag.FlagSet) error {
	for _, group := range exclusive {
		said := ""
		for _, name := range group {
			by := "--" + name
			if name == "json" && !fs.Changed(name) && wantsJSON(fs) {
				name, by = "output", "--output=json"
			}
			switch {
			case !fs.Changed(name):
			case said != "":
				return fmt.Errorf("%s and %s exclude each other", said, by)
			default:
				said = by
			}
		}
	}
	return nil
}

// wantsJSON reports whether --output, which all commands of the program have, asks for JSON.
func wantsJSON(fs *pflag.FlagSet) bool {
	output := fs.Lookup("output")
	return output != nil && output.Value.String() == "json"
}

// arguments reads what is to be traced.
func (t *tracer) arguments(cmd *cobra.Command, args []string) error {
	if err := clash(cmd.Flags()); err != nil {
		return err
	}
	t.json = t.json || wantsJSON(cmd.Flags())
	switch {
	case t.sequence:
		t.format = "sequence"
	case t.chrome:
		t.format = "chrome"
	}
	if formats[t.format] == nil {
		return fmt.Errorf("--format=%s: want text, sequence, mermaid, svg, html or chrome", t.format)
	}
	if cmd.Flags().Changed("otlp") {
		if err := otlp.Check(t.otlp); err != nil {
			return fmt.Errorf("--otlp: %w", err)
		}
	}
	for _, flag := range []struct{ name, pattern string }{{"actor", t.choice.Actor}, {"message", t.choice.Message}} {
		if _, err := conversation.Match(flag.pattern, ""); err != nil {
			return fmt.Errorf("--%s=%q: want letters, of which * and ? match any, and [ begins a set of them that ] ends", flag.name, flag.pattern)
		}
	}
	if t.since < 0 {
		return fmt.Errorf("--since=%v: want a duration that is not negative", t.since)
	}
	switch {
	case len(args) == 0 && t.choice.Actor == "" && t.choice.Message == "":
		return fmt.Errorf("%s needs a kind and an id, as in \"mesos trace task web.1\", or --actor or --message", cmd.CommandPath())
	case len(args) == 0:
		return nil
	case !slices.Contains(kinds, args[0]):
		return fmt.Errorf("%q cannot be traced, only a %s", args[0], strings.Join(kinds, ", "))
	case len(args) == 1 || args[1] == "":
		return fmt.Errorf("%s %s needs an id", cmd.CommandPath(), args[0])
	case len(args) > 2:
		return fmt.Errorf("%s: unexpected argument %q", cmd.CommandPath(), args[2])
	}
	t.choice.About = args[0] + ":" + args[1]
	return nil
}

func (t *tracer) run(ctx context.Context) error {
	if t.follow {
		return t.newFollowing().run(ctx)
	}
	a, err := t.collect(ctx)
	if err != nil {
		return err
	}
	for _, line := range complaints(a.failed) {
		io.WriteString(t.err, line) //nolint:errcheck // as with other complaints
	}
	all := conversation.Build(a.records)
	if t.file != "" {
		all.Alone()
	}
	choice := t.choice
	choice.All = choice.All || t.json // so that a file of them can be read again
	shown := all.Select(choice)
	if len(shown.Roots) == 0 {
		return t.nothing(a)
	}
	if t.json {
		return t.writeRecords(shown.Of(a.records))
	}
	if err := t.show(ctx, shown); err != nil {
		return err
	}
	t.explain(shown, a)
	return nil
}

// show draws the conversation, or sends it away.
func (t *tracer) show(ctx context.Context, c *conversation.Conversation) error {
	if t.otlp == "" {
		_, err := io.WriteString(t.out, formats[t.format](c, t.title()))
		return err
	}
	spans, err := otlp.Send(ctx, t.otlp, c)
	if err != nil {
		return fmt.Errorf("--otlp: %w", err)
	}
	_, err = fmt.Fprintf(t.out, "sent %d spans in %d traces to %s\n", spans, len(c.Roots), t.otlp)
	return err
}

// collect gets the events from nodes or the file.
func (t *tracer) collect(ctx context.Context) (*answers, error) {
	if t.file != "" {
		text, err := os.ReadFile(t.file)
		if err != nil {
			return nil, err
		}
		records, err := conversation.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.file, err)
		}
		return &answers{records: records, asked: 1}, nil
	}
	nodes := t.nodes
	if len(nodes) == 0 {
		var err error
		if nodes, err = t.cluster.Nodes(ctx); err != nil {
			return nil, err
		}
	}
	return collect(ctx, t.cluster, nodes, t.question())
}

// question is what nodes are asked. Causes lead from one node to another, so that with a subject the rest is chosen here.
func (t *tracer) question() question {
	q := question{about: t.choice.About, since: t.since}
	if q.about == "" && !t.choice.All {
		q.actor, q.message = t.choice.Actor, t.choice.Message
	}
	return q
}

// title names what is shown.
func (t *tracer) title() string {
	if t.choice.About != "" {
		return strings.Replace(t.choice.About, ":", " ", 1)
	}
	return strings.TrimSpace(t.choice.Actor + " " + t.choice.Message)
}

func (t *tracer) nothing(a *answers) error {
	where := fmt.Sprintf("by the %d nodes that answered", a.asked)
	if a.asked == 1 {
		where = "by the node that answered"
	}
	if t.file != "" {
		where = "in " + t.file
	}
	if complaint := a.complaint(); complaint != "" {
		where += "; " + complaint + " did not"
	}
	return fmt.Errorf("nothing is remembered about %s %s; it may be unknown, or longer ago than nodes remember", t.title(), where)
}

// explain says on the error output what the picture does not.
func (t *tracer) explain(c *conversation.Conversation, a *answers) {
	for _, addr := range sorted(c.Skew) {
		fmt.Fprintf(t.err, "mesos: the clock of %s was corrected by %v\n", addr, c.Skew[addr])
	}
	if len(a.foreign) > 0 {
		fmt.Fprintf(t.err, "mesos: peers without a trace, which have ended or are of another kind, so that nothing is seen to arrive there: %s\n", strings.Join(a.foreign, ", "))
	}
}

func (t *tracer) writeRecords(records []conversation.Record) error {
	var b []byte
	for _, r := range records {
		b = r.AppendLine(b)
	}
	_, err := t.out.Write(b)
	return err
}

func sorted(m map[string]time.Duration) []string {
	var all []string
	for key := range m {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}

// line returns what --follow and "mesos actor tap" print of an event.
func line(asJSON bool) func(conversation.Record) string {
	if asJSON {
		return func(r conversation.Record) string { return string(r.AppendLine(nil)) }
	}
	return func(r conversation.Record) string { return eventLine(r) + "\n" }
}

// eventLine writes one event as it happens.
func eventLine(r conversation.Record) string {
	what := strings.TrimSpace(r.Event + " " + r.What)
	name := r.Title
	if name == "" {
		name = conversation.Short(r.Name)
	}
	who := r.To
	if r.From != "" {
		who = r.From + " → " + r.To
	}
	line := fmt.Sprintf("%s  %-15s %s  %s", r.Time.Format("15:04:05.000000"), what, who, name)
	for _, more := range []string{r.Text, r.Note} {
		if more != "" {
			line += " " + more
		}
	}
	return line
}
