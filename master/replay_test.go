package master_test

import (
	"bytes"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/actors/system"
	"meseta/actors/version"
	"meseta/master"
	"meseta/master/mastertest"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/v1/masterv1pb"
	"meseta/runtime"
	"meseta/runtime/web/webtest"
)

// recording is a request to Mesos's master, with the answer.
type recording struct {
	file   string
	method string
	url    *url.URL
	header http.Header
	body   []byte
	status int
}

var indexLine = regexp.MustCompile(`^(\S+)  (GET|POST) http://127\.0\.0\.1:5050(\S*)  (.*?) ?-> HTTP/1\.1 (\d+) `)

// recordings reads the index of recordings.
func recordings(t *testing.T) []recording {
	t.Helper()
	folder := filepath.Join(shared(t), "golden", "http")
	index, err := os.ReadFile(filepath.Join(folder, "INDEX.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all []recording
	for line := range strings.Lines(string(index)) {
		m := indexLine.FindStringSubmatch(line)
		if m == nil {
			continue // a request to the agent
		}
		r := recording{file: m[1], method: m[2], header: http.Header{}}
		if r.url, err = url.Parse(m[3]); err != nil {
			t.Fatal(err)
		}
		if r.status, err = strconv.Atoi(m[5]); err != nil {
			t.Fatal(err)
		}
		r.options(t, folder, m[4])
		all = append(all, r)
	}
	if len(all) < 100 {
		t.Fatalf("only %d recordings", len(all))
	}
	return all
}

// options parses the arguments of curl, or a note on how a call was sent.
func (r *recording) options(t *testing.T, folder, text string) {
	t.Helper()
	if method := regexp.MustCompile(`-X (\S+)`).FindStringSubmatch(text); method != nil {
		r.method = method[1]
	}
	if data := regexp.MustCompile(`-d (\S+)`).FindStringSubmatch(text); data != nil {
		r.body = []byte(data[1])
		r.header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, header := range regexp.MustCompile(`(Content-Type|Accept|Accept-Encoding): ?(\S+)`).FindAllStringSubmatch(text, -1) {
		r.header.Set(header[1], header[2])
	}
	if file := regexp.MustCompile(`body=(\S+)`).FindStringSubmatch(text); file != nil {
		body, err := os.ReadFile(filepath.Join(folder, "requests", file[1]))
		if err != nil {
			t.Fatal(err)
		}
		r.body = body
	}
}

// answer returns the recorded answer; ok is false if only its status was recorded.
func (r *recording) answer(t *testing.T) (header http.Header, body []byte, ok bool) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(shared(t), "golden", "http", r.file))
	if err != nil {
		return nil, nil, false
	}
	head, body, _ := bytes.Cut(content, []byte("\n\n"))
	if before, after, ok := bytes.Cut(content, []byte("\r\n\r\n")); ok && len(before) < len(head) {
		head, body = before, after
	}
	header = http.Header{}
	for line := range strings.Lines(string(head)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			header.Set(name, value)
		}
	}
	return header, body, true
}

// elsewhere lists requests that do not concern the master's actor or its companions in a test, with the reason.
var elsewhere = map[string]string{
	"/help":            theProgram,
	"/app":             "the web UI comes later",
	"/profiler":        theProgram,
	"/memory-profiler": theProgram,
	"/__processes__":   theProgram,
	"/metrics":         theProgram,
	"/":                "the web UI comes later",
}

const theProgram = "replayed against the program, in cmd/internal/suites/recordings"

func skipped(r recording) string {
	for prefix, why := range elsewhere {
		if r.url.Path == prefix || prefix != "/" && strings.HasPrefix(r.url.Path, prefix) {
			return why
		}
	}
	return different[r.file]
}

// different lists requests that are answered otherwise on purpose, with the reason.
var different = map[string]string{
	"master-state_gzip.http": "compression is the wire's, whose tests have it",
}

// shapeDifferences lists suffixes of paths of fields that are in a recording and not here, or the other way round, with
// the reason.
var shapeDifferences = map[string]string{
	"get_tasks.completed_tasks[].statuses[].message string": "in protobuf the reference forgets the tasks of completed frameworks, which had them",
	"get_tasks.completed_tasks[].statuses[].reason string":  "in protobuf the reference forgets the tasks of completed frameworks, which had them",
}

func explained(line string) bool {
	for end := range shapeDifferences {
		if strings.HasSuffix(line, end) {
			return true
		}
	}
	return false
}

// Every recorded request to Mesos's master is answered with the same status, content type and shape.
func TestRecordedRequests(t *testing.T) {
	t.Parallel()
	all := recordings(t)
	c := populated(t)
	var node *runtime.Node
	c.Do(func(m *master.Master) { node = m.Node() })
	beside(t, node)
	c.World.Settle()
	for _, r := range all {
		if skipped(r) != "" {
			continue
		}
		replay(t, c, r)
	}
}

// beside starts the actors that answer beside the master in its daemon.
func beside(t *testing.T, node *runtime.Node) {
	t.Helper()
	_, err := logging.Spawn(node, "", func(int) {})
	if err == nil {
		_, err = metrics.Spawn(node, metrics.Options{})
	}
	if err == nil {
		err = system.Spawn(node)
	}
	if err == nil {
		err = version.Spawn(node, version.Build{Version: "1.12.0", Date: "today", User: "me", GitSHA: "c0ffee"})
	}
	if err == nil {
		_, err = files.Spawn(node, "", nil)
	}
	log := filepath.Join(t.TempDir(), "log")
	if err == nil {
		err = os.WriteFile(log, bytes.Repeat([]byte("I1121 nothing happened\n"), 100), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	files.Attach(node, files.Attachment{Path: log, Virtual: "/master/log"})
}

func replay(t *testing.T, c *mastertest.Cluster, r recording) {
	t.Helper()
	response := c.Request(r.method, r.url.RequestURI(), r.header, r.body)
	if response.Status != r.status {
		t.Errorf("%s: %s %s: %d %.200q, not %d", r.file, r.method, r.url, response.Status, response.Bytes(), r.status)
		return
	}
	header, body, ok := r.answer(t)
	if !ok {
		return
	}
	if got, want := response.Header.Get("Content-Type"), header.Get("Content-Type"); got != want {
		t.Errorf("%s: content type %q, not %q", r.file, got, want)
		return
	}
	if response.Stream != nil {
		chunks, _ := webtest.Take(response.Stream)
		response.Body = recordsOf(t, bytes.Join(chunks, nil))
		body = recordsOf(t, body)
	}
	sameShape(t, r, response.Bytes(), body)
}

func sameShape(t *testing.T, r recording, got, want []byte) {
	t.Helper()
	if r.header.Get("Accept") == "application/x-protobuf" {
		got, want = asJSON(t, r, got), asJSON(t, r, want)
	}
	if len(want) == 0 || want[0] != '{' && want[0] != '[' {
		if text := r.status != http.StatusOK; text && strings.TrimRight(string(got), "\n") != strings.TrimRight(string(want), "\n") {
			t.Errorf("%s: answered %q, not %q", r.file, got, want)
		}
		return
	}
	for _, line := range compare(shapeOf(t, want), shapeOf(t, got)) {
		if !explained(line) {
			t.Errorf("%s: %s", r.file, line)
		}
	}
}

// asJSON converts a protobuf answer to JSON.
func asJSON(t *testing.T, r recording, body []byte) []byte {
	t.Helper()
	var m proto.Message = &masterv1pb.Response{}
	if strings.Contains(r.file, "SUBSCRIBE") {
		m = &masterv1pb.Event{}
	}
	if err := (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(body, m); err != nil {
		t.Fatalf("%s: %v", r.file, err)
	}
	return mesosjson.Marshal(m)
}

// recordsOf returns the first record of a stream.
func recordsOf(t *testing.T, stream []byte) []byte {
	t.Helper()
	length, rest, _ := bytes.Cut(stream, []byte("\n"))
	n, err := strconv.Atoi(string(length))
	if err != nil || n > len(rest) {
		t.Fatalf("%v: %.40q does not begin with a record", err, stream)
	}
	return rest[:n]
}
