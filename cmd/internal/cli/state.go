package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func stateCommand(s *session) *cobra.Command {
	return &cobra.Command{
		Use: "state", Short: "Print a summary of the cluster; with -o json, the full state of the master", Args: takes(false),
		Long: "Print a summary of the cluster: the leading master, the numbers of agents, frameworks and tasks, and how much of\n" +
			"the resources is used and offered. With -o json, print the full state of the master, which can be large.",
		Example: "  mesos state\n  mesos state -o json | jq .flags",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.state(cmd.Context()) },
	}
}

func (s *session) state(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	if s.output == "json" {
		text, err := c.get(ctx, "/state", nil, "")
		if err != nil {
			return err
		}
		return writeJSON(s.Out, text)
	}
	text, err := c.get(ctx, "/state-summary", nil, "")
	if err != nil {
		return err
	}
	var seen summary
	if err := json.Unmarshal(text, &seen); err != nil {
		return fmt.Errorf("/state-summary: %w", err)
	}
	version, err := c.get(ctx, "/version", nil, "version")
	if err != nil {
		return err
	}
	t := table("Cluster", seen.Cluster)
	t.add("Leader", strings.TrimPrefix(c.leader, c.scheme+"://"))
	t.add("Version", strings.Trim(string(version), `"`))
	t.add("Agents", share(seen.Slaves, func(a summaryAgent) bool { return a.Active }))
	t.add("Frameworks", share(seen.Frameworks, func(f summaryFramework) bool { return f.Active }))
	t.add("Tasks", seen.tasks())
	for _, name := range []string{"cpus", "gpus", "mem", "disk"} {
		if line := seen.resource(name); line != "" {
			t.add(name, line)
		}
	}
	return t.write(s.Out)
}

// summary holds the fields of /state-summary that are shown.
type summary struct {
	Cluster    string
	Slaves     []summaryAgent
	Frameworks []summaryFramework
}

type summaryFramework struct{ Active bool }

type summaryAgent struct {
	Active    bool
	Resources amounts
	Used      amounts        `json:"used_resources"`
	Offered   amounts        `json:"offered_resources"`
	Tasks     map[string]int `json:"-"`
}

// amounts holds resources, of which only those with numbers are shown.
type amounts map[string]any

func (a amounts) of(name string) float64 {
	n, _ := a[name].(float64)
	return n
}

// UnmarshalJSON implements [json.Unmarshaler]. The numbers of tasks are in fields named after task states.
func (a *summaryAgent) UnmarshalJSON(text []byte) error {
	type plain summaryAgent
	if err := json.Unmarshal(text, (*plain)(a)); err != nil {
		return err
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		return err
	}
	a.Tasks = map[string]int{}
	for name, value := range fields {
		if n, ok := value.(float64); ok && strings.HasPrefix(name, "TASK_") {
			a.Tasks[name] = int(n)
		}
	}
	return nil
}

// share returns the number of elements and how many of them are inactive.
func share[T any](all []T, active func(T) bool) string {
	inactive := len(slices.DeleteFunc(slices.Clone(all), active))
	if inactive == 0 {
		return fmt.Sprint(len(all))
	}
	return fmt.Sprintf("%d, %d of them inactive", len(all), inactive)
}

// shownStates lists the task states in the order of a task's life.
var shownStates = []string{"STAGING", "STARTING", "RUNNING", "KILLING", "FINISHED", "FAILED", "KILLED", "ERROR", "LOST", "UNREACHABLE"}

func (s summary) tasks() string {
	var parts []string
	for _, state := range shownStates {
		total := 0
		for _, a := range s.Slaves {
			total += a.Tasks["TASK_"+state]
		}
		if total > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", total, strings.ToLower(state)))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// resource formats the total, used and offered amounts of a resource, or returns "" if the cluster has none.
func (s summary) resource(name string) string {
	var total, used, offered float64
	for _, a := range s.Slaves {
		total += a.Resources.of(name)
		used += a.Used.of(name)
		offered += a.Offered.of(name)
	}
	if total == 0 {
		return ""
	}
	return fmt.Sprintf("%.6g, %.6g used, %.6g offered", total, used, offered)
}
