// Package switchboardtest has a stand-in for the program mesos-io-switchboard of C++ agents, for tests.
package switchboardtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"

	"github.com/creack/pty"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/agentpb"
	"meseta/messages/recordio"
)

// Name is the name of the program.
const Name = "mesos-io-switchboard"

// Switchboard holds the terminal of a container as the program does. It refuses what the program would not survive.
//
// Mesos: IOSwitchboardServerProcess.
type Switchboard struct {
	Terminal *os.File
	Log      io.Writer

	mu       sync.Mutex
	outputs  map[chan []byte]bool
	input    bool // a client gives input
	pending  int  // answers to input of which nobody has said that they have arrived
	over     chan struct{}
	done     chan struct{} // the end of the program
	isOver   bool
	Mistakes []error // of clients
}

// Run serves at a socket until the terminal has ended, and all that was answered has arrived.
func (s *Switchboard) Run(l net.Listener) {
	s.outputs, s.over, s.done = map[chan []byte]bool{}, make(chan struct{}), make(chan struct{})
	server := &http.Server{Handler: s}
	var running sync.WaitGroup
	defer running.Wait()
	running.Go(s.redirect)
	running.Go(func() { server.Serve(l) }) //nolint:errcheck // it is closed
	<-s.done
	s.mu.Lock()
	for out := range s.outputs {
		close(out)
	}
	s.outputs = nil
	s.mu.Unlock()
	server.Shutdown(context.Background()) //nolint:errcheck // outputs have ended
}

// redirect copies what the container says.
func (s *Switchboard) redirect() {
	buffer := make([]byte, 1<<10)
	for {
		n, err := s.Terminal.Read(buffer)
		s.mu.Lock()
		s.Log.Write(buffer[:n]) //nolint:errcheck // tests look at it
		for out := range s.outputs {
			out <- append([]byte(nil), buffer[:n]...)
		}
		if err != nil {
			s.isOver = true
			close(s.over)
			s.end()
		}
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// end ends the program if nothing is in the way.
func (s *Switchboard) end() {
	if s.isOver && s.pending == 0 {
		close(s.done)
	}
}

// ServeHTTP implements [http.Handler].
func (s *Switchboard) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	is := func(header, value string) bool { return r.Header.Get(header) == value }
	switch {
	case r.Method != http.MethodPost:
		s.mistake(w, r)
	case r.URL.Path == "/acknowledge_container_input_response":
		s.acknowledge(w, r)
	case is("Content-Type", "application/recordio") && is("Message-Content-Type", "application/x-protobuf") &&
		is("Accept", "application/json") && is("Message-Accept", ""):
		s.take(w, r)
	case is("Content-Type", "application/x-protobuf") && is("Message-Content-Type", "") &&
		is("Accept", "application/recordio") && is("Message-Accept", "application/x-protobuf"):
		s.say(w, r)
	default:
		s.mistake(w, r)
	}
}

func (s *Switchboard) mistake(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Mistakes = append(s.Mistakes, fmt.Errorf("%s %s %v", r.Method, r.URL, r.Header))
	http.Error(w, "the program would have ended", http.StatusTeapot)
}

func (s *Switchboard) acknowledge(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.pending == 0 {
		s.Mistakes = append(s.Mistakes, errors.New("nothing was answered"))
		return
	}
	s.pending--
	s.end()
}

// say writes the output of the container.
func (s *Switchboard) say(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	call := &agentpb.Call{}
	if err = errors.Join(err, proto.Unmarshal(body, call)); err != nil || call.GetType() != agentpb.Call_ATTACH_CONTAINER_OUTPUT {
		s.mistake(w, r)
		return
	}
	out := make(chan []byte, 1000)
	s.mu.Lock()
	if s.outputs == nil {
		s.mu.Unlock()
		return
	}
	s.outputs[out] = true
	s.mu.Unlock()
	w.Header().Set("Content-Type", "application/recordio")
	w.Header().Set("Message-Content-Type", "application/x-protobuf")
	record := func(x *agentpb.ProcessIO) {
		b, _ := proto.Marshal(x)
		w.Write(recordio.Append(nil, b)) //nolint:errcheck // the client may be gone
		w.(http.Flusher).Flush()
	}
	record(&agentpb.ProcessIO{Type: agentpb.ProcessIO_CONTROL.Enum(), Control: &agentpb.ProcessIO_Control{
		Type: agentpb.ProcessIO_Control_HEARTBEAT.Enum(), Heartbeat: &agentpb.ProcessIO_Control_Heartbeat{},
	}})
	for text := range out {
		record(&agentpb.ProcessIO{Type: agentpb.ProcessIO_DATA.Enum(), Data: &agentpb.ProcessIO_Data{
			Type: agentpb.ProcessIO_Data_STDOUT.Enum(), Data: text,
		}})
	}
}

// take passes on the input of a client. It answers when that or the container ends.
func (s *Switchboard) take(w http.ResponseWriter, r *http.Request) {
	records := recordio.NewReader(r.Body, 0)
	first, err := next(records)
	if err != nil || first.GetType() != agentpb.Call_AttachContainerInput_CONTAINER_ID || first.GetContainerId().GetValue() == "" {
		s.mistake(w, r)
		return
	}
	s.mu.Lock()
	s.pending++
	taken := s.input
	s.input = true
	s.mu.Unlock()
	if taken {
		http.Error(w, "Multiple input connections are not allowed", http.StatusConflict)
		return
	}
	ended := make(chan struct{})
	var reading sync.WaitGroup // not waited for: the end of this request ends it
	reading.Go(func() {
		defer close(ended)
		for x, err := next(records); err == nil; x, err = next(records) {
			s.pass(x.GetProcessIo())
		}
	})
	select {
	case <-ended:
	case <-s.over:
	}
	s.mu.Lock()
	s.input = false
	s.mu.Unlock()
}

func (s *Switchboard) pass(x *agentpb.ProcessIO) {
	if size := x.GetControl().GetTtyInfo().GetWindowSize(); size != nil {
		pty.Setsize(s.Terminal, &pty.Winsize{Rows: uint16(size.GetRows()), Cols: uint16(size.GetColumns())}) //nolint:errcheck // tests look at it
	}
	s.Terminal.Write(x.GetData().GetData()) //nolint:errcheck // likewise
}

func next(records *recordio.Reader) (*agentpb.Call_AttachContainerInput, error) {
	record, err := records.Next()
	if err != nil {
		return nil, err
	}
	call := &agentpb.Call{}
	err = proto.Unmarshal(record, call)
	return call.GetAttachContainerInput(), err
}

// Main is the main function of a program that is started with a terminal as its standard input, a listening socket as its standard
// error, and the log as its standard output. It returns the exit status.
func Main() int {
	l, err := net.FileListener(os.Stderr)
	if err != nil {
		return 1
	}
	syscall.SetNonblock(0, true) //nolint:errcheck // reads block otherwise
	s := &Switchboard{Terminal: os.NewFile(0, "terminal"), Log: os.Stdout}
	s.Run(l)
	if len(s.Mistakes) > 0 {
		fmt.Fprintln(os.Stdout, s.Mistakes)
		return 1
	}
	return 0
}
