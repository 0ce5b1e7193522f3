package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// seen is a process of a container: its first two arguments, and its environment, sorted.
type seen struct{ arguments, environment []string }

// What differs between two clusters, and what stands for it.
var differing = []struct {
	pattern *regexp.Regexp
	by      string
}{
	{uuid, "ID"},
	{regexp.MustCompile(`ID-[0-9]{4}`), "FRAMEWORK"},
	{regexp.MustCompile(`(/executors/|^MESOS_EXECUTOR_ID=)[^/]+`), "${1}EXECUTOR"},
	{regexp.MustCompile(`127\.0\.0\.1:[0-9]+`), "ADDRESS"},
	{regexp.MustCompile(`^PATH=.*`), "PATH"},
}

// newSeen makes what was seen comparable. work is the work directory of the agent, and programs that of its programs.
func newSeen(arguments, environment []string, work, programs string) seen {
	s := seen{arguments: slices.Clone(arguments[:min(len(arguments), 2)])}
	if s.arguments[0] == "sh" {
		s.arguments = []string{"sh", s.arguments[1][:2]} // the recording has its arguments in one line
	}
	for i, text := range s.arguments {
		s.arguments[i] = strings.ReplaceAll(text, programs, "PROGRAMS")
	}
	for _, text := range environment {
		text = strings.ReplaceAll(text, work+"/", "WORK/")
		for _, d := range differing {
			text = d.pattern.ReplaceAllString(text, d.by)
		}
		s.environment = append(s.environment, text)
	}
	slices.Sort(s.environment)
	return s
}

// role says what a process is.
func (s seen) role() string {
	directory := slices.ContainsFunc(s.environment, func(v string) bool { return strings.HasPrefix(v, "MESOS_DIRECTORY=") })
	role := slices.ContainsFunc(s.environment, func(v string) bool { return strings.HasPrefix(v, "MESOS_ALLOCATION_ROLE=") })
	switch {
	case s.arguments[0] != "sh":
		return s.arguments[0]
	case directory && !role:
		return "the command of a session"
	case directory:
		return "the command of a task"
	}
	return "the command of a task in a group"
}

// recordedProcesses returns what was seen of the executors and the commands of the reference in one of the recordings.
func recordedProcesses(t *testing.T, recording string) map[string]seen {
	t.Helper()
	text, err := os.ReadFile(shared(t, "golden/linux/"+recording+"-processes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]seen{}
	for _, process := range strings.Split(string(text), "\n== pid ")[1:] {
		lines := strings.Split(strings.TrimSpace(process), "\n")
		line, _ := strings.CutPrefix(lines[1], "argv: ")
		name, rest, _ := strings.Cut(line, " ")
		if name != "mesos-executor" && name != "mesos-default-executor" && name != "sh" {
			continue
		}
		var environment []string
		for _, v := range lines[2:] {
			environment = append(environment, strings.TrimSpace(v))
		}
		s := newSeen([]string{name, rest}, environment, "/var/lib/mesos/a", "/usr/local/libexec/mesos")
		all[s.role()] = s
	}
	return all
}

// seenProcesses returns what is seen of the processes of an agent's containers.
func seenProcesses(t *testing.T, work string) map[string]seen {
	t.Helper()
	found, err := filepath.Glob("/proc/[0-9]*/environ")
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]seen{}
	for _, path := range found {
		environment, err := os.ReadFile(path)
		arguments, gone := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		if err != nil || gone != nil || !strings.Contains(string(environment), "MESOS_SANDBOX="+work+"/") {
			continue
		}
		split := func(text []byte) []string { return strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00") }
		args := split(arguments)
		if name := args[0]; len(args) > 1 && (name == "mesos-executor" || name == "mesos-default-executor" || name == "sh") {
			s := newSeen(args, split(environment), work, bin)
			all[s.role()] = s
		}
	}
	return all
}

// Executors, commands and those of sessions have the arguments and the variables that they have with the reference, and no others, whatever
// the isolators are. The recordings 3 to 5 have no processes.
func TestRecordedProcesses(t *testing.T) {
	t.Parallel()
	want := recordedProcesses(t, "1-default")
	if len(want) != 4 {
		t.Fatalf("recorded are %v", want)
	}
	work, master, until := t.TempDir(), startMaster(t, "0", t.TempDir()), newGate(t)
	startAgent(t, "0", master.address, work).awaits("] registered ")
	single := start(t, nil, "mesos-execute", "--master="+master.address, "--checkpoint", "--name=lin-1", "--command="+until.wait())
	group := executeGroup(t, master.address, []member{{"inner", until.wait(), nil}}, "--checkpoint")
	single.awaits("TASK_RUNNING")
	session := start(t, nil, "mesos", "--master="+master.address, "task", "exec", "lin-1", "sh", "-c", until.wait())
	var got map[string]seen
	gone(t, func() []string {
		if got = seenProcesses(t, work); len(got) == len(want)+1 {
			return nil
		}
		return []string{fmt.Sprintf("only processes %v", got)}
	})
	for _, recording := range []string{"1-default", "2-cfs-swap", "6-agent-subsystems", "7-volumes", "8-image", "9-checks-sessions-io-switchboard"} {
		for role, w := range recordedProcesses(t, recording) {
			if g := got[role]; !slices.Equal(g.arguments, w.arguments) || !slices.Equal(g.environment, w.environment) {
				t.Errorf("%s: %s has\n%q\n%s\nwant\n%q\n%s", recording, role, g.arguments, strings.Join(g.environment, "\n"), w.arguments, strings.Join(w.environment, "\n"))
			}
		}
	}
	until.open(t)
	single.ended(0, "TASK_FINISHED")
	session.ends() // with its task, or before
	group.ended(0, "TASK_FINISHED")
}

// dockerExecutor is the process that runs a Docker container.
const dockerExecutor = "mesos-docker-executor"

// The flags that the reference passes on with the values that they have by default. The last one is obsolete there.
var passedByDefault = []string{"--help=false", "--initialize_driver_logging=true", "--logbufsecs=0", "--logging_level=INFO", "--quiet=false", "--stop_timeout=0ns"}

// The process beside a Docker container has the arguments that it has with the reference, in that order, except for those that say what
// is so by default.
func TestRecordedDockerExecutor(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(shared(t, "golden/docker/1-run-processes.txt"))
	if err != nil {
		t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(text), "argv: "+dockerExecutor+" ")
	line, _, _ = strings.Cut(line, "\n")
	want := slices.DeleteFunc(strings.Fields(line), func(arg string) bool { return slices.Contains(passedByDefault, arg) })
	d := newDock(t, "--docker=/var/lib/mesos/bin/docker")
	run := start(t, nil, "mesos-execute", "--master="+d.master.address, task("one", `{"value": "sleep 1000"}`, `{"type": "DOCKER", "docker": {"image": "box"}}`, ""))
	run.awaits("TASK_RUNNING")
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", processOf(t, 0, dockerExecutor+" --cgroups_enable_cfs=false --container=mesos-"+d.container("one"))))
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Split(strings.TrimSuffix(string(content), "\x00"), "\x00")[1:]
	alike := func(args []string, work, programs, socket string) (all []string) {
		for _, arg := range args {
			for from, to := range map[string]string{work + "/": "WORK/", programs: "PROGRAMS", socket: "SOCKET"} {
				arg = strings.ReplaceAll(arg, from, to)
			}
			for _, by := range differing {
				arg = by.pattern.ReplaceAllString(arg, by.by)
			}
			all = append(all, arg)
		}
		return all
	}
	want = alike(want, "/var/lib/mesos/a", "/usr/local/libexec/mesos", "/var/run/docker.sock")
	if got = alike(got, d.dir+"/agent", bin, d.socket); !slices.Equal(got, want) || len(got) != 7 {
		t.Errorf("arguments\n%q, want\n%q", got, want)
	}
	run.signal(syscall.SIGTERM)
	run.ends()
}

// container returns the ID of the container of a task.
func (d *dock) container(task string) string {
	return filepath.Base(filepath.Dir(resolved(d.t, d.sandbox(task, "stdout"))))
}

// resolved returns a path without links.
func resolved(t *testing.T, path string) string {
	t.Helper()
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		t.Fatal(err)
	}
	return real
}
