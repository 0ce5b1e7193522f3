package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// agent holds the fields of an agent that are shown.
type agent struct {
	ID       string
	Hostname string
	PID      string
	Active   bool
}

func agentCommand(s *session) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the agents", Args: takes(false),
		Long: "List the agents that are registered with the leading master.\n\n" +
			"An agent is inactive if its connection was lost recently or if it was deactivated.",
		Example: "  mesos agent list\n  mesos agent list -o json | jq -r '.[].hostname'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.listAgents(cmd.Context()) },
	}
	inspect := &cobra.Command{
		Use: "inspect <agent-id>", Short: "Print everything the master knows about an agent", Args: takes(false, "agent-id"),
		Long:              "Print everything the master knows about an agent, as JSON: its resources, attributes, capabilities and usage.",
		Example:           "  mesos agent inspect 2ee24a6b-3ad2-4d9d-a4c1-6d7d3f6bb0ed-S0\n  mesos agent inspect 2ee | jq .used_resources",
		ValidArgsFunction: s.completes((*session).agents),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.inspect(cmd.Context(), "agent", args[0], s.agents)
		},
	}
	return group("agent", "List and inspect agents", "  mesos agent list", list, inspect)
}

// agents returns all registered agents.
func (s *session) agents(ctx context.Context) (list, error) { return s.list(ctx, "/slaves", "slaves") }

func (s *session) listAgents(ctx context.Context) error {
	agents, err := s.agents(ctx)
	if err != nil {
		return err
	}
	t := table("Agent ID", "Hostname", "Active")
	return print(s, t, agents, func(a agent) { t.add(a.ID, a.Hostname, capital(a.Active)) })
}

// address returns the URL of the agent's actor.
func (s *session) address(ctx context.Context, id string) (string, error) {
	agents, err := s.agents(ctx)
	if err != nil {
		return "", err
	}
	for _, text := range agents {
		var a agent
		if err := json.Unmarshal(text, &a); err != nil {
			return "", err
		}
		if name, address, ok := strings.Cut(a.PID, "@"); a.ID == id && ok {
			return s.client.agentScheme() + address + "/" + name, nil
		}
	}
	return "", fmt.Errorf("agent %s is not registered", id)
}

func (c *client) agentScheme() string {
	if c.config.Agent.SSL {
		return "https://"
	}
	return c.scheme + "://"
}

// capital formats a boolean as Mesos's command line does.
func capital(b bool) string {
	if b {
		return "True"
	}
	return "False"
}
