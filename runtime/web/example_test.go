package web_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/web"
)

// A Meter tells over HTTP how far it has counted.
type Meter struct {
	runtime.Actor
	count int
}

func (m *Meter) Initialize() {
	web.Route(m, "/count", web.Help{TLDR: "The count so far."}, m.tell)
}

func (m *Meter) tell(*web.Request) runtime.Future[*web.Response] {
	return runtime.Ready(web.Text(http.StatusOK, fmt.Sprint(m.count)))
}

func ExampleRoute() {
	w := sim.New(1)
	n := w.Node("10.0.0.1:5050")
	if _, err := runtime.Spawn(n, "meter", &Meter{count: 7}); err != nil {
		fmt.Println(err)
	}
	answer := web.Serve(n, &web.Request{
		Method: http.MethodGet, URL: &url.URL{Path: "/meter/count"}, Header: http.Header{}, Body: strings.NewReader(""),
	})
	res, err := sim.Await(w, answer, time.Second)
	fmt.Println(res.Status, string(res.Body), err)
	// Output: 200 7 <nil>
}
