package trace_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/sim"
	"meseta/runtime/trace"
	"meseta/runtime/trace/conversation"
	"meseta/runtime/web"
)

// ear is called by HTTP.
type ear struct{ runtime.Actor }

func (e *ear) Initialize() {
	web.Route(e, "/call", web.Help{}, func(req *web.Request) runtime.Future[*web.Response] {
		runtime.Heard(e, wrapperspb.String(req.URL.RawQuery))
		return runtime.Ready(web.Accepted())
	})
}

// What a request holds says whom the request is about.
func TestCallsInRequestsHaveSubjects(t *testing.T) {
	t.Parallel()
	lens := trace.Lens{
		Subjects: func(m proto.Message) []string { return []string{"task:" + m.(*wrapperspb.StringValue).Value} },
		Summary:  func(proto.Message) string { return "KILL" },
	}
	w := sim.New(1)
	n := w.Node(here)
	if _, err := runtime.Spawn(n, "ear", &ear{}); err != nil {
		t.Fatal(err)
	}
	call := func(task string) {
		web.Serve(n, &web.Request{
			Method: http.MethodPost, URL: &url.URL{Path: "/ear/call", RawQuery: task}, Header: http.Header{}, Body: strings.NewReader(""),
		})
		w.Settle()
	}
	call("untraced")
	n.Trace().Record(100)
	call("t1")
	call("t2")
	var records []trace.Record
	for _, e := range (trace.Query{About: "task:t1"}).Select(n.Trace().Events(), lens) {
		records = append(records, lens.Record(e))
	}
	c := conversation.Build(records).Select(conversation.Choice{About: "task:t1", Message: "StringValue"})
	if len(c.Roots) != 1 || c.Roots[0].Words() != "POST /ear/call?t1 KILL" || !slices.Equal(c.Roots[0].About, []string{"task:t1"}) {
		t.Errorf("the calls about t1:\n%s", c.Text())
	}
}
