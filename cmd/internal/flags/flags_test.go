package flags

import (
	"encoding/json"
	"errors"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/messages/units"
	"meseta/runtime/runtimetest"
)

var programs = []string{"mesos-master", "mesos-agent", "mesos-local", "mesos-execute", "mesos-executor", "mesos-default-executor", "mesos-docker-executor"}

// everything binds each flag of a program to something of its type.
func everything(program string) *Set {
	s := New(program, "a program with every flag")
	for _, f := range s.flags {
		if f.target == nil {
			s.Bind(f.Name, anything(f.Type))
		}
	}
	return s
}

func anything(kind string) any {
	switch kind {
	case "bool":
		return new(bool)
	case "int":
		return new(int)
	case "uint":
		return new(uint64)
	case "port":
		return new(uint16)
	case "number":
		return new(float64)
	case "duration":
		return new(time.Duration)
	case "size":
		return new(units.Bytes)
	case "list":
		return new([]string)
	case "ip":
		return new(netip.Addr)
	case "json":
		return Func(func(string) error { return nil })
	default: // string, path, secret
		return new(string)
	}
}

type config struct {
	work, zk   string
	interval   time.Duration
	reregister time.Duration
	root       bool
	port       uint16
	excluded   []string
	factor     float64
	credential string
	acls       string
	ip         netip.Addr
}

func master(c *config) *Set {
	s := New("mesos-master", "the master")
	s.Bind("work_dir", &c.work)
	s.Bind("zk", &c.zk)
	s.Bind("allocation_interval", &c.interval)
	s.Bind("agent_reregister_timeout", &c.reregister)
	s.Bind("root_submissions", &c.root)
	s.Bind("port", &c.port)
	s.Bind("fair_sharing_excluded_resource_names", &c.excluded)
	s.Bind("allocator_agent_recovery_factor", &c.factor)
	s.Bind("credentials", &c.credential)
	s.Bind("acls", &c.acls)
	s.Bind("LIBPROCESS_ADVERTISE_IP", &c.ip)
	s.Refuse("whitelist", "use something else")
	return s
}

func TestDefaultsAreMesoss(t *testing.T) {
	t.Parallel()
	var c config
	master(&c)
	if c.interval != time.Second || c.reregister != 10*time.Minute || !c.root || c.port != 5050 || c.factor != 0.8 {
		t.Errorf("defaults are %+v", c)
	}
}

func TestAFlagMayBeSpelledInManyWays(t *testing.T) {
	t.Parallel()
	for _, spelling := range [][]string{
		{"--allocation_interval=10secs"},
		{"--allocation-interval=10secs"},
		{"--Allocation_Interval=10secs"},
		{"--allocation-interval", "10secs"},
	} {
		var c config
		if _, err := master(&c).Parse(spelling, nil); err != nil || c.interval != 10*time.Second {
			t.Errorf("%q gives %v, %v", spelling, c.interval, err)
		}
	}
}

func TestTruthMayBeSpelledInManyWays(t *testing.T) {
	t.Parallel()
	for spelling, want := range map[string]bool{
		"--root_submissions":       true,
		"--root-submissions=true":  true,
		"--root_submissions=1":     true,
		"--root_submissions=":      true,
		"--root_submissions=false": false,
		"--root_submissions=0":     false,
		"--no-root_submissions":    false,
		"--no-root-submissions":    false,
		"--no-root-submissions=":   false,
	} {
		c := config{root: !want}
		if _, err := master(&c).Parse([]string{spelling}, nil); err != nil || c.root != want {
			t.Errorf("%s gives %v, %v; want %v", spelling, c.root, err, want)
		}
	}
}

func TestTheCommandLineGoesBeforeTheEnvironment(t *testing.T) {
	t.Parallel()
	var c config
	s := master(&c)
	environ := []string{"MESOS_PORT=1", "MESOS_WORK_DIR=/from/environ", "MESOS_root_submissions=false", "PORT=7",
		"LIBPROCESS_ADVERTISE_IP=192.0.2.7", "MESOS_SLAVE_REREGISTER_TIMEOUT=2hrs", "MESOS_AGENT_REREGISTER_TIMEOUT=1hrs"}
	rest, err := s.Parse([]string{"--port=2", "first", "--", "--second"}, environ)
	if err != nil {
		t.Fatal(err)
	}
	if c.port != 2 || c.work != "/from/environ" || c.root || c.ip.String() != "192.0.2.7" || c.reregister != time.Hour {
		t.Errorf("got %+v", c)
	}
	if !slices.Equal(rest, []string{"first", "--second"}) {
		t.Errorf("arguments are %q", rest)
	}
	if !s.Given("work_dir") || s.Given("zk") {
		t.Errorf("given: work_dir %v, zk %v", s.Given("work_dir"), s.Given("zk"))
	}
	if len(s.Warnings()) != 0 {
		t.Errorf("warnings: %q", s.Warnings())
	}
}

func TestFilesStandForTheirContent(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "value")
	if err := os.WriteFile(file, []byte("30secs\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var c config
	s := master(&c)
	_, err := s.Parse([]string{"--allocation_interval=file://" + file, "--zk=file://" + file,
		"--credentials=file://" + file, "--acls=" + file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := config{zk: "30secs", interval: 30 * time.Second, credential: "file://" + file, acls: "30secs"}
	if c.zk != want.zk || c.interval != want.interval || c.credential != want.credential || c.acls != want.acls {
		t.Errorf("got %+v, want %+v", c, want)
	}
	if got := s.Values()["zk"]; got != "file://"+file {
		t.Errorf("zk is shown as %q: what is in the file may be a secret", got)
	}
	if len(s.Warnings()) != 1 || !strings.Contains(s.Warnings()[0], "file://") {
		t.Errorf("a bare path instead of JSON warns %q", s.Warnings())
	}
}

func TestOldNamesWork(t *testing.T) {
	t.Parallel()
	var c config
	s := master(&c)
	if _, err := s.Parse([]string{"--slave-reregister-timeout=1hrs"}, nil); err != nil || c.reregister != time.Hour {
		t.Fatalf("got %v, %v", c.reregister, err)
	}
	want := "flag --slave_reregister_timeout is an old name of --agent_reregister_timeout"
	if !slices.Equal(s.Warnings(), []string{want}) {
		t.Errorf("warnings: %q", s.Warnings())
	}
	values := s.Values()
	if values["slave_reregister_timeout"] != "1hrs" || values["agent_reregister_timeout"] != "" {
		t.Errorf("it is shown by the name it was given by, not %v", values)
	}
}

// Variables with the old prefix SSL_ work. Those with the new one take precedence, and a difference is told.
//
// Mesos: openssl::reinitialize.
func TestOldVariablesWork(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		environ    []string
		enabled    bool
		cert, warn string
	}{
		{[]string{"SSL_ENABLED=true", "SSL_CERT_FILE=/old"}, true, "/old", "variable SSL_CERT_FILE is an old name of LIBPROCESS_SSL_CERT_FILE"},
		{[]string{"SSL_CERT_FILE=/old", "LIBPROCESS_SSL_CERT_FILE=/new"}, false, "/new",
			"variables SSL_CERT_FILE and LIBPROCESS_SSL_CERT_FILE have different values; that of LIBPROCESS_SSL_CERT_FILE counts"},
		{[]string{"SSL_CERT_FILE=/one", "LIBPROCESS_SSL_CERT_FILE=/one"}, false, "/one", ""},
		{[]string{"SSL_CERT_DIR=/elsewhere", "SSL_KEY_FILE=/bound/by/nobody"}, false, "", ""},
	} {
		s := New("mesos-master", "")
		var enabled bool
		var cert string
		s.Bind("LIBPROCESS_SSL_ENABLED", &enabled)
		s.Bind("LIBPROCESS_SSL_CERT_FILE", &cert)
		if _, err := s.Parse(nil, test.environ); err != nil || enabled != test.enabled || cert != test.cert {
			t.Errorf("%q: enabled %v, certificate %q, %v", test.environ, enabled, cert, err)
		}
		if test.warn == "" != (len(s.Warnings()) == 0) || test.warn != "" && !slices.Contains(s.Warnings(), test.warn) {
			t.Errorf("%q: warnings %q", test.environ, s.Warnings())
		}
		if s.Unused("SSL_"); len(s.Warnings()) > 0 {
			t.Errorf("%q: warnings %q about what is not used", test.environ, s.Warnings())
		}
	}
	s := New("mesos-master", "")
	var enabled bool
	s.Bind("LIBPROCESS_SSL_ENABLED", &enabled)
	if _, err := s.Parse(nil, []string{"SSL_ENABLED=perhaps"}); err == nil || !strings.Contains(err.Error(), "flag SSL_ENABLED:") {
		t.Errorf("a mistake in an old variable: %v", err)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		argument, environ string
		want              string
	}{
		{argument: "--alocation-interval=1secs",
			want: "unknown flag --alocation-interval; did you mean --allocation_interval?"},
		{argument: "--quite", want: "unknown flag --quite; did you mean --quiet?"},
		{argument: "--xyzzy=1", want: "unknown flag --xyzzy"},
		{argument: "--xyzzy", want: "unknown flag --xyzzy"},
		{argument: "--firewall_rules=x", want: "flag --firewall_rules of Mesos is not supported yet"},
		{argument: "--firewall_rules", want: "flag --firewall_rules of Mesos is not supported yet"},
		{argument: "--whitelist=x", want: "flag --whitelist of Mesos is not supported yet: use something else"},
		{argument: "--authenticate-agents", want: "flag --authenticate_agents of Mesos is not supported yet"},
		{argument: "--no-authenticate_agents", want: "flag --authenticate_agents of Mesos is not supported yet"},
		{argument: "--authenticate", want: "flag --authenticate of Mesos is not supported yet"},
		{environ: "MESOS_FIREWALL_RULES=x", want: "flag MESOS_FIREWALL_RULES of Mesos is not supported yet"},
		{environ: "LIBPROCESS_SSL_ENABLED=1",
			want: "flag LIBPROCESS_SSL_ENABLED of Mesos is not supported yet"},
		{argument: "--port", want: "flag --port needs a value: --port=…"},
		{argument: "--port=99999", want: `flag --port: "99999" is not a number from 0 to 65535`},
		{environ: "MESOS_PORT=x", want: `flag MESOS_PORT: "x" is not a number from 0 to 65535`},
		{argument: "--no-port", want: "flag --port is not boolean; there is no --no-port"},
		{argument: "--no-root_submissions=true", want: "flag --no-root_submissions takes no value"},
		{argument: "--root_submissions=yes", want: `flag --root_submissions: "yes" is neither true nor false`},
		{argument: "--fair_sharing_excluded_resource_names=a,b,,a",
			want: `flag --fair_sharing_excluded_resource_names: "a" is listed twice`},
		{argument: "--zk=file:///does/not/exist",
			want: "flag --zk: open /does/not/exist: no such file or directory"},
		{argument: "--=1", want: "bad flag syntax: --=1"},
		{argument: "-x", want: "unknown shorthand flag: 'x' in -x"},
	} {
		var c config
		var args, environ []string
		if test.argument != "" {
			args = []string{test.argument}
		} else {
			environ = []string{test.environ}
		}
		if _, err := master(&c).Parse(args, environ); err == nil || err.Error() != test.want {
			t.Errorf("%q %q: got %v, want %s", args, environ, err, test.want)
		}
	}
}

func TestGivenTwiceIsRefused(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--port=1", "--port=1"},
		{"--agent_reregister_timeout=1hrs", "--slave_reregister_timeout=1hrs"},
		{"--root_submissions", "--no-root_submissions"},
	} {
		var c config
		if _, err := master(&c).Parse(args, nil); err == nil || !strings.HasSuffix(err.Error(), "is given twice") {
			t.Errorf("%q: got %v", args, err)
		}
	}
}

func TestVariablesNoFlagHasAreIgnoredWithAWarning(t *testing.T) {
	t.Parallel()
	var c config
	s := master(&c)
	environ := []string{"MESOS_PROT=1", "MESOS_SANDBOX=/mnt", "LIBPROCESS_NUM_WORKER_THREADS=4"}
	if _, err := s.Parse(nil, environ); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"variable LIBPROCESS_NUM_WORKER_THREADS has no effect here",
		"variable MESOS_PROT is ignored: there is no such flag; did you mean MESOS_PORT?",
	}
	if !slices.Equal(s.Warnings(), want) {
		t.Errorf("warnings: %q, want %q", s.Warnings(), want)
	}
}

func TestRequiredFlagsAndChecks(t *testing.T) {
	t.Parallel()
	s := New("mesos-agent", "the agent")
	var work string
	s.Bind("work_dir", &work)
	odd := errors.New("odd")
	s.Check(func() error { return odd })
	if _, err := s.Parse(nil, nil); err == nil || err.Error() != "flag --work_dir is required" {
		t.Errorf("without work_dir: %v", err)
	}
	if _, err := s.Parse([]string{"--work_dir=/w"}, nil); err != odd {
		t.Errorf("with a failing check: %v", err)
	}
}

func TestHelpAndVersionComeFirst(t *testing.T) {
	t.Parallel()
	for argument, want := range map[string]error{"--help": ErrHelp, "-h": ErrHelp, "--version": ErrVersion} {
		if _, err := New("mesos-agent", "the agent").Parse([]string{argument}, nil); err != want {
			t.Errorf("%s: got %v, want %v", argument, err, want)
		}
	}
}

func TestFlagsOfOurOwn(t *testing.T) {
	t.Parallel()
	s := New("mesos-master", "the master")
	level := "off"
	s.Define(Flag{Group: "Logging", Name: "trace", Type: "string", Help: "what to trace"}, &level)
	if _, err := s.Parse([]string{"--trace=turns"}, nil); err != nil || level != "turns" {
		t.Errorf("got %q, %v", level, err)
	}
}

func TestEveryDefaultCanBeRead(t *testing.T) {
	t.Parallel()
	for _, program := range programs {
		everything(program) // panics if one cannot
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	for _, program := range programs {
		runtimetest.Golden(t, program, everything(program).Help())
	}
	var c config
	runtimetest.Golden(t, "partly", master(&c).Help())
}

// TestValuesAreThoseOfTheReference gives our flags what the recorded daemons were given, and compares what the flags
// endpoint shows.
func TestValuesAreThoseOfTheReference(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		program, recording string
		given, unknowable  []string
		ours               map[string]string // flags that the recorded daemon did not have
	}{
		{"mesos-master", "master-flags.http",
			[]string{"cluster", "hostname", "ip", "log_dir", "quorum", "work_dir", "webui_dir"}, nil,
			map[string]string{"master_replacement_timeout": "10mins"}},
		{"mesos-agent", "agent-flags.http",
			[]string{"attributes", "hostname", "ip", "log_dir", "resources", "work_dir", "runtime_dir", "isolation",
				"launcher", "launcher_dir", "master", "systemd_enable_support", "appc_store_dir", "docker_store_dir",
				"fetcher_cache_dir"}, nil,
			map[string]string{ // it was built without XFS
				"xfs_kill_containers": "false", "xfs_project_range": "[5000-10000]", "xfs_quota_headroom": "10MB"}},
	} {
		want := recordedFlags(t, test.recording)
		var args []string
		for _, name := range test.given {
			args = append(args, "--"+name+"="+want[name])
		}
		s := everything(test.program)
		if _, err := s.Parse(args, nil); err != nil {
			t.Fatal(err)
		}
		got := s.Values()
		for _, name := range slices.Sorted(maps.Keys(want)) {
			if text, ok := got[name]; !ok || text != want[name] {
				t.Errorf("%s: %s is %q, want %q", test.program, name, text, want[name])
			}
			delete(got, name)
		}
		if !maps.Equal(got, test.ours) {
			t.Errorf("%s shows more than the reference: %v", test.program, got)
		}
	}
}

func recordedFlags(t *testing.T, name string) map[string]string {
	t.Helper()
	shared := os.Getenv("MESETA_SHARED")
	if shared == "" {
		shared = filepath.Join("..", "..", "..", "..", "shared")
	}
	recording, err := os.ReadFile(filepath.Join(shared, "golden", "http", name))
	if err != nil {
		t.Skip("no recordings of the reference here:", err)
	}
	var answer struct{ Flags map[string]string }
	if err := json.Unmarshal(recording[strings.LastIndex(string(recording), "\n")+1:], &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Flags
}

func FuzzParse(f *testing.F) {
	f.Add("--port=1", "--no-quiet", "MESOS_ZK=zk://h/p")
	f.Add("--", "-h", "MESOS_")
	f.Add("--allocation_interval=1e9weeks", "--=", "MESOS_PORT")
	f.Fuzz(func(t *testing.T, first, second, variable string) {
		if strings.Contains(first+second+variable, "file:") || strings.Contains(first+second+variable, "=/") {
			t.Skip("reads files")
		}
		s := everything("mesos-master")
		if _, err := s.Parse([]string{first, second}, []string{variable}); err == nil {
			s.Values()
		}
	})
}

// The passwords of --docker_config are not shown: only the file that they are in is.
func TestPasswordsAreNotShown(t *testing.T) {
	t.Parallel()
	const content = `{"auths":{"r":{"auth":"dXNlcjpwbGFudGVk"}}}`
	file := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	for given, want := range map[string]string{content: "{}", file: file, "file://" + file: "file://" + file} {
		s := New("mesos-agent", "the agent")
		var read string
		s.Bind("docker_config", &read)
		if _, err := s.Parse([]string{"--docker_config=" + given}, nil); err != nil {
			t.Fatal(err)
		}
		if shown := s.Values()["docker_config"]; read != content || shown != want {
			t.Errorf("%s is read as %s and shown as %s, want %s", given, read, shown, want)
		}
	}
}
