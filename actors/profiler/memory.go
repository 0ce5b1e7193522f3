package profiler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	goruntime "runtime"
	"runtime/debug"
	"runtime/pprof"
	"strconv"
	"time"

	"meseta/messages/units"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Limits and default of the duration of a memory profile.
const (
	minCollection     = time.Second
	defaultCollection = 5 * time.Minute
	maxCollection     = 24 * time.Hour
)

// SpawnMemory starts the actor "memory-profiler" on n, with its endpoints in realm.
//
// Differs: Go samples allocations all the time, so starting and stopping only decide when the profile is taken. The
// profile covers all allocations since the program started, and those still in use.
func SpawnMemory(n *runtime.Node, realm string) error {
	_, err := runtime.Spawn(n, "memory-profiler", &memory{realm: realm})
	return err
}

// memory keeps the latest memory profile of the program.
type memory struct {
	runtime.Actor
	realm string
	run   struct {
		id    int64 // start time in seconds since 1970; 0: no profile in progress
		ends  time.Time
		timer runtime.Timer
	}
	latest struct {
		id        int64 // 0: no profile
		raw, text []byte
	}
}

// Initialize implements [runtime.Initializer].
func (m *memory) Initialize() {
	web.RouteIn(m, m.realm, "/start", web.Help{
		TLDR:        "Starts a memory profile of the program.",
		Description: "The profile ends after duration=DURATION, from 1secs to 1days (default: 5mins), or with /stop.",
	}, m.start)
	web.RouteIn(m, m.realm, "/stop", web.Help{TLDR: "Stops the profile and returns the URLs of its results."}, m.stop)
	web.RouteIn(m, m.realm, "/download/raw", web.Help{
		TLDR:        "Returns the profile in the format of go tool pprof.",
		Description: "With id=ID, the request fails if the latest profile has another ID.",
	}, func(req *web.Request) runtime.Future[*web.Response] {
		if refusal := m.refuse(req, "Cannot access raw profile"); refusal != nil {
			return runtime.Ready(refusal)
		}
		return runtime.Ready(download("profile.dump", m.latest.raw))
	})
	web.RouteIn(m, m.realm, "/download/text", web.Help{
		TLDR:        "Returns the profile as text.",
		Description: "With id=ID, the request fails if the latest profile has another ID.",
	}, func(req *web.Request) runtime.Future[*web.Response] {
		if refusal := m.refuse(req, "No source profile exists"); refusal != nil {
			return runtime.Ready(refusal)
		}
		return runtime.Ready(download("symbolized-profile.dump", m.latest.text))
	})
	web.RouteIn(m, m.realm, "/download/graph", web.Help{
		TLDR: "Always refused: go tool pprof -svg draws the graph of a raw profile.",
	}, m.graph)
	web.RouteIn(m, m.realm, "/statistics", web.Help{TLDR: "Returns the statistics of the memory allocator."}, m.statistics)
	web.RouteIn(m, m.realm, "/state", web.Help{TLDR: "Returns whether a profile is in progress, and the configuration of the allocator."}, m.state)
}

func (m *memory) start(req *web.Request) runtime.Future[*web.Response] {
	duration := defaultCollection
	if query := req.URL.Query(); query.Has("duration") {
		var err error
		if duration, err = units.ParseDuration(query.Get("duration")); err != nil {
			return refuse("Could not parse parameter 'duration': " + err.Error() + ".\n")
		}
	}
	if duration < minCollection || duration > maxCollection {
		return refuse(fmt.Sprintf("Duration '%s' must be between %s and %s.\n", units.FormatDuration(duration),
			units.FormatDuration(minCollection), units.FormatDuration(maxCollection)))
	}
	message := "Heap profiling is already active."
	if m.run.id == 0 {
		message = "Successfully started new heap profiling run."
		m.run.id, m.run.ends = m.Now().Unix(), m.Now().Add(duration)
		m.run.timer = m.Delay(duration, m.timeUp)
	}
	return runtime.Ready(web.JSON(req, map[string]any{
		"id": m.run.id,
		"message": fmt.Sprintf("%s After the remaining time elapses, download the generated profile at "+
			"'/%s/download/raw?id=%d'. Visit '/%s/stop' to stop collection earlier.", message, m.Self().ID, m.run.id, m.Self().ID),
		"remaining_seconds": strconv.Itoa(int(m.run.ends.Sub(m.Now()).Round(time.Second) / time.Second)),
	}))
}

func (m *memory) timeUp() {
	runtime.Await(m, m.take(), func(_ struct{}, err error) {
		if err != nil {
			m.Log().Warn().Err(err).Msg("no memory profile")
		}
	})
}

// take ends the profile in progress, if any, and keeps the result.
func (m *memory) take() runtime.Future[struct{}] {
	id := m.run.id
	m.run.timer.Cancel()
	m.run.id = 0
	if id == 0 {
		return runtime.Ready(struct{}{})
	}
	return runtime.Continue(m, runtime.Go(m, heap), func(both [2][]byte, err error) (struct{}, error) {
		if err == nil {
			m.latest.id, m.latest.raw, m.latest.text = id, both[0], both[1]
		}
		return struct{}{}, err
	})
}

// heap returns the heap profile in binary form and as text.
func heap(context.Context) (both [2][]byte, err error) {
	for i := range both {
		var b bytes.Buffer
		if err := pprof.Lookup("heap").WriteTo(&b, i); err != nil {
			return both, err
		}
		both[i] = b.Bytes()
	}
	return both, nil
}

func (m *memory) stop(req *web.Request) runtime.Future[*web.Response] {
	return runtime.Continue(m, m.take(), func(_ struct{}, err error) (*web.Response, error) {
		switch {
		case err != nil:
			return web.BadRequest(err.Error() + ".\n"), nil
		case m.latest.id == 0:
			return web.BadRequest(notStarted + ".\n"), nil
		}
		return web.JSON(req, m.links()), nil
	})
}

const notStarted = "Heap profiling has not yet been started"

func (m *memory) links() map[string]string {
	id := strconv.FormatInt(m.latest.id, 10)
	at := func(form string) string { return "/" + m.Self().ID + "/download/" + form + "?id=" + id }
	return map[string]string{
		"id":                     id,
		"message":                "Successfully stopped memory profiling run. Use one of the provided URLs to download results.",
		"url_raw_profile":        at("raw"),
		"url_graph_profile":      at("graph"),
		"url_symbolized_profile": at("text"),
	}
}

// refuse returns the response for a request that does not ask for the latest profile, or nil for one that does.
// without is the message for the case that there is no profile.
func (m *memory) refuse(req *web.Request, without string) *web.Response {
	wanted := req.URL.Query().Get("id")
	id, err := strconv.ParseInt(wanted, 10, 64)
	switch {
	case wanted != "" && err != nil:
		return web.BadRequest(fmt.Sprintf("Invalid parameter 'id': Failed to convert '%s' to number.\n", wanted))
	case wanted == "" && m.run.id != 0:
		return web.BadRequest("A profiling run is currently in progress. To download results of the previous run, please " +
			"pass an 'id' explicitly.\n")
	case m.latest.id == 0:
		return web.BadRequest(without + ": " + notStarted + ".\n")
	case wanted != "" && id != m.latest.id:
		return web.BadRequest(fmt.Sprintf("Cannot serve requested id #%d.\n", id))
	}
	return nil
}

// graph responds as the reference does on a machine without jeprof, which would draw the graph.
func (m *memory) graph(req *web.Request) runtime.Future[*web.Response] {
	if refusal := m.refuse(req, "No source profile exists"); refusal != nil {
		return runtime.Ready(refusal)
	}
	return refuse("Cannot generate file: go tool pprof -svg draws the graph of a raw profile.\n")
}

func (m *memory) statistics(*web.Request) runtime.Future[*web.Response] {
	return runtime.Go(m, func(context.Context) (*web.Response, error) {
		var s goruntime.MemStats
		goruntime.ReadMemStats(&s) // briefly stops the world
		body, err := json.Marshal(s)
		return &web.Response{
			Status: http.StatusOK, Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, Body: body,
		}, err
	})
}

// state responds as a program without jemalloc does, and describes Go's allocator instead.
func (m *memory) state(req *web.Request) runtime.Future[*web.Response] {
	run := map[string]any{"id": nil}
	switch {
	case m.run.id != 0:
		run = map[string]any{"id": m.run.id, "remaining_seconds": m.run.ends.Sub(m.Now()).Seconds()}
	case m.latest.id != 0:
		run = map[string]any{"id": m.latest.id, "remaining_seconds": 0}
	}
	return runtime.Ready(web.JSON(req, map[string]any{
		"memory_profiler": map[string]any{"current_run": run, "jemalloc_detected": false, "tmp_dir": "Not yet generated"},
		"go": map[string]any{
			"version": goruntime.Version(), "sampling_rate_bytes": goruntime.MemProfileRate,
			"memory_limit_bytes": debug.SetMemoryLimit(-1),
		},
	}))
}
