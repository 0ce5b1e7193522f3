package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"meseta/messages/units"
)

// oldCommands returns the commands of Mesos's first command line. Scripts use them, also through links such as
// mesos-resolve.
func oldCommands(s *session) []*cobra.Command {
	var timeout string
	var verbose bool
	resolve := &cobra.Command{
		Use: "resolve [master]", Short: "Print the address of the leading master", Args: cobra.MaximumNArgs(1),
		Long:    "Print the address (host:port) of the leading master, found through ZooKeeper or any master.",
		Example: "  mesos resolve zk://10.0.0.1:2181,10.0.0.2:2181/mesos\n  curl http://$(mesos resolve $(cat /etc/mesos/zk))/metrics/snapshot",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				s.master = args[0]
			}
			return s.resolve(cmd.Context(), timeout)
		},
	}
	ps := &cobra.Command{
		Use: "ps", Short: "List the tasks with their resource usage", Args: takes(false),
		Long:    "List the tasks that have not ended, with the memory and CPU time that their executors use.",
		Example: "  mesos ps --master=10.0.0.1:5050",
		RunE:    func(cmd *cobra.Command, _ []string) error { return s.ps(cmd.Context()) },
	}
	for _, cmd := range []*cobra.Command{resolve, ps} {
		cmd.Flags().StringVar(&timeout, "timeout", "5secs", "how long to wait for a response")
		cmd.Flags().BoolVar(&verbose, "verbose", false, "accepted for compatibility; has no effect")
	}
	return []*cobra.Command{
		fileCommand(s, "cat", "Print a file of a task's sandbox", false),
		fileCommand(s, "tail", "Print a file of a task's sandbox, and further output until the task ends", true),
		ps, resolve,
	}
}

func fileCommand(s *session, name, short string, follow bool) *cobra.Command {
	var framework, id, file string
	cmd := &cobra.Command{
		Use: name + " --framework=ID --task=ID --file=PATH", Short: short, Args: takes(false),
		Long:    short + ".",
		Example: "  mesos " + name + " --framework=2ee24a6b-3ad2-4d9d-a4c1-6d7d3f6bb0ed-0000 --task=web.1 --file=stdout",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.file(cmd.Context(), framework, id, file, follow)
		},
	}
	cmd.Flags().StringVar(&framework, "framework", "", "ID of the task's framework")
	cmd.Flags().StringVar(&id, "task", "", "ID of the task")
	cmd.Flags().StringVar(&file, "file", "", "path in the sandbox")
	for _, needed := range []string{"framework", "task", "file"} {
		if err := cmd.MarkFlagRequired(needed); err != nil {
			panic(err) // the flag is defined
		}
	}
	return cmd
}

// resolve prints the address of the leading master.
func (s *session) resolve(ctx context.Context, timeout string) error {
	limit, err := units.ParseDuration(timeout)
	if seconds, e := time.ParseDuration(timeout + "s"); err != nil && e == nil {
		limit, err = seconds, nil // a bare number of seconds, as the Python ps accepted it
	}
	if err != nil {
		return fmt.Errorf("timeout %q is not a duration; use a value such as 5secs", timeout)
	}
	s.timeout = limit
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	leader, err := url.Parse(c.leader)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(s.Out, leader.Host)
	return err
}

// file prints a file in the sandbox of a task.
func (s *session) file(ctx context.Context, framework, id, file string, follow bool) error {
	tasks, err := s.tasksOf(ctx, url.Values{"task_id": {id}, "framework_id": {framework}})
	if err != nil {
		return err
	}
	text, err := find(tasks, "task of framework "+framework+",", id)
	if err != nil {
		return err
	}
	var t task
	if err := json.Unmarshal(text, &t); err != nil {
		return err
	}
	f, err := s.sandboxFile(ctx, t, file)
	if err != nil {
		return err
	}
	if follow {
		return s.follow(ctx, t, f)
	}
	return s.copy(ctx, f)
}

// usage is an agent's report about an executor.
type usage struct {
	FrameworkID string `json:"framework_id"`
	ExecutorID  string `json:"executor_id"`
	Statistics  struct {
		CPUs     float64 `json:"cpus_limit"`
		SoftCPUs float64 `json:"cpus_soft_limit"`
		System   float64 `json:"cpus_system_time_secs"`
		User     float64 `json:"cpus_user_time_secs"`
		Memory   float64 `json:"mem_rss_bytes"`
		MemLimit float64 `json:"mem_limit_bytes"`
	}
}

// ps lists tasks in a table with Mesos's column names.
func (s *session) ps(ctx context.Context) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	text, err := c.get(ctx, "/state", nil, "")
	if err != nil {
		return err
	}
	var state struct {
		Slaves     []struct{ ID, Hostname, PID string }
		Frameworks []struct {
			User, Name string
			Tasks      []struct {
				task
				Name string
			}
		}
	}
	if err := json.Unmarshal(text, &state); err != nil {
		return fmt.Errorf("/state: %w", err)
	}
	hosts, used := map[string]string{}, map[[2]string]usage{}
	for _, a := range state.Slaves {
		hosts[a.ID] = a.Hostname
		for _, u := range s.usages(ctx, a.PID) { // empty if the agent does not respond
			used[[2]string{u.FrameworkID, u.ExecutorID}] = u
		}
	}
	t := table("USER", "FRAMEWORK", "TASK", "SLAVE", "MEM", "TIME", "CPU (allocated)")
	for _, f := range state.Frameworks {
		for _, one := range f.Tasks {
			mem, spent, cpus := used[[2]string{one.FrameworkID, one.executor()}].cells()
			t.add(f.User, f.Name, one.Name, hosts[one.AgentID], mem, spent, cpus)
		}
	}
	return t.write(s.Out)
}

func (s *session) usages(ctx context.Context, pid string) []usage {
	_, address, _ := strings.Cut(pid, "@")
	text, err := s.client.getFrom(ctx, s.client.agentScheme()+address, "/monitor/statistics", nil, "")
	if err != nil {
		return nil
	}
	var all []usage
	if json.Unmarshal(text, &all) != nil {
		return nil
	}
	return all
}

// cells returns the table cells for u, empty where the agent does not measure.
func (u usage) cells() (mem, spent, cpus string) {
	s := u.Statistics
	if s.MemLimit > 0 {
		mem = dataSize(s.Memory) + "/" + dataSize(s.MemLimit)
	}
	if s.System+s.User > 0 {
		spent = time.Time{}.Add(units.Seconds(s.System + s.User)).Format("15:04:05.000000")
	}
	if n := cmp.Or(s.CPUs, s.SoftCPUs); n > 0 {
		cpus = fmt.Sprint(n)
	}
	return mem, spent, cpus
}

func dataSize(bytes float64) string {
	for _, unit := range []string{"B", "KB", "MB"} {
		if bytes < 1024 {
			return fmt.Sprintf("%.1f %s", bytes, unit)
		}
		bytes /= 1024
	}
	return fmt.Sprintf("%.1f GB", bytes)
}

// External returns the path of the program mesos-NAME that "mesos NAME" runs if mesos has no command NAME. It looks in
// the directory of the program self, then in the PATH of env, and returns "" if there is none.
//
// Mesos: src/cli/mesos.cpp, by which "mesos execute" runs mesos-execute.
func External(root *cobra.Command, self, name string, env func(string) string) string {
	if !regexp.MustCompile(`^[a-z][a-z0-9-]*$`).MatchString(name) {
		return ""
	}
	if found, _, err := root.Find([]string{name}); err == nil && found != root {
		return ""
	}
	for _, dir := range append([]string{filepath.Dir(self)}, filepath.SplitList(env("PATH"))...) {
		file := path.Join(dir, "mesos-"+name)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}
