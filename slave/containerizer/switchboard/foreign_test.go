package switchboard_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/web"
	"meseta/slave/containerizer/switchboard"
	"meseta/slave/containerizer/switchboard/switchboardtest"
)

// heldByAnother starts the stand-in for the I/O switchboard of a C++ agent, and returns a container's end of the terminal, the socket,
// and a function that waits until the stand-in has ended.
func heldByAnother(t *testing.T) (theirs *os.File, socket string, ends func()) {
	t.Helper()
	ours, theirs, err := switchboard.Terminal(switchboard.Options{TTY: &mesospb.TTYInfo{}})
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	socket = filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	s := &switchboardtest.Switchboard{Terminal: ours, Log: &strings.Builder{}}
	var running sync.WaitGroup
	running.Go(func() { s.Run(listener) })
	return theirs, socket, func() {
		t.Helper()
		running.Wait()
		ours.Close()
		if len(s.Mistakes) > 0 {
			t.Errorf("what the program would not have survived: %v", s.Mistakes)
		}
	}
}

// said is a chunk of input.
func typing(text string) *agentpb.ProcessIO {
	return &agentpb.ProcessIO{
		Type: agentpb.ProcessIO_DATA.Enum(), Data: &agentpb.ProcessIO_Data{Type: agentpb.ProcessIO_Data_STDIN.Enum(), Data: []byte(text)},
	}
}

// The board of a terminal that the I/O switchboard of a C++ agent holds passes on output and the input of one client after the other. The
// switchboard ends when the container has, also if a client is still giving input.
func TestSwitchboardOfAnotherAgent(t *testing.T) {
	t.Parallel()
	theirs, socket, ends := heldByAnother(t)
	b, err := switchboard.ConnectHTTP(socket, "c1")
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1000)
	b.Listen(web.NewStream(), func(x *agentpb.ProcessIO) []byte {
		heard <- string(x.GetData().GetData())
		return nil
	})
	var copies sync.WaitGroup
	for _, copy := range b.Copies(nil, nil) {
		copies.Go(func() {
			if err := copy(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	line := make([]byte, 100)
	for _, text := range []string{"one\n", "two\n"} {
		if !b.TakeInput() || b.TakeInput() {
			t.Fatal("not one client at a time gives input")
		}
		for _, x := range []*agentpb.ProcessIO{typing(text[:1]), typing(text[1:])} {
			if err := b.Type(x); err != nil {
				t.Fatal(err)
			}
		}
		if n, err := theirs.Read(line); err != nil || string(line[:n]) != text {
			t.Errorf("the container read %q, %v", line[:n], err)
		}
		if text == "one\n" {
			b.ReleaseInput()
		}
	}
	if _, err := theirs.WriteString("bye"); err != nil {
		t.Error(err)
	}
	said := ""
	for !strings.HasSuffix(said, "bye") {
		said += <-heard
	}
	theirs.Close()
	copies.Wait()
	ends()
	if err := b.Type(typing("late")); err == nil {
		t.Error("a container that has ended is given input")
	}
	b.ReleaseInput()
	b.Close()
}

// A switchboard that does not answer, or is gone, cannot be connected to.
func TestSwitchboardOfAnotherAgentIsGone(t *testing.T) {
	t.Parallel()
	if _, err := switchboard.ConnectHTTP(filepath.Join(t.TempDir(), "s"), "c1"); err == nil || !strings.Contains(err.Error(), "I/O switchboard") {
		t.Errorf("connected to nothing: %v", err)
	}
	socket := filepath.Join(t.TempDir(), "s")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	var answering sync.WaitGroup
	answering.Go(func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		conn.Write([]byte("HTTP/1.1 500 Internal Server Error\r\n\r\n")) //nolint:errcheck // the client sees it
		conn.Close()
	})
	if _, err := switchboard.ConnectHTTP(socket, "c1"); err == nil {
		t.Error("connected to what has failed")
	}
	answering.Wait()
	listener.Close()
}
