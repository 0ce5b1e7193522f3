package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/spf13/cobra"
)

// master holds the fields of a master that are shown.
type master struct {
	Address string
	Leads   bool
	Joins   bool
	Active  bool
	Behind  uint64
}

func masterCommand(s *session) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the masters", Args: takes(false),
		Long: "List the masters that share one registry.\n\nA master joins as long as it does not count. It is inactive if " +
			"the leader has not heard of it lately. It is behind by the changes that it does not have yet. If none leads, one of them that answers says " +
			"whom it hears of. What is wrong with the group is printed to standard error.",
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

// masters is what a master says of its group.
type masters struct {
	Masters list
	Problem string
}

// listMasters lists the masters as the leading one knows them, or, if none leads, as one knows them that answers.
func (s *session) listMasters(ctx context.Context) error {
	var found masters
	c, err := s.connect(ctx)
	if err != nil {
		if of, other := s.mastersOfAny(ctx); other == nil {
			fmt.Fprintln(s.Err, "No master leads:", err)
			found, err = of, nil
		}
	} else {
		found, err = c.masterList(ctx, c.leader)
	}
	if err != nil {
		return ofNoGroup(err)
	}
	if found.Problem != "" {
		fmt.Fprintln(s.Err, "The masters say:", found.Problem)
	}
	t := table("Address", "Leads", "Joins", "Active", "Behind")
	return print(s, t, found.Masters, func(m master) { t.add(m.Address, capital(m.Leads), capital(m.Joins), capital(m.Active), m.Behind) })
}

// mastersOfAny asks the masters that the user has named, or that are announced in ZooKeeper, one after the other.
func (s *session) mastersOfAny(ctx context.Context) (masters, error) {
	c, where, _, err := s.approach()
	if err != nil {
		return masters{}, err
	}
	all := where.masters
	if where.zooKeeper != nil {
		ctx, cancel := context.WithTimeout(ctx, c.timeout)
		defer cancel()
		replicas, err := where.zooKeeper.Replicas(ctx)
		if err != nil {
			return masters{}, err
		}
		for _, pid := range replicas {
			all = append(all, c.scheme+"://"+pid.Addr)
		}
	}
	err = errors.New("no master is known")
	for _, one := range all {
		var found masters
		if found, err = c.masterList(ctx, one); err == nil {
			return found, nil
		}
	}
	return masters{}, err
}

func (c *client) masterList(ctx context.Context, master string) (found masters, err error) {
	text, err := c.getFrom(ctx, master, "/consensus/masters", nil, "")
	if err == nil {
		err = json.Unmarshal(text, &found)
	}
	return found, err
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
