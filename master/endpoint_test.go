package master_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"meseta/actors/files"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Every endpoint with parameters says what is wrong with them, in Mesos's words.
func TestBadRequestsToEndpoints(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	machine := `[{"hostname":"a"}]`
	for _, r := range []struct {
		method, path, body string
		status             int
		text               string
	}{
		{"POST", "/teardown", "", 400, "Missing 'frameworkId' query parameter in the request body"},
		{"POST", "/teardown", "%%%", 400, "Unable to decode query string: invalid URL escape \"%%%\""},
		{"POST", "/teardown", "frameworkId=", 400, "No framework found with specified ID"},
		{"PUT", "/teardown", "frameworkId=x", 405, "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'PUT'."},
		{"POST", "/machine/down", "", 400, "syntax error at line 1 near: "},
		{"POST", "/machine/down", "{}", 400, "Unexpected JSON type parsed"},
		{"POST", "/machine/down", "[]", 400, "List of machines is empty"},
		{"POST", "/machine/down", "[{}]", 400, "Both 'hostname' and 'ip' for a machine are empty"},
		{"POST", "/machine/down", `[{"ip":"x"}]`, 400, "Failed to parse the IP 'x'"},
		{"POST", "/machine/down", machine, 400, `Machine '{"hostname":"a"}' is not part of a maintenance schedule`},
		{"POST", "/machine/up", machine, 400, `Machine '{"hostname":"a"}' is not part of a maintenance schedule`},
		{"GET", "/machine/up", "", 405, "405 Method Not Allowed. Expecting one of { 'POST' }, but received 'GET'."},
		{"POST", "/maintenance/schedule", "x", 400, "syntax error at line 1 near: x"},
		{"POST", "/maintenance/schedule", `{"windows":[{}]}`, 400, "Missing required fields: windows[0].unavailability"},
		{"POST", "/maintenance/schedule", `{"windows":[{"machine_ids":[],"unavailability":{"start":{"nanoseconds":1}}}]}`, 400,
			"List of machines in the maintenance window is empty"},
		{"POST", "/maintenance/schedule",
			`{"windows":[{"machine_ids":` + machine + `,"unavailability":{"start":{"nanoseconds":1},"duration":{"nanoseconds":-1}}}]}`, 400,
			"Unavailability 'duration' is negative"},
		{"POST", "/maintenance/status", "", 405, "405 Method Not Allowed. Expecting one of { 'GET' }, but received 'POST'."},
		{"PUT", "/weights", `{}`, 400, "Failed to parse update weights request JSON '{}': Unexpected JSON type parsed"},
		{"PUT", "/weights", `[{"role":"a"}]`, 400, `Failed to parse update weights request JSON '[{"role":"a"}]': Missing required fields: weight`},
		{"GET", "/redirect/further", "", 404, "404 Not Found."},
		{"GET", "/master/redirect/", "", 404, "404 Not Found."},
		{"GET", "/state.json", "", 404, "404 Not Found."},
		{"GET", "/master", "", 404, "404 Not Found."},
		{"GET", "/master/../master/state", "", 404, "404 Not Found."},
	} {
		if answer := c.Request(r.method, r.path, http.Header{}, []byte(r.body)); answer.Status != r.status || string(answer.Body) != r.text {
			t.Errorf("%s %s %s: %d %q", r.method, r.path, r.body, answer.Status, answer.Body)
		}
	}
}

// Queries select what they ask for. Numbers that cannot be parsed are ignored.
func TestQueries(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	agent := c.Agent("agent", "10.0.0.2:5051")
	f := c.Scheduler("f", "10.0.0.3:6000", mastertest.Framework())
	first, second := mastertest.Task("first", f.Offer()), mastertest.Task("second", f.Offer())
	second.Resources, first.Resources = []*mesospb.Resource{mastertest.Resource("cpus", 1)}, []*mesospb.Resource{mastertest.Resource("cpus", 1)}
	f.Launch(f.Offer(), first, second)
	for i, id := range []string{"first", "second"} {
		u := agent.Update(mastertest.FrameworkID(f), id, mesospb.TaskState_TASK_RUNNING, byte(i))
		*u.Update.Status.Timestamp = float64(i + 1)
		agent.Say(u)
	}
	for query, want := range map[string]string{
		"/tasks":                            "second first",
		"/tasks?order=asc":                  "first second",
		"/tasks?order=ASC":                  "second first",
		"/tasks?limit=1":                    "second",
		"/tasks?limit=1&offset=1":           "first",
		"/tasks?limit=%31":                  "second",
		"/tasks?limit=-1":                   "second first",
		"/tasks?limit=0":                    "",
		"/tasks?limit=many":                 "second first",
		"/tasks?limit=99999999999999999999": "second first",
		"/tasks?offset=2":                   "",
		"/tasks?offset=-1":                  "",
		"/tasks?offset=few":                 "second first",
		"/tasks?task_id=first":              "first",
		"/tasks?task_id=":                   "",
		"/tasks?task_id=f%69rst":            "first",
		"/tasks?framework_id=none":          "",
		"/tasks?framework_id=":              "",
		"/master/tasks/?order=asc":          "first second",
		"/tasks/below?order=asc":            "first second",
		"/frameworks?framework_id=none":     "",
		"/frameworks?framework_id=":         "",
		"/frameworks":                       "first second",
		"/frameworks?framework_id=" + mastertest.ID + "-0000": "first second",
	} {
		answer := c.Get(query)
		var got []string
		for part := range strings.SplitSeq(string(answer.Body), `{"id":"`) {
			if id, _, _ := strings.Cut(part, `"`); id == "first" || id == "second" {
				got = append(got, id)
			}
		}
		if answer.Status != http.StatusOK || strings.Join(got, " ") != want {
			t.Errorf("%s: %d %v, not %s", query, answer.Status, got, want)
		}
	}
	for query, agents := range map[string]int{"/slaves": 1, "/slaves?slave_id=": 0, "/slaves?slave_id=x": 0, "/slaves?slave_id=" + mastertest.ID + "-S0": 1} {
		if got := strings.Count(string(c.Get(query).Body), `"pid":`); got != agents {
			t.Errorf("%s: %d agents", query, got)
		}
	}
}

// Invalid calls about files are answered in the words of /files.
func TestBadRequestsForFiles(t *testing.T) {
	t.Parallel()
	c := mastertest.New(t, mastertest.Config{})
	var node *runtime.Node
	c.Do(func(m *master.Master) { node = m.Node() })
	beside(t, node)
	files.Attach(node, files.Attachment{Path: t.TempDir(), Virtual: "/dir"})
	c.World.Settle()
	header := http.Header{"Content-Type": {"application/json"}}
	for call, want := range map[string]string{
		`{"type":"READ_FILE","read_file":{"path":"/none","offset":0}}`:                                        "404 ",
		`{"type":"LIST_FILES","list_files":{"path":"/none"}}`:                                                 "404 ",
		`{"type":"READ_FILE","read_file":{"path":"/dir","offset":0}}`:                                         "400 Cannot read a directory.\n",
		`{"type":"READ_FILE","read_file":{"path":"/master/log","offset":18446744073709551615}}`:               `200 {"type":"READ_FILE","read_file":{"size":2300,"data":""}}`,
		`{"type":"READ_FILE","read_file":{"path":"/master/log","offset":2300,"length":18446744073709551615}}`: `200 {"type":"READ_FILE","read_file":{"size":2300,"data":""}}`,
		`{"type":"READ_FILE","read_file":{"path":"/master/log","offset":0,"length":2}}`:                       `200 {"type":"READ_FILE","read_file":{"size":2300,"data":"STE="}}`,
		`{"type":"LIST_FILES","list_files":{"path":"/master/log"}}`:                                           `200 {"type":"LIST_FILES","list_files":{}}`,
		`{"type":"LIST_FILES","list_files":{"path":"/dir/../../etc"}}`:                                        "404 ",
	} {
		if answer := c.Post("/api/v1", header, []byte(call)); fmt.Sprint(answer.Status, " ", string(answer.Body)) != want {
			t.Errorf("%s: %d %q, not %q", call, answer.Status, answer.Body, want)
		}
	}
}
