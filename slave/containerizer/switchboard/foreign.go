package switchboard

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"os"
	"sync"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mediatype"
	"meseta/messages/pb/agentpb"
	"meseta/messages/recordio"
	"meseta/runtime"
)

// A terminal that a C++ agent has made is held by its mesos-io-switchboard, which speaks HTTP on a socket.

// ConnectHTTP returns the board of a container whose terminal is held by the I/O switchboard of a C++ agent with a socket at path.
// It gets the output from now on.
//
// Mesos: IOSwitchboard::connect.
func ConnectHTTP(path string, id ids.Container) (*Board, error) {
	f := &foreign{path: path, id: id, inputs: make(chan *input), ended: make(chan struct{})}
	said, err := f.output()
	if err != nil {
		return nil, fmt.Errorf("connect to the I/O switchboard of the container: %w", err)
	}
	b := &Board{
		tty: true, foreign: f, out: []output{{agentpb.ProcessIO_Data_STDOUT, said}},
		flowing: make(chan struct{}), closing: make(chan struct{}), over: runtime.NewPromise[struct{}](),
	}
	b.Flow()
	return b, nil
}

// foreign is the I/O switchboard of a C++ agent.
type foreign struct {
	path string
	id   ids.Container

	inputs chan *input   // that were begun, to be watched
	ended  chan struct{} // closed at the end of the output

	mu     sync.Mutex
	input  *input // of the client that gives input; nil if it has given none
	closed bool
}

// input is a request with the input of one client, which the switchboard answers at its end, or at that of the container.
type input struct {
	conn     *line
	body     io.WriteCloser
	answered chan struct{} // closed with the answer, or when there will be none
	err      error         // after that: why the rest of the input is lost
}

// request begins a request, whose body follows in chunks. Until the connection is freed, what waits on it waits for a while only.
func (f *foreign) request(path, header string) (*line, io.WriteCloser, error) {
	socket, err := connect(f.path)
	if err != nil {
		return nil, nil, err
	}
	conn := &line{os.NewFile(uintptr(socket), "switchboard"), socket}
	if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%sTransfer-Encoding: chunked\r\n\r\n", path, header); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, chunks{httputil.NewChunkedWriter(conn), conn}, nil
}

// line is a connection.
type line struct {
	*os.File
	socket int
}

// free lets reads and writes wait until the connection is closed.
func (l *line) free() error {
	again, err := unix.FcntlInt(uintptr(l.socket), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("fcntl", err)
	}
	if err := unix.SetNonblock(again, true); err != nil {
		unix.Close(again)
		return os.NewSyscallError("fcntl", err)
	}
	l.File.Close()
	l.File, l.socket = os.NewFile(uintptr(again), "switchboard"), again
	return nil
}

// chunks is the body of a request.
type chunks struct {
	io.WriteCloser
	conn io.Writer
}

// Close ends the body.
func (c chunks) Close() error {
	if err := c.WriteCloser.Close(); err != nil {
		return err
	}
	_, err := io.WriteString(c.conn, "\r\n") // after the last chunk, instead of trailers
	return err
}

// output asks for the output.
func (f *foreign) output() (io.ReadCloser, error) {
	conn, body, err := f.request("/", "Content-Type: application/x-protobuf\r\nAccept: application/recordio\r\nMessage-Accept: application/x-protobuf\r\n")
	if err != nil {
		return nil, err
	}
	call := &agentpb.Call{
		Type: agentpb.Call_ATTACH_CONTAINER_OUTPUT.Enum(), AttachContainerOutput: &agentpb.Call_AttachContainerOutput{ContainerId: f.id.Proto()},
	}
	if _, err = body.Write(mediatype.Protobuf.Marshal(call)); err == nil {
		err = body.Close()
	}
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(bufio.NewReader(conn), nil)
	}
	if err == nil && answer.StatusCode != http.StatusOK {
		err = errors.New(answer.Status)
	}
	if err == nil {
		err = conn.free()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &said{line: conn, records: recordio.NewReader(answer.Body, 0)}, nil
}

// said is the output of a container, of which records are read.
type said struct {
	*line
	records *recordio.Reader
	rest    []byte
}

// Read implements [io.Reader].
func (s *said) Read(b []byte) (int, error) {
	for len(s.rest) == 0 {
		record, err := s.records.Next()
		if err != nil {
			return 0, err
		}
		x := &agentpb.ProcessIO{}
		if err := proto.Unmarshal(record, x); err != nil {
			return 0, err
		}
		s.rest = x.GetData().GetData() // none in a heartbeat
	}
	n := copy(b, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// give passes on input. The first one of a client begins its request.
func (f *foreign) give(x *agentpb.ProcessIO) error {
	in, err := f.begun()
	if err != nil {
		return err
	}
	select {
	case <-in.answered:
		return in.err
	default:
	}
	return in.write(&agentpb.Call_AttachContainerInput{Type: agentpb.Call_AttachContainerInput_PROCESS_IO.Enum(), ProcessIo: x})
}

func (in *input) write(x *agentpb.Call_AttachContainerInput) error {
	call := &agentpb.Call{Type: agentpb.Call_ATTACH_CONTAINER_INPUT.Enum(), AttachContainerInput: x}
	_, err := in.body.Write(recordio.Append(nil, mediatype.Protobuf.Marshal(call)))
	return err
}

// begun returns the request of the client that gives input.
func (f *foreign) begun() (*input, error) {
	f.mu.Lock()
	in, closed := f.input, f.closed
	f.mu.Unlock()
	switch {
	case closed:
		return nil, os.ErrClosed
	case in != nil:
		return in, nil
	}
	conn, body, err := f.request("/", "Content-Type: application/recordio\r\nMessage-Content-Type: application/x-protobuf\r\nAccept: application/json\r\n")
	if err != nil {
		return nil, err
	}
	in = &input{conn: conn, body: body, answered: make(chan struct{})}
	err = in.write(&agentpb.Call_AttachContainerInput{Type: agentpb.Call_AttachContainerInput_CONTAINER_ID.Enum(), ContainerId: f.id.Proto()})
	if err == nil {
		err = conn.free()
	}
	if err != nil {
		conn.Close()
		return nil, err
	}
	select {
	case f.inputs <- in:
	case <-f.ended:
		conn.Close()
		return nil, os.ErrClosed
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.input = in; f.closed {
		conn.Close()
	}
	return in, nil
}

// release ends the request of the client that has given input, and waits until another one may begin.
func (f *foreign) release() {
	f.mu.Lock()
	in := f.input
	f.mu.Unlock()
	if in == nil {
		return
	}
	_ = in.body.Close() // if it fails so does the answer
	<-in.answered
	f.mu.Lock()
	f.input = nil
	f.mu.Unlock()
}

// attend waits for the answers of requests with input, until the output ends. The switchboard does not end before it is told that an
// answer has arrived.
//
// Mesos: Http::acknowledgeContainerInputResponse.
func (f *foreign) attend(ctx context.Context) error {
	for {
		select {
		case in := <-f.inputs:
			answer, err := http.ReadResponse(bufio.NewReader(in.conn), nil)
			if err == nil && answer.StatusCode != http.StatusOK {
				var why bytes.Buffer
				_, _ = io.CopyN(&why, answer.Body, 1<<10) // what there is of it
				err = fmt.Errorf("%s: %s", answer.Status, why.String())
			}
			if in.err = err; err == nil {
				in.err = os.ErrClosed
			}
			in.conn.Close()
			f.acknowledge()
			close(in.answered)
		case <-f.ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// acknowledge says that an answer has arrived. A switchboard that has ended meanwhile need not know.
func (f *foreign) acknowledge() {
	conn, body, err := f.request("/acknowledge_container_input_response", "")
	if err != nil {
		return
	}
	defer conn.Close()
	if body.Close() == nil {
		_, _ = http.ReadResponse(bufio.NewReader(conn), nil)
	}
}

// close ends what is under way.
func (f *foreign) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed = true; f.input != nil {
		f.input.conn.Close()
	}
}
