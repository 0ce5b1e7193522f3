package trace

import (
	"iter"
	"net/http"
	"slices"
	"strconv"
	"time"

	"meseta/runtime"
	"meseta/runtime/web"
)

// ndjson is the type of events as lines.
const ndjson = "application/x-ndjson"

// maxRecord bounds the ring that a request may ask for.
const maxRecord = 1 << 20

// Options configure the actor "trace".
type Options struct {
	// Looking and Changing are the realms of the routes that show events and of those that save and record them.
	Looking, Changing string
	Lens              Lens
	// Save writes lines to a file of its own and returns its path. nil: there are no files.
	Save func(lines []byte) (path string, err error)
	// Hang is how long a turn may take before it is logged with its stack, and what is remembered is saved. 0: as long as it likes.
	Hang time.Duration
}

// Spawn puts the actor "trace" on n.
func Spawn(n *runtime.Node, o Options) error {
	_, err := runtime.Spawn(n, "trace", &tracer{Options: o, followers: map[*follower]func(){}})
	return err
}

// tracer answers for a node's trace.
type tracer struct {
	runtime.Actor
	Options
	seen      map[string]sighting  // the turns that ran when it looked last, by their actors
	saved     time.Time            // when a file was last written because of such a turn
	followers map[*follower]func() // with what stops each
}

// Initialize implements [runtime.Initializer].
func (t *tracer) Initialize() {
	web.RouteIn(t, t.Looking, "/", web.Help{
		TLDR: "What the node remembers of its actors' events.",
		Description: "GET returns events as JSON, one per line, oldest first. actor= and message= are patterns of names, " +
			"since= is a duration or a time, cause= selects an event and all that followed from it, effect= events, separated by commas, " +
			"and what led to them, after= all that came later than an event, and about= what is about a task, an executor, a framework, an agent, an offer, an operation or a container, " +
			"as in about=task:web.1, with what led to it. " +
			"follow=true returns what happens from now on, as it happens, until the client disconnects. " +
			"Browsers get a page with a sequence diagram, as with format=html.",
	}, only(http.MethodGet, t.events))
	web.RouteIn(t, t.Changing, "/record", web.Help{
		TLDR:        "Sets how much the node remembers.",
		Description: "POST with events=N: the latest N events from now on, as far as they fit into 64 MiB; 0 stops.",
	}, only(http.MethodPost, t.record))
	web.RouteIn(t, t.Changing, "/save", web.Help{
		TLDR:        "Writes what the node remembers to a file.",
		Description: "POST answers with the file's path.",
	}, only(http.MethodPost, t.save))
	web.RouteIn(t, t.Looking, "/actors", web.Help{
		TLDR: "The node's actors, with what waits for them and how busy they were.",
		Description: "Returns a JSON array: for each actor what it handles, its timers and links, how much waits in its queue, and, of what the node remembers, " +
			"how many turns it took and how long they were, since when what waits is there, and which turn runs.",
	}, only(http.MethodGet, t.actors))
	if t.Hang > 0 {
		t.Delay(t.Hang, t.look)
	}
}

// only answers requests of one method, and refuses others.
func only(method string, handle func(*web.Request) runtime.Future[*web.Response]) func(*web.Request) runtime.Future[*web.Response] {
	return func(req *web.Request) runtime.Future[*web.Response] {
		if req.Method != method {
			return runtime.Ready(web.MethodNotAllowed(req, method))
		}
		return handle(req)
	}
}

func (t *tracer) events(req *web.Request) runtime.Future[*web.Response] {
	q, err := ParseQuery(req.URL.Query(), t.Now())
	if err != nil {
		return answer(http.StatusBadRequest, "text/plain", []byte(err.Error()+"\n"))
	}
	switch {
	case q.Follow:
		return runtime.Ready(t.follow(q))
	case wantsPage(req):
		return runtime.Ready(t.page(req, q))
	}
	r := response(http.StatusOK, ndjson, nil)
	r.Content = t.lines(t.Node().Trace(), q)
	return runtime.Ready(r)
}

// lines draws what q selects. A long trace is written on nobody's turn, as the client takes it.
func (t *tracer) lines(trace *runtime.Trace, q Query) iter.Seq[[]byte] {
	const atOnce = 500
	return func(yield func([]byte) bool) {
		for events := range slices.Chunk(q.Select(trace.Events(), t.Lens), atOnce) {
			if !yield(t.Lens.Lines(events)) {
				return
			}
		}
	}
}

func (t *tracer) record(req *web.Request) runtime.Future[*web.Response] {
	size, err := strconv.Atoi(req.URL.Query().Get("events"))
	if err != nil || size < 0 || size > maxRecord {
		return answer(http.StatusBadRequest, "text/plain", []byte("events= must be a number of events, from 0 to 1048576\n"))
	}
	t.Log().Info().Int("events", size).Str("client", req.Client).Msg("trace ring resized")
	t.Node().Trace().Record(size)
	return answer(http.StatusOK, "text/plain", nil)
}

func answer(status int, contentType string, body []byte) runtime.Future[*web.Response] {
	return runtime.Ready(response(status, contentType, body))
}

func response(status int, contentType string, body []byte) *web.Response {
	return &web.Response{Status: status, Header: http.Header{"Content-Type": {contentType}}, Body: body}
}
