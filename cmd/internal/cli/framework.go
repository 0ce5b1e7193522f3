package cli

import (
	"context"

	"github.com/spf13/cobra"
)

// framework holds the fields of a framework that are shown.
type framework struct {
	ID, Name, Hostname string
	Active             bool
}

func frameworkCommand(s *session) *cobra.Command {
	var all bool
	list := &cobra.Command{
		Use: "list [-a]", Short: "List the active frameworks", Args: takes(false),
		Long: "List the frameworks that are subscribed with the leading master and receive offers.\n\n" +
			"With -a, list inactive frameworks as well: those whose schedulers are disconnected or were deactivated.",
		Example: "  mesos framework list -a\n  mesos framework list -o json | jq -r '.[].name'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.listFrameworks(cmd.Context(), all) },
	}
	list.Flags().BoolVarP(&all, "all", "a", false, "list inactive frameworks as well")
	inspect := &cobra.Command{
		Use: "inspect <framework-id>", Short: "Print everything the master knows about a framework except its tasks", Args: takes(false, "framework-id"),
		Long:              "Print everything the master knows about a framework, as JSON. For its tasks, use mesos task list.",
		Example:           "  mesos framework inspect 2ee24a6b-3ad2-4d9d-a4c1-6d7d3f6bb0ed-0000",
		ValidArgsFunction: s.completes((*session).frameworks),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.inspect(cmd.Context(), "framework", args[0], s.frameworks)
		},
	}
	return group("framework", "List and inspect frameworks", "  mesos framework list -a", list, inspect)
}

// frameworks returns all frameworks that are not completed, without their tasks.
func (s *session) frameworks(ctx context.Context) (list, error) {
	frameworks, err := s.list(ctx, "/frameworks", "frameworks")
	for i, text := range frameworks {
		if err == nil {
			frameworks[i], err = without(text, "tasks", "unreachable_tasks", "completed_tasks")
		}
	}
	return frameworks, err
}

func (s *session) listFrameworks(ctx context.Context, all bool) error {
	frameworks, err := s.frameworks(ctx)
	if err != nil {
		return err
	}
	frameworks, err = only(frameworks, func(f framework) bool { return all || f.Active })
	if err != nil {
		return err
	}
	t := table("ID", "Active", "Hostname", "Name")
	return print(s, t, frameworks, func(f framework) { t.add(f.ID, capital(f.Active), f.Hostname, f.Name) })
}
