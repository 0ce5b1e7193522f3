package libprocess_test

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

const (
	hurry    = 20 * time.Millisecond
	records  = "POST /diary/open HTTP/1.1\r\nContent-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n"
	together = "POST /diary/shut HTTP/1.1\r\nContent-Type: application/recordio\r\nTransfer-Encoding: chunked\r\n\r\n"
)

// diary is an actor that reads records as they come.
type diary struct {
	runtime.Actor
	lines chan string
	full  bool // to refuse what comes
}

func (d *diary) Initialize() {
	web.RouteArriving(d, "", "/open", web.Help{}, d.open)
	web.Route(d, "/shut", web.Help{}, d.shut)
}

func (d *diary) open(req *web.Request) runtime.Future[*web.Response] {
	if d.full {
		return runtime.Ready(web.BadRequest("full"))
	}
	return runtime.Go(d, func(context.Context) (*web.Response, error) {
		r := bufio.NewReader(req.Body)
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				d.lines <- err.Error()
				return web.OK(), nil
			}
			d.lines <- strings.TrimSpace(line)
		}
	})
}

func (d *diary) shut(req *web.Request) runtime.Future[*web.Response] {
	whole, err := io.ReadAll(req.Body)
	if err != nil {
		return runtime.Failed[*web.Response](err)
	}
	return runtime.Ready(web.Text(200, string(whole)))
}

func newDiary(t *testing.T, d *diary) (addr string) {
	t.Helper()
	wire, err := libprocess.Listen(libprocess.Options{Log: zerolog.Nop(), RequestTimeout: hurry, MaxBody: 100})
	if err != nil {
		t.Fatal(err)
	}
	n, err := runtime.NewNode(runtime.Options{Wire: wire})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := n.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	d.lines = make(chan string, 10)
	if _, err := runtime.Spawn(n, "diary", d); err != nil {
		t.Fatal(err)
	}
	return n.Addr()
}

// Records reach the actor one by one, at any pace, and the connection goes on after the last.
func TestRecordsArriveOneByOne(t *testing.T) {
	t.Parallel()
	d := &diary{}
	conn := dial(t, newDiary(t, d))
	io.WriteString(conn, records)
	for _, piece := range []string{"4\r\none\n\r\n", "8;x=y\r\ntwo\nthre\r\n"} {
		io.WriteString(conn, piece)
		conn.SetReadDeadline(time.Now().Add(2 * hurry))
		if _, err := io.Copy(io.Discard, conn); err == nil {
			t.Fatal("the connection was closed")
		}
	}
	conn.SetReadDeadline(time.Now().Add(patience))
	for _, want := range []string{"one", "two"} {
		if got := take(t, d.lines); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	io.WriteString(conn, "2\r\ne\n\r\n0\r\n\r\nGET /diary/shut HTTP/1.1\r\nConnection: close\r\n\r\n")
	for _, want := range []string{"three", "EOF"} {
		if got := take(t, d.lines); got != want {
			t.Errorf("read %q, want %q", got, want)
		}
	}
	if all, err := io.ReadAll(conn); err != nil || strings.Count(string(all), "HTTP/1.1 200 OK") != 2 {
		t.Errorf("answered %q (%v)", all, err)
	}
}

// A route that did not ask for it gets bodies whole, within the limit.
func TestOtherRoutesGetAllRecordsAtOnce(t *testing.T) {
	t.Parallel()
	addr := newDiary(t, &diary{})
	for body, want := range map[string]string{
		"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n":                             "HTTP/1.1 200 OK",
		"64\r\n" + strings.Repeat("x", 100) + "\r\n1\r\ny\r\n0\r\n\r\n": "HTTP/1.1 413 Request Entity Too Large",
	} {
		conn := dial(t, addr)
		io.WriteString(conn, strings.Replace(together, "\r\n", "\r\nConnection: close\r\n", 1)+body)
		all, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(all), want) || want == "HTTP/1.1 200 OK" && !strings.HasSuffix(string(all), "onetwo") {
			t.Errorf("%.20q was answered %q (%v)", body, all, err)
		}
	}
}

// A refused body is dropped, up to its end; one that breaks off, or off the rules, ends its reader.
func TestRecordsThatEndEarly(t *testing.T) {
	t.Parallel()
	t.Run("refused", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, newDiary(t, &diary{full: true}))
		io.WriteString(conn, records+"4\r\none\n\r\n")
		got := make([]byte, len("HTTP/1.1 400 Bad Request"))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != "HTTP/1.1 400 Bad Request" {
			t.Fatalf("answered %q (%v)", got, err)
		}
		io.WriteString(conn, "4\r\ntwo\n\r\n0\r\n\r\nGET /diary/shut HTTP/1.1\r\nConnection: close\r\n\r\n")
		if all, err := io.ReadAll(conn); err != nil || !strings.Contains(string(all), "HTTP/1.1 200 OK") {
			t.Errorf("answered %q (%v)", all, err)
		}
	})
	for name, end := range map[string]string{"breaks off": "", "off the rules": "x\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &diary{}
			conn := dial(t, newDiary(t, d))
			io.WriteString(conn, records+"4\r\none\n\r\n"+end)
			if got := take(t, d.lines); got != "one" {
				t.Errorf("read %q", got)
			}
			if end == "" {
				conn.Close()
			}
			if got := take(t, d.lines); got == "EOF" {
				t.Error("the body looks complete")
			}
		})
	}
}
