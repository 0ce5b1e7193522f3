package validate

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"meseta/master/book"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/schedulerpb"
	"meseta/runtime"
)

// says fails the test unless err contains want, or is nil if want is empty.
func says(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: want %q, got %v", what, want, err)
	}
}

func framework(change func(*mesospb.FrameworkInfo)) *mesospb.FrameworkInfo {
	info := &mesospb.FrameworkInfo{User: proto.String("u"), Name: proto.String("n")}
	change(info)
	return info
}

func multiRole(info *mesospb.FrameworkInfo) {
	info.Capabilities = append(info.Capabilities, &mesospb.FrameworkInfo_Capability{Type: mesospb.FrameworkInfo_Capability_MULTI_ROLE.Enum()})
}

func TestFramework(t *testing.T) {
	t.Parallel()
	filter := func(amount float64) func(*mesospb.FrameworkInfo) {
		return func(i *mesospb.FrameworkInfo) {
			i.OfferFilters = map[string]*mesospb.OfferFilters{"*": {MinAllocatableResources: &mesospb.OfferFilters_MinAllocatableResources{
				Quantities: []*mesospb.OfferFilters_ResourceQuantities{{
					Quantities: map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(amount)}},
				}},
			}}}
		}
	}
	for name, c := range map[string]struct {
		change func(*mesospb.FrameworkInfo)
		want   string
	}{
		"ordinary":                  {func(*mesospb.FrameworkInfo) {}, ""},
		"one role":                  {func(i *mesospb.FrameworkInfo) { i.Role = proto.String("a") }, ""},
		"several roles":             {func(i *mesospb.FrameworkInfo) { multiRole(i); i.Roles = []string{"a", "b/c"} }, ""},
		"role with MULTI_ROLE":      {func(i *mesospb.FrameworkInfo) { multiRole(i); i.Role = proto.String("a") }, "'FrameworkInfo.role' must not"},
		"roles without MULTI_ROLE":  {func(i *mesospb.FrameworkInfo) { i.Roles = []string{"a"} }, "'FrameworkInfo.roles' must not"},
		"a role twice":              {func(i *mesospb.FrameworkInfo) { multiRole(i); i.Roles = []string{"a", "a"} }, "contains duplicate items: { a }"},
		"an invalid role":           {func(i *mesospb.FrameworkInfo) { i.Role = proto.String("/a") }, "'FrameworkInfo.role' is not a valid role: Role '/a'"},
		"an empty id means none":    {func(i *mesospb.FrameworkInfo) { i.Id = ids.Framework("").Proto() }, ""},
		"an invalid id":             {func(i *mesospb.FrameworkInfo) { i.Id = ids.Framework("a/b").Proto() }, "'a/b' contains invalid"},
		"timeout that is no number": {func(i *mesospb.FrameworkInfo) { i.FailoverTimeout = proto.Float64(math.NaN()) }, "failover_timeout"},
		"timeout for ever":          {func(i *mesospb.FrameworkInfo) { i.FailoverTimeout = proto.Float64(math.Inf(1)) }, "failover_timeout"},
		"timeout of a century":      {func(i *mesospb.FrameworkInfo) { i.FailoverTimeout = proto.Float64(3.2e9) }, ""},
		"filter":                    {filter(1), ""},
		"filter below zero":         {filter(-1), "Invalid resource quantity for 'cpus': Negative values"},
		"filter of nearly nothing":  {filter(1e-310), "Subnormal"},
		"filter without end":        {filter(math.Inf(1)), "Infinite"},
	} {
		says(t, name, Framework(framework(c.change)), c.want)
	}
}

func TestFrameworkUpdate(t *testing.T) {
	t.Parallel()
	was := framework(func(i *mesospb.FrameworkInfo) { i.Principal = proto.String("p") })
	same := func(change func(*mesospb.FrameworkInfo)) *mesospb.FrameworkInfo {
		info := proto.CloneOf(was)
		change(info)
		return info
	}
	says(t, "name", FrameworkUpdate(was, same(func(i *mesospb.FrameworkInfo) { i.Name = proto.String("other") })), "")
	says(t, "principal", FrameworkUpdate(was, same(func(i *mesospb.FrameworkInfo) { i.Principal = nil })), "principal")
	wants := same(func(i *mesospb.FrameworkInfo) { i.User, i.Checkpoint = proto.String("root"), proto.Bool(true) })
	says(t, "user", FrameworkUpdate(was, wants), "user")
	kept := PreserveImmutable(was, wants)
	says(t, "what cannot change is kept", FrameworkUpdate(was, kept), "")
	if wants.GetUser() != "root" {
		t.Error("the scheduler's message was changed")
	}
	says(t, "suppressed", SuppressedRoles(was, []string{"*"}), "")
	says(t, "suppressed elsewhere", SuppressedRoles(was, []string{"y", "*", "x"}), "Suppressed roles { x, y } are not contained")
	says(t, "whitelist", Whitelist(was, func(role string) bool { return role == "*" }), "")
	says(t, "not in the whitelist", Whitelist(was, func(role string) bool { return role == "a" }), "{ * }")
}

func TestCall(t *testing.T) {
	t.Parallel()
	id := ids.Framework("f").Proto()
	for name, n := range schedulerpb.Call_Type_value {
		call := &schedulerpb.Call{Type: schedulerpb.Call_Type(n).Enum()}
		want := "'framework_id'"
		if name == "SUBSCRIBE" {
			want = "'subscribe'"
		}
		says(t, name+" without anything", Call(call), want)
		call.FrameworkId = id
		if field := strings.ToLower(name); call.ProtoReflect().Descriptor().Fields().ByName(protoreflect.Name(field)) != nil &&
			name != "REVIVE" && name != "SUPPRESS" {
			says(t, name+" without its field", Call(call), "'"+field+"'")
		} else if name != "SUBSCRIBE" {
			says(t, name, Call(call), "")
		}
	}
	says(t, "no type", Call(&schedulerpb.Call{}), "'type'")
	says(t, "another id", Call(&schedulerpb.Call{
		Type: schedulerpb.Call_SUBSCRIBE.Enum(), Subscribe: &schedulerpb.Call_Subscribe{FrameworkInfo: &mesospb.FrameworkInfo{Id: id}},
	}), "differs")
	says(t, "bad acknowledgement", Call(&schedulerpb.Call{
		Type: schedulerpb.Call_ACKNOWLEDGE.Enum(), FrameworkId: id, Acknowledge: &schedulerpb.Call_Acknowledge{Uuid: []byte("x")},
	}), "Not a valid UUID")
}

// launchpad returns a framework and an agent on which tasks are validated.
func launchpad() (*book.Framework, *book.Agent) {
	f := book.NewFramework(&mesospb.FrameworkInfo{User: proto.String("u"), Name: proto.String("n"), Id: ids.Framework("F").Proto()})
	a := book.NewAgent(&mesospb.SlaveInfo{Hostname: proto.String("h"), Id: ids.Agent("A").Proto()}, runtime.PID{})
	b := book.New(book.DefaultLimits)
	b.AddFramework(f)
	b.AddAgent(a)
	return f, a
}

func scalar(name string, amount float64) *mesospb.Resource {
	return &mesospb.Resource{
		Name: &name, Type: mesospb.Value_SCALAR.Enum(), Scalar: &mesospb.Value_Scalar{Value: &amount},
	}
}

func TestTask(t *testing.T) {
	t.Parallel()
	executor := func(change func(*mesospb.ExecutorInfo)) func(*mesospb.TaskInfo) {
		return func(t *mesospb.TaskInfo) {
			t.Command = nil
			t.Executor = &mesospb.ExecutorInfo{
				ExecutorId: ids.Executor("e").Proto(), Command: &mesospb.CommandInfo{}, Resources: []*mesospb.Resource{scalar("cpus", 1)},
			}
			change(t.Executor)
		}
	}
	secret := func(s *mesospb.Secret) func(*mesospb.TaskInfo) {
		return func(t *mesospb.TaskInfo) {
			t.Command.Environment = &mesospb.Environment{Variables: []*mesospb.Environment_Variable{{
				Name: proto.String("V"), Type: mesospb.Environment_Variable_SECRET.Enum(), Secret: s,
			}}}
		}
	}
	volume := func(v *mesospb.Volume) func(*mesospb.TaskInfo) {
		return func(t *mesospb.TaskInfo) {
			t.Container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), Volumes: []*mesospb.Volume{v}}
		}
	}
	negative := &mesospb.DurationInfo{Nanoseconds: proto.Int64(-1)}
	for name, c := range map[string]struct {
		change func(*mesospb.TaskInfo)
		want   string
	}{
		"ordinary":        {func(*mesospb.TaskInfo) {}, ""},
		"bad id":          {func(t *mesospb.TaskInfo) { t.TaskId = ids.Task("..").Proto() }, "'..' is disallowed"},
		"another agent":   {func(t *mesospb.TaskInfo) { t.SlaveId = ids.Agent("B").Proto() }, "invalid agent B while agent A"},
		"kill grace":      {func(t *mesospb.TaskInfo) { t.KillPolicy = &mesospb.KillPolicy{GracePeriod: negative} }, "kill_policy"},
		"completion time": {func(t *mesospb.TaskInfo) { t.MaxCompletionTime = negative }, "max_completion_time"},
		"no resources":    {func(t *mesospb.TaskInfo) { t.Resources = nil }, "uses no resources"},
		"too much":        {func(t *mesospb.TaskInfo) { t.Resources = []*mesospb.Resource{scalar("cpus", 5)} }, "more than available"},
		"half a gpu":      {func(t *mesospb.TaskInfo) { t.Resources = append(t.Resources, scalar("gpus", 0.5)) }, "Task uses invalid resources: Invalid 'gpus' resource: The 'gpus' resource must be an unsigned integer"},
		"neither":         {func(t *mesospb.TaskInfo) { t.Command = nil }, "but not both"},
		"both": {func(t *mesospb.TaskInfo) {
			executor(func(*mesospb.ExecutorInfo) {})(t)
			t.Command = &mesospb.CommandInfo{}
		}, "but not both"},
		"executor":            {executor(func(*mesospb.ExecutorInfo) {}), ""},
		"executor too much":   {executor(func(e *mesospb.ExecutorInfo) { e.Resources = []*mesospb.Resource{scalar("cpus", 4)} }), "more than available"},
		"executor bad id":     {executor(func(e *mesospb.ExecutorInfo) { e.ExecutorId = ids.Executor("a/b").Proto() }), "'a/b' contains"},
		"executor foreign":    {executor(func(e *mesospb.ExecutorInfo) { e.FrameworkId = ids.Framework("G").Proto() }), "Expected: F"},
		"executor of a group": {executor(func(e *mesospb.ExecutorInfo) { e.Type, e.Command = mesospb.ExecutorInfo_DEFAULT.Enum(), nil }), "must be 'CUSTOM'"},
		"executor not to run": {executor(func(e *mesospb.ExecutorInfo) { e.Command = nil }), "'ExecutorInfo.command' must be set"},
		"executor grace":      {executor(func(e *mesospb.ExecutorInfo) { e.ShutdownGracePeriod = negative }), "shutdown_grace_period"},
		"check without type":  {func(t *mesospb.TaskInfo) { t.Check = &mesospb.CheckInfo{} }, "CheckInfo must specify 'type'"},
		"check without field": {func(t *mesospb.TaskInfo) { t.Check = &mesospb.CheckInfo{Type: mesospb.CheckInfo_HTTP.Enum()} }, "Expecting 'http' to be set for HTTP check"},
		"check of nothing":    {func(t *mesospb.TaskInfo) { t.Check = &mesospb.CheckInfo{Type: mesospb.CheckInfo_COMMAND.Enum()} }, "Expecting 'command' to be set for COMMAND check"},
		"health path": {func(t *mesospb.TaskInfo) {
			t.HealthCheck = &mesospb.HealthCheck{Type: mesospb.HealthCheck_HTTP.Enum(), Http: &mesospb.HealthCheck_HTTPCheckInfo{Path: proto.String("x")}}
		}, "The path 'x' of HTTP health check must start with '/'"},
		"health scheme": {func(t *mesospb.TaskInfo) {
			t.HealthCheck = &mesospb.HealthCheck{Type: mesospb.HealthCheck_HTTP.Enum(), Http: &mesospb.HealthCheck_HTTPCheckInfo{Scheme: proto.String("ftp")}}
		}, "Unsupported HTTP health check scheme: 'ftp'"},
		"health delay": {func(t *mesospb.TaskInfo) {
			t.HealthCheck = &mesospb.HealthCheck{Type: mesospb.HealthCheck_TCP.Enum(), Tcp: &mesospb.HealthCheck_TCPCheckInfo{}, DelaySeconds: proto.Float64(-1)}
		}, "Expecting 'delay_seconds' to be non-negative"},
		"health of old": {func(t *mesospb.TaskInfo) {
			t.HealthCheck = &mesospb.HealthCheck{Command: &mesospb.CommandInfo{Value: proto.String("true")}}
		}, ""},
		"secret":               {secret(&mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte("x")}}), ""},
		"no secret":            {secret(nil), "of type 'SECRET' must have a secret set"},
		"empty secret":         {secret(&mesospb.Secret{Type: mesospb.Secret_VALUE.Enum()}), "Secret of type VALUE must have the 'value' field set"},
		"secret with NUL":      {secret(&mesospb.Secret{Type: mesospb.Secret_VALUE.Enum(), Value: &mesospb.Secret_Value{Data: []byte{0}}}), "null bytes"},
		"volume":               {volume(&mesospb.Volume{HostPath: proto.String("/x")}), ""},
		"volume of nothing":    {volume(&mesospb.Volume{}), "Only one of them should be set"},
		"volume without field": {volume(&mesospb.Volume{Source: &mesospb.Volume_Source{Type: mesospb.Volume_Source_SECRET.Enum()}}), "Invalid volume: 'source.secret' is not set for SECRET volume"},
		"docker without": {func(t *mesospb.TaskInfo) {
			t.Container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_DOCKER.Enum()}
		}, "DockerInfo 'docker' is not set"},
		"limits": {func(t *mesospb.TaskInfo) {
			t.Limits = map[string]*mesospb.Value_Scalar{"cpus": {Value: proto.Float64(2)}}
		}, "Agent is not capable of handling task resource limits"},
		"unshared cgroups": {func(t *mesospb.TaskInfo) {
			t.Container = &mesospb.ContainerInfo{Type: mesospb.ContainerInfo_MESOS.Enum(), LinuxInfo: &mesospb.LinuxInfo{ShareCgroups: proto.Bool(false)}}
		}, "share_cgroups"},
	} {
		f, a := launchpad()
		info := &mesospb.TaskInfo{
			Name: proto.String("t"), TaskId: ids.Task("t").Proto(), SlaveId: a.Info.Id,
			Resources: []*mesospb.Resource{scalar("cpus", 1)}, Command: &mesospb.CommandInfo{Value: proto.String("true")},
		}
		c.change(info)
		before := proto.CloneOf(info)
		l, err := new(Launches).Of(info, f.ID, "*")
		if err == nil {
			offered, _ := allocated([]*mesospb.Resource{scalar("cpus", 4), scalar("gpus", 4)}, "*")
			err = Task(l, f, a, offered)
		}
		says(t, name, err, c.want)
		if !proto.Equal(before, info) {
			t.Errorf("%s: the scheduler's message was changed", name)
		}
	}
}

func TestTaskLimits(t *testing.T) {
	t.Parallel()
	f, a := launchpad()
	a.Announce([]*mesospb.SlaveInfo_Capability{{Type: mesospb.SlaveInfo_Capability_TASK_RESOURCE_LIMITS.Enum()}})
	for name, c := range map[string]struct {
		resource string
		limit    float64
		want     string
	}{
		"enough": {"cpus", 1, ""}, "more": {"cpus", 2, ""}, "without end": {"cpus", math.Inf(1), ""},
		"less than asked for": {"cpus", 0.5, "The cpu limit must be greater than or equal to the cpu request"}, "not asked for": {"mem", 1, "When a memory limit is specified, a memory request must also be specified"},
		"of something else": {"disk", 1, "Only cpus and mem may be included"},
	} {
		l, err := new(Launches).Of(&mesospb.TaskInfo{
			Name: proto.String("t"), TaskId: ids.Task("t").Proto(), SlaveId: a.Info.Id, Command: &mesospb.CommandInfo{},
			Resources: []*mesospb.Resource{scalar("cpus", 1)}, Limits: map[string]*mesospb.Value_Scalar{c.resource: {Value: &c.limit}},
		}, f.ID, "*")
		if err != nil {
			t.Fatal(err)
		}
		says(t, name, Task(l, f, a, l.Resources), c.want)
	}
}

func TestReregisterAgent(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(*internalpb.ReregisterSlaveMessage)
		want   string
	}{
		"ordinary":          {func(*internalpb.ReregisterSlaveMessage) {}, ""},
		"no id":             {func(m *internalpb.ReregisterSlaveMessage) { m.Slave.Id = nil }, "no ID"},
		"framework twice":   {func(m *internalpb.ReregisterSlaveMessage) { m.Frameworks = append(m.Frameworks, m.Frameworks[0]) }, "twice"},
		"unknown framework": {func(m *internalpb.ReregisterSlaveMessage) { m.Frameworks = nil }, "unknown framework"},
		"unknown executor":  {func(m *internalpb.ReregisterSlaveMessage) { m.ExecutorInfos = nil }, "unknown executor"},
		"executor twice": {func(m *internalpb.ReregisterSlaveMessage) {
			m.ExecutorInfos = append(m.ExecutorInfos, m.ExecutorInfos[0])
		}, "twice"},
		"task elsewhere": {func(m *internalpb.ReregisterSlaveMessage) { m.Tasks[0].SlaveId = ids.Agent("B").Proto() }, "another agent"},
		"bad task id":    {func(m *internalpb.ReregisterSlaveMessage) { m.Tasks[0].TaskId = ids.Task("").Proto() }, "ID must not be empty"},
		"bad resources": {func(m *internalpb.ReregisterSlaveMessage) {
			m.Slave.Resources = []*mesospb.Resource{scalar("cpus", -1)}
		}, "cpus"},
		"more than can be counted": {func(m *internalpb.ReregisterSlaveMessage) {
			m.Tasks[0].Resources = []*mesospb.Resource{scalar("mem", 9e15)}
			m.ExecutorInfos[0].Resources = []*mesospb.Resource{scalar("mem", 9e15)}
		}, "add up to more"},
	} {
		id := ids.Framework("F").Proto()
		m := &internalpb.ReregisterSlaveMessage{
			Slave:         &mesospb.SlaveInfo{Hostname: proto.String("h"), Id: ids.Agent("A").Proto()},
			Frameworks:    []*mesospb.FrameworkInfo{framework(func(i *mesospb.FrameworkInfo) { i.Id = id })},
			ExecutorInfos: []*mesospb.ExecutorInfo{{ExecutorId: ids.Executor("e").Proto(), FrameworkId: id}},
			Tasks: []*mesospb.Task{{
				TaskId: ids.Task("t").Proto(), SlaveId: ids.Agent("A").Proto(), FrameworkId: id, ExecutorId: ids.Executor("e").Proto(),
				State: mesospb.TaskState_TASK_RUNNING.Enum(), Resources: []*mesospb.Resource{scalar("cpus", 1)},
			}},
		}
		c.change(m)
		says(t, name, new(Reports).Validate(m), c.want)
	}
}

func TestAgentVersion(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]string{
		"1.12.0": "", "1.0.0": "", "1.0.0-rc1": "", "2": "", "1.5": "", "0.28.3": "older than 1.0.0", "": "not a version",
		"x": "not a version", "1.2.3.4": "not a version", "1..2": "not a version",
	} {
		says(t, version, AgentVersion(version), want)
	}
}
