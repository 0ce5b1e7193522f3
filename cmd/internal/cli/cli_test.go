package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/cli"
	"meseta/messages/v1/agentv1pb"
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
		"task list":         "ID       State         Framework ID                               Executor ID\nsleeper  TASK_RUNNING  " + frameworkID + "  \n",
		"task list -a": "ID       State         Framework ID                               Executor ID\nsleeper  TASK_RUNNING  " + frameworkID + "  \n" +
			"slept    UNKNOWN       " + frameworkID + "  e\n",
		"framework inspect 84e":     "{\n    \"id\": \"" + frameworkID + "\",\n    \"name\": \"n\",\n    \"hostname\": \"h\",\n    \"active\": true,\n    \"failover_timeout\": 0.0\n}\n",
		"framework list -o json -a": "gone",
		"task inspect slept":        "\"state\": \"TASK_FINISHED\"",
		"task logs sleeper -n 2":    "two\nthree\n",
		"task logs sleeper -n 0":    "",
		"task logs sleeper -n 9":    "one\ntwo\nthree\n",
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

// What is written while somebody looks is printed, and when the task is over, so are its logs.
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
		"agent list extra":               "unknown command",
		"agent inspect":                  "accepts 1 arg",
		"agent inspect nope":             `there is no agent "nope"`,
		"task inspect sle":               `sleeper and slept begin with it`,
		"task exec slept ls":             "task slept is not running but TASK_FINISHED",
		"task logs slept":                "has no sandbox of task slept",
		"task logs -e sleeper":           "/sandbox/stderr is not there any more",
		"state -o yaml":                  "should be table or json",
		"config show":                    "no such file",
		"agent list --master=a:b:c/d":    "should be host:port",
		"agent list --master=127.0.0.1:": "connection refused",
		"agent list --master=zk://x":     "should be zk://host:port,…/path",
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
		"[master]\nadress = 1": `there is no setting "master.adress"`,
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

func TestCompletesIDs(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	got, err := mesos(t, nil, "__complete", "--master", c.URL, "task", "logs", "")
	if err != nil || !strings.HasPrefix(got, "sleeper\nslept\n") {
		t.Errorf("got %q, %v", got, err)
	}
}
