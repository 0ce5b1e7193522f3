package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/masterv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/pb/v1/quotav1pb"
	"meseta/messages/resources"
)

// quota holds the fields of a role's quota that are shown.
type quota struct {
	Role                       string
	Guarantee, Limit, Consumed shownAmounts
}

type shownAmounts map[string]float64

// String formats amounts as "cpus:1; mem:64", or "-" if there are none.
func (a shownAmounts) String() string {
	if len(a) == 0 {
		return "-"
	}
	all := map[string]resources.Quantity{}
	for name, amount := range a {
		all[name] = resources.QuantityOf(amount)
	}
	return resources.LimitsOf(all).String()
}

func quotaCommand(s *session) *cobra.Command {
	list := &cobra.Command{
		Use: "list", Short: "List the quotas of roles", Args: takes(false),
		Long: "List what roles are guaranteed, what they may have at most, and what of that they have.\n\n" +
			"A role has what its tasks and those of the roles below it use, and what is reserved to them. Offers are not counted.",
		Example: "  mesos quota list",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.listQuotas(cmd.Context()) },
	}
	var guarantee, limit string
	var force bool
	set := &cobra.Command{
		Use: "set <role> [--guarantee=<resources>] [--limit=<resources>] [--force]", Short: "Set the quota of a role", Args: takes(false, "role"),
		Long: "Set what a role, with the roles below it, is guaranteed and what it may have at most. What is not named is not guaranteed, or not limited.\n\n" +
			"If all roles together would be guaranteed more than all agents have, or the role has more than the limit, that takes --force.",
		Example: "  mesos quota set web --guarantee='cpus:10;mem:4096' --limit='cpus:20'",
		RunE: func(cmd *cobra.Command, args []string) error {
			g, err := resources.ParseLimits(guarantee)
			if err != nil {
				return err
			}
			l, err := resources.ParseLimits(limit)
			if err == nil && g.IsEmpty() && l.IsEmpty() {
				err = errors.New("neither --guarantee nor --limit says anything; mesos quota remove removes the quota of a role")
			}
			if err != nil {
				return err
			}
			return s.setQuota(cmd.Context(), args[0], g, l, force)
		},
	}
	set.Flags().StringVar(&guarantee, "guarantee", "", "what the role is guaranteed, as in cpus:10;mem:4096")
	set.Flags().StringVar(&limit, "limit", "", "what the role may have at most")
	set.Flags().BoolVar(&force, "force", false, "set it also if there is not enough, or the role has more already")
	remove := &cobra.Command{
		Use: "remove <role>", Short: "Remove the quota of a role", Args: takes(false, "role"),
		Long:    "Remove the quota of a role, which is then guaranteed nothing and limited in nothing.",
		Example: "  mesos quota remove web",
		RunE:    func(cmd *cobra.Command, args []string) error { return s.removeQuota(cmd.Context(), args[0]) },
	}
	return group("quota", "List, set and remove quotas of roles", "  mesos quota list", list, set, remove)
}

// quotas returns the quotas that guarantee or limit something.
func (s *session) quotas(ctx context.Context) (list, error) {
	roles, err := s.list(ctx, "/roles", "roles")
	if err != nil {
		return nil, err
	}
	var quotas list
	for _, text := range roles {
		var role struct{ Quota json.RawMessage }
		if err := json.Unmarshal(text, &role); err != nil {
			return nil, err
		}
		quotas = append(quotas, role.Quota)
	}
	return only(quotas, func(q quota) bool { return len(q.Guarantee)+len(q.Limit) > 0 })
}

func (s *session) listQuotas(ctx context.Context) error {
	quotas, err := s.quotas(ctx)
	if err != nil {
		return err
	}
	t := table("Role", "Guarantee", "Limit", "Consumed")
	return print(s, t, quotas, func(q quota) {
		t.add(q.Role, q.Guarantee, q.Limit, q.Consumed)
	})
}

// setQuota sets the quota of a role.
func (s *session) setQuota(ctx context.Context, role string, guarantees, limits resources.Limits, force bool) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	body, err := proto.Marshal(&masterv1pb.Call{
		Type: masterv1pb.Call_UPDATE_QUOTA.Enum(), UpdateQuota: &masterv1pb.Call_UpdateQuota{Force: &force, QuotaConfigs: []*quotav1pb.QuotaConfig{{
			Role: &role, Guarantees: scalars(guarantees), Limits: scalars(limits),
		}}},
	})
	if err != nil {
		return err
	}
	answer, err := c.send(ctx, http.MethodPost, c.leader+"/api/v1", http.Header{"Content-Type": {typeProtobuf}}, bytes.NewReader(body))
	if err != nil {
		return err
	}
	return answer.Body.Close()
}

func scalars(amounts resources.Limits) map[string]*mesosv1pb.Value_Scalar {
	messages := map[string]*mesosv1pb.Value_Scalar{}
	for name, amount := range amounts.All() {
		messages[name] = &mesosv1pb.Value_Scalar{Value: proto.Float64(amount.Float())}
	}
	return messages
}

// removeQuota removes the quota of a role. It is an error if the role has none, so that a misspelled role is noticed.
func (s *session) removeQuota(ctx context.Context, role string) error {
	quotas, err := s.quotas(ctx)
	if err != nil {
		return err
	}
	found, err := only(quotas, func(q quota) bool { return q.Role == role })
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("role %q has no quota", role)
	}
	return s.setQuota(ctx, role, resources.Limits{}, resources.Limits{}, false)
}
