package libprocess

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"meseta/runtime"
	"meseta/runtime/internal/traceparent"
	"meseta/runtime/web"
)

const maxHead, maxBody = 512, 256

// requests are seeds: whole requests, good and bad.
func requests() []string {
	seeds := []string{
		"POST /master/mesos.internal.PongSlaveMessage HTTP/1.1\r\nUser-Agent: libprocess/slave(1)@127.0.0.1:5051\r\nLibprocess-From: slave(1)@127.0.0.1:5051\r\nConnection: Keep-Alive\r\nHost: 127.0.0.1:5050\r\n\r\n",
		"POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nTraceparent: 00-000000000000abcd00000000000000ff-00000000000000ff-01\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: u\r\n\r\n",
		"POST /a%2fb/c HTTP/1.1\r\nLibprocess-From: @0.0.0.0:0\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
		"GET /state?jsonp=f HTTP/1.0\r\nAccept-Encoding: gzip;q=0, *\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"\r\n\r\nGET / HTTP/1.1\nA:b\n\n",
	}
	return append(seeds, recordedHeads()...)
}

// recordedHeads are the requests of the recorded conversation, where it lies beside the module; none elsewhere.
func recordedHeads() []string {
	file, err := os.ReadFile(golden("wire-timeline.txt"))
	if err != nil {
		return nil
	}
	var heads []string
	for _, m := range regexp.MustCompile(`(?m)^POST \S+ HTTP/1.1\n(?:[A-Za-z-]+: .*\n)+`).FindAllString(string(file), -1) {
		heads = append(heads, strings.ReplaceAll(m, "\n", "\r\n")+"\r\n")
	}
	return heads
}

// recordedBodies are the messages of the recorded conversation, encoded.
func recordedBodies() [][]byte {
	names, _ := filepath.Glob(golden("wire-messages/*.bin"))
	var bodies [][]byte
	for _, name := range names {
		if body, err := os.ReadFile(name); err == nil {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

func golden(name string) string {
	dir := os.Getenv("MESETA_SHARED")
	if dir == "" {
		dir = "../../../shared" // beside the module
	}
	return filepath.Join(dir, "golden", name)
}

// mustBeOrderly fails if a parser ended in a way that run does not expect.
func mustBeOrderly(t *testing.T, err error) {
	t.Helper()
	var malformed *badRequest
	if errors.As(err, &malformed) {
		if malformed.status < 400 || malformed.why == "" {
			t.Fatalf("refused with %+v", malformed)
		}
	} else if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		t.Fatalf("ended with %v", err)
	}
}

// FuzzRequest feeds foreign bytes to the parser: it may refuse, but it neither panics nor takes more than its limits.
func FuzzRequest(f *testing.F) {
	for _, seed := range requests() {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), 16)
		var h head
		var body []byte
		for {
			err := h.readHead(r, maxHead)
			if err == nil {
				body, err = readBody(r, &h, body[:0], maxBody, nil)
			}
			if len(h.raw) > maxHead || len(body) > maxBody {
				t.Fatalf("kept %d bytes of head, %d of body", len(h.raw), len(body))
			}
			if mustBeOrderly(t, err); err != nil {
				return
			}
			h.header()
		}
	})
}

// FuzzChunks compares the reader of chunked bodies with what was written.
func FuzzChunks(f *testing.F) {
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\n"), uint8(1))
	f.Add([]byte("3;a=b\r\nabc\r\n00\r\nT: t\r\n\r\n"), uint8(2))
	f.Add([]byte("7fffffffffffffff\r\n"), uint8(3))
	for _, body := range recordedBodies() {
		f.Add(body, uint8(7))
	}
	f.Fuzz(func(t *testing.T, data []byte, step uint8) {
		got, err := readChunks(bufio.NewReaderSize(bytes.NewReader(data), 16), nil, maxBody, nil) // foreign
		if len(got) > maxBody {
			t.Fatalf("kept %d bytes", len(got))
		}
		mustBeOrderly(t, err)

		var chunks bytes.Buffer // and well-formed
		c := &inbound{w: bufio.NewWriterSize(&chunks, 16)}
		for rest := data; len(rest) > 0; {
			n := min(len(rest), int(step)+1)
			if err := c.chunk(rest[:n], false); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		c.w.WriteString("0\r\n\r\n")
		c.w.Flush()
		if got, err := readChunks(bufio.NewReader(&chunks), nil, len(data), nil); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("%q came back as %q, %v", data, got, err)
		}
	})
}

// FuzzMessage sends a message from anybody to anybody through our own encoder and reader.
func FuzzMessage(f *testing.F) {
	for _, body := range recordedBodies() {
		f.Add("slave(1)", "master", "mesos.internal.RegisterSlaveMessage", uint64(1)<<40, body)
	}
	f.Add("a", "\r\n/?#%", "n", uint64(0), []byte{})
	f.Add("a\r\nb", "", "a b", uint64(1), []byte(nil))
	f.Fuzz(func(t *testing.T, from, to, name string, cause uint64, body []byte) {
		e := runtime.Envelope{
			From: runtime.PID{ID: from, Addr: "127.0.0.1:1"}, To: runtime.PID{ID: to, Addr: "127.0.0.1:2"}, Name: name,
			Body: body, Cause: runtime.EventID{Node: ^cause, Seq: cause},
		}
		var q queue
		if q.add(e, 1<<20, func(int) bool { return false }) != nil || to == "" {
			return // it can not be said
		}
		h := head{}
		r := bufio.NewReader(bytes.NewReader(q.next()))
		if err := h.readHead(r, 1<<20); err != nil {
			t.Fatal(err)
		}
		got, err := readBody(r, &h, nil, 1<<20, nil)
		if err != nil {
			t.Fatal(err)
		}
		target, err := parseTarget(string(h.target))
		if err != nil || target.id != to || target.name != name || !bytes.Equal(got, body) || traceparent.Cause(h.cause) != e.Cause {
			t.Fatalf("%+v came as %+v %q, %v", e, target, got, err)
		}
		lost := 0
		q.each(0, func(runtime.Envelope) { lost++ })
		if lost != 1 {
			t.Fatalf("%d messages are lost with it", lost)
		}
	})
}

// FuzzAgain compares what is delivered from the buffer with what is read line by line.
func FuzzAgain(f *testing.F) {
	const head = "POST /a/b HTTP/1.1\r\nLibprocess-From: a@127.0.0.1:1\r\nTraceparent: 00-000000000000abcd00000000000000ff-00000000000000ff-01\r\nTransfer-Encoding: chunked\r\n\r\n"
	f.Add([]byte("3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("3\r\nabc\r\n1;x\r\nd\r\n0\r\nT: u\r\n\r\n"))
	f.Add([]byte("00000003\r\nabc\r\n0\r\n\r\n" + head + "1\r\nx\r\n0\r\n\r\n"))
	f.Add([]byte("fffffff\r\n"))
	f.Add([]byte("1\r\nx\r\n0\r\n\r\n" + strings.Replace(head, "000000ff", "ff000000", 1) + "1\r\nx\r\n0\r\n\r\n"))
	f.Add([]byte("1\r\nx\r\n0\r\n\r\n" + strings.Replace(head, "00000000000000ff", "0\r\nCont-Length:1", 1) + "1\r\nx\r\n0\r\n\r\n"))
	w := &Wire{options: Options{MaxHead: maxHead, MaxBody: maxBody}.withDefaults()}
	// heard is what a connection delivers, with or without a memory.
	heard := func(data []byte, forgetful bool) (bodies []string) {
		client, server := net.Pipe()
		defer client.Close()
		c := newInbound(w, server)
		c.wire = &Wire{options: w.options, http: nothingThere, receiver: listener(func(e runtime.Envelope) {
			bodies = append(bodies, fmt.Sprint(e.From, e.To, e.Name, e.Cause, e.Body))
			if forgetful {
				c.familiar = familiar{}
			}
		})}
		go func() {
			client.Write(data) //nolint:errcheck // it may be refused amid
			client.Close()
		}()
		go io.Copy(io.Discard, client) //nolint:errcheck // the answers matter to nobody
		c.run()
		return bodies
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append([]byte(head+"1\r\nx\r\n0\r\n\r\n"+head), data...)
		if quick, slow := heard(data, false), heard(data, true); !slices.Equal(quick, slow) {
			t.Fatalf("heard %q from the buffer, %q otherwise", quick, slow)
		}
	})
}

// listener takes every message.
type listener func(runtime.Envelope)

func (l listener) Deliver(e runtime.Envelope) bool { l(e); return true }
func (listener) Exited(string, runtime.Connection) {}
func (listener) Dropped(runtime.Envelope, string)  {}
func (listener) Refused(runtime.Envelope, error)   {}

func nothingThere(*web.Request) runtime.Future[*web.Response] { return runtime.Ready(web.NotFound()) }

// FuzzConnection lets foreign bytes into a wire that serves: whatever they are, it goes on.
func FuzzConnection(f *testing.F) {
	for _, seed := range requests() {
		f.Add([]byte(seed))
		f.Add([]byte(seed + seed))
	}
	w, err := Listen(Options{MaxHead: maxHead, MaxBody: maxBody, MaxPending: 2, RequestTimeout: time.Second})
	if err != nil {
		f.Fatal(err)
	}
	w.receiver, w.http = polite{}, tellPath
	f.Cleanup(func() { w.listener.Close() })
	f.Fuzz(func(t *testing.T, data []byte) {
		client, server := net.Pipe()
		c := newInbound(w, server)
		done := make(chan struct{})
		go func() {
			c.run()
			close(done)
		}()
		go io.Copy(io.Discard, client) //nolint:errcheck // the answers matter to nobody
		client.Write(data)             //nolint:errcheck // it may be refused amid
		client.Close()
		<-done
	})
}

// FuzzNames sends messages with any sender, id and name to a connection. Whatever they are, the message behind them is
// delivered, since it is known where they end, and what the connection remembers of them is bounded.
func FuzzNames(f *testing.F) {
	for _, name := range []string{"deadletter", "eventstream", "nobody", "", "a@b", "a/b", "a%2fb", "%zz", "\xff\xfe", strings.Repeat("x", 300)} {
		f.Add(name+"@127.0.0.1:1", name, "google.protobuf.StringValue", []byte("\n\x01x"), uint8(2))
		f.Add("victim@127.0.0.1:0", "victim", name, []byte{}, uint8(0))
	}
	w := &Wire{options: Options{MaxHead: maxHead, MaxBody: maxBody}.withDefaults()}
	f.Fuzz(func(t *testing.T, from, id, name string, body []byte, step uint8) {
		message := fmt.Sprintf("POST /%s/%s HTTP/1.1\r\nLibprocess-From: %s\r\n", id, name, from)
		if strings.ContainsAny(from+id+name, "\r\n\x00") || strings.Contains(id+name, " ") || len(message) > maxHead-50 || len(body) > maxBody {
			return // it says something else
		}
		heard := 0
		client, server := net.Pipe()
		c := newInbound(w, server)
		c.wire = &Wire{options: w.options, http: nothingThere, receiver: listener(func(e runtime.Envelope) {
			if e.To.ID == "probe" && e.From.ID == "prober" {
				heard++
			}
		})}
		go func() {
			for range 2 { // the second may be taken from memory
				fmt.Fprintf(client, "%s%sPOST /probe/n HTTP/1.1\r\nLibprocess-From: prober@127.0.0.1:1\r\n\r\n", message, framed(body, int(step)))
			}
			client.Close()
		}()
		go io.Copy(io.Discard, client) //nolint:errcheck // the answers matter to nobody
		c.run()
		if heard != 2 && id != "probe" {
			t.Fatalf("behind %q, %d of 2 messages came", message, heard)
		}
		for known := range c.pids.known {
			if len(known) > longestInterned {
				t.Fatalf("%d bytes of a name are kept", len(known))
			}
		}
	})
}

// framed is the end of a head, and a body: chunks of that many bytes, or as a whole.
func framed(body []byte, step int) string {
	if step == 0 {
		return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
	}
	text := "Transfer-Encoding: chunked\r\n\r\n"
	for chunk := range slices.Chunk(body, step) {
		text += fmt.Sprintf("%x\r\n%s\r\n", len(chunk), chunk)
	}
	return text + "0\r\n\r\n"
}

// polite answers everything.
type polite struct{}

func (polite) Deliver(e runtime.Envelope) bool   { return e.To.ID != "nobody" }
func (polite) Exited(string, runtime.Connection) {}
func (polite) Dropped(runtime.Envelope, string)  {}
func (polite) Refused(runtime.Envelope, error)   {}

func tellPath(r *web.Request) runtime.Future[*web.Response] {
	return runtime.Ready(web.JSON(r, r.URL.Path))
}
