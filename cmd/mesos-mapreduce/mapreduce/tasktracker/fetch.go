package tasktracker

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"meseta/cmd/mesos-mapreduce/mapreduce/jobtracker"
	"meseta/cmd/mesos-mapreduce/mapreduce/protocol"
	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/web"
)

const (
	parallelFetches = 4           // of one reduce
	fetchTimeout    = time.Minute // of one run
	pollInterval    = time.Second // between requests to the framework while a reduce waits
)

// known holds the outputs of a job's maps that the framework has sent.
type known struct {
	told   int                       // number of outputs received
	latest map[int]jobtracker.Output // by map
}

// fetching is the first phase of a reduce, in which it fetches its runs.
type fetching struct {
	runs  map[int]string // by map: the file that was fetched
	busy  map[int]bool   // by map: it is being fetched
	bad   map[int]int    // by map: the attempt whose output could not be fetched
	bytes int64
}

// told records outputs. Messages can be lost; a message that does not continue what is known is ignored, and the gap is
// requested.
func (t *TaskTracker) told(data []byte) {
	o, err := protocol.Decode[protocol.Outputs](data)
	if err != nil {
		t.Log().Warn().Err(err).Msg("framework message not understood")
		return
	}
	k := t.knowledge(o.Job)
	if o.Since > k.told {
		return // the next poll requests what is missing
	}
	for i, out := range o.Outputs {
		if o.Since+i == k.told {
			k.latest[out.Map] = out
			k.told++
		}
	}
	for _, id := range slices.Sorted(maps.Keys(t.tasks)) {
		t.fetch(id)
	}
}

func (t *TaskTracker) knowledge(job int) *known {
	if t.outputs[job] == nil {
		t.outputs[job] = &known{latest: map[int]jobtracker.Output{}}
	}
	return t.outputs[job]
}

// fetch starts to fetch the outputs that a reduce still needs. When it has all, it starts the second phase.
func (t *TaskTracker) fetch(id ids.Task) {
	w := t.tasks[id]
	if w == nil || w.reduce == nil || w.active {
		return
	}
	r := w.reduce
	latest := t.knowledge(w.task.Job).latest
	for _, m := range slices.Sorted(maps.Keys(latest)) {
		_, have := r.runs[m]
		if o := latest[m]; !have && !r.busy[m] && r.bad[m] != o.Attempt && len(r.busy) < parallelFetches {
			t.fetchOne(id, w, o)
		}
	}
	if len(r.runs) < w.task.Reduce.Maps {
		return
	}
	runs := make([]string, w.task.Reduce.Maps)
	for m, path := range r.runs {
		runs[m] = path
	}
	t.work(id, func(ctx context.Context) (protocol.Report, error) {
		report, err := runReduce(ctx, w.job, w.task, runs)
		report.In = r.bytes
		return report, err
	})
}

func (t *TaskTracker) fetchOne(id ids.Task, w *work, o jobtracker.Output) {
	w.reduce.busy[o.Map] = true
	url := o.URL + "&reduce=" + strconv.Itoa(w.task.Index)
	path := filepath.Join(t.dir, string(id), fmt.Sprintf("map-%05d", o.Map))
	fetched := runtime.Go(t, func(ctx context.Context) (int64, error) {
		ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		return download(ctx, t.client, url, path)
	})
	runtime.Await(t, fetched, func(n int64, err error) {
		w := t.tasks[id]
		if w == nil {
			return
		}
		delete(w.reduce.busy, o.Map)
		if err != nil {
			t.Log().Warn().Err(err).Str("url", url).Msg("map output could not be fetched")
			w.reduce.bad[o.Map] = o.Attempt
			t.ask(w)
		} else {
			delete(w.reduce.bad, o.Map)
			w.reduce.runs[o.Map] = path
			w.reduce.bytes += n
		}
		t.fetch(id)
	})
}

// poll requests outputs for as long as a reduce waits.
func (t *TaskTracker) poll() {
	if t.polling {
		return
	}
	for _, id := range slices.Sorted(maps.Keys(t.tasks)) {
		if w := t.tasks[id]; w.reduce != nil && !w.active {
			t.ask(w)
			t.polling = true
		}
	}
	if t.polling {
		t.Delay(pollInterval, func() {
			t.polling = false
			t.poll()
		})
	}
}

// ask requests the outputs that a reduce does not know yet, and reports those that it could not fetch.
func (t *TaskTracker) ask(w *work) {
	k := t.knowledge(w.task.Job)
	q := protocol.Request{Job: w.task.Job, Since: k.told}
	for _, m := range slices.Sorted(maps.Keys(w.reduce.bad)) {
		if o := k.latest[m]; o.Attempt == w.reduce.bad[m] {
			q.Lost = append(q.Lost, o)
		}
	}
	t.driver.SendFrameworkMessage(protocol.Encode(q))
}

// download fetches url into a file and returns its length.
func download(ctx context.Context, client *http.Client, url, path string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return 0, fmt.Errorf("fetch %s: %s", url, resp.Status)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return 0, err
	}
	f, err := os.Create(path)
	if err != nil {
		return 0, err
	}
	n, err := io.Copy(f, resp.Body)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return n, err
}

// serve serves a map's run for one reduce. The path is made of numbers only, so that no other file can be requested.
func (t *TaskTracker) serve(req *web.Request) runtime.Future[*web.Response] {
	var n [4]int
	for i, name := range []string{"job", "map", "attempt", "reduce"} {
		v, err := strconv.Atoi(req.URL.Query().Get(name))
		if err != nil || v < 0 {
			return runtime.Ready(&web.Response{Status: http.StatusBadRequest, Body: []byte(name + " is not a number\n")})
		}
		n[i] = v
	}
	path := runFile(t.dir, n[0], n[1], n[2], n[3])
	return runtime.Go(t, func(context.Context) (*web.Response, error) {
		body, err := os.ReadFile(path)
		if err != nil {
			return &web.Response{Status: http.StatusNotFound, Body: []byte("there is no such output\n")}, nil
		}
		header := http.Header{"Content-Type": {"application/octet-stream"}}
		return &web.Response{Status: http.StatusOK, Header: header, Body: body}, nil
	})
}
