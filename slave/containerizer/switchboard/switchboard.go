// Package switchboard connects the process of a container with clients that attach to it. All clients get its output,
// and one of them at a time gives it input. The output also goes to files of its sandbox.
//
// Containerizers make a [Board] for a container that clients may attach to, and run its copies. The agent's API brings
// clients and input. The methods of a Board may be called from any goroutine.
//
// A container whose output ends with the agent is at the other end of files that the agent has, see [Open]. The terminal of one
// that outlives the agent is held by a process of its own, to which the agent connects, and the next one, see [Connect]; or by that of
// a C++ agent, see [ConnectHTTP].
package switchboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/creack/pty"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/web"
)

// ErrNoTerminal is the error of a change of the size of a terminal that does not exist.
var ErrNoTerminal = errors.New("the container has no terminal")

// Options configures a [Board].
type Options struct {
	TTY  *mesospb.TTYInfo // describes the terminal; nil means pipes
	Wait bool             // do not read from the process before the first client listens or Flow is called, and not far ahead of clients
	User int              // owner of the terminal; 0 does not change it
}

// Board is the agent's end of the standard input and output of a process.
type Board struct {
	tty  bool
	own  bool   // a slow client may delay the process
	path string // of the socket of the process that holds the terminal; "" if the agent does
	in   *os.File

	foreign *foreign // holds the terminal, and takes the input instead of in; nil unless a C++ agent has made it

	out []output

	flowing chan struct{} // closed when reading from the process may begin
	flow    sync.Once
	closing chan struct{} // closed with the board
	over    runtime.Promise[struct{}]

	mu        sync.Mutex
	listeners []listener
	taken     bool // a client has the right to give input
	closed    bool
}

// output is one of the outputs of a process.
type output struct {
	kind agentpb.ProcessIO_Data_Type
	from io.ReadCloser
}

// listener is a client that gets the output of the process.
type listener struct {
	stream *web.Stream
	encode func(*agentpb.ProcessIO) []byte
}

// Open returns a board and the process's standard input, output and error. The caller closes these when the process has
// started.
func Open(o Options) (b *Board, process []*os.File, err error) {
	b = &Board{tty: o.TTY != nil, own: o.Wait, flowing: make(chan struct{}), closing: make(chan struct{}), over: runtime.NewPromise[struct{}]()}
	if b.tty {
		process, err = b.openTerminal(o)
	} else {
		process, err = b.openPipes()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("connect the container: %w", err)
	}
	if !o.Wait {
		b.Flow()
	}
	return b, process, nil
}

func (b *Board) openTerminal(o Options) ([]*os.File, error) {
	ours, theirs, err := Terminal(o)
	if err != nil {
		return nil, err
	}
	b.in, b.out = ours, []output{{agentpb.ProcessIO_Data_STDOUT, ours}}
	return []*os.File{theirs, theirs, theirs}, nil
}

// Terminal makes a terminal, and returns the agent's and the process's end of it.
func Terminal(o Options) (ours, theirs *os.File, err error) {
	ours, theirs, err = pty.Open()
	if err != nil {
		return nil, nil, err
	}
	if size := o.TTY.GetWindowSize(); size != nil {
		err = pty.Setsize(ours, winsize(size))
	}
	if err == nil && o.User != 0 {
		err = theirs.Chown(o.User, -1)
	}
	if err != nil {
		ours.Close()
		theirs.Close()
		return nil, nil, err
	}
	return ours, theirs, nil
}

func (b *Board) openPipes() ([]*os.File, error) {
	var pipes [3][2]*os.File
	for i := range pipes {
		r, w, err := os.Pipe()
		if err != nil {
			for _, p := range pipes[:i] {
				p[0].Close()
				p[1].Close()
			}
			return nil, err
		}
		pipes[i] = [2]*os.File{r, w}
	}
	b.in = pipes[0][1]
	b.out = []output{{agentpb.ProcessIO_Data_STDOUT, pipes[1][0]}, {agentpb.ProcessIO_Data_STDERR, pipes[2][0]}}
	return []*os.File{pipes[0][0], pipes[1][1], pipes[2][1]}, nil
}

// Copies returns functions that the caller has to run concurrently, each to its end. They pass the output of the
// process to the clients and the logs, which they close at the end. The logs are nil if another process writes them. When the
// process has ended as well, the caller closes the board.
func (b *Board) Copies(stdout, stderr *os.File) []func(context.Context) error {
	copies := []func(context.Context) error{func(ctx context.Context) error { return b.copy(ctx, b.out[0], stdout) }}
	switch {
	case b.foreign != nil:
		return append(copies, b.foreign.attend)
	case b.tty:
		stderr.Close()
		return copies
	}
	return append(copies, func(ctx context.Context) error { return b.copy(ctx, b.out[1], stderr) })
}

func (b *Board) copy(ctx context.Context, o output, log *os.File) error {
	defer log.Close()
	if b.foreign != nil {
		defer close(b.foreign.ended)
	}
	select {
	case <-b.flowing:
	case <-ctx.Done():
		return ctx.Err()
	}
	buffer := make([]byte, 32<<10)
	for {
		n, err := o.from.Read(buffer)
		if n > 0 {
			b.say(&agentpb.ProcessIO{
				Type: agentpb.ProcessIO_DATA.Enum(),
				Data: &agentpb.ProcessIO_Data{Type: o.kind.Enum(), Data: slices.Clone(buffer[:n])},
			})
			b.keepPace(ctx)
			if log != nil {
				if _, err := log.Write(buffer[:n]); err != nil {
					return fmt.Errorf("log what the container says: %w", err)
				}
			}
		}
		if err != nil && !b.connectAgain(&o) {
			return nil // the end, which a terminal reports as an error
		}
	}
}

// say sends output to all clients, and forgets those that are gone.
func (b *Board) say(what *agentpb.ProcessIO) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.listeners = slices.DeleteFunc(b.listeners, func(l listener) bool { return l.stream.Write(l.encode(what)) != nil })
}

// ahead is how many bytes a debug process may be ahead of a client.
const ahead = 1 << 20

// keepPace waits for slow clients, unless the process need not wait for them.
func (b *Board) keepPace(ctx context.Context) {
	if !b.own {
		return
	}
	b.mu.Lock()
	listeners := slices.Clone(b.listeners)
	b.mu.Unlock()
	for _, l := range listeners {
		if l.stream.Buffered() < ahead {
			continue
		}
		taken := make(chan struct{})
		l.stream.Taken().OnAny(func(struct{}, error) { close(taken) })
		select {
		case <-taken:
		case <-b.closing:
		case <-ctx.Done():
		}
	}
}

// Flow starts reading the output of the process even if there is no client.
func (b *Board) Flow() { b.flow.Do(func() { close(b.flowing) }) }

// Listen writes the output of the process from now on to stream, encoded by encode, and closes stream at the end.
func (b *Board) Listen(stream *web.Stream, encode func(*agentpb.ProcessIO) []byte) {
	b.mu.Lock()
	if b.closed {
		stream.Close()
	} else {
		b.listeners = append(b.listeners, listener{stream, encode})
	}
	b.mu.Unlock()
	b.Flow()
}

// TakeInput claims the right to give input until ReleaseInput. It returns false if another client has it.
func (b *Board) TakeInput() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.taken {
		return false
	}
	b.taken = true
	return true
}

// ReleaseInput gives up the right to give input.
func (b *Board) ReleaseInput() {
	if b.foreign != nil {
		b.foreign.release()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.taken = false
}

// Type passes on input: data, which if it is empty means the end unless there is a terminal, or the size of the
// terminal. It blocks while the process does not read.
//
// Mesos: IOSwitchboardServerProcess::attachContainerInput.
func (b *Board) Type(x *agentpb.ProcessIO) error {
	switch {
	case b.foreign != nil:
		return b.foreign.give(x)
	case x.GetType() == agentpb.ProcessIO_DATA && !b.tty && len(x.GetData().GetData()) == 0:
		return b.in.Close()
	case x.GetType() == agentpb.ProcessIO_DATA:
		_, err := b.in.Write(x.GetData().GetData())
		return err
	case x.GetControl().GetType() == agentpb.ProcessIO_Control_TTY_INFO:
		return b.resize(x.GetControl().GetTtyInfo().GetWindowSize())
	}
	return nil // a heartbeat
}

func (b *Board) resize(size *mesospb.TTYInfo_WindowSize) error {
	if !b.tty {
		return ErrNoTerminal
	}
	return pty.Setsize(b.in, winsize(size))
}

func winsize(size *mesospb.TTYInfo_WindowSize) *pty.Winsize {
	return &pty.Winsize{Rows: uint16(size.GetRows()), Cols: uint16(size.GetColumns())}
}

// Over completes when the board is closed.
func (b *Board) Over() runtime.Future[struct{}] { return b.over.Future() }

// Close ends all streams and copies.
func (b *Board) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return
	}
	b.closed = true
	close(b.closing)
	b.Flow()
	if b.foreign != nil {
		b.foreign.close()
	}
	b.in.Close()
	for _, o := range b.out {
		o.from.Close()
	}
	for _, l := range b.listeners {
		l.stream.Close()
	}
	b.listeners = nil
	b.over.Set(struct{}{})
}
