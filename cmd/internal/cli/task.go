package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/spf13/cobra"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/tasks"
)

// task is what is shown of a task, or needed to reach it.
type task struct {
	ID          string
	State       string
	FrameworkID string `json:"framework_id"`
	ExecutorID  string `json:"executor_id"`
	AgentID     string `json:"slave_id"`
	Container   struct{ Type string }
	Statuses    []struct {
		State           string
		ContainerStatus struct {
			ContainerID *containerID `json:"container_id"`
		} `json:"container_status"`
	}
}

const running = "TASK_RUNNING"

// over reports whether the task has ended for good.
func (t task) over() bool {
	return tasks.IsTerminal(mesospb.TaskState(mesospb.TaskState_value[t.State]))
}

// containerID names a container, and those around it.
type containerID struct {
	Value  string
	Parent *containerID
}

func (c *containerID) proto() *mesosv1pb.ContainerID {
	if c == nil {
		return nil
	}
	return &mesosv1pb.ContainerID{Value: &c.Value, Parent: c.Parent.proto()}
}

// root is the outermost container, which is the executor's.
func (c *containerID) root() string {
	for c.Parent != nil {
		c = c.Parent
	}
	return c.Value
}

// state is what the last update said, as Mesos's command line shows it.
func (t task) lastState() string {
	if len(t.Statuses) == 0 {
		return "UNKNOWN"
	}
	return t.Statuses[len(t.Statuses)-1].State
}

// executor is the id of the executor it runs in; commands have one of their own.
func (t task) executor() string { return cmp.Or(t.ExecutorID, t.ID) }

// container is where it runs, or nil if that is not known yet.
func (t task) container() *containerID {
	for _, s := range t.Statuses {
		if s.ContainerStatus.ContainerID != nil {
			return s.ContainerStatus.ContainerID
		}
	}
	return nil
}

func taskCommand(s *session) *cobra.Command {
	var all bool
	list := &cobra.Command{
		Use: "list [-a]", Short: "List the running tasks", Args: takes(false),
		Long: "List the running tasks; with -a, also those that start, end, or have ended, as long as the master\n" +
			"remembers them. The state is the one that was reported last.",
		Example: "  mesos task list -a\n  mesos task list -o json | jq -r '.[] | [.id, .slave_id] | @tsv'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.listTasks(cmd.Context(), all) },
	}
	list.Flags().BoolVarP(&all, "all", "a", false, "all that the master remembers")
	inspect := &cobra.Command{
		Use: "inspect <task-id>", Short: "Print all that the master knows of a task", Args: takes(false, "task-id"),
		Long:              "Print all that the master knows of a task, as JSON: its resources, its labels, and each state it was in.",
		Example:           "  mesos task inspect web.1\n  mesos task inspect web.1 | jq '.statuses[].state'",
		ValidArgsFunction: s.completes((*session).tasks),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.inspect(cmd.Context(), "task", args[0], s.tasks)
		},
	}
	return group("task", "List, inspect, read and enter tasks", "  mesos task list\n  mesos task logs -f web.1\n  mesos task exec -it web.1 bash",
		attachCommand(s), execCommand(s), inspect, list, logsCommand(s))
}

// runningTasks asks for the tasks that can be entered.
func (s *session) runningTasks(ctx context.Context) (list, error) {
	tasks, err := s.tasks(ctx)
	if err != nil {
		return nil, err
	}
	return only(tasks, func(t task) bool { return t.State == running })
}

// tasks asks for all tasks.
func (s *session) tasks(ctx context.Context) (list, error) { return s.tasksOf(ctx, nil) }

func (s *session) tasksOf(ctx context.Context, query url.Values) (list, error) {
	c, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	if query == nil {
		query = url.Values{"order": {"asc"}, "limit": {"-1"}}
	}
	text, err := c.get(ctx, "/tasks", query, "tasks")
	if err != nil {
		return nil, err
	}
	return parseList(text)
}

func (s *session) listTasks(ctx context.Context, all bool) error {
	tasks, err := s.tasks(ctx)
	if err != nil {
		return err
	}
	tasks, err = only(tasks, func(t task) bool { return all || t.lastState() == running })
	if err != nil {
		return err
	}
	rows := table("ID", "State", "Framework ID", "Executor ID")
	return print(s, rows, tasks, func(t task) { rows.add(t.ID, t.lastState(), t.FrameworkID, t.ExecutorID) })
}

// task finds a task by its id or the beginning of it. Of several with that id, one that runs is meant.
func (s *session) task(ctx context.Context, id string) (task, error) {
	var t task
	tasks, err := s.tasks(ctx)
	if err != nil {
		return t, err
	}
	live, err := only(tasks, func(t task) bool { return t.State == running })
	if err != nil {
		return t, err
	}
	text, err := find(append(tasks, live...), "task", id) // so that one that runs is the last
	if err != nil {
		if one, e := find(live, "task", id); e == nil {
			text, err = one, nil
		}
	}
	if err != nil {
		return t, err
	}
	err = json.Unmarshal(text, &t)
	return t, err
}

// runningTask finds a task that can be entered.
func (s *session) runningTask(ctx context.Context, id string) (task, error) {
	t, err := s.task(ctx, id)
	switch {
	case err != nil:
		return t, err
	case t.State != running:
		return t, fmt.Errorf("task %s is not running but %s", t.ID, t.State)
	case t.Container.Type != "" && t.Container.Type != "MESOS":
		return t, fmt.Errorf("task %s is a %s container; only those of Mesos can be entered", t.ID, t.Container.Type)
	case t.container() == nil:
		return t, fmt.Errorf("task %s has no container yet; try again", t.ID)
	}
	return t, nil
}
