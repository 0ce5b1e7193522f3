package libprocess_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// silent owes an answer to every request, and says when one has arrived.
type silent struct {
	runtime.Actor
	arrived chan struct{}
}

func (s *silent) Initialize() {
	web.Route(s, "/wait", web.Help{}, func(*web.Request) runtime.Future[*web.Response] {
		s.arrived <- struct{}{}
		return runtime.Owe[*web.Response](s).Future()
	})
}

// A request that an actor leaves behind is answered 404 if the actor ended, and 503 if the whole node does, or
// not at all: then the actor may be back soon.
func TestRequestsOfAnEndingNode(t *testing.T) {
	t.Parallel()
	for want, end := range map[int]func(*runtime.Node, runtime.PID){
		http.StatusNotFound:           func(n *runtime.Node, pid runtime.PID) { n.Terminate(pid) },
		http.StatusServiceUnavailable: func(n *runtime.Node, _ runtime.PID) { n.Close(context.Background()) }, //nolint:errcheck // it has no time limit
	} {
		wire, err := libprocess.Listen(libprocess.Options{Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		n, err := runtime.NewNode(runtime.Options{Wire: wire, Log: zerolog.Nop()})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close(context.Background()) }) //nolint:errcheck // it may be closed
		s := &silent{arrived: make(chan struct{}, 1)}
		ref, err := runtime.Spawn(n, "silent", s)
		if err != nil {
			t.Fatal(err)
		}
		status := make(chan int, 1)
		go func() {
			r, err := http.Get("http://" + n.Addr() + "/silent/wait")
			if err != nil {
				status <- 0 // the connection was closed
				return
			}
			r.Body.Close()
			status <- r.StatusCode
		}()
		<-s.arrived
		end(n, ref.PID())
		if got := <-status; got != want && !(got == 0 && n.Ending()) {
			t.Errorf("answered %d, want %d", got, want)
		}
		if got := web.Absent(n).Status; got != want {
			t.Errorf("another request would be answered %d, want %d", got, want)
		}
	}
}
