package trace

import (
	"net/http"
	"strings"

	"meseta/runtime/trace/conversation"
	"meseta/runtime/web"
)

// mostDrawn is how many of the latest events a page shows.
const mostDrawn = 2000

// wantsPage reports whether a browser asks.
func wantsPage(req *web.Request) bool {
	format := req.URL.Query().Get("format")
	return format == "html" || format == "" && strings.Contains(strings.Join(req.Header["Accept"], ","), "text/html")
}

// page shows the conversation that q is about, as far as this node knows it. It is drawn on nobody's turn.
func (t *tracer) page(req *web.Request, q Query) *web.Response {
	trace, lens := t.Node().Trace(), t.Lens
	title := "trace of " + t.Node().Addr() + " " + req.URL.RawQuery
	r := response(http.StatusOK, "text/html; charset=utf-8", nil)
	r.Content = func(yield func([]byte) bool) {
		events := q.Select(trace.Events(), lens)
		var records []Record
		for _, e := range events[max(0, len(events)-mostDrawn):] {
			records = append(records, lens.Record(e))
		}
		yield([]byte(conversation.Build(records).Alone().Select(conversation.Choice{About: q.About}).HTML(title)))
	}
	return r
}
