package cli

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

func configCommand(s *session) *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: "Print the configuration file", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return s.showConfig() },
	}
	plugins := &cobra.Command{
		Use: "plugins", Short: "List the groups of commands", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return s.plugins(cmd.Root()) },
	}
	return group("config", "Show the configuration", plugins, show)
}

func (s *session) showConfig() error {
	path, _ := configPath(s.env)
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	_, err = fmt.Fprintln(s.Out, strings.TrimRight(string(text), "\n"))
	return err
}

func (s *session) plugins(root *cobra.Command) error {
	t := table("NAME", "DESCRIPTION")
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && cmd.Name() != "completion" {
			t.add(cmd.Name(), cmd.Short)
		}
	}
	return t.write(s.Out)
}
