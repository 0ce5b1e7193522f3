package web_test

import (
	"bytes"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// faulty has a route for each mistake.
type faulty struct{ runtime.Actor }

func (f *faulty) Initialize() {
	web.Route(f, "/content", web.Help{}, func(*web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(&web.Response{Status: http.StatusOK, Content: func(yield func([]byte) bool) {
			yield([]byte("so far"))
			panic("a bug")
		}})
	})
	web.Route(f, "/zero", web.Help{}, func(*web.Request) (none runtime.Future[*web.Response]) { return none })
	web.Route(f, "/fine", web.Help{}, func(*web.Request) runtime.Future[*web.Response] { return runtime.Ready(web.OK()) })
}

func ask(path string) *web.Request {
	return &web.Request{Method: http.MethodGet, URL: &url.URL{Path: path}, Header: http.Header{}, Body: strings.NewReader("")}
}

func TestContentAndAuthorizersThatPanicEndTheNode(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/faulty/content": "panic in the content of the response to GET /faulty/content, answered by actor faulty@10.0.0.1:1: a bug",
		"/faulty/fine":    "panic in the authorizer of GET /faulty/fine: a bug",
	} {
		w := sim.New(1)
		n := w.Node("10.0.0.1:1")
		if _, err := runtime.Spawn(n, "faulty", &faulty{}); err != nil {
			t.Fatal(err)
		}
		web.SetAuthorizer(n, "/faulty/fine", func(*web.Request) runtime.Future[bool] { panic("a bug") })
		response, err := sim.Await(w, web.Serve(n, ask(path)), time.Second)
		if err == nil {
			response.Bytes()
		}
		if len(w.Panics()) != 1 || w.Panics()[0].Summary() != want {
			t.Errorf("%s: panics %v, want %q", path, w.Panics(), want)
		}
		if len(w.Living()) != 0 {
			t.Errorf("%s: the node lives", path)
		}
	}
}

func TestAHandlerThatReturnsNoFutureIsToldAndLogged(t *testing.T) {
	t.Parallel()
	w := sim.New(1)
	var log bytes.Buffer
	n := w.NodeWith("10.0.0.1:1", func(o *runtime.Options) { o.Log = zerolog.New(&log) })
	if _, err := runtime.Spawn(n, "faulty", &faulty{}); err != nil {
		t.Fatal(err)
	}
	r, err := sim.Await(w, web.Serve(n, ask("/faulty/zero")), time.Second)
	if err != nil || r.Status != http.StatusInternalServerError || !strings.Contains(string(r.Body), "/zero") {
		t.Errorf("answered %v, %v", r, err)
	}
	if !strings.Contains(log.String(), "zero Future") || len(w.Panics()) != 0 {
		t.Errorf("log %q, panics %v", log.String(), w.Panics())
	}
}
