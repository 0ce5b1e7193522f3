package tasktracker

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meseta/cmd/mesos-mapreduce/mapreduce/input"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/protocol"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/web"
	"meseta/runtime/web/webtest"
)

func wordcount(t *testing.T) job.Job {
	t.Helper()
	j, err := job.New(job.Spec{Name: "wordcount"})
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// More maps than files can be open at once are merged in rounds, and every pair counts once.
func TestManyMaps(t *testing.T) {
	t.Parallel()
	const maps = 2*maxMerge + 10
	dir, ctx := t.TempDir(), context.Background()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte("a b a\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var runs []string
	for m := range maps {
		task := protocol.Task{Index: m, Number: 1, Map: &protocol.Map{
			Split: input.Split{Ranges: []input.Range{{Path: input.Path(text), Length: 6}}, Bytes: 6}, Reduces: 1,
		}}
		report, err := runMap(ctx, wordcount(t), task, dir)
		if err != nil || report.In != 6 || report.Records != 1 || report.Out == 0 {
			t.Fatalf("map %d reports %+v, %v", m, report, err)
		}
		runs = append(runs, runFile(dir, 0, m, 1, 0))
	}
	output := filepath.Join(dir, "out", "part-00000")
	report, err := runReduce(ctx, wordcount(t), protocol.Task{Reduce: &protocol.Reduce{Maps: maps, Output: output}}, runs)
	if err != nil || report.Records != 2 {
		t.Fatalf("the reduce reports %+v, %v", report, err)
	}
	got, err := os.ReadFile(output)
	if want := fmt.Sprintf("a\t%d\nb\t%d\n", 2*maps, maps); err != nil || string(got) != want {
		t.Errorf("the result is %q, %v; want %q", got, err, want)
	}
	left, err := os.ReadDir(filepath.Dir(output))
	if err != nil || len(left) != 1 {
		t.Errorf("beside the result there is %v, %v", left, err)
	}
}

func TestDamagedRunFailsTheReduce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	if err := os.WriteFile(run, []byte{200, 'x'}, 0o644); err != nil {
		t.Fatal(err)
	}
	output := filepath.Join(dir, "part")
	task := protocol.Task{Reduce: &protocol.Reduce{Maps: 1, Output: output}}
	if _, err := runReduce(context.Background(), wordcount(t), task, []string{run}); err == nil || !strings.Contains(err.Error(), "damaged") {
		t.Errorf("the reduce ended with %v", err)
	}
	if _, err := os.Stat(output); err == nil {
		t.Error("a failed reduce left a result")
	}
}

func TestServe(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := runFile(dir, 1, 2, 3, 4)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("run"), 0o644); err != nil {
		t.Fatal(err)
	}
	w := sim.New(1)
	t.Cleanup(func() { runtimetest.End(t, w) })
	node := w.Node("10.0.0.1:1")
	if _, err := runtime.Spawn(node, ID, newTaskTracker(dir)); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]int{
		"job=1&map=2&attempt=3&reduce=4":    http.StatusOK,
		"job=1&map=2&attempt=3&reduce=5":    http.StatusNotFound,
		"job=1&map=2&attempt=3":             http.StatusBadRequest,
		"job=../1&map=2&attempt=3&reduce=4": http.StatusBadRequest,
		"job=-1&map=2&attempt=3&reduce=4":   http.StatusBadRequest,
	} {
		resp, err := sim.Await(w, web.Serve(node, &web.Request{
			Method: http.MethodGet, URL: &url.URL{Path: "/tasktracker/output", RawQuery: query}, Header: http.Header{}, Body: http.NoBody,
		}), time.Second)
		if err != nil || resp.Status != want || want == http.StatusOK && string(resp.Body) != "run" {
			t.Errorf("%s: %+v, %v; want %d", query, resp, err, want)
		}
	}
}

// Who serves the run of a map is told which reduce fetched it, and why, if that is traced.
func TestFetchesNameTheirCause(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "run")
	tracker := newTaskTracker(t.TempDir())
	webtest.CheckCauses(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "run") }, //nolint:errcheck // the fetch finds out
		func(ctx context.Context, url string) error {
			_, err := download(ctx, tracker.client, url, path)
			return err
		})
}
