package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/web"
)

// /__processes__ shows what waits behind it in each queue.
func TestQueuesAreShown(t *testing.T) {
	t.Parallel()
	w := runtimetest.World(t, 1)
	n := w.Node("10.0.0.1:5050")
	ref, err := runtime.Spawn(n, "desk", &desk{paths: []string{"/state"}})
	if err != nil {
		t.Fatal(err)
	}
	serve := func(target string) runtime.Future[*web.Response] {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			t.Fatal(err)
		}
		return web.Serve(n, &web.Request{Method: http.MethodPost, URL: u, Header: http.Header{}, Body: strings.NewReader("")})
	}
	var shown runtime.Future[*web.Response]
	runtime.Tell(ref, func(d *desk) {
		shown = serve("/__processes__")
		d.Send(d.Self(), wrapperspb.String("hello"))
		serve("/desk/state?deep=1")
		runtime.Tell(ref, func(*desk) {})
		d.Link(runtime.PID{ID: "nobody", Addr: "10.0.0.1:5050"})
	})
	w.Settle()
	r, done, err := shown.Peek()
	if err != nil || !done {
		t.Fatal(err, done)
	}
	const want = `[{"events":[` +
		`{"type":"MESSAGE","name":"google.protobuf.StringValue","from":"desk@10.0.0.1:5050","to":"desk@10.0.0.1:5050"},` +
		`{"type":"HTTP","method":"POST","url":"/desk/state?deep=1"},{"type":"DISPATCH"},{"type":"EXITED"}],"id":"desk"}]`
	if string(r.Body) != want {
		t.Errorf("%s", r.Body)
	}

	runtime.Tell(ref, func(*desk) {
		shown = serve("/__processes__")
		for range 5000 {
			runtime.Tell(ref, func(*desk) {})
		}
	})
	w.Settle()
	r, _, _ = shown.Peek()
	if got := strings.Count(string(r.Body), "DISPATCH"); got != 1000 {
		t.Errorf("%d events", got)
	}
}
