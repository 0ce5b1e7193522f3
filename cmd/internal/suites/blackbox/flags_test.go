package blackbox

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	taken := startMaster(t, "0", filepath.Join(dir, "taken"))
	startAgent(t, "0", "127.0.0.1:1", filepath.Join(dir, "busy"))
	for _, c := range []struct{ command, want string }{
		{"mesos-master --bogus --work_dir=W", "unknown flag --bogus"},
		{"mesos-master --prot=1 --work_dir=W", "did you mean --port?"},
		{"mesos-master --zk=zk://a/b --work_dir=W", "quorum: it is required with --zk"},
		{"mesos-master --zk=zk://a --quorum=1 --work_dir=W", "zk: should be zk://"},
		{"mesos-master --quorum=2 --work_dir=W", "quorum: 2: it needs --zk"},
		{"mesos-master --zk=zk://a/b --quorum=2 --registry=in_memory", "several masters need --registry=replicated_log"},
		{"mesos-master extra --work_dir=W", `unexpected argument "extra"`},
		{"mesos-master", "work_dir: the registry needs a directory"},
		{"mesos-master --work_dir=W --work_dir=W", "--work_dir"},
		{"mesos-master --work_dir=W --weights=a=x", `"a=x" is not role=weight`},
		{"mesos-master --work_dir=W --roles=a/../b", "a/../b"},
		{"mesos-master --work_dir=W --offer_timeout=5", `"5" has no unit`},
		{"mesos-master --work_dir=W --port=99999", "99999"},
		{"mesos-master --work_dir=W --ip=127.0.0.1 --port=TAKEN", "address already in use"},
		{"mesos-master --work_dir=HELD --ip=127.0.0.1 --port=0", "another process has it open"},
		{"mesos-master --work_dir=/dev/null/x --ip=127.0.0.1 --port=0", "/dev/null"},
		{"mesos-agent --master=127.0.0.1:1", "--work_dir is required"},
		{"mesos-agent --work_dir=W", "--master=127.0.0.1:5050"},
		{"mesos-agent --work_dir=BUSY --master=127.0.0.1:1 --ip=127.0.0.1 --port=0", "another agent runs in"},
		{"mesos-agent --work_dir=/dev/null/x --master=127.0.0.1:1 --ip=127.0.0.1 --port=0", "Failed to create agent work directory '/dev/null/x': mkdir /dev/null"},
		{"mesos-agent --work_dir=W --ip=127.0.0.1 --port=0 --master=a:b:c", `"a:b:c"`},
		{"mesos-agent --work_dir=W --ip=127.0.0.1 --port=0 --master=127.0.0.1:1 --resources=cpus:abc", "Failed to determine agent resources: "},
		{"mesos-agent --work_dir=W --ip=127.0.0.1 --port=0 --master=127.0.0.1:1 --attributes=a", "Invalid attribute key:value pair 'a'"},
		{`mesos-agent --work_dir=W --master=127.0.0.1:1 --domain={"fault_domain":{}}`, "not the JSON of a DomainInfo"},
		{"mesos-agent --work_dir=W --master=127.0.0.1:1 --gc_delay=10parsecs", "10parsecs"},
		{"mesos-agent --work_dir=W --master=127.0.0.1:1 --no-port", "port"},
		{"mesos-agent --work_dir=W --master=127.0.0.1:1 --resource_estimator=x", `module "x" unknown; --modules has to name it`},
		{"mesos-agent --work_dir=W --master=127.0.0.1:1 --hooks=x", "hooks: Error installing hooks: No hook module named 'x' available"},
		{"mesos-master --work_dir=W --hooks=x", "hooks: Error installing hooks: No hook module named 'x' available"},
		{"mesos-agent --work_dir=W --master=127.0.0.1:1 --ip=127.0.0.1 --port=0 --isolation=posix/cpu,disk/xfs", "Failed to create isolator 'disk/xfs'"},
		{"mesos-slave --work_dir=W --master=127.0.0.1:1 --disk_watch_interval=file:///nowhere", "/nowhere"},
		{"mesos-execute --name=x --command=true", "--master is required"},
		{"mesos-execute --master=127.0.0.1:1 --name=x", "command"},
		{"mesos-execute --master=127.0.0.1:1 --name=x --command=true --env=[", "env"},
		{"mesos-local --logging_level=LOUD", "LOUD"},
		{"mesos-local --num-agents=0", "at least 1"},
		{"mesos-local --num-agents=x", `"x" is not a whole number`},
		{"mesos-local --port=0 --resources=cpus --work_dir=W", "the logs are in"},
		{"mesos-mapreduce --master=127.0.0.1:1 --job=nonsense", "nonsense"},
		{"mesos-mapreduce --master=127.0.0.1:1 --input=/nowhere", "/nowhere"},
		{"mesos-mapreduce --master=127.0.0.1:1 --job=grep", "pattern"},
		{"mesos-executor", "MESOS_SLAVE_PID"},
		{"mesos nonsense", "nonsense"},
	} {
		_, port, _ := strings.Cut(taken.address, ":")
		command := strings.NewReplacer("TAKEN", port, "HELD", filepath.Join(dir, "taken"), "BUSY", filepath.Join(dir, "busy"), "W", filepath.Join(dir, "w")).Replace(c.command)
		args := strings.Fields(command)
		if args[0] == "mesos-slave" {
			args[0] = "mesos-agent"
		}
		status, out := does(t, nil, args[0], args[1:]...)
		if status != 1 || !strings.Contains(out, c.want) {
			t.Errorf("%s: exit status %d, and printed\n%swant 1, and %q", c.command, status, out, c.want)
		}
		if strings.Contains(out, "goroutine ") {
			t.Errorf("%s: panicked\n%s", c.command, out)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, program := range all {
		status, out := does(t, nil, program, "--help")
		if status != 0 || !strings.Contains(out, "sage:") {
			t.Errorf("%s --help: exit status %d, and printed\n%s", program, status, out)
		}
		if status, out := does(t, nil, program, "--version"); status != 0 || !strings.Contains(out, "1.12.0") {
			t.Errorf("%s --version: exit status %d, and printed\n%s", program, status, out)
		}
	}
}

// Flags come from the command line, in either spelling, from the environment, and from files.
func TestWaysToSetFlags(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "cluster")
	if err := os.WriteFile(file, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Run("command line", func(t *testing.T) {
		t.Parallel()
		m := startMaster(t, "0", t.TempDir(), "--offer-timeout=1.5hrs", "--no-root_submissions", "--cluster=file://"+file, "--max_agent_ping_timeouts=7")
		var seen struct{ Flags map[string]string }
		m.sees("/flags", &seen)
		for name, want := range map[string]string{
			"offer_timeout": "90mins", "root_submissions": "false", "cluster": "from a file", "max_agent_ping_timeouts": "7",
		} {
			if got := seen.Flags[name]; got != want {
				t.Errorf("%s: got %q, want %q", name, got, want)
			}
		}
	})
	t.Run("environment", func(t *testing.T) {
		t.Parallel()
		p := start(t, []string{"MESOS_WORK_DIR=" + t.TempDir(), "MESOS_IP=127.0.0.1", "MESOS_PORT=nonsense"}, "mesos-master")
		if status := p.ends(); status != 1 || !strings.Contains(p.out.String(), "nonsense") {
			t.Errorf("exit status %d, want 1", status)
		}
		p = start(t, []string{"MESOS_WORK_DIR=" + t.TempDir(), "MESOS_IP=127.0.0.1", "MESOS_OFFER_TIMEOUT=3secs", "MESOS_NO_SUCH=1"}, "mesos-master", "--port=0")
		p.awaits("master recovered")
		p.awaits("MESOS_NO_SUCH")
	})
}

// What an agent cannot be told ends it with 1 and words, which are Mesos's where that checks the value itself, and nothing is written.
func TestBadValuesOfAnAgent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	work := filepath.Join(dir, "w")
	for flag, want := range map[string]string{
		"--registration_backoff_factor=2mins":                   "Invalid value '2mins' for --registration_backoff_factor: Must be less than 1mins",
		"--gc_disk_headroom=1.5":                                "Invalid value '1.5' for --gc_disk_headroom. Must be between 0.0 and 1.0",
		"--gc_disk_headroom=-0.1":                               "Invalid value '-0.1' for --gc_disk_headroom. Must be between 0.0 and 1.0",
		"--executor_reregistration_timeout=16secs":              "Expected `--executor_reregistration_timeout` to be not more than 15secs",
		"--recover=maybe":                                       "Unknown option for 'recover' flag maybe",
		"--reconfiguration_policy=any":                          "Unknown option for 'reconfiguration_policy' flag any",
		`--executor_environment_variables={"a":1}`:              "--executor_environment_variables: not a JSON object of strings",
		"--domain={}":                                           "`domain` must define `fault_domain`",
		"--domain_socket_location=/" + strings.Repeat("x", 108): "domain_socket_location: the path",
		"--resource_estimator=nosuch":                           "resource_estimator",
		"--qos_controller=nosuch":                               "qos_controller",
		"--agent_subsystems=nosuch":                             "nosuch",
		"--attributes=rack":                                     "Invalid attribute key:value pair 'rack'",
		"--resources=cpus":                                      "Failed to determine agent resources: Bad value for resources, missing or extra ':' in cpus",
		`--resources=[{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"source":{"type":"MOUNT","mount":{"root":"` + dir + `"}}}}]`: "Failed to find mount '" + dir + "' in /proc/mounts",
		`--resources=[{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"source":{"type":"MOUNT","mount":{}}}}]`:                     "MOUNT disk root directory is not specified",
		`--resources=[{"name":"disk","type":"SCALAR","scalar":{"value":1},"disk":{"source":{"type":"PATH","path":{"root":"/proc/nosuch"}}}}]`:  "Failed to create DiskInfo path directory '/proc/nosuch'",
		"--strict=maybe":         "strict",
		"--recovery_timeout=5":   "recovery_timeout",
		"--fetcher_cache_size=2": "fetcher_cache_size",
	} {
		status, out := does(t, nil, "mesos-agent", "--master=127.0.0.1:1", "--ip=127.0.0.1", "--port=0", "--work_dir="+work, "--runtime_dir="+filepath.Join(dir, "r"), flag)
		if status != 1 || !strings.Contains(out, want) {
			t.Errorf("%s: exit status %d, and printed\n%swant 1, and %q", flag, status, out, want)
		}
		if left, err := os.ReadDir(filepath.Join(work, "meta")); err == nil && len(left) > 0 {
			t.Errorf("%s: the agent has left %v", flag, left)
		}
	}
}

// What is wrong is named in Mesos's order: one that mends the first thing is told the next. Nothing has been written by then.
//
// Mesos: main of the agent, Slave::initialize.
func TestAnAgentIsInitializedInOrder(t *testing.T) {
	t.Parallel()
	work := filepath.Join(t.TempDir(), "w")
	wrong := []struct{ flag, want string }{
		{"--agent_subsystems=nosuch", "agent_subsystems: "},
		{"--credential=/nosuch/credential", "credential: "},
		{"--http_credentials=/nosuch/operators", "http_credentials: "},
		{"--authenticate_http_readonly", "No credentials provided for the default 'basic' HTTP authenticator for realm 'mesos-agent-readonly'"},
		{"--resource_estimator=nosuch", "resource_estimator: "},
		{"--qos_controller=nosuch", "qos_controller: "},
		{"--resources=cpus", "Failed to determine agent resources: "},
		{"--attributes=rack", "Invalid attribute key:value pair 'rack'"},
	}
	for i, first := range wrong {
		args := []string{"--master=127.0.0.1:1", "--ip=127.0.0.1", "--port=0", "--work_dir=" + work, "--runtime_dir=" + work + "-run"}
		for _, w := range wrong[i:] {
			args = append(args, w.flag)
		}
		status, out := does(t, nil, "mesos-agent", args...)
		if status != 1 || !strings.Contains(out, first.want) {
			t.Errorf("with %s and more that is wrong: exit status %d, and printed\n%swant 1, and %q", first.flag, status, out, first.want)
		}
		for _, w := range wrong[i+1:] {
			if at, later := strings.Index(out, first.want), strings.Index(out, w.want); later >= 0 && later < at {
				t.Errorf("%s is named before %s:\n%s", w.flag, first.flag, out)
			}
		}
		if left, err := os.ReadDir(filepath.Join(work, "meta")); err == nil {
			t.Errorf("%s: the agent has left %v", first.flag, left)
		}
	}
}
