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

// Streams holds the input and outputs of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// session is one run of the program.
type session struct {
	Streams
	env        func(string) string
	master     string // --master
	output     string // --output
	credential string // --credential
	client     *client
	timeout    time.Duration // for a response; 0 means the configured one
	poll       time.Duration // between reads of followed output; 0 means pollInterval
}

// formats lists the values of --output.
var formats = []string{"table", "json"}

// about is the help text of the program.
const about = `Show the state of a Mesos cluster: its agents, frameworks and tasks. Read the output of tasks and run commands in them.

The address of the master is taken from --master, the environment variable MESOS_MASTER, or the configuration file, in
this order; the default is ` + defaultMaster + `. It is host:port, several of these separated by commas,
zk://host:port,…/path, or file:// and the path of a file with one of these. Any master will do, since every master
knows the leading one.

The configuration file is ~/.mesos/config.toml unless the environment variable MESOS_CLI_CONFIG names another:

  [master]
    address = "10.0.0.1:5050"       # or: [master.zookeeper] addresses = ["10.0.0.1:2181"], path = "/mesos"
    principal = "me"                # with secret = "…", if the master requires authentication
  [agent]
    ssl = false                     # use https for agents; ssl_verify = true verifies their certificates
    timeout = 5                     # seconds to wait for a response; principal and secret as above

If masters and agents require authentication, --credential or the environment variable MESOS_CREDENTIAL names a file with
a principal and its secret, as JSON or text; without one, MESOS_PRINCIPAL and MESOS_SECRET, or those in the configuration
file, are used. There is no flag for the secret itself, because flags are visible to everybody on the machine.

If the variables LIBPROCESS_SSL_… turn TLS on, masters and agents are reached by https: LIBPROCESS_SSL_ENABLED, …_CERT_FILE
and …_KEY_FILE, …_VERIFY_SERVER_CERT, …_CA_FILE and …_CA_DIR have the same meaning as for the daemons.

IDs may be abbreviated to an unambiguous prefix. Results are written to standard output, as tables or, with -o json, as
JSON with the fields of Mesos's HTTP API. Errors are written to standard error, and the exit status is then 1.`

// Command returns the root command. env looks up environment variables.
func Command(version string, env func(string) string, streams Streams) *cobra.Command {
	s := &session{Streams: streams, env: env}
	root := &cobra.Command{
		Use:     "mesos",
		Short:   "Show the state of a Mesos cluster",
		Version: version,
		Long:    about,
		Example: "  mesos state\n  mesos --master=10.0.0.1:5050,10.0.0.2:5050 task list\n  mesos task logs -f web.1\n  mesos task exec -it web.1 bash",
		Args:    known, RunE: help,
		SilenceUsage: true, SilenceErrors: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return s.check() },
	}
	flags := root.PersistentFlags()
	flags.StringVar(&s.master, "master", "", "address of the master: host:port,… or zk://host:port,…/path")
	flags.StringVar(&s.credential, "credential", "", "file with the principal and secret to authenticate with, as for mesos-agent")
	flags.StringVarP(&s.output, "output", "o", "table", "output format: table or json")
	if err := root.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag is defined
	}
	root.SetVersionTemplate("mesos {{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w; see %s --help", err, cmd.CommandPath())
	})
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.AddCommand(agentCommand(s), configCommand(s), frameworkCommand(s), masterCommand(s), quotaCommand(s), registryCommand(s), stateCommand(s), taskCommand(s))
	root.AddCommand(traceCommands(s)...)
	root.AddCommand(oldCommands(s)...)
	plainUse(root)
	return root
}

// plainUse removes [flags] from the usage lines of all commands: the lines list the important flags themselves.
func plainUse(cmd *cobra.Command) {
	cmd.DisableFlagsInUseLine = true
	for _, sub := range cmd.Commands() {
		plainUse(sub)
	}
}

func (s *session) check() error {
	if !slices.Contains(formats, s.output) {
		return fmt.Errorf("output %q is neither table nor json", s.output)
	}
	return nil
}

// connect finds the leading master.
func (s *session) connect(ctx context.Context) (*client, error) {
	if s.client != nil {
		return s.client, nil
	}
	client, master, said, err := s.approach()
	if err != nil {
		return nil, err
	}
	if err := client.find(ctx, master); err != nil {
		if said == "" {
			err = fmt.Errorf("%w; set the address of a master with --master, MESOS_MASTER or the configuration file", err)
		}
		return nil, err
	}
	s.client = client
	return client, nil
}

// approach returns a client that knows no leader yet, where to look for one, and what the user has said of that.
func (s *session) approach() (*client, place, string, error) {
	c, err := readConfig(s.env)
	if err != nil {
		return nil, place{}, "", err
	}
	said := cmp.Or(s.master, s.env("MESOS_MASTER"), c.master())
	master, err := parsePlace(cmp.Or(said, defaultMaster), s.scheme())
	if err != nil {
		return nil, place{}, "", err
	}
	client, err := s.newClient(c)
	if err != nil {
		return nil, place{}, "", err
	}
	client.timeout = cmp.Or(s.timeout, client.timeout)
	return client, master, said, nil
}

// group returns a command that only has subcommands.
func group(use, short, examples string, below ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: examples, Args: known, RunE: help}
	cmd.AddCommand(below...)
	return cmd
}

func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }

// known rejects unknown subcommands and suggests a similar one.
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

// takes requires the named arguments, and accepts further ones if more is set.
func takes(more bool, names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		for i, name := range names {
			if i >= len(args) || args[i] == "" {
				return fmt.Errorf("%s needs <%s>: %s", cmd.CommandPath(), name, cmd.UseLine())
			}
		}
		if len(args) > len(names) && !more {
			return fmt.Errorf("%s: unexpected argument %q: %s", cmd.CommandPath(), args[len(names)], cmd.UseLine())
		}
		return nil
	}
}
