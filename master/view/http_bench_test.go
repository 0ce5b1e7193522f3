package view_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"meseta/master/view"
	"meseta/messages/mediatype"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/masterpb"
	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// showing is an actor that serves /state of a book, as the master does.
type showing struct {
	runtime.Actor
	cluster *cluster
	mirror  view.Mirror
}

func (s *showing) Initialize() {
	web.Route(s, "/state", web.Help{}, func(req *web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(web.JSONContent(req, s.mirror.Look(master(), s.cluster.book).State()))
	})
	may := permitAll()
	web.Route(s, "/filtered", web.Help{}, func(req *web.Request) runtime.Future[*web.Response] {
		look := s.mirror.Look(master(), s.cluster.book)
		seen := func(yield func([]byte) bool) { look.For(may).State()(yield) } // beside the turn, as the master does
		return runtime.Ready(web.JSONContent(req, seen))
	})
}

// serve has a master of 5,000 agents and 50,000 running tasks listen at the address that it returns.
func serve(b *testing.B) (addr string) {
	wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:0"})
	if err != nil {
		b.Fatal(err)
	}
	node, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = node.Close(context.Background()) }) // it has served
	web.SetDelegate(node, "master")
	if _, err := runtime.Spawn(node, "master", &showing{cluster: big(b, 5000, 50000)}); err != nil {
		b.Fatal(err)
	}
	return wire.Addr()
}

// BenchmarkStateOverHTTP measures /state of 5,000 agents and 50,000 running tasks, until a client on the same machine
// has read the last byte.
func BenchmarkStateOverHTTP(b *testing.B) {
	addr := serve(b)
	var first time.Duration
	var bytes int64
	for b.Loop() {
		begin := b.Elapsed()
		response, err := http.Get("http://" + addr + "/state")
		if err != nil {
			b.Fatal(err)
		}
		first += b.Elapsed() - begin
		bytes, err = io.Copy(io.Discard, response.Body)
		response.Body.Close()
		if err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(bytes)
	b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "ms/firstbyte")
}

// BenchmarkAnswer measures answers of the operator API about 5,000 agents and 50,000 running tasks.
func BenchmarkAnswer(b *testing.B) {
	c := big(b, 5000, 50000)
	var mirror view.Mirror
	look := mirror.Look(master(), c.book)
	for _, asked := range []struct {
		name string
		call *view.Call
	}{{"state", view.GetState}, {"tasks", view.GetTasks}, {"agents", view.GetAgents}, {"frameworks", view.GetFrameworks}, {"executors", view.GetExecutors}} {
		for _, media := range []mediatype.Type{mediatype.JSON, mediatype.Protobuf} {
			b.Run(asked.name+"="+media.String(), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					b.SetBytes(int64(drawn(look.Answer(media, asked.call))))
				}
			})
		}
	}
}

// BenchmarkSideBySide measures what generated code and the mirror replace: JSON written by following descriptors, and a
// new snapshot of everything each time.
func BenchmarkSideBySide(b *testing.B) {
	c := big(b, 1000, 20000)
	var mirror view.Mirror
	look := mirror.Look(master(), c.book)
	b.Run("json=generated", func(b *testing.B) {
		for b.Loop() {
			b.SetBytes(int64(drawn(look.Answer(mediatype.JSON, view.GetTasks))))
		}
	})
	b.Run("json=described", func(b *testing.B) {
		for b.Loop() {
			r := &masterpb.Response{GetTasks: &masterpb.Response_GetTasks{}}
			for t := range look.Frameworks[0].Tasks() {
				r.GetTasks.Tasks = append(r.GetTasks.Tasks, view.TaskMessage(t))
			}
			b.SetBytes(int64(len(mesosjson.V1.AppendDescribed(nil, r))))
		}
	})
	b.Run("look=changes", func(b *testing.B) {
		for b.Loop() {
			mirror.Look(master(), c.book)
		}
	})
	b.Run("look=everything", func(b *testing.B) {
		for b.Loop() {
			var fresh view.Mirror
			fresh.Look(master(), c.book)
		}
	})
}
