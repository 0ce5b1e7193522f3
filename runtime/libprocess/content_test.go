package libprocess_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	goruntime "runtime"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/web"
)

// pieces yields the same buffer again and again, as a frugal writer would.
func pieces(n int) iter.Seq[[]byte] {
	buffer := make([]byte, 0, 16)
	return func(yield func([]byte) bool) {
		for i := range n {
			if !yield(fmt.Appendf(buffer[:0], "piece %d;", i)) {
				return
			}
		}
	}
}

func length(n int) (sum int) {
	for piece := range pieces(n) {
		sum += len(piece)
	}
	return sum
}

func TestContentIsDrawnAsTheClientTakesIt(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		n := 3000
		if r.URL.Path == "/short" {
			n = 1
		}
		response := web.JSONContent(r, pieces(n))
		if r.URL.Path == "/announced" {
			response.Length = int64(length(n))
		}
		return runtime.Ready(response)
	}
	w := listen(t, ear)
	var long strings.Builder
	for piece := range pieces(3000) {
		long.Write(piece)
	}
	for _, test := range []struct {
		name, method, path, body string
		length                   int64
		plain                    bool
	}{
		{"one piece is sent with its length", "GET", "/short", "piece 0;", 8, true},
		{"several are sent in chunks", "GET", "/long", long.String(), -1, true},
		{"compressed if the client likes it", "GET", "/long", long.String(), -1, false},
		{"as a script if it asks for one", "GET", "/long?jsonp=f", "f(" + long.String() + ");", -1, true},
		{"with its length if that is known", "GET", "/announced", long.String(), int64(long.Len()), true},
		{"a HEAD likewise", "HEAD", "/announced", "", int64(long.Len()), true},
		{"a HEAD is answered with the length", "HEAD", "/long", "", int64(long.Len()), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			client := http.Client{Transport: &http.Transport{DisableCompression: test.plain, DisableKeepAlives: true}}
			req, err := http.NewRequest(test.method, "http://"+w.Addr()+test.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if string(body) != test.body || response.ContentLength != test.length || response.Uncompressed == test.plain {
				t.Errorf("%d bytes, want %d; length %d, want %d; uncompressed %t", len(body), len(test.body), response.ContentLength, test.length, response.Uncompressed)
			}
		})
	}
}

// A body that is not as long as announced breaks the connection, so that nobody takes it for whole.
func TestContentIsWhatWasAnnounced(t *testing.T) {
	t.Parallel()
	for _, wrong := range []int64{-1, 1} {
		ear := newEar()
		ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
			response := web.JSONContent(r, pieces(3))
			response.Length = int64(length(3)) + wrong
			return runtime.Ready(response)
		}
		conn := dial(t, listen(t, ear).Addr())
		fmt.Fprint(conn, "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(response.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%d bytes too many: %q, %v", wrong, body, err)
		}
	}
}

// An HTTP/1.0 client knows no chunks: the end of the connection is the end of the body.
func TestContentForOldClients(t *testing.T) {
	t.Parallel()
	ear := newEar()
	ear.serve = func(r *web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(web.JSONContent(r, pieces(3)))
	}
	conn := dial(t, listen(t, ear).Addr())
	fmt.Fprint(conn, "GET / HTTP/1.0\r\n\r\n")
	all, err := io.ReadAll(conn)
	if err != nil || !strings.HasSuffix(string(all), "\r\n\r\npiece 0;piece 1;piece 2;") {
		t.Errorf("%v: %q", err, all)
	}
}

// The connection of a stream that is cut ends at once, whatever the client has still to read.
func TestStreamIsCut(t *testing.T) {
	t.Parallel()
	stream := web.NewStream()
	ear := newEar()
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(&web.Response{Status: http.StatusOK, Stream: stream})
	}
	conn := dial(t, listen(t, ear).Addr())
	fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")
	if err := stream.Write([]byte("first")); err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 12)
	if _, err := io.ReadFull(conn, head); err != nil || string(head) != "HTTP/1.1 200" {
		t.Fatalf("%v: %q", err, head)
	}
	stream.Cut()
	rest, _ := io.ReadAll(conn)
	if strings.HasSuffix(string(rest), "0\r\n\r\n") {
		t.Error("the stream ended as if it were whole")
	}
	if err := stream.Write([]byte("more")); err == nil {
		t.Error("it can still be written to")
	}
}

// Chunks that streams share are chunks to each client, and nothing but their bytes to one that knows no chunks.
func TestSharedChunks(t *testing.T) {
	t.Parallel()
	shared := web.NewChunks([][]byte{[]byte("one"), {}, []byte("four")})
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\n\r\n": "\r\n\r\n1\r\n0\r\n3\r\none\r\n4\r\nfour\r\n0\r\n\r\n",
		"GET / HTTP/1.0\r\n\r\n": "\r\n\r\n0onefour",
	} {
		ear, stream := newEar(), web.NewStream()
		ear.serve = func(*web.Request) runtime.Future[*web.Response] {
			return runtime.Ready(&web.Response{Status: http.StatusOK, Stream: stream})
		}
		conn := dial(t, listen(t, ear).Addr())
		fmt.Fprint(conn, request)
		if err := errors.Join(stream.Write([]byte("0")), stream.WriteShared(shared)); err != nil {
			t.Fatal(err)
		}
		stream.Close()
		got := make([]byte, 0, 1000)
		for !strings.HasSuffix(string(got), want) {
			n, err := conn.Read(got[len(got):cap(got)])
			if got = got[:len(got)+n]; err != nil {
				t.Fatalf("%q: %q, %v", request, got, err)
			}
		}
	}
}

// A client that does not read does not keep others from the content that they share.
func TestAStalledClientHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	ear := newEar()
	streams := make(chan *web.Stream, goruntime.GOMAXPROCS(0)/2+2) // more than take turns
	ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		stream := web.NewStream()
		streams <- stream
		return runtime.Ready(&web.Response{Status: http.StatusOK, Stream: stream})
	}
	addr := listen(t, ear).Addr()
	var conns []net.Conn
	shared := web.NewChunks([][]byte{bytes.Repeat([]byte("x"), 16<<20), []byte("end")}) // more than sockets hold
	for range cap(streams) {
		conns = append(conns, dial(t, addr))
		fmt.Fprint(conns[len(conns)-1], "GET / HTTP/1.1\r\n\r\n")
		if err := take(t, streams).WriteShared(shared); err != nil {
			t.Fatal(err)
		}
	}
	for i := len(conns) - 1; i >= 0; i-- { // those before stall
		response, err := http.ReadResponse(bufio.NewReader(conns[i]), nil)
		if err != nil {
			t.Fatal(err)
		}
		body := make([]byte, shared.Size())
		if _, err := io.ReadFull(response.Body, body); err != nil || !bytes.HasSuffix(body, []byte("xend")) {
			t.Fatalf("%d read %d bytes: %v", i, len(body), err)
		}
	}
}
