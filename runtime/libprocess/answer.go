package libprocess

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"meseta/runtime"
	"meseta/runtime/internal/loan"
	"meseta/runtime/internal/sockets"
	"meseta/runtime/web"
)

// answer is one response, at hand or to come. Answers leave in the order they were given.
type answer struct {
	raw      []byte // written as it is; or
	response *web.Response
	future   runtime.Future[*web.Response]

	last     bool    // the connection ends after it
	close    bool    // and says so
	bodyless bool    // it answers a HEAD
	gzip     bool    // the body may be compressed
	old      bool    // to an HTTP/1.0 client, which knows no chunks
	body     *upload // of the request, if it is still arriving; when this is written, nobody reads on
}

// Common answers. They are shared: nobody changes a response.
var (
	accepted = &web.Response{Status: http.StatusAccepted}
	notFound = &web.Response{
		Status: http.StatusNotFound,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:   []byte("404 Not Found."),
	}
)

func refusal(e *badRequest) *web.Response {
	return &web.Response{
		Status: e.status,
		Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
		Body:   []byte(e.why + "\n"),
	}
}

// errHungUp ends the writing when a response asks for it.
var errHungUp = errors.New("the connection ends after this answer")

// answer gives an answer: it is written at once, or by the writer once there is one.
func (c *inbound) answer(a answer) error {
	if c.answers != nil {
		c.enqueue(a)
		return nil
	}
	if a.response == accepted {
		c.accepted++
		return nil
	}
	if err := c.acceptAll(); err != nil {
		return err
	}
	return c.write(a)
}

// acceptAll writes the answers to messages, as many at once as a block holds.
func (c *inbound) acceptAll() error {
	if c.accepted == 0 {
		return nil
	}
	var line [128]byte
	text := append(appendStatus(line[:0], http.StatusAccepted), "Content-Length: 0\r\n\r\n"...)
	block := blocks.Get().(*[blockSize]byte)
	defer blocks.Put(block)
	all := block[:0]
	for ; c.accepted > 0; c.accepted-- {
		if len(all)+len(text) > len(block) {
			if _, err := c.w.Write(all); err != nil {
				return err
			}
			all = all[:0]
		}
		all = append(all, text...)
	}
	_, err := c.w.Write(all)
	return err
}

// flush says what there is to say.
func (c *inbound) flush() error {
	if err := c.acceptAll(); err != nil {
		return err
	}
	return c.w.Flush()
}

// startAnswering begins to write answers beside the reading.
func (c *inbound) startAnswering() error {
	if err := c.acceptAll(); err != nil {
		return err
	}
	c.answers = make(chan answer, c.wire.options.MaxPending)
	c.written = make(chan struct{})
	go func() {
		defer close(c.written)
		defer c.conn.SetReadDeadline(time.Unix(1, 0)) //nolint:errcheck // nobody need listen any more
		failed := false
		for a := range c.answers {
			err := errHungUp
			if !failed {
				err = c.settle(a)
			}
			if err != nil {
				failed = true // what is still asked is asked for nobody
				abandon(a)
			}
			if a.body != nil {
				a.body.letGo()
			}
			if err != nil && !errors.Is(err, errHungUp) {
				c.close()
			}
		}
	}()
	return nil
}

// abandon tells the actor that nobody reads its answer.
func abandon(a answer) {
	if a.raw != nil || a.response != nil {
		return
	}
	a.future.OnAny(func(r *web.Response, _ error) {
		if r != nil && r.Stream != nil {
			r.Stream.Pipe().Abandon()
		}
	})
	a.future.Discard()
}

// settle waits for the answer and writes it.
func (c *inbound) settle(a answer) error {
	if a.raw == nil && a.response == nil {
		if a.response = c.await(a.future); a.response == nil {
			return errHungUp
		}
	}
	if err := c.write(a); err != nil {
		return err
	}
	if len(c.answers) == 0 || a.raw != nil {
		if err := c.w.Flush(); err != nil {
			return err
		}
	}
	if a.last && a.response != nil {
		return errors.Join(c.w.Flush(), errHungUp)
	}
	return nil
}

// await returns the answer; nil if the connection is closed before it comes.
func (c *inbound) await(f runtime.Future[*web.Response]) *web.Response {
	type result struct {
		response *web.Response
		err      error
	}
	done := make(chan result, 1)
	f.OnAny(func(r *web.Response, err error) { done <- result{r, err} })
	over, given := c.over, (<-chan time.Time)(nil)
	for {
		select {
		case r := <-done:
			return c.respond(r.response, r.err)
		case <-over:
			over, given = nil, time.After(time.Until(c.overAt.Add(lastAnswers)))
		case <-given:
			given = nil
			f.Discard() // and then it fails, or comes for nobody
		case <-c.closed:
			return nil
		}
	}
}

// lastAnswers is how long a client that ended its side of the connection is taken to wait for its answers: most have gone.
//
// Differs: libprocess takes all of them for gone.
const lastAnswers = time.Second

// enqueue gives an answer to the writer. While that has enough, nothing more is read of the client, but that it goes is
// noticed.
func (c *inbound) enqueue(a answer) {
	select {
	case c.answers <- a:
		return
	default:
	}
	look := time.NewTicker(lastAnswers / 4)
	defer look.Stop()
	for {
		select {
		case c.answers <- a:
			return
		case <-look.C:
			if sockets.EndsItsSide(c.conn) {
				c.endHearing()
			}
		}
	}
}

// endHearing notes that the client says no more.
func (c *inbound) endHearing() {
	c.ending.Do(func() {
		c.overAt = time.Now()
		close(c.over)
	})
}

func (c *inbound) respond(r *web.Response, err error) *web.Response {
	switch {
	case errors.Is(err, runtime.ErrTerminated):
		return c.wire.absent()
	case err != nil:
		return &web.Response{
			Status: http.StatusInternalServerError,
			Header: http.Header{"Content-Type": {"text/plain; charset=utf-8"}},
			Body:   []byte(err.Error() + "\n"),
		}
	case r == nil:
		return notFound
	}
	return r
}

// absent answers a request whose actor has terminated.
func (w *Wire) absent() *web.Response {
	if n, ok := w.receiver.(*runtime.Node); ok {
		return web.Absent(n)
	}
	return notFound
}

// write writes a to the buffer, or, if it streams, all of it as it comes.
func (c *inbound) write(a answer) error {
	if a.raw != nil {
		_, err := c.w.Write(a.raw)
		return err
	}
	r := a.response
	if r.Stream != nil {
		if !a.bodyless {
			return c.stream(a)
		}
		r.Stream.Pipe().Abandon()
	}
	if r.Content != nil {
		if a.bodyless {
			return c.measure(a)
		}
		return c.content(a)
	}
	body, header := r.Body, r.Header
	if zipped := compressed(a, r); zipped != nil {
		body = zipped
		header = header.Clone()
		header.Set("Content-Encoding", "gzip")
	}
	line := c.begin(r.Status, header, a)
	line = append(line, "Content-Length: "...)
	line = strconv.AppendInt(line, int64(len(body)), 10)
	line = append(line, "\r\n\r\n"...)
	if _, err := c.w.Write(line); err != nil || a.bodyless {
		return err
	}
	_, err := c.w.Write(body)
	return err
}

// begin writes the status line and the headers, with libprocess's Date first.
func (c *inbound) begin(status int, header http.Header, a answer) []byte {
	line := appendStatus(c.w.AvailableBuffer(), status)
	if len(header) > 0 {
		names := make([]string, 0, len(header))
		for name := range header {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			for _, value := range header[name] {
				line = appendField(line, name, value)
			}
		}
	}
	if a.close && header.Get("Connection") == "" {
		line = appendField(line, "Connection", "close")
	}
	return line
}

func appendStatus(line []byte, status int) []byte {
	line = append(line, "HTTP/1.1 "...)
	line = strconv.AppendInt(line, int64(status), 10)
	line = append(line, ' ')
	line = append(line, http.StatusText(status)...)
	line = append(line, "\r\nDate: "...)
	line = append(line, date()...)
	return append(line, "\r\n"...)
}

// appendField keeps a value from ending its line.
func appendField(line []byte, name, value string) []byte {
	line = append(line, name...)
	line = append(line, ": "...)
	for i := range len(value) {
		if b := value[i]; b != '\r' && b != '\n' {
			line = append(line, b)
		}
	}
	return append(line, "\r\n"...)
}

// worthZipping is the smallest body that is compressed. Mesos: GZIP_MINIMUM_BODY_LENGTH.
const worthZipping = 1024

func compressed(a answer, r *web.Response) []byte {
	if !a.gzip || len(r.Body) < worthZipping || r.Header.Get("Content-Encoding") != "" {
		return nil
	}
	var b bytes.Buffer
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(&b)
	z.Write(r.Body) //nolint:errcheck // into memory
	z.Close()       //nolint:errcheck // as above
	return b.Bytes()
}

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is valid
	return z
}}

// stream writes chunks as the actor writes them, each Write as one, until either side ends.
func (c *inbound) stream(a answer) error {
	s := a.response.Stream.Pipe()
	writer := loan.NewLine(c.wire.reserve, c.wire.options.Patience)
	writer.Attach(c.conn)
	if err := c.w.Flush(); err != nil {
		s.Abandon()
		return err
	}
	c.w.Reset(writer)
	s.Attach(c.close)
	s.BorrowFrom(writer)
	defer s.Abandon()
	line := c.begin(a.response.Status, a.response.Header, a)
	if !a.old {
		line = append(line, "Transfer-Encoding: chunked\r\n"...)
	}
	if _, err := c.w.Write(append(line, "\r\n"...)); err != nil {
		return err
	}
	for over := c.over; ; {
		pieces, done := s.TakePieces()
		for _, p := range pieces {
			if err := c.piece(p, a.old); err != nil {
				return err
			}
		}
		if done {
			if !a.old {
				c.w.WriteString("0\r\n\r\n") //nolint:errcheck // Flush tells
			}
			return c.w.Flush()
		}
		if err := c.w.Flush(); err != nil {
			return err
		}
		select {
		case <-s.Ready():
		case <-c.closed:
			return errHungUp
		case <-over:
			if over = nil; s.Watched() {
				return errHungUp
			}
		}
	}
}

func (c *inbound) chunk(data []byte, old bool) error {
	if len(data) == 0 {
		return nil
	}
	if old {
		_, err := c.w.Write(data)
		return err
	}
	line := strconv.AppendInt(c.w.AvailableBuffer(), int64(len(data)), 16)
	c.w.Write(append(line, "\r\n"...)) //nolint:errcheck // the last write tells
	c.w.Write(data)                    //nolint:errcheck // as above
	_, err := c.w.WriteString("\r\n")
	return err
}

// lingering is how long a refused client is read on.
const lingering = 500 * time.Millisecond

func deadline(d time.Duration) time.Time { return time.Now().Add(d) }

// today is the Date header of this second.
var today atomic.Pointer[dated]

type dated struct {
	second int64
	text   string
}

func date() string {
	now := time.Now()
	if d := today.Load(); d != nil && d.second == now.Unix() {
		return d.text
	}
	d := &dated{now.Unix(), now.UTC().Format(http.TimeFormat)}
	today.Store(d)
	return d.text
}
