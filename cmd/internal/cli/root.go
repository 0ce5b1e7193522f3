package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// Streams are where a command reads and writes.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// session is one run of the program.
type session struct {
	Streams
	env     func(string) string
	master  string // --master
	output  string // --output
	client  *client
	timeout time.Duration // of an answer, if it is not what the configuration says
	poll    time.Duration // how often what is followed is looked at; 0 is pollInterval
}

// formats are what --output may be.
var formats = []string{"table", "json"}

// about is what the program says of itself.
const about = `Ask a Mesos cluster what it does: its agents, frameworks and tasks, what tasks wrote; and enter them.

Where the master is, say --master, or else the variable MESOS_MASTER, or else the configuration file, or else it
is at ` + defaultMaster + `. It is host:port, several of these with commas between, zk://host:port,…/path, or
file:// and a file with one of them. Any master will do; it tells who leads.

The configuration file is ~/.mesos/config.toml, or the one that the variable MESOS_CLI_CONFIG names:

  [master]
    address = "10.0.0.1:5050"       # or: [master.zookeeper] addresses = ["10.0.0.1:2181"], path = "/mesos"
    principal = "me"                # with secret = "…", where the master wants to know who asks
  [agent]
    ssl = false                     # talk to agents by https; ssl_verify = true checks their certificates
    timeout = 5                     # seconds to wait for an answer; principal and secret as above

Ids may be shortened to a beginning that only one has. Answers go to standard output, as tables or, with -o json,
as JSON with the fields of Mesos's HTTP API; what goes wrong goes to standard error, and ends with status 1.`

// Command returns the program, whose version is as given. env looks up a variable of the environment.
func Command(version string, env func(string) string, streams Streams) *cobra.Command {
	s := &session{Streams: streams, env: env}
	root := &cobra.Command{
		Use:     "mesos",
		Short:   "Ask a Mesos cluster what it does",
		Version: version,
		Long:    about,
		Example: "  mesos state\n  mesos --master=10.0.0.1:5050,10.0.0.2:5050 task list\n  mesos task logs -f web.1\n  mesos task exec -it web.1 bash",
		Args:    known, RunE: help,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.check() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.master, "master", "", "where a master is: host:port,… or zk://host:port,…/path")
	flags.StringVarP(&s.output, "output", "o", "table", "how to print: table or json")
	if err := root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
	root.SetVersionTemplate("mesos {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(agentCommand(s), configCommand(s), frameworkCommand(s), stateCommand(s), taskCommand(s))
	root.AddCommand(oldCommands(s)...)
	plainUse(root)
	return root
}

// plainUse has no command say [flags] after what it takes: the flags that matter are there.
func plainUse(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, sub := range cmd.Commands() {
		plainUse(sub)
	}
}

func (s *session) check() error {
	if !slices.Contains(formats, s.output) {
		return fmt.Errorf("output %q: should be table or json", s.output)
	}
	return nil
}

// connect finds the leading master.
func (s *session) connect(ctx context.Context) (*client, error) {
	if s.client != nil {
		return s.client, nil
	}
	c, err := readConfig(s.env)
	if err != nil {
		return nil, err
	}
	said := cmp.Or(s.master, s.env("MESOS_MASTER"), c.master())
	master, err := parsePlace(cmp.Or(said, defaultMaster))
	if err != nil {
		return nil, err
	}
	client := newClient(c)
	client.timeout = cmp.Or(s.timeout, client.timeout)
	if err := client.find(ctx, master); err != nil {
		if said == "" {
			err = fmt.Errorf("%w; --master, MESOS_MASTER or the configuration file say where one is", err)
		}
		return nil, err
	}
	s.client = client
	return client, nil
}

// group is a command that only has others below it.
func group(use, short, examples string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: examples, Args: known, RunE: help}
	cmd.AddCommand(below...)
	return cmd
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// known refuses what a group does not have, and says what was perhaps meant.
func known(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	for _, like := range cmd.SuggestionsFor(args[0]) {
		return fmt.Errorf("there is no command %q; did you mean %s %s?", cmd.CommandPath()+" "+args[0], cmd.CommandPath(), like)
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	return fmt.Errorf("there is no command %q, only %s", cmd.CommandPath()+" "+args[0], strings.Join(names, ", "))
}

// takes wants the arguments of which names tells the first ones; more are taken if more is set.
func takes(more bool, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, name := range names {
			if i >= len(args) || args[i] == "" {
				return fmt.Errorf("%s needs <%s>: %s", cmd.CommandPath(), name, cmd.UseLine())
			}
		}
		if len(args) > len(names) && !more {
			return fmt.Errorf("%s: %q is too much: %s", cmd.CommandPath(), args[len(names)], cmd.UseLine())
		}
		return nil
	}
}
