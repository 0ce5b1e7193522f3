package slave_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/runtime/sim"
	"meseta/runtime/web"
	"meseta/slave/slavetest"
)

// get asks the agent's endpoint and returns the body of its answer.
func (w *world) get(path string) []byte {
	w.t.Helper()
	response := w.answer(path)
	if response.Status != http.StatusOK {
		w.t.Fatalf("%s: %v", path, response)
	}
	return response.Bytes()
}

// answer asks the agent's endpoint.
func (w *world) answer(path string) *web.Response {
	w.t.Helper()
	response, err := sim.Await(w.World, web.Serve(w.agentNode, &web.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/slave(1)" + path}, Header: http.Header{}, Body: strings.NewReader(""),
	}), time.Second)
	if err != nil {
		w.t.Fatalf("%s: %v", path, err)
	}
	return response
}

// shape lists the fields of a JSON value with their types; of a list it knows the first element.
func shape(path string, v any, into map[string]string) {
	switch x := v.(type) {
	case map[string]any:
		for k, y := range x {
			shape(path+"."+k, y, into)
		}
	case []any:
		into[path] = "list"
		if len(x) > 0 {
			shape(path+"[]", x[0], into)
		}
	default:
		into[path] = fmt.Sprintf("%T", v)
	}
}

func shapeOf(t *testing.T, body []byte) map[string]string {
	t.Helper()
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatalf("%v: %.200s", err, body)
	}
	fields := map[string]string{}
	shape("", v, fields)
	return fields
}

// recorded is the body of an answer of the reference; the test is skipped where there are no recordings.
func recorded(t *testing.T, name string) []byte {
	t.Helper()
	root := os.Getenv("MESETA_SHARED")
	if root == "" {
		root = filepath.Join("..", "..", "shared")
	}
	content, err := os.ReadFile(filepath.Join(root, "golden/http", name))
	if err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	_, body, _ := strings.Cut(strings.ReplaceAll(string(content), "\r\n", "\n"), "\n\n")
	return []byte(body)
}

// What the reference has and we do not, with the reason.
var missing = map[string]string{
	".git_sha": "known to the build, which does not tell yet", ".build_date": "as git_sha", ".build_time": "as git_sha",
	".build_user": "as git_sha", ".log_dir": "logs go to standard error",
	".frameworks[].roles": "the test's framework has one role", ".frameworks[].roles[]": "the test's framework has one role",
	".completed_frameworks[].roles": "as above", ".completed_frameworks[].roles[]": "as above",
}

func TestStateHasTheShapeOfTheReference(t *testing.T) {
	t.Parallel()
	want := shapeOf(t, recorded(t, "agent-slave1-state.http"))
	w := newWorld(t, func(w *world) {
		w.config.Resources = "cpus:4;mem:4096;disk:8192;ports:[31000-32000]"
		w.config.Attributes = "rack:r1;zone:z1"
	})
	other := framework(func(f *mesospb.FrameworkInfo) { f.Principal = proto.String("test") })
	w.finishAs(other)
	w.say(custom("t1", true, other), custom("t2", false, other))
	w.executor(1, func(x *slavetest.Executor) { x.Report("t2", finished) })
	done := framework(func(f *mesospb.FrameworkInfo) {
		f.Id.Value, f.Principal = proto.String("f2"), proto.String("test")
	})
	w.finishAs(done)
	got := shapeOf(t, w.get("/state"))
	for _, field := range slices.Sorted(maps.Keys(want)) {
		if strings.HasPrefix(field, ".flags.") || missing[field] != "" {
			continue
		}
		if got[field] != want[field] {
			t.Errorf("%s is %q, in the reference %q", field, got[field], want[field])
		}
	}
	for _, field := range slices.Sorted(maps.Keys(got)) {
		if want[field] == "" && !strings.HasSuffix(field, ".role") && !strings.Contains(field, "completed_executors[]") {
			t.Errorf("%s is unknown to the reference", field)
		}
	}
}

func TestContainersHaveTheShapeOfTheReference(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	w.say(command("t1", framework()))
	if body := w.get("/health"); len(body) != 0 {
		t.Errorf("/health says %q", body)
	}
	if body := string(w.get("/flags")); body != `{"flags":{}}` {
		t.Errorf("/flags says %s", body)
	}
	for path, name := range map[string]string{
		"/containers": "agent-slave1-containers.http", "/monitor/statistics": "agent-slave1-monitor_statistics.http",
	} {
		want, got := shapeOf(t, recorded(t, name)), shapeOf(t, w.get(path))
		for field, kind := range want {
			if got[field] != kind && !strings.Contains(field, "statistics.cpus") && !strings.Contains(field, "statistics.mem") {
				t.Errorf("%s: %s is %q, in the reference %q", path, field, got[field], kind)
			}
		}
	}
}
