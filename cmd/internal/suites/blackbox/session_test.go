package blackbox

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"

	"meseta/messages/recordio"
)

// containerOf is the id of the container that the only executor of an agent runs in.
func (p *process) containerOf() string {
	p.t.Helper()
	var all []struct {
		ContainerID string `json:"container_id"`
	}
	p.sees("/containers", &all)
	if len(all) != 1 {
		p.t.Fatalf("there are containers %v, want one", all)
	}
	return all[0].ContainerID
}

// record is what a container says, or a sign of life.
type record struct {
	Type string
	Data struct {
		Type string
		Data []byte
	}
	Control struct{ Type string }
}

// session is an answer that goes on.
type session struct {
	t      *testing.T
	answer *http.Response
	reader *recordio.Reader
	leave  context.CancelFunc
	said   map[string]string // by the container so far, on each stream
}

// listens makes a call that is answered by what a container says.
func (p *process) listens(call string) *session {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	p.t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+p.address+"/api/v1", strings.NewReader(call))
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = http.Header{
		"Content-Type": {"application/json"}, "Accept": {"application/recordio"}, "Message-Accept": {"application/json"},
	}
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != "application/recordio" ||
		answer.Header.Get("Message-Content-Type") != "application/json" {
		text, _ := io.ReadAll(answer.Body)
		p.t.Fatalf("%s: %d %v %s", call, answer.StatusCode, answer.Header, text)
	}
	return &session{t: p.t, answer: answer, reader: recordio.NewReader(answer.Body, 0), leave: cancel, said: map[string]string{}}
}

// next is what came next; ok is false at the end.
func (s *session) next() (r record, ok bool) {
	s.t.Helper()
	body, err := s.reader.Next()
	if errors.Is(err, io.EOF) {
		return r, false
	}
	if err == nil {
		err = json.Unmarshal(body, &r)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return r, true
}

// until reads until the container has said text on that stream.
func (s *session) until(stream, text string) {
	s.t.Helper()
	for !strings.Contains(s.said[stream], text) {
		r, ok := s.next()
		if !ok {
			s.t.Fatalf("the container never said %q, but %q", text, s.said[stream])
		}
		s.said[r.Data.Type] += string(r.Data.Data)
	}
}

// gives starts giving input to a container. What is written to the writer is given record by record; the status and the
// text of the answer come on the channel.
func (p *process) gives(id string) (write func(processIO string), finish func(), answered <-chan string) {
	p.t.Helper()
	body, pipe := io.Pipe()
	req, err := http.NewRequest(http.MethodPost, "http://"+p.address+"/api/v1", body)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header = http.Header{"Content-Type": {"application/recordio"}, "Message-Content-Type": {"application/json"}, "Accept": {"application/json"}}
	got := make(chan string, 1)
	go func() {
		answer, err := http.DefaultClient.Do(req)
		if err != nil {
			got <- err.Error()
			return
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		got <- fmt.Sprint(answer.StatusCode, " ", string(text))
	}()
	send := func(call string) { pipe.Write(recordio.Append(nil, []byte(call))) } //nolint:errcheck // nobody may read any more
	send(`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"CONTAINER_ID","container_id":` + id + `}}`)
	write = func(io string) {
		send(`{"type":"ATTACH_CONTAINER_INPUT","attach_container_input":{"type":"PROCESS_IO","process_io":` + io + `}}`)
	}
	return write, func() { pipe.Close() }, got
}

func stdin(text string) string {
	return `{"type":"DATA","data":{"type":"STDIN","data":"` + base64.StdEncoding.EncodeToString([]byte(text)) + `"}}`
}

// room is the container of a task, for sessions in it.
type room struct {
	agent *process
	root  string
}

// newRoom returns one on an agent that may have more arguments.
func newRoom(t *testing.T, more ...string) *room {
	t.Helper()
	m := startMaster(t, "0", t.TempDir())
	a := startAgent(t, "0", m.address, t.TempDir(), append(more, "--http_heartbeat_interval=20ms")...)
	task := execute(t, m.address, "web", "sleep 1000")
	task.awaits("TASK_RUNNING")
	return &room{agent: a, root: a.containerOf()}
}

// id is that of a container in the room.
func (r *room) id(name string) string {
	return `{"value":"` + name + `","parent":{"value":"` + r.root + `"}}`
}

// session starts one; more are other fields of the call.
func (r *room) session(name, command, more string) *session {
	r.agent.t.Helper()
	return r.agent.listens(`{"type":"LAUNCH_NESTED_CONTAINER_SESSION","launch_nested_container_session":{"container_id":` + r.id(name) +
		`,"command":{"value":"` + command + `"}` + more + `}}`)
}

// A session reads input until its end, from one client at a time.
func TestSessionReadsInput(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	cat := r.session("cat", "cat; echo over >&2", "")
	write, finish, answered := r.agent.gives(r.id("cat"))
	write(stdin("one\n"))
	cat.until("STDOUT", "one\n")
	_, _, second := r.agent.gives(r.id("cat"))
	if got := <-second; !strings.HasPrefix(got, "409 Multiple input connections are not allowed") {
		t.Errorf("a second one gives input: %s", got)
	}
	write(`{"type":"CONTROL","control":{"type":"TTY_INFO","tty_info":{"window_size":{"rows":10,"columns":20}}}}`)
	if got := <-answered; !strings.HasPrefix(got, "400 Unable to set the window size") {
		t.Errorf("a pipe has a size: %s", got)
	}
	finish()
	write, finish, answered = r.agent.gives(r.id("cat"))
	write(stdin("two\n"))
	write(stdin(""))
	cat.until("STDOUT", "two\n")
	cat.until("STDERR", "over\n")
	for _, more := cat.next(); more; {
		_, more = cat.next()
	}
	finish()
	if got := <-answered; got != "200 " {
		t.Errorf("the end of input is answered %s", got)
	}
}

// A session may have a terminal, whose size changes.
func TestSessionHasTerminal(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	tty := r.session("tty", "stty size; read line; stty size; read line",
		`,"container":{"type":"MESOS","tty_info":{"window_size":{"rows":11,"columns":22}}}`)
	tty.until("STDOUT", "11 22")
	write, finish, answered := r.agent.gives(r.id("tty"))
	write(`{"type":"CONTROL","control":{"type":"HEARTBEAT","heartbeat":{"interval":{"nanoseconds":1}}}}`)
	write(`{"type":"CONTROL","control":{"type":"TTY_INFO","tty_info":{"window_size":{"rows":33,"columns":44}}}}`)
	write(stdin("\n"))
	tty.until("STDOUT", "33 44")
	write(`{"type":"DATA","data":{"type":"STDOUT","data":""}}`)
	if got := <-answered; !strings.HasPrefix(got, "400 Expecting 'process_io.data.type' to be 'STDIN'") {
		t.Errorf("output as input is answered %s", got)
	}
	finish()
}

// A client that listens is given signs of life, and takes the session along when it goes.
func TestSessionEndsWithItsClient(t *testing.T) {
	t.Parallel()
	r, mark := newRoom(t), freePort(t)
	long := r.session("long", "setsid sleep 1"+mark+" & sleep 2"+mark, "")
	for {
		if said, _ := long.next(); said.Control.Type == "HEARTBEAT" {
			break
		}
	}
	if len(sleepers(t, mark)) == 0 {
		t.Error("the session does not run")
	}
	long.leave()
	gone(t, func() []string { return sleepers(t, mark) })
	status, body := r.agent.asks(`{"type":"WAIT_NESTED_CONTAINER","wait_nested_container":{"container_id":` + r.id("long") + `}}`)
	if want := fmt.Sprintf(`"exit_status":%d`, syscall.SIGKILL); status != 200 || !strings.Contains(body, want) {
		t.Errorf("the session ended with %d %s, want %s", status, body, want)
	}
}
