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

// task holds the fields of a task that are shown or needed to reach it.
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

// containerID is the ID of a container with those of its parents.
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

// root returns the ID of the outermost container, which is the executor's.
func (c *containerID) root() string {
	for c.Parent != nil {
		c = c.Parent
	}
	return c.Value
}

// lastState returns the state in the last status update, as Mesos's command line shows it.
func (t task) lastState() string {
	if len(t.Statuses) == 0 {
		return "UNKNOWN"
	}
	return t.Statuses[len(t.Statuses)-1].State
}

// executor returns the ID of the task's executor. A command task has an executor of its own.
func (t task) executor() string { return cmp.Or(t.ExecutorID, t.ID) }

// container returns the ID of the task's container, or nil if it is not known yet.
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
		Long: "List the running tasks. With -a, list all tasks that the master remembers, including those that are starting,\n" +
			"ending or have ended. The state is the last one reported.",
		Example: "  mesos task list -a\n  mesos task list -o json | jq -r '.[] | [.id, .slave_id] | @tsv'",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.listTasks(cmd.Context(), all) },
	}
	list.Flags().BoolVarP(&all, "all", "a", false, "list all tasks that the master remembers")
	inspect := &cobra.Command{
		Use: "inspect <task-id>", Short: "Print everything the master knows about a task", Args: takes(false, "task-id"),
		Long:              "Print everything the master knows about a task, as JSON: its resources, its labels, and the history of its states.",
		Example:           "  mesos task inspect web.1\n  mesos task inspect web.1 | jq '.statuses[].state'",
		ValidArgsFunction: s.completes((*session).tasks),
		RunE: func(cmd *cobra.Command, args []string) error {
			return s.inspect(cmd.Context(), "task", args[0], s.tasks)
		},
	}
	return group("task", "List, inspect, read and enter tasks", "  mesos task list\n  mesos task logs -f web.1\n  mesos task exec -it web.1 bash",
		attachCommand(s), execCommand(s), inspect, list, logsCommand(s))
}

// runningTasks returns the running tasks.
func (s *session) runningTasks(ctx context.Context) (list, error) {
	tasks, err := s.tasks(ctx)
	if err != nil {
		return nil, err
	}
	return only(tasks, func(t task) bool { return t.State == running })
}

// tasks returns all tasks.
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

// task finds a task by its ID or a prefix of it. If several tasks have that ID, a running one is preferred.
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
	text, err := find(append(tasks, live...), "task", id) // running ones come last, so that find prefers them
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

// runningTask finds a running task.
func (s *session) runningTask(ctx context.Context, id string) (task, error) {
	t, err := s.task(ctx, id)
	switch {
	case err != nil:
		return t, err
	case t.State != running:
		return t, fmt.Errorf("task %s is not running but %s", t.ID, t.State)
	case t.Container.Type != "" && t.Container.Type != "MESOS":
		return t, fmt.Errorf("task %s is in a %s container; only Mesos containers can be entered", t.ID, t.Container.Type)
	case t.container() == nil:
		return t, fmt.Errorf("task %s has no container yet; try again", t.ID)
	}
	return t, nil
}
