package libprocess_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// journal is a log that a test reads.
type journal struct {
	mu    sync.Mutex
	lines []string
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, string(b))
	return len(b), nil
}

// warnings are the lines of level warn.
func (j *journal) warnings() (lines []string) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, line := range j.lines {
		if strings.Contains(line, `"level":"warn"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

func logTo(j *journal) func(*libprocess.Options) {
	return func(o *libprocess.Options) { o.Log = zerolog.New(j) }
}

func ready(r *web.Response) runtime.Future[*web.Response] { return runtime.Ready(r) }

func TestMalformedInputIsRefusedOnceAndLoggedOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, in string
		status   int
	}{
		{"a length beside chunks", "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"chunks beside a length", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", 400},
		{"chunks in HTTP/1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"chunks twice", "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 501},
		{"chunks in gzip", "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501},
		{"a signed length", "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\nx", 400},
		{"a list of lengths", "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\nx", 400},
		{"a NUL", "GET / HTTP/1.1\r\nA: \x00\r\n\r\n", 400},
		{"a lone carriage return", "GET / HTTP/1.1\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n", 400},
		{"a space before the colon", "GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\nx", 400},
		{"a folded header", "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ear, log := newEar(), &journal{}
			w := listen(t, ear, logTo(log))
			got := exchange(t, w.Addr(), c.in)
			if !strings.HasPrefix(got, fmt.Sprintf("HTTP/1.1 %d ", c.status)) || strings.Count(got, "HTTP/1.1") != 1 {
				t.Errorf("answered %q, want %d", got, c.status)
			}
			if lines := log.warnings(); len(lines) != 1 {
				t.Errorf("%d lines logged: %q", len(lines), lines)
			}
			if n := len(ear.messages); n != 0 {
				t.Errorf("%d messages delivered", n)
			}
		})
	}
}

// A client that shuts down its side of the connection still gets all its answers.
func TestHalfClosingClientsAreAnswered(t *testing.T) {
	t.Parallel()
	asked := make(chan runtime.Promise[*web.Response], 2)
	ear := newEar()
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		p := runtime.NewPromise[*web.Response]()
		asked <- p
		return p.Future()
	}
	w := listen(t, ear)
	conn := dial(t, w.Addr())
	io.WriteString(conn, "GET /1 HTTP/1.1\r\n\r\nGET /2 HTTP/1.1\r\n\r\n")
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	take(t, asked).Set(web.Text(200, "one"))
	stream := web.NewStream()
	take(t, asked).Set(&web.Response{Status: 200, Stream: stream})
	stream.Write([]byte("two"))
	r := bufio.NewReader(conn)
	first, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(first.Body); string(body) != "one" {
		t.Errorf("answered %q", body)
	}
	second, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	stream.Write([]byte(" and more"))
	stream.Close()
	if body, err := io.ReadAll(second.Body); string(body) != "two and more" || err != nil {
		t.Errorf("answered %q, %v", body, err)
	}
	if _, err := r.ReadByte(); err != io.EOF {
		t.Errorf("and then %v; want the end", err)
	}
}

// The last request of a connection may be answered by a stream, which lives until its client goes.
func TestAStreamOutlivesTheLastRequest(t *testing.T) {
	t.Parallel()
	for _, request := range []string{"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"} {
		ear, stream := newEar(), web.NewStream()
		gone := make(chan struct{})
		stream.Gone().OnAny(func(struct{}, error) { close(gone) })
		ear.serve = func(*web.Request) runtime.Future[*web.Response] {
			return ready(&web.Response{Status: 200, Stream: stream})
		}
		conn := dial(t, listen(t, ear).Addr())
		io.WriteString(conn, request)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, word := range []string{"one", "two"} {
			stream.Write([]byte(word))
			got := make([]byte, len(word))
			if _, err := io.ReadFull(response.Body, got); err != nil || string(got) != word {
				t.Fatalf("got %q, %v", got, err)
			}
		}
		conn.Close()
		take(t, gone)
	}
}

func TestAStreamThatNobodyReadsEnds(t *testing.T) {
	t.Parallel()
	ear, stream := newEar(), web.NewStream()
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		return ready(&web.Response{Status: 200, Stream: stream})
	}
	conn := dial(t, listen(t, ear, func(o *libprocess.Options) { o.MaxReserve = 1 << 20 }).Addr())
	io.WriteString(conn, "GET / HTTP/1.1\r\n\r\n")
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	stream.Gone().OnAny(func(struct{}, error) { close(gone) })
	chunk, written := make([]byte, 1<<20), 0
	for stream.Write(chunk) == nil {
		if written += len(chunk); written > 128<<20 {
			t.Fatal("it takes anything")
		}
	}
	take(t, gone)
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("a stream that was cut off looks complete")
	}
}

func TestSlowRequestsEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, begin, drip string }{
		{"a head", "GET / HT", "T"},
		{"a body", "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", "x"},
		{"chunks", "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			log := &journal{}
			w := listen(t, newEar(), logTo(log), func(o *libprocess.Options) { o.RequestTimeout = 50 * time.Millisecond })
			conn := dial(t, w.Addr())
			io.WriteString(conn, c.begin)
			ended := make(chan string)
			go func() {
				all, _ := io.ReadAll(conn)
				ended <- string(all)
			}()
			drip := time.NewTicker(5 * time.Millisecond)
			defer drip.Stop()
			for {
				select {
				case all := <-ended:
					if !strings.HasPrefix(all, "HTTP/1.1 408 ") {
						t.Errorf("answered %q", all)
					}
					if lines := log.warnings(); len(lines) != 1 {
						t.Errorf("logged %q", lines)
					}
					return
				case <-drip.C:
					io.WriteString(conn, c.drip) //nolint:errcheck // it fails in the end
				}
			}
		})
	}
}

// Silence between requests is no slowness: a link says nothing for as long as it lives.
func TestSilenceIsNotSlow(t *testing.T) {
	t.Parallel()
	const timeout = 20 * time.Millisecond
	ear := newEar()
	w := listen(t, ear, func(o *libprocess.Options) { o.RequestTimeout = timeout })
	conn := dial(t, w.Addr())
	message := "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\n"
	for range 3 {
		io.WriteString(conn, message[:10])
		io.WriteString(conn, message[10:])
		take(t, ear.messages)
		conn.SetReadDeadline(time.Now().Add(2 * timeout))
		if _, err := io.Copy(io.Discard, conn); err == nil {
			t.Fatal("the connection was closed")
		}
	}
}

func TestSendersMayHaveToBeWhereTheySay(t *testing.T) {
	t.Parallel()
	ear, log := newEar(), &journal{}
	w := listen(t, ear, logTo(log), func(o *libprocess.Options) { o.RequirePeerIPMatch = true })
	message := func(from, rest string) string {
		return "POST /s/m HTTP/1.1\r\nLibprocess-From: " + from + "\r\n" + rest + "\r\n"
	}
	got := exchange(t, w.Addr(), message("a@10.0.0.1:1", "")+message("a@10.0.0.1:1", "")+
		message("a@[::ffff:127.0.0.1]:1", "")+message("a@127.0.0.1:1", "Connection: close\r\n"))
	if strings.Count(got, "400 Bad Request") != 2 || strings.Count(got, "202 Accepted") != 2 ||
		!strings.Contains(got, "UPID IP address validation failed: Message from a@10.0.0.1:1 was sent from IP 127.0.0.1") {
		t.Errorf("answered %q", got)
	}
	if len(ear.messages) != 2 || len(ear.drops) != 2 || len(log.warnings()) != 1 {
		t.Errorf("%d delivered, %d dropped, logged %q", len(ear.messages), len(ear.drops), log.warnings())
	}
}

func TestAMessageMayComeFromNobody(t *testing.T) {
	t.Parallel()
	ear := newEar()
	w := listen(t, ear)
	exchange(t, w.Addr(), "POST /s/m HTTP/1.1\r\nLibprocess-From: @0.0.0.0:0\r\nConnection: close\r\n\r\n")
	if m := take(t, ear.messages); !m.From.IsZero() {
		t.Errorf("came from %s", m.From)
	}
}

func TestIdsTravelWhateverTheyHold(t *testing.T) {
	t.Parallel()
	ear := newEar()
	here, there := listen(t, newEar()), listen(t, ear)
	var all []byte
	for c := 1; c < 256; c++ {
		all = append(all, byte(c))
	}
	for _, id := range []string{"slave(1)", "a/b?c#d%65", "\r\nX: y", "é", string(all)} {
		here.Send(runtime.Envelope{From: runtime.PID{ID: "a b", Addr: here.Addr()}, To: runtime.PID{ID: id, Addr: there.Addr()}, Name: "n"})
		if m := take(t, ear.messages); m.To.ID != id || m.From.ID != "a b" || m.Name != "n" {
			t.Errorf("%q came as %+v", id, m)
		}
	}
}

func TestLargeAnswersAreCompressedForWhoTakesIt(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("x", 1024)
	ear := newEar()
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		return ready(web.Text(200, large[:len(large)-len(r.URL.RawQuery)]))
	}
	w := listen(t, ear)
	for _, c := range []struct {
		target, accepts string
		zipped          bool
	}{
		{"/", "gzip", true}, {"/", "deflate, GZIP;q=0.5", true}, {"/", "*", true}, {"/", "*;q=0, gzip", true},
		{"/", "", false}, {"/", "deflate", false}, {"/", "gzip; q=0.0, *", false}, {"/", "gzip;q=x", false}, {"/", "*;q=0", false},
		{"/?1", "gzip", false}, // too small
	} {
		got := exchange(t, w.Addr(), "GET "+c.target+" HTTP/1.1\r\nConnection: close\r\nAccept-Encoding: "+c.accepts+"\r\n\r\n")
		head, body, _ := strings.Cut(got, "\r\n\r\n")
		if strings.Contains(head, "Content-Encoding: gzip") != c.zipped || !strings.Contains(head+"\r\n", fmt.Sprintf("Content-Length: %d\r\n", len(body))) {
			t.Errorf("%+v: answered %q", c, head)
		}
		if z, err := gzip.NewReader(strings.NewReader(body)); c.zipped && err == nil {
			plain, _ := io.ReadAll(z)
			body = string(plain)
		}
		if !bytes.HasPrefix([]byte(large), []byte(body)) || len(body) < 1000 {
			t.Errorf("%+v: the body is %q", c, body)
		}
	}
}

func TestAHeadTellsTheLengthOfWhatItDoesNotSend(t *testing.T) {
	t.Parallel()
	ear, stream := newEar(), web.NewStream()
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		if r.URL.Path == "/stream" {
			return ready(&web.Response{Status: 200, Stream: stream})
		}
		return ready(web.Text(200, "body"))
	}
	w := listen(t, ear)
	got := exchange(t, w.Addr(), "HEAD /stream HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nConnection: close\r\n\r\n")
	if !strings.HasSuffix(got, "Content-Length: 4\r\n\r\n") || strings.Count(got, "HTTP/1.1 200 OK") != 2 {
		t.Errorf("answered %q", got)
	}
	if stream.Write([]byte("x")) == nil {
		t.Error("a stream that nobody reads takes more")
	}
}

// A node that is reached at another address than the one it advertises is still the same node.
func TestAliases(t *testing.T) {
	t.Parallel()
	ear := newEar()
	w := listen(t, ear, func(o *libprocess.Options) {
		o.Address, o.Advertise = "0.0.0.0:0", "127.0.0.2:0"
	})
	alias := strings.Replace(w.Addr(), "127.0.0.2", "127.0.0.1", 1)
	here := newEar()
	other := listen(t, here)
	from := runtime.PID{ID: "a", Addr: other.Addr()}
	for _, at := range []string{alias, w.Addr()} {
		other.Send(runtime.Envelope{From: from, To: runtime.PID{ID: "b", Addr: at}, Name: "n"})
		m := take(t, ear.messages)
		if want := (runtime.PID{ID: "b", Addr: w.Addr()}); m.To != want {
			t.Errorf("to %s it came to %s", at, m.To)
		}
		w.Send(runtime.Envelope{From: m.To, To: m.From, Name: "reply"})
		if reply := take(t, here.messages); reply.From.Addr != w.Addr() {
			t.Errorf("answered from %s", reply.From)
		}
	}
	w.Send(runtime.Envelope{From: from, To: runtime.PID{ID: "self", Addr: alias}, Name: "n"}) // to itself
	if m := take(t, ear.messages); m.To.ID != "self" {
		t.Errorf("came as %+v", m)
	}
}
