package libprocess_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// What a stream holds is bounded before a wire has come to it, too: of pipelined subscriptions only the first is served.
func TestPipelinedStreamsAreBounded(t *testing.T) {
	t.Parallel()
	ear, streams := newEar(), make(chan *web.Stream, 2)
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		s := web.NewStream()
		streams <- s
		return ready(&web.Response{Status: http.StatusOK, Stream: s})
	}
	conn := dial(t, listen(t, ear).Addr())
	io.WriteString(conn, "POST /a HTTP/1.1\r\n\r\nPOST /b HTTP/1.1\r\n\r\n")
	first, second := take(t, streams), take(t, streams)
	written, chunk := 0, make([]byte, 1<<20)
	for second.Write(chunk) == nil {
		if written += len(chunk); written > 66<<20 {
			t.Fatal("it takes anything")
		}
	}
	if second.Buffered() != 0 {
		t.Errorf("%d bytes are kept for nobody", second.Buffered())
	}
	first.Close()
	if _, err := io.Copy(io.Discard, conn); err != nil {
		t.Errorf("the connection does not end with its second answer: %v", err)
	}
}

// It measures memory, and so runs alone.
func TestWhatAConnectionRemembersIsBounded(t *testing.T) {
	ear := newEar()
	conn := dial(t, listen(t, ear).Addr())
	go io.Copy(io.Discard, conn) //nolint:errcheck // the answers matter to nobody
	before := heap()
	for i := range 1000 {
		fmt.Fprintf(conn, "POST /%s%d/m HTTP/1.1\r\nLibprocess-From: %[1]s%[2]d@127.0.0.1:1\r\n\r\n", strings.Repeat("x", 30<<10), i)
		take(t, ear.messages)
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("an idle connection keeps %d KiB", grown>>10)
	}
}

func TestConnectionIsAList(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ear.serve = func(*web.Request) runtime.Future[*web.Response] { return ready(web.OK()) }
	w := listen(t, ear)
	got := exchange(t, w.Addr(), "GET / HTTP/1.1\r\nTE: deflate\r\nConnection: TE, close\r\n\r\n")
	if !strings.Contains(got, "Connection: close\r\n") {
		t.Errorf("answered %q", got)
	}
	got = exchange(t, w.Addr(), "GET / HTTP/1.0\r\nConnection: x,Keep-Alive\r\n\r\nGET / HTTP/1.1\r\nConnection: close\r\n\r\n")
	if strings.Count(got, "200 OK") != 2 {
		t.Errorf("answered %q", got)
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, text)
	z.Close()
	return b.String()
}

// Bodies are decompressed as libprocess does it, within the limits of bodies.
func TestCompressedRequests(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		body, _ := io.ReadAll(r.Body)
		return ready(web.Text(http.StatusOK, string(body)))
	}
	w := listen(t, ear, func(o *libprocess.Options) { o.MaxBody = 1000 })
	for _, c := range []struct{ name, encoding, body, want string }{
		{"gzip", "gzip", zipped("hello"), "\r\n\r\nhello"},
		{"plain", "identity", "hello", "\r\n\r\nhello"},
		{"a bomb", "gzip", zipped(strings.Repeat("x", 100000)), " 413 "},
		{"not compressed", "gzip", "hello", " 400 "},
		{"cut short", "gzip", zipped("hello")[:20], " 400 "},
		{"another encoding", "br", "hello", " 415 "},
		{"twice", "gzip, gzip", zipped("hello"), " 415 "},
	} {
		got := exchange(t, w.Addr(), fmt.Sprintf("POST /a HTTP/1.1\r\nContent-Encoding: %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s",
			c.encoding, len(c.body), c.body))
		if !strings.Contains(got, c.want) {
			t.Errorf("%s: answered %q", c.name, got)
		}
	}
	message := "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nTransfer-Encoding: chunked\r\n"
	for range 2 {
		exchange(t, w.Addr(), fmt.Sprintf("%sContent-Encoding: gzip\r\n\r\n%x\r\n%s\r\n0\r\n\r\n%sConnection: close\r\n\r\n1\r\nx\r\n0\r\n\r\n",
			message, len(zipped("hello")), zipped("hello"), message))
		if m, after := take(t, ear.messages), take(t, ear.messages); string(m.Body) != "hello" || string(after.Body) != "x" {
			t.Errorf("came as %q, %q", m.Body, after.Body)
		}
	}
}

// All bodies together take no more than they may, until they are answered.
func TestBodiesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	ear, answers := newEar(), make(chan runtime.Promise[*web.Response], 10)
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		p := runtime.NewPromise[*web.Response]()
		answers <- p
		return p.Future()
	}
	w := listen(t, ear, func(o *libprocess.Options) { o.MaxBody, o.MaxBodies = 1000, 1500 })
	request := "POST /a HTTP/1.1\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n" + strings.Repeat("x", 1000)
	for range 3 {
		first := dial(t, w.Addr())
		io.WriteString(first, request)
		held := take(t, answers)
		if got := exchange(t, w.Addr(), request); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
			t.Errorf("answered %q", got)
		}
		held.Set(web.OK())
		io.Copy(io.Discard, first) //nolint:errcheck // its end is what matters
	}
}

// JSON counts with what it takes while it is decoded: brackets alone take a hundred times their size.
func TestBodiesOfJSONCountDecoded(t *testing.T) {
	t.Parallel()
	ear, answers := newEar(), make(chan runtime.Promise[*web.Response], 10)
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		p := runtime.NewPromise[*web.Response]()
		answers <- p
		return p.Future()
	}
	w := listen(t, ear, func(o *libprocess.Options) { o.MaxBody, o.MaxBodies = 10_000, 100_000 })
	request := func(body string) string {
		return fmt.Sprintf("POST /a HTTP/1.1\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(body), body)
	}
	half := request(` {"a":[` + strings.Repeat("{},", 250) + `{}]}`)
	for body, want := range map[string]string{
		`{"a":[` + strings.Repeat("{},", 1000) + `{}]}`:   "413", // alone
		" \r\n\t" + strings.Repeat("[", 2000):             "413",
		`[` + strings.Repeat(`1,`, 2000) + `1]`:           "413",
		`["` + strings.Repeat("x", 9000) + `"]`:           "200",
		strings.Repeat("{},", 1000) + " is no JSON" + "x": "413",
		"resources=" + strings.Repeat("{},", 1000):        "200",
	} {
		go func() {
			if want == "200" {
				(<-answers).Set(web.OK())
			}
		}()
		if got := exchange(t, w.Addr(), request(body)); !strings.HasPrefix(got, "HTTP/1.1 "+want+" ") {
			t.Errorf("%.20s… of %d bytes is answered %.200q, want %s", body, len(body), got, want)
		}
	}
	for range 3 {
		first := dial(t, w.Addr())
		io.WriteString(first, half)
		held := take(t, answers)
		if got := exchange(t, w.Addr(), half); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
			t.Errorf("beside one of half the size the other is answered %q", got)
		}
		held.Set(web.OK())
		io.Copy(io.Discard, first) //nolint:errcheck // its end is what matters
	}
}

// Bodies that a route wants whole count although they were handed over as they came; the wire holds next to nothing of one
// that is read as it comes, and small messages pass whatever others upload.
func TestArrivingBodiesAreBoundedTogether(t *testing.T) {
	t.Parallel()
	type asked struct {
		body   web.Arriving
		answer runtime.Promise[*web.Response]
	}
	ear, requests := newEar(), make(chan asked, 10)
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		p := runtime.NewPromise[*web.Response]()
		requests <- asked{r.Body.(web.Arriving), p}
		return p.Future()
	}
	const most, piece = 1 << 20, 64 << 10
	addr := listen(t, ear, func(o *libprocess.Options) { o.MaxBody, o.MaxBodies = most, most }).Addr()
	upload := fmt.Sprintf("%x\r\n%s\r\n", piece, strings.Repeat("x", piece))
	begin := func(pieces int, end string) asked {
		conn := dial(t, addr)
		go io.WriteString(conn, records+strings.Repeat(upload, pieces)+end) //nolint:errcheck // it may never return
		return take(t, requests)
	}

	// Nobody takes these, or takes them one by one: much more than may be held comes in.
	slow, quick := begin(10*most/piece, ""), begin(10*most/piece, "0\r\n\r\n")
	if n, err := io.Copy(io.Discard, quick.body); n != 10*most || err != nil {
		t.Fatalf("read %d bytes, %v", n, err)
	}
	quick.answer.Set(web.OK())

	// Those that are collected count until they are answered, however that went.
	for range 3 {
		first, second := begin(most/piece, "0\r\n\r\n"), begin(1, "0\r\n\r\n")
		if all, err := first.body.Whole(); len(all) != most || err != nil {
			t.Fatalf("read %d bytes, %v", len(all), err)
		}
		var refused web.StatusError
		if all, err := second.body.Whole(); !errors.As(err, &refused) || refused.Status() != http.StatusServiceUnavailable {
			t.Fatalf("read %d bytes, %v", len(all), err)
		}
		message := "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
		if got := exchange(t, addr, fmt.Sprintf(message, piece, strings.Repeat("x", piece))); !strings.HasPrefix(got, "HTTP/1.1 202 ") {
			t.Errorf("a message was answered %q", got)
		}
		if got := exchange(t, addr, fmt.Sprintf(message, piece+1, strings.Repeat("x", piece+1))); !strings.HasPrefix(got, "HTTP/1.1 503 ") {
			t.Errorf("a large message was answered %q", got)
		}
		first.answer.Set(web.OK())
		second.answer.Set(web.OK())
	}
	slow.answer.Set(web.OK())
	if _, err := slow.body.Read(make([]byte, 1)); err == nil {
		// the piece that was at hand
		if _, err := io.Copy(io.Discard, slow.body); err == nil {
			t.Error("the body of a request that is answered looks complete")
		}
	}
}

// Whoever went away gets no answer: what is done for it is told, also for requests behind those that are read.
func TestRequestsOfAClientThatHungUpAreDiscarded(t *testing.T) {
	t.Parallel()
	for _, pipelined := range []int{1, 10} {
		t.Run(fmt.Sprint(pipelined), func(t *testing.T) {
			t.Parallel()
			ear, discarded := newEar(), make(chan struct{}, 100)
			ear.serve = func(*web.Request) runtime.Future[*web.Response] {
				p := runtime.NewPromise[*web.Response]()
				p.OnDiscard(func() { p.Fail(runtime.ErrDiscarded); discarded <- struct{}{} })
				return p.Future()
			}
			conn := dial(t, listen(t, ear, func(o *libprocess.Options) { o.MaxPending = 2 }).Addr())
			io.WriteString(conn, strings.Repeat("GET /a HTTP/1.1\r\n\r\n", pipelined))
			conn.Close()
			for range pipelined {
				take(t, discarded)
			}
		})
	}
}

// A client may end its side of the connection and still take its answer.
func TestAnswersReachClientsThatSayNoMore(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		p := runtime.NewPromise[*web.Response]()
		time.AfterFunc(20*time.Millisecond, func() { p.Set(web.OK()) })
		return p.Future()
	}
	conn := dial(t, listen(t, ear).Addr())
	io.WriteString(conn, "GET /a HTTP/1.1\r\n\r\n")
	conn.(interface{ CloseWrite() error }).CloseWrite() //nolint:errcheck // the answer tells
	if response, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || response.StatusCode != http.StatusOK {
		t.Errorf("answered %v, %v", response, err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]libprocess.Options{
		"MaxHead is -1":         {MaxHead: -1},
		"MaxBody is -1":         {MaxBody: -1},
		"MaxBodies is -1":       {MaxBodies: -1},
		"MaxQueue is -1":        {MaxQueue: -1},
		"MaxReserve is -1":      {MaxReserve: -1},
		"Patience is -1s":       {Patience: -time.Second},
		"MaxPending is -1":      {MaxPending: -1},
		"DialTimeout is -1s":    {DialTimeout: -time.Second},
		"RequestTimeout is -1s": {RequestTimeout: -time.Second},
		"needs a prefix":        {Protocols: []libprocess.Protocol{{}}},
	} {
		if w, err := libprocess.Listen(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, %v; want an error with %q", w, err, want)
		}
	}
}

// When more waits than may, both sides of the link learn of it and begin anew.
func TestBothSidesLearnOfAFullQueue(t *testing.T) {
	t.Parallel()
	left, right := newEar(), newEar()
	right.messages = make(chan runtime.Envelope) // it takes one, and is stuck with the second
	over := make(chan struct{})
	t.Cleanup(func() { close(over) }) // after the wires, which deliver until they are closed
	here := listen(t, left, func(o *libprocess.Options) { o.MaxQueue, o.MaxReserve = 1<<20, 1<<20 })
	there := listen(t, right)
	hello := runtime.Envelope{From: runtime.PID{ID: "b", Addr: there.Addr()}, To: runtime.PID{ID: "a", Addr: here.Addr()}, Name: "n"}
	there.Link(here.Addr())
	there.Send(hello)
	take(t, left.messages)
	here.Link(there.Addr())
	for here.Drops().Full == 0 {
		here.Send(runtime.Envelope{From: hello.To, To: hello.From, Name: "n", Body: make([]byte, 1<<19)})
	}
	take(t, left.exits)
	take(t, right.exits)
	go func() {
		for {
			select {
			case <-right.messages:
			case <-over:
				return
			}
		}
	}()
}
