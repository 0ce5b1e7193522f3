package console_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"meseta/cmd/mesos-mapreduce/mapreduce"
	"meseta/cmd/mesos-mapreduce/mapreduce/console"
	"meseta/cmd/mesos-mapreduce/mapreduce/job"
	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
)

func snapshot(at time.Duration, done int) mapreduce.Snapshot {
	return mapreduce.Snapshot{
		Elapsed: at, BytesDone: int64(done) * 1e6, BytesAll: 4e6,
		Jobs: []mapreduce.JobProgress{{
			Spec:     job.Spec{Name: "wordcount"},
			Progress: jobtracker.Progress{Maps: 4, MapsDone: done, MapsRunning: 1, Reduces: 1, ReducesDone: done / 4},
		}},
		Nodes: []mapreduce.NodeProgress{{Node: "a", Running: [2]int{1, 0}, Finished: [2]int{done, 0}, Launched: 4, Local: 3}},
	}
}

func TestLines(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := console.New(&out, false)
	for i, s := range []mapreduce.Snapshot{snapshot(0, 0), snapshot(100*time.Millisecond, 1), snapshot(2*time.Second, 2), snapshot(2100*time.Millisecond, 4)} {
		c.Progress(s)
		if want := []int{1, 1, 2, 3}[i]; strings.Count(out.String(), "\n") != want {
			t.Errorf("after %d snapshots:\n%s", i+1, out.String())
		}
	}
	if want := "   2.0s  maps 2/4  reduces 0/1  running 1  1.0 MB/s  a 1+0\n"; !strings.Contains(out.String(), want) {
		t.Errorf("got\n%swithout %q", out.String(), want)
	}
	c.Close()
}

func TestBarsEnd(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	c := console.New(&out, true)
	c.Progress(snapshot(0, 1))
	c.Progress(snapshot(time.Second, 4))
	c.Close()
}

func TestSummary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var parts []string
	for name, text := range map[string]string{"part-00000": "b\t5\nc\t7\td e\n", "part-00001": "a\t5\nlow\t1\n"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		parts = append(parts, path)
	}
	top, err := console.Top(parts, 3)
	if err != nil || len(top) != 3 || top[0].Key != "c" || top[1].Key != "a" || top[2].Key != "b" || top[0].Value.Text != "d e" {
		t.Errorf("the top is %v, %v", top, err)
	}
	var out strings.Builder
	if err := console.Summary(&out, mapreduce.Result{Snapshot: snapshot(2*time.Second, 4), Parts: [][]string{parts}}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"7  c  d e", dir, "wordcount", "75%", "4.0 MB of input in 2.0s: 2.0 MB/s"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the summary is\n%swithout %q", out.String(), want)
		}
	}
	if err := console.Summary(&out, mapreduce.Result{Snapshot: snapshot(0, 4), Parts: [][]string{{dir + "/gone"}}}); err == nil {
		t.Error("a result that is not there was summed up")
	}
}
