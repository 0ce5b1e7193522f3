package switchboard_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/agentpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/web"
	"meseta/slave/containerizer/forker/serve"
	"meseta/slave/containerizer/switchboard"
)

// held starts a process that holds a terminal, and returns a container's end of it, the socket and the log.
func held(t *testing.T) (theirs *os.File, socket, log string) {
	t.Helper()
	ours, theirs, err := switchboard.Terminal(switchboard.Options{TTY: &mesospb.TTYInfo{}})
	if err != nil {
		t.Skip("no terminals here: ", err)
	}
	defer ours.Close()
	dir := filepath.Join(t.TempDir(), strings.Repeat("long/", 30)) // longer than addresses of sockets
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket, log = filepath.Join(dir, "socket"), filepath.Join(dir, "log")
	listener, err := switchboard.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	output, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	defer output.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{serve.Name, serve.SwitchboardMode}, Stdin: ours, Stdout: output, Stderr: listener,
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		theirs.Close()
		if err := cmd.Wait(); err != nil { // when nobody has the terminal any more
			t.Errorf("the process that held the terminal ended with %v", err)
		}
	})
	return theirs, socket, log
}

// Only the agent's user may connect.
func TestSocketIsPrivate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "socket")
	listener, err := switchboard.Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if about, err := os.Stat(path); err != nil || about.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", about.Mode(), err)
	}
}

// An agent that does not read, since it was stopped, delays the container for a while only. When it goes on it connects again. The
// log has everything.
func TestAgentThatDoesNotRead(t *testing.T) {
	t.Parallel()
	theirs, socket, log := held(t)
	b, err := switchboard.Connect(socket)
	if err != nil {
		t.Fatal(err)
	}
	much := bytes.Repeat([]byte("x"), 2<<20)
	if _, err := theirs.Write(much); err != nil {
		t.Fatal(err)
	}
	heard := make(chan string, 1000)
	b.Listen(web.NewStream(), func(x *agentpb.ProcessIO) []byte {
		heard <- string(x.GetData().GetData())
		return nil
	})
	over := make(chan error, 1)
	var listening sync.WaitGroup
	listening.Go(func() { over <- b.Copies(nil, nil)[0](t.Context()) })
	said := ""
	for len(said) == 0 || !strings.HasSuffix(said, "word") {
		if _, err := theirs.WriteString("word"); err != nil {
			t.Fatal(err)
		}
		select {
		case text := <-heard:
			said += text
		case err := <-over:
			t.Fatalf("the agent does not listen any more: %v", err)
		}
	}
	if len(said) >= len(much) {
		t.Errorf("an agent that does not read was told %d bytes", len(said))
	}
	b.Close()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if err := unix.IoctlSetInt(int(theirs.Fd()), unix.TCSBRK, 1); err != nil { // waits until the output was read
		t.Error(err)
	}
	if text, err := os.ReadFile(log); err != nil || len(text) <= len(much) {
		t.Errorf("the log has %d bytes (%v), want more than %d", len(text), err, len(much))
	}
}

// Who connects last has the line. The end of the container is the end of the output.
func TestSuccessor(t *testing.T) {
	t.Parallel()
	theirs, socket, _ := held(t)
	first, err := switchboard.Connect(socket)
	if err != nil {
		t.Fatal(err)
	}
	first.Close()
	second, err := switchboard.Connect(socket)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Type(&agentpb.ProcessIO{
		Type: agentpb.ProcessIO_DATA.Enum(), Data: &agentpb.ProcessIO_Data{Type: agentpb.ProcessIO_Data_STDIN.Enum(), Data: []byte("typed\n")},
	}); err != nil {
		t.Error(err)
	}
	line := make([]byte, 100)
	if n, err := theirs.Read(line); err != nil || string(line[:n]) != "typed\n" {
		t.Errorf("the container read %q, %v", line[:n], err)
	}
	theirs.Close()
	if err := second.Copies(nil, nil)[0](t.Context()); err != nil {
		t.Error(err)
	}
	if b, err := switchboard.Connect(socket); err == nil {
		b.Close()
		t.Error("the terminal of a container that has ended is still held")
	}
}
