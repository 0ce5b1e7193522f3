package mesos_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer/mesos"
)

// cachingHouse returns a house whose containers fetch through a cache.
func cachingHouse(t *testing.T) *house {
	t.Helper()
	n, err := runtime.NewNode(runtime.Options{Fatal: func(p runtime.Panic) { t.Error(p.String()) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { runtimetest.Close(t, n) })
	if _, err := metrics.Spawn(n, metrics.Options{}); err != nil {
		t.Fatal(err)
	}
	c, err := mesos.New(n, mesos.Options{CacheDir: filepath.Join(t.TempDir(), "cache"), CacheSize: 100})
	if err != nil {
		t.Fatal(err)
	}
	return &house{Containerizer: c, t: t, node: n, sandbox: t.TempDir()}
}

// Containers share fetched files through the cache, which has metrics. If a file does not fit, the sandbox's log says
// so.
func TestFetchThroughTheCache(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			asked.Add(1)
		}
		size := 10
		if r.URL.Path == "/large" {
			size = 1000
		}
		_, _ = w.Write(make([]byte, size))
	}))
	defer server.Close()
	h := cachingHouse(t)
	for i, id := range []ids.Container{"c1", "c2", "c3"} {
		c := shell("test -s small")
		c.Uris = []*mesospb.CommandInfo_URI{{Value: proto.String(server.URL + "/small"), Cache: proto.Bool(true)}}
		if i == 2 {
			c.Uris = append(c.Uris, &mesospb.CommandInfo_URI{Value: proto.String(server.URL + "/large"), Cache: proto.Bool(true)})
		}
		l := h.spec(c)
		l.ID = id
		l.Config.Directory = proto.String(t.TempDir())
		h.sandbox = l.Config.GetDirectory()
		if _, err := runtime.Wait(t.Context(), h.Launch(l)); err != nil {
			t.Fatal(err)
		}
		if end, err := runtime.Wait(t.Context(), h.Wait(id)); err != nil || end.GetStatus() != 0 {
			t.Errorf("the container ended with %v (%v)", end, err)
		}
	}
	if n := asked.Load(); n != 3 { // small, and large twice: the cache learns from the server that large does not fit
		t.Errorf("the server was asked %d times", n)
	}
	if said, err := os.ReadFile(filepath.Join(h.sandbox, "stderr")); err != nil || !strings.Contains(string(said), "Reverting to fetching directly into the sandbox for '"+server.URL+"/large'") {
		t.Errorf("stderr holds %q (%v)", said, err)
	}
	values, err := runtime.Wait(t.Context(), metrics.Of(h.node, 0))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]float64{
		"containerizer/fetcher/cache_size_total_bytes": 100, "containerizer/fetcher/cache_size_used_bytes": 10,
		"containerizer/fetcher/task_fetches_succeeded": 3, "containerizer/fetcher/task_fetches_failed": 0,
	}
	for _, v := range values {
		if w, ok := want[v.Key]; ok && v.Value != w {
			t.Errorf("%s is %g, want %g", v.Key, v.Value, w)
		}
		delete(want, v.Key)
	}
	if len(want) > 0 {
		t.Errorf("there is no %v", want)
	}
}

// What wants to know of fetched URIs is called when they are in the sandbox and before the command runs.
func TestFetched(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t)
	sandbox := t.TempDir()
	c, err := mesos.New(n, mesos.Options{Fetched: func(_ context.Context, id *mesospb.ContainerID, dir string) error {
		if id.GetValue() != "c1" || dir != sandbox {
			t.Errorf("told of %v in %s", id, dir)
		}
		_, err := os.Stat(filepath.Join(dir, "there"))
		return errors.Join(err, os.WriteFile(filepath.Join(dir, "told"), nil, 0o600), errors.New("only logged"))
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.(interface{ Close() }).Close() })
	file := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := &house{Containerizer: c, t: t, node: n, sandbox: sandbox}
	run := shell("test -e told")
	run.Uris = []*mesospb.CommandInfo_URI{{Value: &file}}
	if status := h.run(run); status != 0 {
		t.Errorf("the container ended with %d", status)
	}
}
