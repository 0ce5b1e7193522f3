// Package console connects the standard input, output and error of this program, or its terminal, to a container: what passes
// between them is the records of the agent's calls that attach to containers.
package console

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/term"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/v1/agentv1pb"
	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/messages/recordio"
)

const (
	heartbeat    = 30 * time.Second
	longestFrame = 16 << 20
)

// ErrDetached ends a session whose user pressed the detach keys.
var ErrDetached = errors.New("detached")

// Console is what a container is connected to.
type Console struct {
	In          io.Reader
	Out, Err    io.Writer
	Interactive bool // what In has is sent; otherwise the input of the container is empty
	TTY         bool // the container has a terminal
}

// Raw puts the terminal into raw mode if it is to be connected to the container.
func (c *Console) Raw() (restore func(), err error) {
	if !c.TTY || !c.Interactive {
		return func() {}, nil
	}
	in, ok := c.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return nil, errors.New("standard input is not a terminal and cannot be connected to one in the container")
	}
	old, err := term.MakeRaw(int(in.Fd()))
	return func() { _ = term.Restore(int(in.Fd()), old) }, err
}

// Print prints output, records of what the container says, until it ends.
func (c *Console) Print(output io.Reader) error {
	records := recordio.NewReader(output, longestFrame)
	for {
		record, err := records.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		said := &agentv1pb.ProcessIO{}
		if err := proto.Unmarshal(record, said); err != nil {
			return fmt.Errorf("output of the container: %w", err)
		}
		to := c.Out
		if said.GetData().GetType() == agentv1pb.ProcessIO_Data_STDERR {
			to = c.Err
		}
		if _, err := to.Write(said.GetData().GetData()); err != nil {
			return err
		}
	}
}

// Type writes what the user types, and the size of the terminal, to w: calls of ATTACH_CONTAINER_INPUT as records, the first
// of which names the container. It returns when the input ends, with [ErrDetached] when the user has pressed the detach keys,
// and otherwise with the error of ctx or w.
func (c *Console) Type(ctx context.Context, container *mesosv1pb.ContainerID, w io.Writer) error {
	err := writeInput(w, &agentv1pb.Call_AttachContainerInput{
		Type: agentv1pb.Call_AttachContainerInput_CONTAINER_ID.Enum(), ContainerId: container,
	})
	if err != nil {
		return err
	}
	chunks := make(chan []byte)
	if c.Interactive {
		go func() { defer close(chunks); read(ctx, c.In, chunks) }()
	} else {
		close(chunks)
	}
	resized := make(chan os.Signal, 1)
	if c.TTY {
		// Full-screen programs redraw the terminal when its size changes.
		if err := writeInput(w, input(windowSize(0, 0))); err != nil {
			return err
		}
		signal.Notify(resized, syscall.SIGWINCH)
		defer signal.Stop(resized)
		resized <- syscall.SIGWINCH
	}
	return c.pump(ctx, w, chunks, resized)
}

// pump writes input and changes of the terminal's size until the input ends.
func (c *Console) pump(ctx context.Context, w io.Writer, chunks <-chan []byte, resized <-chan os.Signal) error {
	alive := time.NewTicker(heartbeat)
	defer alive.Stop()
	held := time.NewTicker(keyPause)
	defer held.Stop()
	var keys keyboard
	for {
		var said *agentv1pb.ProcessIO
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-resized:
			said = c.size()
		case <-alive.C:
			said = beat()
		case <-held.C:
			if key := keys.release(); len(key) > 0 {
				said = typed(key)
			}
		case chunk, more := <-chunks:
			if !more {
				return writeInput(w, input(typed([]byte{}))) // the end of the input
			}
			if c.TTY {
				var detach bool
				if chunk, detach = keys.press(chunk); detach {
					return ErrDetached
				}
				held.Reset(keyPause)
			}
			if len(chunk) > 0 {
				said = typed(chunk)
			}
		}
		if said == nil {
			continue
		}
		if err := writeInput(w, input(said)); err != nil {
			return err
		}
	}
}

// read passes chunks of r to the channel until r ends.
func read(ctx context.Context, r io.Reader, to chan<- []byte) {
	for {
		chunk := make([]byte, 32<<10)
		n, err := r.Read(chunk)
		if n > 0 {
			select {
			case to <- chunk[:n]:
			case <-ctx.Done():
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func input(said *agentv1pb.ProcessIO) *agentv1pb.Call_AttachContainerInput {
	return &agentv1pb.Call_AttachContainerInput{Type: agentv1pb.Call_AttachContainerInput_PROCESS_IO.Enum(), ProcessIo: said}
}

func typed(chunk []byte) *agentv1pb.ProcessIO {
	return &agentv1pb.ProcessIO{
		Type: agentv1pb.ProcessIO_DATA.Enum(),
		Data: &agentv1pb.ProcessIO_Data{Type: agentv1pb.ProcessIO_Data_STDIN.Enum(), Data: chunk},
	}
}

func beat() *agentv1pb.ProcessIO {
	return &agentv1pb.ProcessIO{Type: agentv1pb.ProcessIO_CONTROL.Enum(), Control: &agentv1pb.ProcessIO_Control{
		Type: agentv1pb.ProcessIO_Control_HEARTBEAT.Enum(),
		Heartbeat: &agentv1pb.ProcessIO_Control_Heartbeat{
			Interval: &mesosv1pb.DurationInfo{Nanoseconds: proto.Int64(int64(heartbeat))},
		},
	}}
}

// size returns the size of the terminal, or nil if it is unknown.
func (c *Console) size() *agentv1pb.ProcessIO {
	in, ok := c.In.(*os.File)
	if !ok {
		return nil
	}
	columns, rows, err := term.GetSize(int(in.Fd()))
	if err != nil {
		return nil
	}
	return windowSize(rows, columns)
}

func windowSize(rows, columns int) *agentv1pb.ProcessIO {
	return &agentv1pb.ProcessIO{Type: agentv1pb.ProcessIO_CONTROL.Enum(), Control: &agentv1pb.ProcessIO_Control{
		Type: agentv1pb.ProcessIO_Control_TTY_INFO.Enum(),
		TtyInfo: &mesosv1pb.TTYInfo{WindowSize: &mesosv1pb.TTYInfo_WindowSize{
			Rows: proto.Uint32(uint32(rows)), Columns: proto.Uint32(uint32(columns)),
		}},
	}}
}

func writeInput(w io.Writer, input *agentv1pb.Call_AttachContainerInput) error {
	record, err := proto.Marshal(&agentv1pb.Call{
		Type: agentv1pb.Call_ATTACH_CONTAINER_INPUT.Enum(), AttachContainerInput: input,
	})
	if err != nil {
		return err
	}
	_, err = w.Write(recordio.Append(nil, record))
	return err
}
