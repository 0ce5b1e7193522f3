package tracing_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"meseta/cmd/internal/tracing"
	"meseta/runtime/trace"
)

// actors are those of a master and of an agent, as /trace/actors lists them.
var actors = map[string]string{
	master: `[{"pid":"allocator@10.0.0.1:5050","turns":3,"turns_per_second":0.5,"busy":0.02,"longest_turn_ms":1.5,"longest_turn":"allocate","waiting":0,"oldest_waiting_ms":0},
{"pid":"master@10.0.0.1:5050","handles":["mesos.scheduler.Call"],"turns":7,"turns_per_second":2,"busy":0.25,"longest_turn_ms":4,"longest_turn":"Call","waiting":0,
"oldest_waiting_ms":0,"timers":["ping 15s"],"links":["slave(1)@10.0.0.2:5051"]}]`,
	agent: `[{"pid":"slave(1)@10.0.0.2:5051","turns":1,"turns_per_second":0.25,"busy":0.01,"longest_turn_ms":0.25,"longest_turn":"start","waiting":2,
"oldest_waiting_ms":1500,"running":"timer probe","running_ms":2000}]`,
}

// actor runs "mesos actor".
func actor(t *testing.T, c *cluster, args ...string) (out, complaints string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := tracing.ActorCommand(c, &stdout, &stderr)
	cmd.PersistentFlags().StringP("output", "o", "table", "of all commands")
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

const (
	heading  = "PID                      WAITING  OLDEST  TURNS/S  BUSY    LONGEST       RUNNING"
	ofAlloc  = "allocator@10.0.0.1:5050  0        -       0.5      2.00%   1.5ms allocate"
	ofMaster = "master@10.0.0.1:5050     0        -       2.0      25.00%  4ms Call"
	ofAgent  = "slave(1)@10.0.0.2:5051   2        1.5s    0.2      1.00%   250µs start   timer probe"
)

func TestActorsAreListed(t *testing.T) {
	t.Parallel()
	for args, want := range map[string][]string{
		"list":                                   {heading, ofAlloc, ofMaster, ofAgent},
		"top":                                    {heading, ofAgent, ofMaster, ofAlloc},
		"list --limit=2":                         {heading, ofAlloc, ofMaster},
		"list --node=10.0.0.1:5050":              {heading, ofAlloc, ofMaster},
		"top --node=10.0.0.1:5050,10.0.0.1:5050": {heading, ofMaster, ofAlloc},
	} {
		out, complaints, err := actor(t, &cluster{nodes: actors}, strings.Fields(args)...)
		if got, want := strings.Fields(out), strings.Fields(strings.Join(want, "\n")); err != nil || complaints != "" || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%s: %v %s\n%s", args, err, complaints, out)
		}
	}
}

// What a turn is about may be long, and a table stays one.
func TestLongTitlesAreCut(t *testing.T) {
	t.Parallel()
	long := "GET /trace?effect=" + strings.Repeat("0123456789abcdef", 60)
	c := &cluster{nodes: map[string]string{
		master: remembered[master], master + "/trace/actors": strings.Replace(actors[master], `"allocate"`, `"`+long+`"`, 1), agent: "[]",
	}}
	out, _, err := actor(t, c, "list")
	if err != nil || !strings.Contains(out, "1.5ms GET /trace?effect=") || len(strings.Split(out, "\n")[0]) > 150 {
		t.Errorf("%v\n%s", err, out)
	}
	if out, _, err := actor(t, c, "inspect", "allocator@10.0.0.1:5050"); err != nil || !strings.Contains(out, long) {
		t.Errorf("%v\n%s", err, out)
	}
}

// With -o json, as with other commands, programs read what tables say.
func TestActorsAsJSON(t *testing.T) {
	t.Parallel()
	c := &cluster{nodes: map[string]string{master: remembered[master], master + "/trace/actors": actors[master], agent: actors[agent]}}
	out, _, err := actor(t, c, "top", "-o", "json", "--limit=1")
	var all []trace.ActorRecord
	if bad := json.Unmarshal([]byte(out), &all); err != nil || bad != nil || len(all) != 1 || all[0].PID != "slave(1)@10.0.0.2:5051" || all[0].Waiting != 2 {
		t.Errorf("%v, %v, %s", err, bad, out)
	}
	out, _, err = actor(t, c, "inspect", "master@10.0.0.1:5050", "-o", "json")
	var one struct {
		PID      string
		Turns    int
		Messages []trace.Record
	}
	if bad := json.Unmarshal([]byte(out), &one); err != nil || bad != nil || one.PID != "master@10.0.0.1:5050" || one.Turns != 7 ||
		len(one.Messages) != 2 || one.Messages[1].Name != "mesos.internal.RunTaskMessage" {
		t.Errorf("%v, %v, %s", err, bad, out)
	}
}

func TestActorsOfNodesThatDoNotAnswer(t *testing.T) {
	t.Parallel()
	out, complaints, err := actor(t, &cluster{nodes: map[string]string{master: actors[master]}}, "top")
	if err != nil || !strings.Contains(out, "master@") || complaints != "mesos: incomplete, because these nodes did not answer: "+agent+" (connection refused)\n" {
		t.Errorf("%v, %s, %s", err, complaints, out)
	}
	for _, test := range []struct {
		nodes map[string]string
		want  string
	}{
		{nil, "no node answers: " + master + ", " + agent + " (connection refused)"},
		{map[string]string{master: "<html>", agent: "{}"}, master + " (not a list of actors: "},
	} {
		if _, _, err := actor(t, &cluster{nodes: test.nodes}, "list"); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v; want %s", err, test.want)
		}
	}
}

func TestActorsAreInspected(t *testing.T) {
	t.Parallel()
	c := &cluster{nodes: map[string]string{master: remembered[master], master + "/trace/actors": actors[master]}}
	out, complaints, err := actor(t, c, "inspect", "master@10.0.0.1:5050")
	const want = `pid      master@10.0.0.1:5050
turns    7, 2.0 per second, busy 25.00%
longest  4ms Call
waiting  0
timers   ping 15s
links    slave(1)@10.0.0.2:5051
handles  mesos.scheduler.Call
00:00:02.000000  deliver message f@10.0.0.3:1 → master@10.0.0.1:5050  Call
00:00:02.000000  send            master@10.0.0.1:5050 → slave(1)@10.0.0.2:5051  RunTaskMessage
`
	if err != nil || out != want || complaints != "" {
		t.Errorf("%v, %s, got\n%swant\n%s", err, complaints, out, want)
	}
}

func TestBadPIDs(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"inspect":                          "needs one PID",
		"tap a@1.2.3.4:5 b@1.2.3.4:5":      "needs one PID",
		"inspect master":                   `!"master" is not a PID; want id@ip:port; mesos actor list shows those that are`,
		"tap master@nowhere":               `"master@nowhere" is not a PID; want id@ip:port`,
		"inspect nobody@10.0.0.1:5050":     "there is no actor nobody@10.0.0.1:5050 on its node; mesos actor list --node=10.0.0.1:5050 lists",
		"inspect a@10.9.9.9:5050":          "connection refused",
		"tap nobody@10.0.0.1:5050":         "there is no actor nobody@10.0.0.1:5050",
		"list --limit=few":                 "invalid argument",
		"list master@10.0.0.1:5050":        "unknown command",
		"inspect master@10.0.0.1:5050 -v":  "unknown shorthand flag",
		"top --node=10.9.9.9:1 --limit=-1": "want a number that is not negative",
	} {
		want, whole := strings.CutPrefix(want, "!")
		if out, _, err := actor(t, &cluster{nodes: actors}, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) || whole && err.Error() != want {
			t.Errorf("%q: %v %s; want %q", args, err, out, want)
		}
	}
}
