package libprocess_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// A connection is shared by all actors of a node. A request that is refused for what it says, and not for where it ends,
// costs that request alone: those behind it on the connection are served.
func TestARefusedRequestCostsNoOther(t *testing.T) {
	t.Parallel()
	const chunks = "Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n1;y=z\r\nx\r\n0\r\nT: u\r\n\r\n"
	message := func(path, from, rest string) string {
		return "POST " + path + " HTTP/1.1\r\nLibprocess-From: " + from + "\r\n" + rest
	}
	for _, c := range []struct {
		name, in string
		status   int
		why      string
	}{
		{"a sender that is none", message("/a/b", "x", "\r\n"), 400, `"x" is not id@ip:port`},
		{"a sender with a second @", message("/a/b", "a@b@127.0.0.1:1", chunks), 400, "is not id@ip:port"},
		{"a sender without a port", message("/a/b", "a@127.0.0.1", "Content-Length: 1\r\n\r\nx"), 400, "is not id@ip:port"},
		{"a sender with a zone", message("/a/b", "a@[fe80::1%x]:1", "\r\n"), 400, "is not id@ip:port"},
		{"an empty sender", message("/a/b", "", "\r\n"), 400, "is not id@ip:port"},
		{"a sender that is no text", message("/a/b", "\xff\xfe", "\r\n"), 400, "is not id@ip:port"},
		{"a long sender", message("/a/b", strings.Repeat("a", 60<<10), "\r\n"), 400, "is not id@ip:port"},
		{"two senders", message("/a/b", "a@127.0.0.1:1", "Libprocess-From: b@127.0.0.1:1\r\n"+chunks), 400, "two senders"},
		{"a broken escape", message("/a%zz/b", "a@127.0.0.1:1", chunks), 400, "escaped wrongly"},
		{"no name", message("/a", "a@127.0.0.1:1", "\r\n"), 400, "is not /<id>/<name>"},
		{"no id", message("//b", "a@127.0.0.1:1", "\r\n"), 400, "is not /<id>/<name>"},
		{"no path", message("a/b", "a@127.0.0.1:1", "\r\n"), 400, "is not /<id>/<name>"},
		{"another's address", message("/a/b", "a@10.0.0.1:1", "\r\n"), 400, "UPID IP address validation failed"},
		{"nobody's id", message("/nobody/b", "a@127.0.0.1:1", "\r\n"), 404, "404 Not Found."},
		{"a request for no path", "GET state HTTP/1.1\r\n\r\n", 400, "is not a path"},
		{"a request with a broken escape", "GET /%zz HTTP/1.1\r\nContent-Length: 1\r\n\r\nx", 400, "is not a path"},
		{"records for no path", "POST state HTTP/1.1\r\nContent-Type: application/recordio\r\n" + chunks, 400, "is not a path"},
		{"a request by two", "POST /a HTTP/1.1\r\nContent-Type: application/recordio\r\nLibprocess-From: a@127.0.0.1:1\r\nLibprocess-From: b@127.0.0.1:1\r\n" + chunks, 400, "two senders"},
		{"an unknown encoding", message("/a/b", "a@127.0.0.1:1", "Content-Encoding: br\r\n"+chunks), 415, `"br" is not gzip`},
		{"not compressed", message("/a/b", "a@127.0.0.1:1", "Content-Encoding: gzip\r\n"+chunks), 400, "is not compressed with gzip"},
		{"a bomb", fmt.Sprintf("POST /a HTTP/1.1\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s", len(bomb), bomb), 413, "more than 1000 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ear, log := newEar(), &journal{}
			ear.unknown = "nobody"
			ear.serve = func(*web.Request) runtime.Future[*web.Response] { return ready(web.OK()) }
			w := listen(t, ear, logTo(log), func(o *libprocess.Options) { o.MaxBody, o.RequirePeerIPMatch = 1000, true })
			// Before an answer is written beside the reading, and after.
			for _, before := range []string{"", "GET / HTTP/1.1\r\n\r\n"} {
				got := exchange(t, w.Addr(), before+c.in+c.in+message("/a/b", "a@127.0.0.1:1", "Connection: close\r\n\r\n"))
				status := fmt.Sprintf("HTTP/1.1 %d %s\r\n", c.status, http.StatusText(c.status))
				if strings.Count(got, status) != 2 || strings.Count(got, c.why) != 2 || !strings.Contains(got, "HTTP/1.1 202 Accepted\r\n") {
					t.Errorf("after %q answered %q; want %d twice and 202", before, got, c.status)
				}
				take(t, ear.messages)
			}
			if lines := len(log.warnings()); len(ear.messages) != 0 || lines > 2 {
				t.Errorf("%d messages too many, %d lines logged by 2 connections", len(ear.messages), lines)
			}
		})
	}
}

var bomb = zipped(strings.Repeat("x", 100_000))

// A link between two nodes outlives what a third party, or a confused actor, says on it.
func TestABadRequestBreaksNoLink(t *testing.T) {
	t.Parallel()
	ear := newEar()
	w := listen(t, ear)
	conn := dial(t, w.Addr())
	for range 100 {
		io.WriteString(conn, "POST /a/b HTTP/1.1\r\nLibprocess-From: a@b@127.0.0.1:1\r\n\r\nPOST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\n\r\n")
		take(t, ear.messages)
	}
}
