package validate

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
)

// Pieces of task groups as text.
const (
	groupExecutorText = `type: DEFAULT executor_id { value: "e" } framework_id { value: "F" } ` + enough
	enough            = `resources { name: "cpus" type: SCALAR scalar { value: 0.1 } } resources { name: "mem" type: SCALAR scalar { value: 32 } } resources { name: "disk" type: SCALAR scalar { value: 1 } }`
	cpu               = `resources { name: "cpus" type: SCALAR scalar { value: 1 } }`
	port              = `resources { name: "ports" type: RANGES ranges { range { begin: 1 end: 2 } } }`
	unsharedText      = `container { type: MESOS linux_info { share_cgroups: false } }`
)

func taskText(id, rest string) string {
	return ` task { name: "t" task_id { value: "` + id + `" } agent ` + rest + ` }`
}

func readGroup(t *testing.T, text string) *mesospb.Offer_Operation_LaunchGroup {
	t.Helper()
	g := &mesospb.Offer_Operation_LaunchGroup{}
	if head, tasks, any := strings.Cut(text, " task {"); any {
		text = head + " task_group { tasks {" + strings.ReplaceAll(tasks, " task {", " tasks {") + " }"
	}
	text = strings.ReplaceAll(text, " agent ", ` slave_id { value: "A" } command { value: "true" } `)
	if err := prototext.Unmarshal([]byte(text), g); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return g
}

func checkGroup(t *testing.T, text string, f *book.Framework, a *book.Agent) error {
	t.Helper()
	g, err := new(Launches).Group(readGroup(t, text), "*")
	if err != nil {
		return err
	}
	offered, err := resources.Parse("cpus:4;mem:4096;disk:4096;ports:[1-10]", "*")
	if err != nil {
		t.Fatal(err)
	}
	return TaskGroup(g, f, a, offered.Allocate("*"))
}

func TestTaskGroup(t *testing.T) {
	t.Parallel()
	executor := func(rest string) string { return `executor { ` + rest + ` } ` }
	good := executor(groupExecutorText)
	without := func(name string) string {
		return executor(strings.ReplaceAll(groupExecutorText, `"`+name+`"`, `"other"`))
	}
	for _, c := range []struct{ name, group, want string }{
		{"ordinary", good + taskText("t", cpu) + taskText("u", cpu), ""},
		{"no tasks", good + `task_group {}`, ""},
		{"one id twice", good + taskText("t", cpu) + taskText("t", cpu), "Task 't' is invalid: Task has duplicate ID: t"},
		{"a bad task", good + taskText("t", cpu) + taskText("..", cpu), "Task '..' is invalid: '..' is disallowed"},
		{"no resources", good + taskText("t", ""), "Task 't' is invalid: Task uses no resources"},
		{"kill policy", good + taskText("t", cpu+` kill_policy { grace_period { nanoseconds: -1 } }`), "Task's 'kill_policy.grace_period' must be non-negative"},
		{"a check of no type", good + taskText("t", cpu+` health_check { command { value: "x" } }`), "Task uses invalid health check: HealthCheck must specify 'type'"},
		{"a check by HTTP", good + taskText("t", cpu+` health_check { type: HTTP http { port: 1 } }`), ""},
		{"a check in another network", good + taskText("t", cpu+` health_check { type: TCP tcp { port: 1 } } container { type: MESOS network_infos {} }`),
			"not supported for nested containers not joining parent's network"},
		{"docker task", good + taskText("t", cpu+` container { type: DOCKER docker { image: "x" } }`), "Docker ContainerInfo is not supported on the task"},
		{"limits of shared cgroups", good + taskText("t", cpu+` limits { key: "cpus" value { value: 2 } }`), "Resource limits may only be set"},
		{"limits", good + taskText("t", cpu+` limits { key: "cpus" value { value: 2 } } `+unsharedText), ""},
		{"own executor", good + taskText("t", cpu+` executor { `+groupExecutorText+` }`), ""},
		{"another executor", good + taskText("t", cpu+` executor { `+strings.Replace(groupExecutorText, `"e"`, `"x"`, 1)+` }`),
			"The `ExecutorInfo` of task 't' is different from executor 'e'"},
		{"no framework", executor(strings.Replace(groupExecutorText, `framework_id { value: "F" }`, "", 1)) + taskText("t", cpu), "'ExecutorInfo.framework_id' must be set"},
		{"another framework", executor(strings.Replace(groupExecutorText, `"F"`, `"G"`, 1)) + taskText("t", cpu), "(Actual: G vs Expected: F)"},
		{"no type", executor(strings.Replace(groupExecutorText, `type: DEFAULT`, "", 1)) + taskText("t", cpu), "'ExecutorInfo.type' must be set"},
		{"unknown type", executor(strings.Replace(groupExecutorText, `DEFAULT`, "UNKNOWN", 1)) + taskText("t", cpu), "Unknown executor type"},
		{"custom without command", executor(strings.Replace(groupExecutorText, `DEFAULT`, "CUSTOM", 1)) + taskText("t", cpu), "'ExecutorInfo.command' must be set for 'CUSTOM' executor"},
		{"custom", executor(strings.Replace(groupExecutorText, `DEFAULT`, "CUSTOM command { value: \"x\" }", 1)) + taskText("t", cpu), ""},
		{"default with command", executor(groupExecutorText+` command {}`) + taskText("t", cpu), "must not be set for 'DEFAULT' executor"},
		{"default in docker", executor(groupExecutorText+` container { type: DOCKER docker { image: "x" } }`) + taskText("t", cpu), "'ExecutorInfo.container.type' must be 'MESOS'"},
		{"custom in docker", executor(strings.Replace(groupExecutorText, `DEFAULT`, "CUSTOM command { value: \"x\" }", 1)+` container { type: DOCKER docker { image: "x" } }`) + taskText("t", cpu),
			"Docker ContainerInfo is not supported on the executor"},
		{"default with image", executor(groupExecutorText+` container { type: MESOS mesos { image { type: DOCKER docker { name: "x" } } } }`) + taskText("t", cpu),
			"'ExecutorInfo.container.mesos.image' must not be set"},
		{"no cpus", without("cpus") + taskText("t", cpu), "Executor 'e' uses less CPUs (None) than the minimum required (0.01)"},
		{"little memory", executor(strings.ReplaceAll(groupExecutorText, "32", "31.5")) + taskText("t", cpu), "Executor 'e' uses less memory (31.5MB) than the minimum required (32MB)"},
		{"no disk", without("disk") + taskText("t", cpu), "Executor 'e' uses no disk"},
		{"too much", good + taskText("t", strings.ReplaceAll(cpu, "1", "4")), "required by task group and its executor are more than available"},
		{"ports of both", good + taskText("t", port) + taskText("u", port), "There are overlapping resources in the task group's task resources [ ports(allocated: *):[1-2], ports(allocated: *):[1-2] ]"},
		{"mixed cgroups", good + taskText("t", cpu) + taskText("u", cpu+unsharedText), "the value of 'share_cgroups' must be the same"},
		{"an executor that shares", executor(groupExecutorText+` container { type: MESOS linux_info { share_cgroups: true } }`) + taskText("t", cpu), "cannot be set to 'true' on executor containers"},
	} {
		f, a := launchpad()
		a.Capabilities.TaskResourceLimits = true
		says(t, c.name, checkGroup(t, c.group, f, a), c.want)
	}
}

// An executor that runs already may report its resources in another order, but not other resources.
func TestTaskGroupOnAnExecutorThatRuns(t *testing.T) {
	t.Parallel()
	text := `executor { ` + groupExecutorText + ` } ` + taskText("t", cpu)
	f, a := launchpad()
	g, err := new(Launches).Group(readGroup(t, text), "*")
	if err != nil {
		t.Fatal(err)
	}
	known := proto.CloneOf(g.Executor)
	known.Resources[0], known.Resources[1] = known.Resources[1], known.Resources[0]
	b := book.New(book.DefaultLimits)
	b.AddFramework(f)
	b.AddAgent(a)
	b.AddExecutor(&book.Executor{ID: ids.Executor("e"), Framework: f.ID, Agent: a.ID, Info: known, Resources: g.ExecutorResources})
	says(t, "the same", checkGroup(t, text, f, a), "")
	says(t, "another name", checkGroup(t, strings.Replace(text, "type: DEFAULT", `type: DEFAULT name: "x"`, 1), f, a), "ExecutorInfo is not compatible")
	says(t, "more memory", checkGroup(t, strings.Replace(text, "32", "64", 1), f, a), "ExecutorInfo is not compatible")
	unshared := `executor { ` + groupExecutorText + ` } ` + taskText("u", cpu+unsharedText)
	says(t, "nothing runs in it", checkGroup(t, unshared, f, a), "")
	b.AddTask(book.NewTask(g.Tasks[0].Task, f.ID.Proto(), g.Tasks[0].Resources))
	says(t, "what runs in it shares cgroups", checkGroup(t, unshared, f, a), "must be the same for all tasks")
}
