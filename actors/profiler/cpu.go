package profiler

import (
	"bytes"
	"context"
	"net/http"
	"runtime/pprof"

	"meseta/runtime"
	"meseta/runtime/web"
)

// SpawnCPU starts the actor "profiler" on n, with its endpoints in realm. Unless enabled, it refuses all requests:
// profiling costs CPU time, and any client can request it.
func SpawnCPU(n *runtime.Node, realm string, enabled bool) error {
	_, err := runtime.Spawn(n, "profiler", &cpu{realm: realm, enabled: enabled})
	return err
}

// cpu takes CPU profiles of the program. Only one can be in progress in a process.
type cpu struct {
	runtime.Actor
	realm   string
	enabled bool
	profile *bytes.Buffer // nil: no profile in progress
}

// Initialize implements [runtime.Initializer].
func (c *cpu) Initialize() {
	web.RouteIn(c, c.realm, "/start", web.Help{
		TLDR:        "Starts a CPU profile of the program.",
		Description: "Requires LIBPROCESS_ENABLE_PROFILER=1 in the environment of the program.",
	}, c.start)
	web.RouteIn(c, c.realm, "/stop", web.Help{
		TLDR:        "Stops the profile and returns it in the format of go tool pprof.",
		Description: "Requires that a profile was started.",
	}, c.stop)
}

func (c *cpu) start(*web.Request) runtime.Future[*web.Response] {
	switch {
	case !c.enabled:
		return refuse("The profiler is not enabled. To enable the profiler, start the program with " +
			"LIBPROCESS_ENABLE_PROFILER=1 in its environment.\n")
	case c.profile != nil:
		return refuse("Profiler already started.\n")
	}
	profile := &bytes.Buffer{}
	if err := pprof.StartCPUProfile(profile); err != nil {
		return runtime.Ready(web.Text(http.StatusInternalServerError, "Failed to start profiler: "+err.Error()+".\n"))
	}
	c.profile = profile
	c.Log().Info().Msg("profile started")
	return runtime.Ready(web.Text(http.StatusOK, "Profiler started.\n"))
}

func (c *cpu) stop(*web.Request) runtime.Future[*web.Response] {
	profile := c.profile
	if profile == nil {
		return refuse("Profiler not running.\n")
	}
	c.profile = nil
	c.Log().Info().Msg("profile stopped")
	return runtime.Go(c, func(context.Context) (*web.Response, error) {
		pprof.StopCPUProfile() // waits until the profile is written
		return download("perftools.out", profile.Bytes()), nil
	})
}

// Finalize implements [runtime.Finalizer].
func (c *cpu) Finalize() {
	if c.profile != nil {
		pprof.StopCPUProfile()
	}
}

func refuse(why string) runtime.Future[*web.Response] {
	return runtime.Ready(web.BadRequest(why))
}

func download(name string, content []byte) *web.Response {
	return &web.Response{
		Status: http.StatusOK, Body: content,
		Header: http.Header{
			"Content-Type":        {"application/octet-stream"},
			"Content-Disposition": {"attachment; filename=" + name},
		},
	}
}
