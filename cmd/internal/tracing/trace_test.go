package tracing_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	tracepb "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"meseta/cmd/internal/tracing"
)

// cluster is a master, an agent that the master knows, and peers that appear in what they remember.
type cluster struct {
	mu    sync.Mutex
	nodes map[string]string // what they remember, or what they answer to a path; absent: they do not answer
	asked []string
	live  map[string]io.ReadCloser // what happens there; absent: they do not answer
	says  map[string]error         // what is wrong with them, if they do answer
}

const (
	master = "10.0.0.1:5050"
	agent  = "10.0.0.2:5051"
	driver = "10.0.0.3:1"
)

func (c *cluster) Nodes(context.Context) ([]string, error) { return []string{master, agent}, nil }

func (c *cluster) Get(_ context.Context, node, path string, known bool) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known != (node == master || node == agent) {
		return nil, errors.New("credentials went astray")
	}
	c.asked = append(c.asked, node+path)
	if err := c.says[node]; err != nil {
		return nil, err
	}
	text, ok := c.nodes[node+path]
	if !ok {
		text, ok = c.nodes[node]
	}
	if !ok {
		return nil, errors.New("connection refused")
	}
	return []byte(text), nil
}

func (c *cluster) Follow(ctx context.Context, node, path string, known bool) (io.ReadCloser, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known != (node == master || node == agent) {
		return nil, errors.New("credentials went astray")
	}
	c.asked = append(c.asked, node+path)
	if err := c.says[node]; err != nil {
		return nil, err
	}
	live := c.live[node]
	if live == nil {
		return nil, errors.New("connection refused")
	}
	context.AfterFunc(ctx, func() { live.Close() }) //nolint:errcheck // a pipe
	return live, nil
}

// The driver sends to the master, which tells the agent.
var remembered = map[string]string{
	driver: `{"id":"000000000000000c0000000000000001","time":"2024-01-01T00:00:00Z","event":"send","from":"f@10.0.0.3:1","to":"master@10.0.0.1:5050","name":"mesos.scheduler.Call","about":["task:t"]}`,
	master: `{"id":"000000000000000a0000000000000001","cause":"000000000000000c0000000000000001","time":"2024-01-01T00:00:01Z","event":"enqueue","what":"message","from":"f@10.0.0.3:1","to":"master@10.0.0.1:5050","name":"mesos.scheduler.Call","about":["task:t"]}
{"id":"000000000000000a0000000000000002","cause":"000000000000000a0000000000000001","time":"2024-01-01T00:00:02Z","event":"deliver","what":"message","from":"f@10.0.0.3:1","to":"master@10.0.0.1:5050","name":"mesos.scheduler.Call","took_ns":5000,"about":["task:t"]}
{"id":"000000000000000a0000000000000003","cause":"000000000000000a0000000000000002","time":"2024-01-01T00:00:02Z","event":"send","from":"master@10.0.0.1:5050","to":"slave(1)@10.0.0.2:5051","name":"mesos.internal.RunTaskMessage","about":["task:t"]}`,
	agent: `{"id":"000000000000000b0000000000000001","cause":"000000000000000a0000000000000003","time":"2024-01-01T00:00:03Z","event":"enqueue","what":"message","from":"master@10.0.0.1:5050","to":"slave(1)@10.0.0.2:5051","name":"mesos.internal.RunTaskMessage","about":["task:t"]}`,
}

func run(t *testing.T, c *cluster, args ...string) (out, complaints string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := tracing.TraceCommand(c, &stdout, &stderr)
	cmd.Flags().StringP("output", "o", "table", "of all commands")
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(args)
	err = cmd.ExecuteContext(t.Context())
	return stdout.String(), stderr.String(), err
}

func TestATraceIsPutTogetherFromAllNodes(t *testing.T) {
	t.Parallel()
	c := &cluster{nodes: remembered}
	out, complaints, err := run(t, c, "task", "t", "--since=10m")
	want := `  0.000000  f → master  Call  [arrived after 1s, waited 1s, took 5µs]
  2.000000    master → slave(1)  RunTaskMessage  [arrived after 1s, WAITS in the queue]
`
	if err != nil || complaints != "" || out != want {
		t.Errorf("%v, %s\ngot\n%swant\n%s", err, complaints, out, want)
	}
	for _, asked := range c.asked {
		if !strings.HasSuffix(asked, "/trace?about=task%3At&since=10m0s") {
			t.Errorf("asked %s", asked)
		}
	}
}

func TestWhoDidNotAnswerIsSaid(t *testing.T) {
	t.Parallel()
	out, complaints, err := run(t, &cluster{nodes: map[string]string{master: remembered[master]}}, "task", "t")
	if err != nil || !strings.Contains(out, "[not seen to arrive]") || !strings.Contains(complaints, agent+" (connection refused)") ||
		!strings.Contains(complaints, "peers without a trace, which have ended or are of another kind, so that nothing is seen to arrive there: "+driver) {
		t.Errorf("%v, %s, %s", err, complaints, out)
	}
	if _, _, err := run(t, &cluster{}, "task", "t"); err == nil || !strings.Contains(err.Error(), master+", "+agent+" (connection refused)") {
		t.Errorf("nobody to reach: %v", err)
	}
	_, _, err = run(t, &cluster{nodes: map[string]string{master: "", agent: "<html>"}}, "task", "unknown")
	if err == nil || !strings.Contains(err.Error(), "task unknown by the node that answered") || !strings.Contains(err.Error(), agent+" (line 1 is not an event") {
		t.Errorf("an unknown id: %v", err)
	}
}

// Nodes that refuse are named with what is missing, whoever they are, and the rest is shown. Those of another kind have no trace.
func TestWhoRefusesIsSaid(t *testing.T) {
	t.Parallel()
	const forbidden = `403 Forbidden: its --acls do not give "bob" the permission get_endpoints for the path /trace`
	for name, test := range map[string]struct {
		says map[string]error
		want string
	}{
		"an agent's rules": {map[string]error{agent: &tracing.Refusal{Path: "/trace?about=x", Status: 403, Why: "403 Forbidden.", Principal: "bob"}},
			"mesos: incomplete, because these nodes refuse to tell: " + agent + " (" + forbidden + ")\n"},
		"nobody's": {map[string]error{agent: &tracing.Refusal{Path: "/trace", Status: 403}},
			"mesos: incomplete, because these nodes refuse to tell: " + agent + " (" + strings.Replace(forbidden, `"bob"`, "an anonymous user", 1) + ")\n"},
		"a firewall": {map[string]error{agent: &tracing.Refusal{Path: "/trace", Status: 403, Why: "Endpoint '/trace' is disabled"}},
			"mesos: incomplete, because these nodes refuse to tell: " + agent + " (403 Forbidden: Endpoint '/trace' is disabled)\n"},
		"a scheduler": {map[string]error{driver: &tracing.Refusal{Path: "/trace", Status: 401, Unknown: true}},
			"mesos: incomplete, because these nodes refuse to tell: " + driver + " (401 Unauthorized: it is not told who you are, since the master does not know it)\n"},
		"several": {map[string]error{agent: errors.New(agent + ": connection refused"), driver: &tracing.Refusal{Path: "/trace", Status: 401, Principal: "bob"}},
			"mesos: incomplete, because these nodes did not answer: " + agent + " (connection refused)\n" +
				"mesos: incomplete, because these nodes refuse to tell: " + driver + " (401 Unauthorized: it does not know \"bob\" by that secret)\n"},
		"another kind": {map[string]error{agent: &tracing.Refusal{Path: "/trace", Status: 404}},
			"mesos: peers without a trace, which have ended or are of another kind, so that nothing is seen to arrive there: " + agent + "\n"},
	} {
		out, complaints, err := run(t, &cluster{nodes: remembered, says: test.says}, "task", "t")
		if err != nil || complaints != test.want || !strings.Contains(out, "master → slave(1)  RunTaskMessage") {
			t.Errorf("%s: %v, %s, said %q; want %q", name, err, out, complaints, test.want)
		}
	}
	alike := &tracing.Refusal{Path: "/trace", Status: 403, Principal: "bob"}
	_, _, err := run(t, &cluster{says: map[string]error{master: alike, agent: alike}}, "task", "t")
	if want := "no node answers: " + master + ", " + agent + " (" + forbidden + ")"; err == nil || err.Error() != want {
		t.Errorf("%v; want %s", err, want)
	}
	foreign := &tracing.Refusal{Path: "/trace", Status: 404}
	if _, _, err = run(t, &cluster{says: map[string]error{master: foreign, agent: foreign}}, "task", "t"); err == nil || !strings.Contains(err.Error(), master+", "+agent+" (no trace there)") {
		t.Errorf("%v", err)
	}
}

func TestBadArguments(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"":                             "needs a kind and an id",
		"tusk t":                       `"tusk" cannot be traced`,
		"task":                         "needs an id",
		"task t u":                     `unexpected argument "u"`,
		"task t --format=png":          "want text, sequence, mermaid, svg, html or chrome",
		"task t --since=-1s":           "not negative",
		"task t --since=yesterday":     "invalid duration",
		"--actor=[":                    `--actor="[": want letters, of which * and ? match any`,
		"--message=[ -f":               `--message="[": want letters`,
		"task t --file=a --node=b":     "--file and --node exclude each other",
		"task t --file=a --follow":     "--file and --follow exclude each other",
		"task t --file=.":              "is a directory",
		"task t --color":               "unknown flag",
		"task t --otlp=localhost:4318": `"localhost:4318" is not the URL of a collector`,
		"task t --otlp=":               `"" is not the URL of a collector`,
		"task t --otlp=http://a?b":     "is not the URL of a collector",
		"task t --otlp=http://a -f":    "--follow and --otlp exclude each other",
		"task t --chrome --json":       "--chrome and --json exclude each other",
		"task t --chrome -o json":      "--chrome and --output=json exclude each other",
		"task t --file=/none/there":    "no such file",
	} {
		if _, _, err := run(t, &cluster{}, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", args, err, want)
		}
	}
}

// Flags that select do so where the nodes cannot, and --format and its shorthands choose the picture.
func TestFlagsOfATrace(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"task t --message=Run*":            "  0.000000  f → master  Call  [arrived after 1s, waited 1s, took 5µs]\n  2.000000    master → slave(1)  RunTaskMessage  [arrived after 1s, WAITS in the queue]\n",
		"task t --actor=f":                 "  0.000000  f → master  Call  [arrived after 1s, waited 1s, took 5µs]\n",
		"task t --node=10.0.0.1:5050":      "RunTaskMessage  [not seen to arrive]\n",
		"--message=Run*":                   "RunTaskMessage",
		"task t --all":                     "RunTaskMessage",
		"task t --json":                    `{"id":"000000000000000a0000000000000001","cause":`,
		"task t -o json":                   `{"id":"000000000000000a0000000000000001","cause":`,
		"task t -o table":                  "RunTaskMessage",
		"task u --json":                    "!nothing is remembered about task u",
		"task t --sequence":                "├",
		"task t --format=sequence":         "├",
		"task t --format=mermaid":          "sequenceDiagram\n    participant",
		"task t --format=svg":              "<svg ",
		"task t --format=html":             "<title>task t</title>",
		"task t --format=chrome":           `{"traceEvents":[`,
		"task t --chrome":                  `{"traceEvents":[`,
		"executor t --file=" + os.DevNull:  "!nothing is remembered about executor t in " + os.DevNull,
		"task t --node=10.9.9.9:1":         "!no node answers: 10.9.9.9:1 (credentials went astray)",
		"task t --node=10.0.0.1:5050 -f":   "!no node answers: 10.0.0.1:5050 (connection refused)",
		"framework t --message=StatusUpd*": "!nothing is remembered about framework t by the 3 nodes that answered",
	} {
		out, _, err := run(t, &cluster{nodes: remembered}, strings.Fields(args)...)
		if wrong, fails := strings.CutPrefix(want, "!"); fails {
			if err == nil || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v; want %s", args, err, wrong)
			}
			continue
		}
		if err != nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, got\n%swant\n%s", args, err, out, want)
		}
	}
}

// The events that are printed as JSON are those that the same flags show otherwise, with what led from one to the other, so that they
// can be kept in a file and looked at again.
func TestEventsOfATrace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring.trace")
	const other = `{"id":"000000000000000a0000000000000009","time":"2024-01-01T00:00:05Z","event":"spawn","to":"other@10.0.0.1:5050"}`
	for args, want := range map[string]string{
		"task t":                    "c1 a1 a2 a3 b1",
		"task t --message=Call":     "c1 a1 a2",
		"task t --actor=slave*":     "a1 a2 a3 b1 c1",
		"--actor=other":             "a9",
		"task t --actor=nobody":     "!nothing is remembered about task t",
		"executor t --file=" + path: "!nothing is remembered about executor t in " + path,
		"task t --file=" + path:     "a1 a2 a3",
	} {
		text := remembered[master] + "\n" + other + "\n"
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c := &cluster{nodes: map[string]string{master: text, agent: remembered[agent], driver: remembered[driver]}}
		out, _, err := run(t, c, append(strings.Fields(args), "--json")...)
		if wrong, fails := strings.CutPrefix(want, "!"); fails {
			if err == nil || out != "" || !strings.Contains(err.Error(), wrong) {
				t.Errorf("%s: %v, %s; want %s", args, err, out, wrong)
			}
			continue
		}
		var got []string
		for _, id := range regexp.MustCompile(`"id":"0{15}(.)0{15}(.)"`).FindAllStringSubmatch(out, -1) {
			got = append(got, id[1]+id[2])
		}
		slices.Sort(got)
		wanted := strings.Fields(want)
		slices.Sort(wanted)
		if err != nil || !slices.Equal(got, wanted) {
			t.Errorf("%s: %v, %v; want %v", args, err, got, wanted)
		}
	}
}

// A file that is no trace, or not any more, is refused by the number of the line.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring.trace")
	whole := remembered[master]
	for text, want := range map[string]string{
		whole[:len(whole)-20]: "line 3 is not an event: unexpected end of JSON input",
		whole + "\n{}":        "line 4 is not an event: it has no id",
		"\x00\x01" + whole:    "line 1 is not an event: ",
		strings.Replace(whole, `"id":"0`, `"id":"`, 1): "line 1 is not an event: it has no id",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := run(t, &cluster{}, "task", "t", "--file", path); err == nil || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%v; want %s", err, want)
		}
	}
}

func TestFiles(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "ring.trace")
	if err := os.WriteFile(path, []byte(remembered[master]), 0o600); err != nil {
		t.Fatal(err)
	}
	c := &cluster{}
	out, _, err := run(t, c, "task", "t", "--sequence", "--file", path)
	if err != nil || !strings.Contains(out, "├") || len(c.asked) > 0 {
		t.Errorf("%v, %s, asked %v", err, out, c.asked)
	}
}

// foreign begins with a request that a service with a tracer of its own made, works, and tells somebody.
const foreign = `{"id":"000000000000000a0000000000000001","cause":"0af7651916cd43dd8448eb211c80319c","time":"2024-01-01T00:00:00Z","event":"enqueue","what":"request","to":"master@10.0.0.1:5050","name":"POST /master/api/v1","note":"traceparent 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}
{"id":"000000000000000a0000000000000002","cause":"000000000000000a0000000000000001","time":"2024-01-01T00:00:01Z","event":"deliver","what":"request","to":"master@10.0.0.1:5050","name":"POST /master/api/v1","took_ns":5000}
{"id":"000000000000000a0000000000000003","cause":"000000000000000a0000000000000002","time":"2024-01-01T00:00:01Z","event":"work","to":"master@10.0.0.1:5050"}
{"id":"000000000000000a0000000000000004","cause":"000000000000000a0000000000000003","time":"2024-01-01T00:00:02Z","event":"send","from":"master@10.0.0.1:5050","to":"slave(1)@10.0.0.2:5051","name":"mesos.internal.RunTaskMessage","about":["task:t"]}
{"id":"000000000000000a0000000000000005","cause":"000000000000000a0000000000000004","time":"2024-01-01T00:00:03Z","event":"drop","what":"message","from":"master@10.0.0.1:5050","to":"slave(1)@10.0.0.2:5051","name":"mesos.internal.RunTaskMessage","note":"the connection ended","about":["task:t"]}
`

// collector is what OpenTelemetry's collectors are, as far as spans that are sent to it go.
func collector(t *testing.T, status int) (url string, spans func() []*tracepb.ResourceSpans) {
	t.Helper()
	var mu sync.Mutex
	var got tracepb.TracesData // is written as the protocol's request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = proto.Unmarshal(body, &got)
		}
		if err != nil || r.URL.Path != "/v1/traces" || r.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s %v: %v", r.URL, r.Header, err)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []*tracepb.ResourceSpans {
		mu.Lock()
		defer mu.Unlock()
		return got.ResourceSpans
	}
}

func TestSpansContinueAForeignTrace(t *testing.T) {
	t.Parallel()
	url, spans := collector(t, http.StatusOK)
	out, _, err := run(t, &cluster{nodes: map[string]string{master: foreign, agent: ""}}, "task", "t", "--all", "--otlp="+url)
	if err != nil || out != "sent 3 spans in 1 traces to "+url+"\n" {
		t.Fatalf("%s, %v", out, err)
	}
	var all []string
	byID := map[string]string{}
	for _, node := range spans() {
		attributes := node.Resource.Attributes
		for _, s := range node.ScopeSpans[0].Spans {
			parent := hex.EncodeToString(s.ParentSpanId)
			if name := byID[parent]; name != "" {
				parent = name
			}
			byID[hex.EncodeToString(s.SpanId)] = s.Name
			all = append(all, fmt.Sprintf("%s %s: %x %s below %s, %v, %d links, %v %s", attributes[0].Value.GetStringValue(),
				attributes[1].Value.GetStringValue(), s.TraceId, s.Name, parent, s.Kind, len(s.Links), s.Status.GetCode(), s.Status.GetMessage()))
			if len(s.SpanId) != 8 || s.EndTimeUnixNano < s.StartTimeUnixNano {
				t.Errorf("%v is no span", s)
			}
		}
	}
	const trace = "0af7651916cd43dd8448eb211c80319c "
	want := []string{
		"mesos-master 10.0.0.1:5050: " + trace + "POST /master/api/v1 below b7ad6b7169203331, SPAN_KIND_SERVER, 0 links, STATUS_CODE_UNSET ",
		"mesos-master 10.0.0.1:5050: " + trace + "work below POST /master/api/v1, SPAN_KIND_INTERNAL, 1 links, STATUS_CODE_UNSET ",
		"mesos-agent 10.0.0.2:5051: " + trace + "RunTaskMessage below work, SPAN_KIND_CONSUMER, 0 links, STATUS_CODE_ERROR DROPPED: the connection ended",
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	if text, _, _ := run(t, &cluster{nodes: map[string]string{master: foreign, agent: ""}}, "task", "t"); !strings.Contains(text, "of the foreign trace "+strings.TrimSpace(trace)) {
		t.Errorf("the foreign trace is not named: %s", text)
	}
}

func TestACollectorThatRefuses(t *testing.T) {
	t.Parallel()
	url, _ := collector(t, http.StatusUnauthorized)
	out, _, err := run(t, &cluster{nodes: map[string]string{master: foreign, agent: ""}}, "task", "t", "--otlp="+url)
	if err == nil || out != "" || !strings.Contains(err.Error(), url) || !strings.Contains(err.Error(), "401") {
		t.Errorf("%q, %v", out, err)
	}
}
