package cli

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// master holds the fields of a master that are shown.
type master struct {
	Address string
	Leads   bool
	Active  bool
	Behind  uint64
}

func masterCommand(s *session) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the masters", Args: takes(false),
		Long: "List the masters that share one registry.\n\nA master is inactive if the leader has not heard of it lately. " +
			"It is behind by the changes that it does not have yet.",
		Example: "  mesos master list",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.listMasters(cmd.Context()) },
	}
	transfer := &cobra.Command{
		Use: "transfer [<ip:port>]", Short: "Have another master lead", Args: cobra.MaximumNArgs(1),
		Long:    "Have another master lead: the one at that address, or the one that has most of what the leader knows.",
		Example: "  mesos master transfer\n  mesos master transfer 10.0.0.2:5050",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeMasters(cmd.Context(), "/consensus/transfer", args)
		},
	}
	remove := &cobra.Command{
		Use: "remove <ip:port>", Short: "Remove a master from the group", Args: takes(false, "ip:port"),
		Long: "Remove a master from those that share one registry, so that the others do not count with it any more.\n\n" +
			"It ends if it runs. The leader cannot be removed, and nobody whom a majority needs.",
		Example: "  mesos master remove 10.0.0.3:5050",
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.changeMasters(cmd.Context(), "/consensus/remove", args)
		},
	}
	return group("master", "List, remove and choose masters", "  mesos master list", list, transfer, remove)
}

func (s *session) listMasters(ctx context.Context) error {
	masters, err := s.list(ctx, "/consensus/masters", "masters")
	if err != nil {
		return ofNoGroup(err)
	}
	t := table("Address", "Leads", "Active", "Behind")
	return print(s, t, masters, func(m master) { t.add(m.Address, capital(m.Leads), capital(m.Active), m.Behind) })
}

// changeMasters asks the leader for a change that concerns the master that args name, if they do.
func (s *session) changeMasters(ctx context.Context, path string, args []string) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if len(args) > 0 {
		path += "?" + url.Values{"master": args}.Encode()
	}
	answer, err := c.send(ctx, http.MethodPost, c.leader+path, nil, nil)
	if err != nil {
		return ofNoGroup(err)
	}
	return answer.Body.Close()
}

// ofNoGroup returns what an error means that a master of no group, or one of C++, has answered.
func ofNoGroup(err error) error {
	var refused *refusal
	if errors.As(err, &refused) && refused.code == http.StatusNotFound {
		return errors.New("the leading master shares its registry with no others, so there are none to list, choose or remove: " +
			"masters of a group are started with --masters, or with --zk and --quorum above 1")
	}
	return err
}
