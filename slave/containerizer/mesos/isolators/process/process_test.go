package process_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// ran is what became of a container.
type ran struct {
	launch         error
	status         syscall.WaitStatus
	stdout, stderr string
}

// run runs a shell command, or a program with arguments, in a container.
func run(t *testing.T, c isolation.Config, info *mesospb.ContainerInfo, command ...string) ran {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer runtimetest.Close(t, n)
	x, err := c.New(n, mesos.Tree{}, mesos.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	does := &mesospb.CommandInfo{Value: &command[0]}
	if len(command) > 1 {
		does.Shell, does.Arguments = proto.Bool(false), command
	}
	r := ran{}
	_, r.launch = runtime.Wait(t.Context(), x.Launch(containerizer.Launch{ID: "c1", Config: &slavepb.ContainerConfig{CommandInfo: does, ContainerInfo: info, Directory: &dir}}))
	end, err := runtime.Wait(t.Context(), x.Wait("c1"))
	if err != nil {
		t.Fatal(err)
	}
	r.status = syscall.WaitStatus(end.GetStatus())
	for name, to := range map[string]*string{"stdout": &r.stdout, "stderr": &r.stderr} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		*to = string(text)
	}
	return r
}

func info(t *testing.T, text string) *mesospb.ContainerInfo {
	t.Helper()
	i := &mesospb.ContainerInfo{}
	if err := prototext.Unmarshal([]byte("type: MESOS "+text), i); err != nil {
		t.Fatal(err)
	}
	return i
}

func with(names string) isolation.Config {
	c := isolation.Default()
	c.Isolation += "," + names
	return c
}

// The values are those of linux/5-rlimits-capabilities-none-inside.
func TestRLimits(t *testing.T) {
	t.Parallel()
	i := info(t, `rlimit_info { rlimits { type: RLMT_NOFILE soft: 100 hard: 200 } rlimits { type: RLMT_CORE soft: 0 hard: 0 } }`)
	r := run(t, with("posix/rlimits"), i, "grep 'open files\\|core file' /proc/self/limits")
	fields := strings.Fields(r.stdout)
	if r.launch != nil || strings.Join(fields, " ") != "Max core file size 0 0 bytes Max open files 100 200 files" {
		t.Errorf("%+v", r)
	}
	for _, bad := range []string{"soft: 100", "hard: 100", "soft: 3 hard: 2"} {
		r := run(t, with("posix/rlimits"), info(t, "rlimit_info { rlimits { type: RLMT_NOFILE "+bad+" } }"), "true")
		if r.launch == nil || !strings.HasPrefix(r.launch.Error(), "Invalid rlimit values") {
			t.Errorf("%s: %+v", bad, r)
		}
	}
}

// The sets are those of linux/5-rlimits-capabilities-*-inside.
func TestCapabilities(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("capabilities need the rights of root")
	}
	set := func(names string) *mesospb.CapabilityInfo {
		if names == "" {
			return nil
		}
		c := &mesospb.CapabilityInfo{}
		for name := range strings.SplitSeq(names, ",") {
			c.Capabilities = append(c.Capabilities, mesospb.CapabilityInfo_Capability(mesospb.CapabilityInfo_Capability_value[name]))
		}
		return c
	}
	const many, few = "CHOWN,DAC_OVERRIDE,KILL,SETUID,NET_RAW,SYS_ADMIN", "CHOWN,KILL,NET_RAW"
	for _, test := range []struct {
		name, flagEffective, flagBounding, effective, bounding string
		bnd, amb                                               uint64
		problem                                                string
	}{
		{name: "bound", bounding: "CHOWN,KILL", bnd: 0x21},
		{name: "eff-bound", effective: "KILL", bounding: "CHOWN,KILL", bnd: 0x21, amb: 0x20},
		{name: "eff", effective: "KILL", bnd: 0x20, amb: 0x20},
		{name: "plain, both flags", flagEffective: few, flagBounding: many, bnd: 0x2020a3, amb: 0x2021},
		{name: "eff, both flags", flagEffective: few, flagBounding: many, effective: "KILL", bnd: 0x2020a3, amb: 0x20},
		{name: "plain, effective flag", flagEffective: few, bnd: 0x2021, amb: 0x2021},
		{name: "bad", effective: "KILL", bounding: "CHOWN", problem: "Requested capabilities '{ KILL }', but only '{ CHOWN }' are allowed"},
		{name: "too much", flagBounding: many, effective: "SYS_BOOT",
			problem: "Requested capabilities '{ SYS_BOOT }', but only '{ CHOWN, DAC_OVERRIDE, KILL, SETUID, NET_RAW, SYS_ADMIN }' are allowed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := with("linux/capabilities")
			c.Effective, c.Bounding = set(test.flagEffective), set(test.flagBounding)
			i := info(t, "linux_info {}")
			i.LinuxInfo.EffectiveCapabilities, i.LinuxInfo.BoundingCapabilities = set(test.effective), set(test.bounding)
			r := run(t, c, i, "grep Cap /proc/self/status")
			if test.problem != "" {
				if r.launch == nil || r.launch.Error() != test.problem {
					t.Errorf("%+v", r)
				}
				return
			}
			want := fmt.Sprintf("CapInh:\t%016[1]x\nCapPrm:\t%016[1]x\nCapEff:\t%016[1]x\nCapBnd:\t%016[1]x\nCapAmb:\t%016[2]x\n", test.bnd, test.amb)
			if r.launch != nil || r.stdout != want {
				t.Errorf("got %+v, want\n%s", r, want)
			}
		})
	}
}

// The init of a container passes on how its command ended, and looks for programs and runs scripts as without it.
func TestInit(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, []byte("echo $1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		command        []string
		status         int
		stdout, stderr string
	}{
		{[]string{"grep NoNewPrivs /proc/self/status"}, 0, "NoNewPrivs:\t1\n", ""},
		{[]string{"exit 7"}, 7 << 8, "", ""},
		{[]string{"kill -TERM $$"}, 15, "", ""},
		{[]string{"kill -TERM $PPID; sleep 1000"}, 15, "", ""}, // passed on
		{[]string{"echo", "found"}, 0, "found\n", ""},
		{[]string{script, "ran"}, 0, "ran\n", ""},
		{[]string{"/no/such", "x"}, 1 << 8, "", "Failed to execute '/no/such': No such file or directory\n"},
	} {
		r := run(t, with("linux/nnp"), nil, test.command...)
		if r.launch != nil || int(r.status) != test.status || r.stdout != test.stdout || r.stderr != test.stderr {
			t.Errorf("%q: %+v", test.command, r)
		}
	}
}

// A profile decides about system calls, whatever the capabilities are, and only about those of the command.
func TestSeccomp(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root restricts system calls without no_new_privs")
	}
	dir := t.TempDir()
	for name, rule := range map[string]string{
		"mkdir.json": `{"names": ["mkdir", "mkdirat", "wait4", "waitid"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_SYS_ADMIN"]}}`,
		"kill.json":  `{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_KILL"}`,
		"bad.json":   `{"names": ["mkdri"], "action": "SCMP_ACT_KILL"}`,
	} {
		profile := `{"defaultAction": "SCMP_ACT_ALLOW", "archMap": [{"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []},
			{"architecture": "SCMP_ARCH_AARCH64", "subArchitectures": []}], "syscalls": [` + rule + `]}`
		if err := os.WriteFile(filepath.Join(dir, name), []byte(profile), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bounded := func(profile string) string {
		return "linux_info { bounding_capabilities { capabilities: CHOWN capabilities: SETUID capabilities: SETGID } seccomp { " + profile + " } }"
	}
	const denied = "Operation not permitted"
	for name, test := range map[string]struct {
		info, standard string
		made           bool
		problem        string // of the launch, or in the container's standard error
	}{
		"none":                {info: "", made: true},
		"default":             {info: "", standard: "kill.json", problem: ""},
		"unconfined":          {info: "linux_info { seccomp { unconfined: true } }", standard: "kill.json", made: true},
		"named":               {info: bounded("profile_name: 'mkdir.json'"), problem: denied},
		"named, not excluded": {info: "linux_info { seccomp { profile_name: 'mkdir.json' } }", standard: "kill.json", made: true},
		"missing":             {info: bounded("profile_name: 'other.json'"), problem: "Failed to read Seccomp profile file"},
		"bad":                 {info: bounded("profile_name: 'bad.json'"), problem: "Unrecognized syscall 'mkdri'"},
		"outside":             {info: bounded("profile_name: '../kill.json'"), problem: "is not in"},
		"both":                {info: bounded("unconfined: true profile_name: 'kill.json'"), problem: "Invalid Seccomp configuration"},
		"neither":             {info: bounded(""), problem: "Missing Seccomp profile name"},
	} {
		c := with("linux/capabilities,linux/seccomp")
		c.SeccompDir, c.SeccompProfile = dir, test.standard
		made := filepath.Join(t.TempDir(), "made")
		r := run(t, c, info(t, test.info), "mkdir", made)
		_, err := os.Stat(made)
		if (err == nil) != test.made || !strings.Contains(fmt.Sprint(r.launch)+r.stderr, test.problem) {
			t.Errorf("%s: made it: %v; %+v", name, err == nil, r)
		}
		if r.launch == nil && (r.status == 0) != test.made {
			t.Errorf("%s: ended as %v", name, r.status)
		}
	}
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	defer runtimetest.Close(t, n)
	for problem, change := range map[string]func(*isolation.Config){
		"Missing required `--seccomp_config_dir` flag": func(c *isolation.Config) { c.SeccompDir = "" },
		"Failed to read Seccomp profile file":          func(c *isolation.Config) { c.SeccompProfile = "other.json" },
	} {
		c := with("linux/seccomp")
		c.SeccompDir = dir
		change(&c)
		if _, err := c.New(n, mesos.Tree{}, mesos.Options{}); err == nil || !strings.Contains(err.Error(), problem) {
			t.Errorf("%v, want %q", err, problem)
		}
	}
}
