package profiler

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

func ask(t *testing.T, w *sim.World, n *runtime.Node, target string) (int, string) {
	t.Helper()
	u, _ := url.Parse(target)
	f := web.Serve(n, &web.Request{Method: http.MethodGet, URL: u, Header: http.Header{}, Body: strings.NewReader("")})
	w.Settle()
	r, done, err := f.Peek()
	if !done || err != nil {
		t.Fatalf("%s: answered %v (%v)", target, done, err)
	}
	return r.Status, string(r.Body)
}

func expect(t *testing.T, w *sim.World, n *runtime.Node, target string, status int, part string) string {
	t.Helper()
	got, body := ask(t, w, n, target)
	if got != status || !strings.Contains(body, part) {
		t.Errorf("%s: %d %.200q, want %d with %q", target, got, body, status, part)
	}
	return body
}

func TestCPUProfile(t *testing.T) { // not parallel: a program has one such profile
	w := runtimetest.World(t, 1)
	off, on := w.Node("10.0.0.1:5050"), w.Node("10.0.0.2:5050")
	for n, enabled := range map[*runtime.Node]bool{off: false, on: true} {
		if err := SpawnCPU(n, "", enabled); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, w, off, "/profiler/start", 400, "The profiler is not enabled.")
	expect(t, w, off, "/profiler/stop", 400, "Profiler not running.\n")
	expect(t, w, off, "/profiler", 404, "")
	expect(t, w, on, "/profiler/start", 200, "Profiler started.\n")
	expect(t, w, on, "/profiler/start", 400, "Profiler already started.\n")
	if body := expect(t, w, on, "/profiler/stop", 200, ""); !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("%.20q is not a compressed profile", body)
	}
	expect(t, w, on, "/profiler/start", 200, "Profiler started.\n") // and Finalize stops it
}

func TestMemoryProfile(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	if err := SpawnMemory(n, ""); err != nil {
		t.Fatal(err)
	}
	expect(t, w, n, "/memory-profiler/state", 200, `"current_run":{"id":null}`)
	expect(t, w, n, "/memory-profiler/stop", 400, "Heap profiling has not yet been started.\n")
	expect(t, w, n, "/memory-profiler/download/raw", 400, "Heap profiling has not yet been started.\n")
	expect(t, w, n, "/memory-profiler/download/text", 400, "No source profile exists: Heap profiling has not yet been started.\n")
	expect(t, w, n, "/memory-profiler/download/graph", 400, "No source profile exists: Heap profiling has not yet been started.\n")
	expect(t, w, n, "/memory-profiler/start?duration=5", 400, "Could not parse parameter 'duration'")
	expect(t, w, n, "/memory-profiler/start?duration=2days", 400, "Duration '2days' must be between 1secs and 1days.\n")
	var begun struct {
		ID        int64  `json:"id"`
		Remaining string `json:"remaining_seconds"`
	}
	if err := json.Unmarshal([]byte(expect(t, w, n, "/memory-profiler/start", 200, "Successfully started")), &begun); err != nil || begun.Remaining != "300" {
		t.Fatalf("%+v %v", begun, err)
	}
	expect(t, w, n, "/memory-profiler/start", 200, "already active")
	expect(t, w, n, "/memory-profiler/download/raw", 400, "currently in progress")
	w.Advance(5 * time.Minute)
	if body := expect(t, w, n, "/memory-profiler/download/raw", 200, ""); !strings.HasPrefix(body, "\x1f\x8b") {
		t.Errorf("%.20q is not a compressed profile", body)
	}
	expect(t, w, n, "/memory-profiler/download/text", 200, "heap profile: ")
	expect(t, w, n, "/memory-profiler/download/text?id=7", 400, "Cannot serve requested id #7.\n")
	expect(t, w, n, "/memory-profiler/download/text?id=x", 400, "Invalid parameter 'id'")
	expect(t, w, n, "/memory-profiler/download/graph", 400, "Cannot generate file")
	expect(t, w, n, "/memory-profiler/download/graph?id=7", 400, "Cannot serve requested id #7.\n")
	expect(t, w, n, "/memory-profiler/statistics", 200, `"HeapAlloc":`)
	expect(t, w, n, "/memory-profiler/start", 200, "")
	expect(t, w, n, "/memory-profiler/stop", 200, "/memory-profiler/download/raw?id=")
}
