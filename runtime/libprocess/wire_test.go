package libprocess_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	goruntime "runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// patience bounds every wait; a test that is right never comes near.
const patience = 2 * time.Minute

// ear is a node's side of the wire that says on channels what it hears.
type ear struct {
	messages chan runtime.Envelope
	exits    chan string
	drops    chan string
	dropped  chan runtime.Envelope
	unknown  string // the id of an actor that is not there
	serve    func(*web.Request) runtime.Future[*web.Response]
}

func newEar() *ear {
	return &ear{
		messages: make(chan runtime.Envelope, 10000), exits: make(chan string, 100),
		drops: make(chan string, 10000), dropped: make(chan runtime.Envelope, 10000),
	}
}

func (e *ear) Deliver(m runtime.Envelope) bool {
	if m.To.ID == e.unknown {
		return false
	}
	m.Body = append([]byte{}, m.Body...) // it is only lent
	e.messages <- m
	return true
}
func (e *ear) Refused(m runtime.Envelope, err error)    { e.Dropped(m, err.Error()) }
func (e *ear) Exited(addr string, _ runtime.Connection) { e.exits <- addr }
func (e *ear) Dropped(m runtime.Envelope, why string) {
	e.drops <- why
	m.Body = nil
	e.dropped <- m
}

func listen(t *testing.T, e *ear, options ...func(*libprocess.Options)) *libprocess.Wire {
	t.Helper()
	o := libprocess.Options{Log: zerolog.Nop(), HTTP: func(r *web.Request) runtime.Future[*web.Response] { return e.serve(r) }}
	for _, f := range options {
		f(&o)
	}
	w, err := libprocess.Listen(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Start(e); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := w.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

func take[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn.SetDeadline(time.Now().Add(patience))
	t.Cleanup(func() { conn.Close() })
	return conn
}

// deadAddr is an address that nobody listens at, nor will as long as the test lasts: a client's end of a connection has it.
func deadAddr(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return dial(t, listener.Addr().String()).LocalAddr().String()
}

func heap() int {
	goruntime.GC()
	var m goruntime.MemStats
	goruntime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestMessagesArriveInOrderWithSenderAndCause(t *testing.T) {
	t.Parallel()
	ear := newEar()
	here, there := listen(t, newEar()), listen(t, ear)
	from := runtime.PID{ID: "slave(1)", Addr: here.Addr()}
	for i := range 1000 {
		here.Send(runtime.Envelope{
			From: from, To: runtime.PID{ID: "mas ter(1)", Addr: there.Addr()}, Name: "google.protobuf.StringValue",
			Message: wrapperspb.String(fmt.Sprint(i)), Cause: runtime.EventID{Node: 1 << 63, Seq: uint64(i)},
		})
	}
	for i := range 1000 {
		m := take(t, ear.messages)
		want := fmt.Sprintf("\n%c%d", len(fmt.Sprint(i)), i)
		if string(m.Body) != want || m.From != from || m.To.ID != "mas ter(1)" || m.Cause != (runtime.EventID{Node: 1 << 63, Seq: uint64(i)}) {
			t.Fatalf("message %d came as %+v", i, m)
		}
	}
}

func TestAMessageWithoutBodyIsEmpty(t *testing.T) {
	t.Parallel()
	ear := newEar()
	here, there := listen(t, newEar()), listen(t, ear)
	here.Send(runtime.Envelope{From: runtime.PID{ID: "a", Addr: here.Addr()}, To: runtime.PID{ID: "b", Addr: there.Addr()}, Name: "n"})
	if m := take(t, ear.messages); m.Body == nil || len(m.Body) != 0 || m.Name != "n" {
		t.Fatalf("came as %+v", m)
	}
}

func TestExitIsToldOnceWhenTheLinkedNodeEnds(t *testing.T) {
	t.Parallel()
	ear := newEar()
	here := listen(t, ear)
	there, err := libprocess.Listen(libprocess.Options{})
	if err != nil {
		t.Fatal(err)
	}
	heard := newEar()
	there.Start(heard)
	here.Link(there.Addr())
	here.Link(there.Addr())
	here.Send(runtime.Envelope{From: runtime.PID{ID: "a", Addr: here.Addr()}, To: runtime.PID{ID: "b", Addr: there.Addr()}, Name: "n"})
	take(t, heard.messages)
	there.Close(context.Background())
	if addr := take(t, ear.exits); addr != there.Addr() {
		t.Fatalf("exit of %s", addr)
	}
	here.Link(deadAddr(t)) // nobody listens there
	take(t, ear.exits)
	if n := len(ear.exits); n != 0 {
		t.Fatalf("%d more exits", n)
	}
}

func TestASilentLinkStaysAndRelinkDoesNotTell(t *testing.T) {
	t.Parallel()
	ear := newEar()
	here := listen(t, ear)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	here.Link(listener.Addr().String())
	first, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	here.Relink(listener.Addr().String())
	second, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the old connection gave %v; want its end", err)
	}
	if n := len(ear.exits); n != 0 {
		t.Fatalf("%d exits told of a connection that was replaced", n)
	}
	second.Close()
	take(t, ear.exits)
}

// exchange sends text and returns all that is answered until the server closes.
func exchange(t *testing.T, addr, text string) string {
	t.Helper()
	conn := dial(t, addr)
	defer conn.Close()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatalf("after %q: %v", all, err)
	}
	return regexp.MustCompile(`Date: [^\r]*`).ReplaceAllString(string(all), "Date: D")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ear.unknown = "nobody"
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		body, _ := io.ReadAll(r.Body)
		return runtime.Ready(&web.Response{Status: 200, Header: http.Header{"X-Path": {r.URL.Path}}, Body: body})
	}
	w := listen(t, ear, func(o *libprocess.Options) { o.MaxHead, o.MaxBody = 1000, 100 })
	const ok = "HTTP/1.1 202 Accepted\r\nDate: D\r\nContent-Length: 0\r\n\r\n"
	message := func(path, rest string) string {
		return "POST " + path + " HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nConnection: close\r\n" + rest
	}
	for _, c := range []struct{ name, in, want string }{
		{"a message", message("/slave(1)/m", "\r\n"), ok},
		{"a message to an escaped id", message("/slave%281%29/m", "\r\n"), ok},
		{"a message in chunks", message("/s/m", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: t\r\n\r\n"), ok},
		{"a message of a C++ node of old", "POST /s/m HTTP/1.1\r\nUser-Agent: libprocess/a@127.0.0.1:1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", ok},
		{"two messages at once", strings.Replace(message("/s/m", "\r\n"), "Connection: close\r\n", "", 1) + message("/s/m", "\r\n"), ok + ok},
		{"a message to nobody", message("/nobody/m", "\r\n"), "HTTP/1.1 404 Not Found\r\nDate: D\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 14\r\n\r\n404 Not Found."},
		{"a request", "PUT /a/b?c HTTP/1.1\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", "HTTP/1.1 200 OK\r\nDate: D\r\nX-Path: /a/b\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi"},
		{"a HEAD", "HEAD /a HTTP/1.1\r\nConnection: close\r\n\r\n", "HTTP/1.1 200 OK\r\nDate: D\r\nX-Path: /a\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"},
		{"a client that asks first", "PUT /a HTTP/1.1\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nDate: D\r\nX-Path: /a\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := exchange(t, w.Addr(), c.in); got != c.want {
				t.Errorf("answered\n%q\nwant\n%q", got, c.want)
			}
		})
	}
	for _, c := range []struct {
		name, in string
		status   int
	}{
		{"no HTTP", "hello\r\n\r\n", 400},
		{"an unknown version", "GET / HTTP/2.0\r\n\r\n", 505},
		{"a header without name", "GET / HTTP/1.1\r\n: x\r\n\r\n", 400},
		{"a length that is none", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400},
		{"two lengths", "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		{"a chunk size that is none", message("/s/m", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"), 400},
		{"a chunk longer than it says", message("/s/m", "Transfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n"), 400},
		{"too many headers", "GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 2000) + "\r\n\r\n", 431},
		{"too large a body", "POST / HTTP/1.1\r\nContent-Length: 101\r\n\r\n", 413},
		{"too large a chunked body", message("/s/m", "Transfer-Encoding: chunked\r\n\r\nffffffff\r\n"), 413},
		{"a coding we do not know", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
		{"a sender that is none", "POST /a/b HTTP/1.1\r\nLibprocess-From: x\r\nConnection: close\r\n\r\n", 400},
		{"a message to no process", message("/s", "\r\n"), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := exchange(t, w.Addr(), c.in)
			if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
				t.Errorf("answered %q, want %d", got, c.status)
			}
		})
	}
}

func TestResponsesLeaveInTheOrderOfTheRequests(t *testing.T) {
	t.Parallel()
	ear := newEar()
	var mu sync.Mutex
	waiting := map[string]runtime.Promise[*web.Response]{}
	asked := make(chan string, 3)
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		p := runtime.NewPromise[*web.Response]()
		mu.Lock()
		waiting[r.URL.Path] = p
		mu.Unlock()
		asked <- r.URL.Path
		return p.Future()
	}
	w := listen(t, ear)
	conn := dial(t, w.Addr())
	io.WriteString(conn, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\nPOST /s/m HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\nGET /3 HTTP/1.1\r\nConnection: close\r\n\r\n")
	take(t, ear.messages) // the message does not wait for the requests before it
	for range 3 {
		take(t, asked)
	}
	for _, path := range []string{"/3", "/2", "/1"} {
		waiting[path].Set(&web.Response{Status: 200, Body: []byte(path)})
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"/1", "/2", "", "/3"} {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, _ := io.ReadAll(resp.Body); string(body) != want {
			t.Fatalf("answered %q, want %q", body, want)
		}
	}
}

func TestAStreamIsOneChunkAWriteAndEndsWithItsClient(t *testing.T) {
	t.Parallel()
	ear := newEar()
	stream := web.NewStream()
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(&web.Response{Status: 200, Stream: stream})
	}
	w := listen(t, ear)
	conn := dial(t, w.Addr())
	io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	large := strings.Repeat("x", 100_000)
	stream.Write([]byte("one"))
	stream.Write([]byte(large))
	want := "3\r\none\r\n186a0\r\n" + large + "\r\n"
	r := bufio.NewReader(conn)
	for line := ""; line != "\r\n"; {
		var err error
		if line, err = r.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(r, got); err != nil || string(got) != want {
		t.Fatalf("got %.40q (%v)", got, err)
	}
	gone := make(chan struct{})
	stream.Gone().OnAny(func(struct{}, error) { close(gone) })
	conn.Close()
	take(t, gone)
}

func TestAdvertisedAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ address, advertise, want string }{
		{"127.0.0.1:0", "10.1.2.3:5050", "10.1.2.3:5050"},
		{"0.0.0.0:0", "10.1.2.3:5050", "10.1.2.3:5050"},
		{"127.0.0.1:0", ":77", "127.0.0.1:77"},
	} {
		w, err := libprocess.Listen(libprocess.Options{Address: c.address, Advertise: c.advertise})
		if err != nil {
			t.Fatal(err)
		}
		if w.Addr() != c.want {
			t.Errorf("%+v: %s", c, w.Addr())
		}
		w.Close(context.Background())
	}
	for _, o := range []libprocess.Options{{Address: "0.0.0.0:0"}, {Advertise: "x"}, {Advertise: "host:1"}, {Advertise: "10.0.0.1:99999"}} {
		if w, err := libprocess.Listen(o); err == nil {
			w.Close(context.Background())
			t.Errorf("%+v was accepted", o)
		}
	}
}

func TestPathsReachTheActorsDecoded(t *testing.T) {
	t.Parallel()
	ear := newEar()
	paths := make(chan *url.URL, 1)
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		paths <- r.URL
		return runtime.Ready(&web.Response{Status: 200})
	}
	w := listen(t, ear)
	exchange(t, w.Addr(), "GET /slave%281%29/state?a=%20b HTTP/1.1\r\nConnection: close\r\n\r\n")
	if u := take(t, paths); u.Path != "/slave(1)/state" || u.Query().Get("a") != " b" {
		t.Errorf("served %+v", u)
	}
}
