package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
	"github.com/spf13/cobra"
)

func configCommand(s *session) *cobra.Command {
	show := &cobra.Command{
		Use: "show", Short: "Print the configuration file", Args: takes(false),
		Long:    "Print the configuration file unchanged. With -o json, print its settings.",
		Example: "  mesos config show\n  MESOS_CLI_CONFIG=other.toml mesos config show -o json | jq .master",
		RunE:    func(*cobra.Command, []string) error { return s.showConfig() },
	}
	plugins := &cobra.Command{
		Use: "plugins", Short: "List the command groups", Args: takes(false),
		Long: "List the command groups. Python plugins that the configuration file names are not supported and not listed.\n" +
			"Instead, mesos NAME runs a program mesos-NAME from this program's directory or the PATH.",
		Example: "  mesos config plugins",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.plugins(cmd.Root()) },
	}
	return group("config", "Show the configuration", "  mesos config show", plugins, show)
}

func (s *session) showConfig() error {
	path, _ := configPath(s.env)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("configuration: file %s does not exist; set MESOS_CLI_CONFIG to use another", path)
	}
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	if s.output == "json" {
		settings := map[string]any{}
		if _, err := toml.Decode(string(text), &settings); err != nil {
			return fmt.Errorf("configuration %s: %w", path, err)
		}
		return s.printJSON(settings)
	}
	_, err = fmt.Fprintln(s.Out, strings.TrimRight(string(text), "\n"))
	return err
}

func (s *session) plugins(root *cobra.Command) error {
	type plugin struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	}
	var all []plugin
	t := table("NAME", "DESCRIPTION")
	for _, cmd := range root.Commands() {
		if cmd.HasSubCommands() && cmd.Name() != "completion" {
			all = append(all, plugin{cmd.Name(), cmd.Short})
			t.add(cmd.Name(), cmd.Short)
		}
	}
	if s.output == "json" {
		return s.printJSON(all)
	}
	return t.write(s.Out)
}

// printJSON prints a value that did not come from a cluster.
func (s *session) printJSON(v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("print JSON: %w", err)
	}
	return writeJSON(s.Out, text)
}
