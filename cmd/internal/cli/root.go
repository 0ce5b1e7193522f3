package cli

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"

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
	env    func(string) string
	master string // --master
	output string // --output
	client *client
}

// formats are what --output may be.
var formats = []string{"table", "json"}

// Command returns the program, whose version is as given. env looks up a variable of the environment.
func Command(version string, env func(string) string, streams Streams) *cobra.Command {
	s := &session{Streams: streams, env: env}
	root := &cobra.Command{
		Use:     "mesos",
		Short:   "Ask a Mesos cluster what it does",
		Version: version,
		Long: "Ask a Mesos cluster what it does.\n\n" +
			"The master is the one of --master, or of the configuration file (MESOS_CLI_CONFIG, or\n" +
			"~/.mesos/config.toml), or the one at " + defaultMaster + "; any master tells who leads.",
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.check() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.master, "master", "", "a master: host:port or zk://host:port,…/path")
	flags.StringVarP(&s.output, "output", "o", "table", "how to print: table or json")
	if err := root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is there
	}
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(agentCommand(s), configCommand(s), frameworkCommand(s), stateCommand(s), taskCommand(s))
	return root
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
	master, err := parseMaster(cmp.Or(s.master, c.master(), defaultMaster))
	if err != nil {
		return nil, err
	}
	client := newClient(c)
	if err := client.find(ctx, master); err != nil {
		return nil, err
	}
	s.client = client
	return client, nil
}

// group is a command that only has others below it.
func group(use, short string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(below...)
	return cmd
}
