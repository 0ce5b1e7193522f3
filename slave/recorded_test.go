package slave_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/files"
	"meseta/actors/logging"
	"meseta/actors/metrics"
	"meseta/actors/version"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/v1/agentv1pb"
	"meseta/slave/slavetest"
)

// recordings finds the answers of a real agent, which are beside the project.
func recordings(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("MESETA_SHARED")
	for up := "."; dir == "" && up != "../../../.."; up = filepath.Join("..", up) {
		if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
			dir = filepath.Join(up, "..", "shared")
		}
	}
	dir = filepath.Join(dir, "golden", "http")
	if _, err := os.Stat(dir); err != nil {
		t.Skip("the recordings are not here: ", err)
	}
	return dir
}

// recording is one answer of a real agent.
type recording struct {
	status  int
	content string
	body    string
}

func readRecording(t *testing.T, file string) recording {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, body, _ := strings.Cut(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n\n")
	r := recording{body: strings.TrimSpace(body)}
	for i, line := range strings.Split(head, "\n") {
		if i == 0 {
			r.status, _ = strconv.Atoi(strings.Fields(line)[1])
		}
		if value, ok := strings.CutPrefix(line, "Content-Type: "); ok {
			r.content = value
		}
	}
	return r
}

// shapes notes what kind of value is at each path of a JSON document; of lists, all elements together.
func shapes(path string, v any, into map[string]string) {
	switch v := v.(type) {
	case map[string]any:
		into[path] = "object"
		for key, value := range v {
			if regexp.MustCompile(`^[0-9a-f]{8}-`).MatchString(key) {
				key = "<id>"
			}
			shapes(path+"."+key, value, into)
		}
	case []any:
		into[path] = "list"
		for _, value := range v {
			shapes(path+"[]", value, into)
		}
	case json.Number:
		into[path] = "integer"
		if strings.ContainsAny(v.String(), ".eE") {
			into[path] = "double"
		}
	default:
		into[path] = fmt.Sprintf("%T", v)
	}
}

func shapesOf(t *testing.T, body string) map[string]string {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	all := map[string]string{}
	shapes("", v, all)
	return all
}

// differences lists what our answer lacks, has too much, or has otherwise.
func differences(recorded, ours map[string]string) []string {
	var all []string
	for _, path := range slices.Sorted(maps.Keys(recorded)) {
		switch kind, ok := ours[path]; {
		case !ok:
			all = append(all, "missing "+path)
		case kind != recorded[path]:
			all = append(all, fmt.Sprintf("%s is %s, not %s", path, kind, recorded[path]))
		}
	}
	for _, path := range slices.Sorted(maps.Keys(ours)) {
		if recorded[path] == "" {
			all = append(all, "extra "+path)
		}
	}
	return all
}

// expectedDifferences are those that have a reason.
var expectedDifferences = []struct{ path, reason string }{
	{`^(missing|extra) \.flags\.|\.get_flags\.flags\[\]\.value`, "the flags are those of the program"},
	{`\.queued_tasks\[\]|\.pending_tasks\[\]`, "a task waited while ours was asked"},
	{`\.get_metrics\.metrics\[\]\.value is`, "a metric that is whole is written without decimals by neither"},
	{`frameworks\[\]\.role$|framework_info\.(role|principal|failover_timeout|hostname)$`, "the frameworks are others: all of ours have several roles"},
	{`statuses\[\]\.message$`, "our executors have nothing to say"},
	{`\.executor_info\.(source|type)|command\.arguments|command\.uris|\.user$`, "the executors are others"},
}

// likeRecorded is an agent in whose life is all that was in that of the recorded one.
func likeRecorded(t *testing.T) *world {
	w := newWorld(t, func(w *world) {
		w.config.Attributes, w.config.Resources = "rack:r1;zone:z1", "cpus:4;mem:4096;disk:8192;ports:[31000-32000]"
		w.config.Flags = map[string]string{"log_dir": "/log"}
		w.config.Build = version.Build{Version: "1.12.0", Date: "2026-11-21", Time: 1.5, User: "root", GitSHA: "abc"}
		w.early = func() {
			_, err1 := files.Spawn(w.agentNode, "", nil)
			_, err2 := logging.Spawn(w.agentNode, "", func(int) {})
			_, err3 := metrics.Spawn(w.agentNode, metrics.Options{})
			for _, err := range []error{err1, err2, err3} {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	})
	multi := func(f *mesospb.FrameworkInfo) {
		f.Role, f.Roles, f.Principal = nil, []string{"*"}, proto.String("test")
		f.Capabilities = append(f.Capabilities, &mesospb.FrameworkInfo_Capability{Type: mesospb.FrameworkInfo_Capability_MULTI_ROLE.Enum()})
	}
	gone := framework(multi, func(f *mesospb.FrameworkInfo) { f.Id = &mesospb.FrameworkID{Value: proto.String("f0")} })
	earlier := command("t0", gone)
	w.say(earlier)
	w.executor(0, func(x *slavetest.Executor) { x.Report("t0", finished) })
	w.executor(0, func(x *slavetest.Executor) { x.Died(); x.Terminate() })
	f := framework(multi)
	w.say(custom("t1", true, f), custom("t2", false, f), custom("t3", false, f), command("t4", f))
	w.executor(1, func(x *slavetest.Executor) { x.Report("t1", finished) })
	w.m.Acknowledge = false
	w.executor(1, func(x *slavetest.Executor) { x.Report("t2", finished) })
	return w
}

// Every answer has the shape of the real thing's.
func TestRecordedAnswers(t *testing.T) {
	t.Parallel()
	dir := recordings(t)
	w := likeRecorded(t)
	sandbox := w.containers.Launched()[1].Config.GetDirectory()
	for _, name := range []string{"stdout", "stderr"} {
		if err := os.WriteFile(filepath.Join(sandbox, name), []byte("hello"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"state", "flags", "containers", "containerizer_debug", "monitor_statistics"} {
		url := "/slave(1)/" + strings.Replace(path, "_", "/", 1)
		want := readRecording(t, filepath.Join(dir, "agent-slave1-"+path+".http"))
		w.Advance(time.Second)
		got := w.ask("GET", url, nil, nil)
		w.compare(url, want, recording{got.Status, got.Header.Get("Content-Type"), string(got.Body)})
	}
	calls, err := filepath.Glob(filepath.Join(dir, "requests", "agent-*.json"))
	if err != nil || len(calls) < 10 {
		t.Fatalf("there are %d recorded calls, %v", len(calls), err)
	}
	for _, file := range calls {
		call := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "agent-"), ".json")
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		text := regexp.MustCompile(`"path":"[^"]*?(/stdout)?"`).ReplaceAllString(string(body), `"path":"`+sandbox+`$1"`)
		header := map[string][]string{"Content-Type": {"application/json"}, "Accept": {"application/json"}}
		got := w.ask("POST", "/slave(1)/api/v1", header, []byte(text))
		want := readRecording(t, filepath.Join(dir, "agent-v1-"+call+"-json.http"))
		w.compare(call, want, recording{got.Status, got.Header.Get("Content-Type"), string(got.Body)})

		header["Accept"] = []string{"application/x-protobuf"}
		got = w.ask("POST", "/slave(1)/api/v1", header, []byte(text))
		r := &agentv1pb.Response{}
		if err := proto.Unmarshal(got.Body, r); err != nil || r.GetType().String() != call || got.Header.Get("Content-Type") != "application/x-protobuf" {
			t.Errorf("%s in protobuf: %v, %v, %v", call, got.Status, err, r)
		}
	}
}

func (w *world) compare(what string, want, got recording) {
	w.t.Helper()
	if got.status != want.status || got.content != want.content {
		w.t.Errorf("%s: %d %s, want %d %s", what, got.status, got.content, want.status, want.content)
		return
	}
next:
	for _, d := range differences(shapesOf(w.t, want.body), shapesOf(w.t, got.body)) {
		for _, e := range expectedDifferences {
			if regexp.MustCompile(e.path).MatchString(d) {
				continue next
			}
		}
		w.t.Errorf("%s: %s", what, d)
	}
}
