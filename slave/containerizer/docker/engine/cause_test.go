package engine_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer/docker/engine"
)

// caller is an actor that asks an engine.
type caller struct{ runtime.Actor }

// The engine, which has traces of its own, is told what caused a request, if that is traced here.
func TestRequestsNameTheirCause(t *testing.T) {
	t.Parallel()
	var parents []string
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		parents = append(parents, r.Header.Get("Traceparent"))
		w.Header().Set("Api-Version", "1.44")
	}))
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	server.Listener.Close()
	server.Listener = l
	server.Start()
	defer server.Close()
	n := runtimetest.Node(t)
	ref := runtimetest.Spawn(t, n, "caller", &caller{})
	connect := func() {
		done := runtime.Flatten(runtime.Dispatch(ref, func(c *caller) runtime.Future[struct{}] {
			return runtime.Go(c, func(ctx context.Context) (struct{}, error) { return struct{}{}, engine.Dial(socket).Connect(ctx) })
		}))
		if _, err := runtime.Wait(t.Context(), done); err != nil {
			t.Error(err)
		}
	}
	connect()
	n.Trace().Record(100)
	connect()
	var work string
	for _, e := range n.Trace().Events() {
		if e.Kind == runtime.EventWork {
			work = e.ID.String()
		}
	}
	if len(parents) != 2 || parents[0] != "" || work == "" || !strings.Contains(parents[1], work) {
		t.Errorf("the engine was told %q; the work was %s", parents, work)
	}
}
