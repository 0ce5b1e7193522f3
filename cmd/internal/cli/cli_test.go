package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/cli"
	"meseta/messages/pb/v1/agentv1pb"
)

// cluster is a master and an agent that answer as recorded ones did.
type cluster struct {
	*httptest.Server
	t *testing.T
	// what the task wrote by now, and whether it is over
	stdout atomic.Value
	over   atomic.Bool
}

const (
	frameworkID = "84e6a676-83ad-4fab-a2fd-1057fd64e801-0002"
	agentID     = "84e6a676-83ad-4fab-a2fd-1057fd64e801-S0"
	containers  = "171d93ab-2102-4421-ace8-8efee360d636"
)

func newCluster(t *testing.T) *cluster {
	c := &cluster{t: t}
	c.stdout.Store("one\ntwo\nthree\n")
	mux := http.NewServeMux()
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", strings.TrimPrefix(c.URL, "http:"))
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	address := strings.TrimPrefix(c.URL, "http://")
	for path, answer := range map[string]string{
		"/slaves": fmt.Sprintf(`{"slaves":[{"id":%q,"hostname":"h","port":5051,"pid":"slave(1)@%s","active":true}]}`, agentID, address),
		"/frameworks": fmt.Sprintf(`{"frameworks":[{"id":%q,"name":"n","hostname":"h","active":true,"failover_timeout":0.0,"tasks":[1]},`+
			`{"id":"gone","name":"m","hostname":"","active":false,"tasks":[]}],"completed_frameworks":[]}`, frameworkID),
		"/state-summary": `{"hostname":"127.0.0.1","cluster":"peer","slaves":[{"resources":{"cpus":4.0,"ports":"[1-2]"},"used_resources":` +
			`{"cpus":1.1},"offered_resources":{"cpus":0.0},"active":true,"TASK_RUNNING":2,"TASK_FINISHED":1},{"active":false}],` +
			`"frameworks":[{"active":true}]}`,
		"/version": `{"version":"1.12.0"}`,
		"/roles": `{"roles":[{"name":"a","quota":{"role":"a","guarantee":{},"limit":{},"consumed":{"cpus":1.0}}},{"name":"b","quota":` +
			`{"role":"b","guarantee":{"mem":64.0,"cpus":0.5},"limit":{"gpus":0.0},"consumed":{"cpus":1.0}}}]}`,
		"/state": fmt.Sprintf(`{"slaves":[{"id":%q,"hostname":"h","pid":"slave(1)@%s"}],"frameworks":[{"user":"u","name":"n\u001b[2J","tasks":[`+
			`{"name":"日本","id":"t","framework_id":%[3]q,"executor_id":"","slave_id":%[1]q},`+
			`{"name":"x","id":"x","framework_id":%[3]q,"executor_id":"e","slave_id":%[1]q}]}]}`, agentID, address, frameworkID),
		"/monitor/statistics": fmt.Sprintf(`[{"executor_id":"t","framework_id":%q,"statistics":{"cpus_soft_limit":1.1,"cpus_system_time_secs":0.5,`+
			`"cpus_user_time_secs":0.25,"mem_limit_bytes":100663296,"mem_rss_bytes":19099648}}]`, frameworkID),
		"/slave(1)/state": fmt.Sprintf(`{"frameworks":[{"id":%q,"executors":[{"id":"sleeper","container":%q,"directory":"/sandbox"}],`+
			`"completed_executors":[{"id":"sleeper","container":"other","directory":"/old"}]}],"completed_frameworks":[]}`, frameworkID, containers),
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) })
	}
	mux.HandleFunc("/tasks", c.tasks)
	mux.HandleFunc("/slave(1)/api/v1", c.call)
	return c
}

func (c *cluster) tasks(w http.ResponseWriter, r *http.Request) {
	state := "TASK_RUNNING"
	if c.over.Load() {
		state = "TASK_FINISHED"
	}
	status := fmt.Sprintf(`{"state":%q,"timestamp":1795237334.22114,"container_status":{"container_id":{"value":%q}}}`, state, containers)
	fmt.Fprintf(w, `{"tasks":[{"id":"sleeper","framework_id":%q,"executor_id":"","slave_id":%q,"state":%q,"statuses":[%s]},`+
		`{"id":"slept","framework_id":%[1]q,"executor_id":"e","slave_id":%[2]q,"state":"TASK_FINISHED","statuses":[]}]}`,
		frameworkID, agentID, state, status)
}

// call reads the file, which is over once it has been read to its end twice.
func (c *cluster) call(w http.ResponseWriter, r *http.Request) {
	var body bytes.Buffer
	call := &agentv1pb.Call{}
	if _, err := body.ReadFrom(r.Body); err != nil || proto.Unmarshal(body.Bytes(), call) != nil {
		http.Error(w, "Failed to parse body", http.StatusBadRequest)
		return
	}
	read := call.GetReadFile()
	if call.GetType() != agentv1pb.Call_READ_FILE || read.GetPath() != "/sandbox/stdout" {
		http.Error(w, "No such file", http.StatusNotFound)
		return
	}
	text := c.stdout.Load().(string)
	end := min(read.GetOffset()+read.GetLength(), uint64(len(text)))
	answer, err := proto.Marshal(&agentv1pb.Response{
		Type: agentv1pb.Response_READ_FILE.Enum(),
		ReadFile: &agentv1pb.Response_ReadFile{
			Size: proto.Uint64(uint64(len(text))), Data: []byte(text)[read.GetOffset():end],
		},
	})
	if err != nil {
		c.t.Error(err)
	}
	if _, err := w.Write(answer); err != nil {
		c.t.Error(err)
	}
	if read.GetOffset() == uint64(len(text)) && read.GetLength() > 0 {
		c.stdout.Store("one\ntwo\nthree\nfour\n")
		c.over.Store(true)
	}
}

// mesos runs the program, as a user without a configuration file would unless env says something else.
func mesos(t *testing.T, env map[string]string, args ...string) (out string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	home := t.TempDir()
	look := func(name string) string {
		if name == "HOME" {
			return home
		}
		return env[name]
	}
	cmd := cli.Command("1.12.0", look, cli.Streams{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(context.Background())
	return stdout.String(), err
}

func TestPrints(t *testing.T) {
	t.Parallel()
	for command, want := range map[string]string{
		"agent list":        "Agent ID                                 Hostname  Active\n" + agentID + "  h         True\n",
		"framework list":    "ID                                         Active  Hostname  Name\n" + frameworkID + "  True    h         n\n",
		"framework list -a": "ID                                         Active  Hostname  Name\n" + frameworkID + "  True    h         n\ngone                                       False             m\n",
		"quota list":        "Role  Guarantee         Limit   Consumed\nb     cpus:0.5; mem:64  gpus:0  cpus:1\n",
		"task list":         "ID       State         Framework ID                               Executor ID\nsleeper  TASK_RUNNING  " + frameworkID + "\n",
		"task list -a": "ID       State         Framework ID                               Executor ID\nsleeper  TASK_RUNNING  " + frameworkID + "\n" +
			"slept    UNKNOWN       " + frameworkID + "  e\n",
		"framework inspect 84e":     "{\n    \"id\": \"" + frameworkID + "\",\n    \"name\": \"n\",\n    \"hostname\": \"h\",\n    \"active\": true,\n    \"failover_timeout\": 0.0\n}\n",
		"framework list -o json -a": "gone",
		"task inspect slept":        "\"state\": \"TASK_FINISHED\"",
		"resolve":                   "LEADER\n",
		"resolve --timeout=2.5":     "LEADER\n",
		"ps":                        "USER  FRAMEWORK  TASK  SLAVE  MEM              TIME             CPU (allocated)\nu     n\\x1b[2J   日本  h      18.2 MB/96.0 MB  00:00:00.750000  1.1\nu     n\\x1b[2J   x     h\n",
		"cat --framework " + frameworkID + " --task sleeper --file stdout": "one\ntwo\nthree\n",
		"config plugins -o json": "\"name\": \"agent\"",
		"task logs sleeper -n 2": "two\nthree\n",
		"task logs sleeper -n 0": "",
		"task logs sleeper -n 9": "one\ntwo\nthree\n",
		"state": "Cluster     peer\nLeader      " + "LEADER\nVersion     1.12.0\n" +
			"Agents      2, 1 of them inactive\nFrameworks  1\nTasks       2 running, 1 finished\ncpus        4, 1.1 used, 0 offered\n",
	} {
		c := newCluster(t)
		want = strings.ReplaceAll(want, "LEADER", strings.TrimPrefix(c.URL, "http://"))
		got, err := mesos(t, nil, append(strings.Fields(command), "--master", c.URL)...)
		switch {
		case err != nil:
			t.Errorf("%s: %v", command, err)
		case got != want && (strings.HasSuffix(want, "\n") || want == ""):
			t.Errorf("%s: got\n%s\nwant\n%s", command, got, want)
		case !strings.Contains(got, want):
			t.Errorf("%s: got\n%s\nwant %s in it", command, got, want)
		}
	}
}

// New output is printed as it is written, until the task ends.
func TestFollowsLogs(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	got, err := mesos(t, nil, "--master", c.URL, "task", "logs", "-f", "sleeper")
	if want := "one\ntwo\nthree\nfour\n"; err != nil || got != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestMistakes(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for command, want := range map[string]string{
		"agent list extra":               `unexpected argument "extra"`,
		"agent lst":                      `there is no command "mesos agent lst"; did you mean mesos agent list?`,
		"tsak list":                      `did you mean mesos task?`,
		"agent xyz":                      "only inspect, list",
		"agent list --al":                "unknown flag: --al; see mesos agent list --help",
		"task exec sleeper":              "needs <command>: mesos task exec [-i] [-t] <task-id> <command>",
		"agent inspect":                  "needs <agent-id>",
		"agent inspect nope":             `there is no agent "nope"`,
		"task inspect sle":               "is ambiguous; it may be one of:\n  sleeper\n  slept",
		"task exec slept ls":             "task slept is not running but TASK_FINISHED",
		"task logs slept":                "has no sandbox of task slept",
		"task logs -e sleeper":           "/sandbox/stderr does not exist",
		"state -o yaml":                  "is neither table nor json",
		"config show":                    "does not exist; set MESOS_CLI_CONFIG",
		"agent list --master=a:b:c/d":    "is not host:port",
		"agent list --master=127.0.0.1:": "is not host:port",
		"agent list --master=zk://x":     "should be zk://[user:password@]host:port,…/path",
	} {
		args := strings.Fields(command)
		if !strings.Contains(command, "--master") {
			args = append([]string{"--master", c.URL}, args...)
		}
		if out, err := mesos(t, nil, args...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %q, %v, want an error with %q", command, out, err, want)
		}
	}
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	address := strings.TrimPrefix(c.URL, "http://")
	for text, want := range map[string]string{
		fmt.Sprintf("[master]\naddress = %q\n[agent]\ntimeout = 9", address): "",
		"[master]\nadress = 1": `unknown setting "master.adress"`,
		"[master":              "expected",
		"[master]\naddress = \"a:1\"\n[master.zookeeper]\naddresses = [\"b:2\"]\npath = \"/m\"": "both an address and a zookeeper",
		"[master.zookeeper]\naddresses = [\"b:2\"]\npath = \"/\"":                               "needs a path below the root",
		"[master.zookeeper]\npath = \"/m\"":                                                     "needs addresses",
		"[agent]\ntimeout = -1":                                                                 "a number of seconds",
	} {
		file := filepath.Join(t.TempDir(), "config.toml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		env := map[string]string{"MESOS_CLI_CONFIG": file}
		_, err := mesos(t, env, "agent", "list")
		switch {
		case want == "" && err != nil, want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
		if shown, err := mesos(t, env, "config", "show"); err != nil || strings.TrimSpace(shown) != text {
			t.Errorf("config show: got %q, %v, want %q", shown, err, text)
		}
	}
}

// The first of several masters that answers is used. If none does, the error says why for each.
func TestAsksSeveralMasters(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	agent := httptest.NewServer(http.NotFoundHandler())
	defer agent.Close()
	address := strings.TrimPrefix(c.URL, "http://")
	for _, masters := range []string{"127.0.0.1:1," + address, address + ",127.0.0.1:1", agent.URL + "," + c.URL} {
		if _, err := mesos(t, map[string]string{"MESOS_MASTER": masters}, "agent", "list"); err != nil {
			t.Errorf("%s: %v", masters, err)
		}
	}
	_, err := mesos(t, nil, "--master", "127.0.0.1:1,"+agent.URL, "agent", "list")
	want := "master at 127.0.0.1:1: connection refused\nmaster at " + agent.URL + ": the server there is not a Mesos master"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// A master that shares its registry with no others answers that there is nothing of the kind.
func TestMastersOfNoGroup(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for _, command := range [][]string{{"list"}, {"transfer"}, {"remove", "127.0.0.1:1"}} {
		_, err := mesos(t, nil, append([]string{"--master", c.URL, "master"}, command...)...)
		if err == nil || !strings.Contains(err.Error(), "shares its registry with no others") {
			t.Errorf("mesos master %v: %v", command, err)
		}
	}
}

// A master that takes connections and says nothing costs no more than the timeout that the configuration sets.
func TestGivesUpOnASilentMaster(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	file := filepath.Join(t.TempDir(), "config.toml")
	text := fmt.Sprintf("plugins = [\"/a/plugin\"]\n[master]\naddress = %q\n[agent]\ntimeout = 1\n[a_plugin]\nx = 1\n", silent.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"MESOS_CLI_CONFIG": file}
	if _, err := mesos(t, env, "state"); err == nil || !strings.HasSuffix(err.Error(), "no response within the timeout") {
		t.Errorf("got %v", err)
	}
	if out, err := mesos(t, env, "__complete", "task", "logs", ""); err != nil || out != ":4\n" {
		t.Errorf("completion: got %q, %v", out, err)
	}
}

// A program mesos-NAME in the PATH is the command NAME, if mesos has none of that name.
func TestRunsProgramsAsCommands(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, name := range []string{"mesos-extra", "mesos-task"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	env := func(string) string { return "/nowhere:" + dir }
	root := cli.Command("1.12.0", env, cli.Streams{})
	for name, want := range map[string]string{
		"extra": filepath.Join(dir, "mesos-extra"), "task": "", "none": "", "../mesos-extra": "", "--help": "", "help": "",
	} {
		if got := cli.External(root, "/bin/mesos", name, env); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}

// Each command has a page of help, with an example that is one of itself.
func TestHelpHasExamples(t *testing.T) {
	t.Parallel()
	var check func(*cobra.Command)
	check = func(cmd *cobra.Command) {
		if !strings.Contains(cmd.Example, cmd.CommandPath()) || cmd.Short == "" || (!cmd.HasSubCommands() && cmd.Long == "") {
			t.Errorf("%s: it has no example or no description", cmd.CommandPath())
		}
		for _, sub := range cmd.Commands() {
			check(sub)
		}
	}
	check(cli.Command("1.12.0", os.Getenv, cli.Streams{}))
}

func TestCompletesIDs(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	got, err := mesos(t, nil, "__complete", "--master", c.URL, "task", "logs", "")
	if err != nil || !strings.HasPrefix(got, "sleeper\tTASK_RUNNING\nslept\tTASK_FINISHED\n:4\n") {
		t.Errorf("got %q, %v", got, err)
	}
}

// If none leads, a master that answers says what is wrong with its group.
func TestMastersWithoutALeader(t *testing.T) {
	t.Parallel()
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	defer server.Close()
	mux.HandleFunc("/redirect", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	mux.HandleFunc("/consensus/masters", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"masters":[{"address":"a:1","active":true},{"address":"b:1","joins":true,"behind":7}],"problem":"a majority is needed"}`)
	})
	var out, said bytes.Buffer
	cmd := cli.Command("1.12.0", func(string) string { return "" }, cli.Streams{In: strings.NewReader(""), Out: &out, Err: &said})
	cmd.SetArgs([]string{"--master=127.0.0.1:1," + server.URL, "master", "list"})
	if err := cmd.ExecuteContext(context.Background()); err != nil {
		t.Fatal(err)
	}
	want := "Address  Leads  Joins  Active  Behind\na:1      False  False  True    0\nb:1      False  True   False   7\n"
	if out.String() != want {
		t.Errorf("got\n%swant\n%s", out.String(), want)
	}
	if s := said.String(); !strings.Contains(s, "No master leads: master at 127.0.0.1:1: connection refused") || !strings.Contains(s, "The masters say: a majority is needed") {
		t.Errorf("it says %s", s)
	}
}
