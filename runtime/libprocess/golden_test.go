package libprocess_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// The recording is of a whole cluster of the reference: master, agent, executors and schedulers, each a node on
// 127.0.0.1 known by its port. Two tests put our nodes into its place. In the first the test says what the reference
// said, on connections like its own, at the recorded moments between each other; in the second our nodes say it.

// utterance is one HTTP message of the recording.
type utterance struct {
	from, to int    // ports: that of the connection's dialler, and of the node it dialled; the other way for an answer
	path     string // "" for an answer
	status   int    // of an answer
	size     int    // of the body
}

func (u utterance) answer() bool { return u.path == "" }

// streamed reports whether it begins a subscription.
func (u utterance) streamed() bool { return u.status == http.StatusOK && u.size > 6 }

// message reports whether it is one between actors, and splits its path.
func (u utterance) message() (id, name string, ok bool) {
	id, name, _ = strings.Cut(strings.TrimPrefix(u.path, "/"), "/")
	return id, name, strings.HasPrefix(name, "mesos.")
}

// recording is the golden conversation.
type recording struct {
	said   []utterance
	heads  map[string]string // of the first request to a path: lines that end in \r\n, without the empty one
	bodies map[string][]byte // by name of the message
	nodes  map[int]int       // the node at the dialling end of a connection, by the connection's port
}

func record(t *testing.T) *recording {
	t.Helper()
	file, err := os.ReadFile(shared(t, "golden/wire-timeline.txt"))
	if err != nil {
		t.Skipf("no recordings here: %v", err)
	}
	r := &recording{heads: map[string]string{}, bodies: map[string][]byte{}, nodes: map[int]int{}}
	line := regexp.MustCompile(`(?m)^ +[\d.]+ +(\d+) -> (\d+) +(?:POST (\S+) HTTP/1.1|HTTP/1.1 (\d+) .*?) +body=(\d+)$`)
	for _, m := range line.FindAllStringSubmatch(string(file), -1) {
		u := utterance{path: m[3]}
		u.from, u.to, u.status, u.size = number(m[1]), number(m[2]), number(m[4]), number(m[5])
		r.said = append(r.said, u)
	}
	block := regexp.MustCompile(`(?m)^@.*\n(POST (\S+) HTTP/1.1\n(?:[A-Za-z-]+: .*\n)*)`)
	for _, m := range block.FindAllStringSubmatch(string(file), -1) {
		if r.heads[m[2]] == "" {
			r.heads[m[2]] = strings.ReplaceAll(m[1], "\n", "\r\n")
		}
	}
	names, err := filepath.Glob(shared(t, "golden/wire-messages/*.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if r.bodies[strings.TrimSuffix(filepath.Base(name), ".bin")], err = os.ReadFile(name); err != nil {
			t.Fatal(err)
		}
	}
	if len(r.said) != 636 || len(r.heads) < 20 || len(r.bodies) < 15 {
		t.Fatalf("read %d messages, %d heads, %d bodies", len(r.said), len(r.heads), len(r.bodies))
	}
	r.findNodes()
	return r
}

// number reads what a regular expression has found to be one; nothing is 0.
func number(s string) int {
	n, _ := strconv.Atoi(s)
	return n
}

// findNodes says which node dialled each connection. Master and agent are recognized by what they send; any other that begins to
// talk is the next to be talked to.
func (r *recording) findNodes() {
	const master, agent = 5050, 5051
	known := map[int]bool{master: true, agent: true}
	var newcomers []int
	for _, u := range r.said {
		if _, _, ok := u.message(); !ok || r.nodes[u.from] != 0 {
			continue
		}
		switch from := field(r.heads[r.like(u.path)], "Libprocess-From"); {
		case strings.HasSuffix(from, ":5050"):
			r.nodes[u.from] = master
		case strings.HasSuffix(from, ":5051"):
			r.nodes[u.from] = agent
		default:
			newcomers = append(newcomers, u.from)
			continue
		}
		if !known[u.to] {
			known[u.to] = true
			r.nodes[newcomers[0]] = u.to
			newcomers = newcomers[1:]
		}
	}
}

var scheduler = regexp.MustCompile(`scheduler-[-0-9a-f]{36}`)

// like is a path of the same kind whose request was recorded whole.
func (r *recording) like(path string) string {
	if r.heads[path] != "" {
		return path
	}
	for known := range r.heads {
		if scheduler.ReplaceAllString(known, "") == scheduler.ReplaceAllString(path, "") {
			return known
		}
	}
	return ""
}

// sender returns the sender of u.
func (r *recording) sender(u utterance) string {
	id, _, _ := strings.Cut(field(r.heads[r.like(u.path)], "Libprocess-From"), "@")
	if scheduler.MatchString(id) { // there are two: it has the name under which it is talked to
		for _, other := range r.said {
			if other.to == r.nodes[u.from] {
				id, _, _ = other.message()
				break
			}
		}
	}
	return id
}

// body is the recorded one of that name, or any bytes for what is no message.
func (r *recording) body(u utterance) []byte {
	_, name, ok := u.message()
	switch {
	case u.size == 0:
		return nil
	case ok:
		return r.bodies[name]
	}
	return bytes.Repeat([]byte("b"), u.size)
}

// request is u to the letter, between nodes at other addresses.
func (r *recording) request(u utterance, from, to string) string {
	head, body := r.heads[r.like(u.path)], r.body(u)
	head = strings.Replace(head, r.like(u.path), u.path, 1)
	pid := regexp.MustCompile(`[^ /]+@127\.0\.0\.1:\d+`)
	head = pid.ReplaceAllLiteralString(head, r.sender(u)+"@"+from)
	head = regexp.MustCompile(`Host: \S+`).ReplaceAllLiteralString(head, "Host: "+to)
	if _, _, ok := u.message(); !ok {
		head = regexp.MustCompile(`Content-Length: \d+`).ReplaceAllLiteralString(head, fmt.Sprint("Content-Length: ", u.size))
		return head + "\r\n" + string(body)
	}
	if len(body) == 0 {
		return strings.Replace(head, "Transfer-Encoding: chunked\r\n", "", 1) + "\r\n"
	}
	return fmt.Sprintf("%s\r\n%x\r\n%s\r\n0\r\n\r\n", head, len(body), body)
}

// stage is our nodes in the place of the recorded ones.
type stage struct {
	recording *recording
	nodes     map[int]*runtime.Node // by recorded port
	actors    map[runtime.PID]runtime.Ref[*player]
	heard     chan string

	mu      sync.Mutex
	answers map[string][]utterance // to come, by the client's address
}

// player takes every message that its namesake was sent, and every request.
type player struct {
	runtime.Actor
	stage *stage
	names []string
}

func (p *player) Initialize() {
	for _, name := range p.names {
		runtime.InstallRaw(p, name, func(from runtime.PID, body []byte) {
			p.stage.heard <- fmt.Sprintf("%s -> %s %s %x", from, p.Self(), name, body)
		})
	}
	web.Route(p, "/api/v1", web.Help{}, p.stage.serve)
}

// serve answers as was recorded.
func (s *stage) serve(req *web.Request) runtime.Future[*web.Response] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.answers[req.Client]) == 0 { // its client went before it was answered
		return runtime.NewPromise[*web.Response]().Future()
	}
	u := s.answers[req.Client][0]
	s.answers[req.Client] = s.answers[req.Client][1:]
	body := bytes.Repeat([]byte("a"), u.size)
	if u.streamed() {
		stream := web.NewStream()
		stream.Write(body)
		return runtime.Ready(&web.Response{Status: u.status, Stream: stream})
	}
	return runtime.Ready(&web.Response{Status: u.status, Body: body})
}

// set puts a node into every recorded place. advertise may be empty.
func set(t *testing.T, r *recording, advertise string) *stage {
	t.Helper()
	s := &stage{
		recording: r, nodes: map[int]*runtime.Node{}, actors: map[runtime.PID]runtime.Ref[*player]{},
		heard: make(chan string, len(r.said)), answers: map[string][]utterance{},
	}
	for _, u := range r.said {
		if u.answer() {
			continue
		}
		id, _, ok := u.message()
		if ok {
			s.cast(t, r.nodes[u.from], r.sender(u), advertise)
		}
		s.cast(t, u.to, id, advertise)
	}
	return s
}

// cast makes sure of an actor at a place.
func (s *stage) cast(t *testing.T, port int, id, advertise string) {
	t.Helper()
	n := s.nodes[port]
	if n == nil {
		wire, err := libprocess.Listen(libprocess.Options{Address: "127.0.0.1:0", Advertise: advertise})
		if err == nil {
			n, err = runtime.NewNode(runtime.Options{Wire: wire})
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { n.Close(context.Background()) })
		s.nodes[port] = n
	}
	pid := runtime.PID{ID: id, Addr: n.Addr()}
	if _, ok := s.actors[pid]; ok {
		return
	}
	p := &player{stage: s}
	for name := range s.recording.bodies {
		p.names = append(p.names, name)
	}
	p.names = append(p.names, "mesos.internal.PongSlaveMessage", "mesos.internal.ShutdownExecutorMessage")
	ref, err := runtime.Spawn(n, id, p)
	if err != nil {
		t.Fatal(err)
	}
	s.actors[pid] = ref
}

// expect waits for u to be handled.
func (s *stage) expect(t *testing.T, u utterance) {
	t.Helper()
	id, name, _ := u.message()
	from := runtime.PID{ID: s.recording.sender(u), Addr: s.nodes[s.recording.nodes[u.from]].Addr()}
	to := runtime.PID{ID: id, Addr: s.nodes[u.to].Addr()}
	want := fmt.Sprintf("%s -> %s %s %x", from, to, name, s.recording.body(u))
	if got := take(t, s.heard); got != want {
		t.Fatalf("heard %s\nwant  %s", got, want)
	}
}

func TestTheRecordedConversationIsUnderstood(t *testing.T) {
	t.Parallel()
	r := record(t)
	s := set(t, r, "")
	type client struct {
		net.Conn
		r *bufio.Reader
	}
	clients := map[int]client{}
	for i, u := range r.said {
		if u.answer() {
			c := clients[u.to]
			if got, want := readAnswer(t, c.r, u), answerText(u); got != want {
				t.Fatalf("utterance %d: answered\n%q\nwant\n%q", i, got, want)
			}
			continue
		}
		c, ok := clients[u.from]
		if !ok {
			conn := dial(t, s.nodes[u.to].Addr())
			c = client{conn, bufio.NewReader(conn)}
			clients[u.from] = c
			s.mu.Lock()
			s.answers[conn.LocalAddr().String()] = r.answersTo(u.from)
			s.mu.Unlock()
		}
		from := ""
		if node := r.nodes[u.from]; node != 0 {
			from = s.nodes[node].Addr()
		}
		if _, err := io.WriteString(c, r.request(u, from, s.nodes[u.to].Addr())); err != nil {
			t.Fatal(err)
		}
		if _, _, ok := u.message(); ok {
			s.expect(t, u)
		}
	}
	if len(clients) != 37 {
		t.Errorf("%d connections; the recording has 37", len(clients))
	}
}

// answersTo are the answers on one connection, in order.
func (r *recording) answersTo(port int) (all []utterance) {
	for _, u := range r.said {
		if u.answer() && u.to == port {
			all = append(all, u)
		}
	}
	return all
}

// answerText is the answer as the reference gives it; its other headers are the actor's.
func answerText(u utterance) string {
	text := fmt.Sprintf("HTTP/1.1 %d %s\r\nDate: D\r\n", u.status, http.StatusText(u.status))
	body := strings.Repeat("a", u.size)
	if u.streamed() {
		return fmt.Sprintf("%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", text, u.size, body)
	}
	return fmt.Sprintf("%sContent-Length: %d\r\n\r\n%s", text, u.size, body)
}

// readAnswer reads as much as u should be.
func readAnswer(t *testing.T, r *bufio.Reader, u utterance) string {
	t.Helper()
	got := make([]byte, len(answerText(u))-len("D")+len(http.TimeFormat))
	if _, err := io.ReadFull(r, got); err != nil {
		t.Fatalf("answered %q, %v", got, err)
	}
	return dated.ReplaceAllString(string(got), "Date: D\r\n")
}

var dated = regexp.MustCompile(`Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n`)

func TestTheRecordedConversationIsSpoken(t *testing.T) {
	t.Parallel()
	r := record(t)
	s := set(t, r, "127.0.0.2:0")
	taps := map[int]*tap{}
	for port, n := range s.nodes {
		taps[port] = tapAt(t, n.Addr(), strings.Replace(n.Addr(), "127.0.0.2", "127.0.0.1", 1))
	}
	type route struct{ from, to int }
	want := map[route]string{}
	for _, u := range r.said {
		id, name, ok := u.message()
		if u.answer() || !ok {
			continue
		}
		from := s.nodes[r.nodes[u.from]]
		to := runtime.PID{ID: id, Addr: s.nodes[u.to].Addr()}
		runtime.Tell(s.actors[runtime.PID{ID: r.sender(u), Addr: from.Addr()}], func(p *player) {
			p.Link(to)
			p.SendRaw(to, name, r.body(u))
		})
		s.expect(t, u)
		want[route{r.nodes[u.from], u.to}] += r.request(u, from.Addr(), to.Addr)
	}
	got := map[string]int{}
	for port, tap := range taps {
		for _, text := range tap.texts() {
			got[text] = port
		}
	}
	for way, text := range want {
		if port, ok := got[text]; !ok || port != way.to {
			t.Errorf("from %d to %d nobody said\n%s\nbut\n%s", way.from, way.to, text, strings.Join(taps[way.to].texts(), "\n----\n"))
		}
		delete(got, text)
	}
	for text := range got {
		t.Errorf("nobody was to say\n%s", text)
	}
}

// tap stands before a node and notes what is said to it, connection by connection.
type tap struct {
	mu   sync.Mutex
	said []*bytes.Buffer
}

func tapAt(t *testing.T, addr, behind string) *tap {
	t.Helper()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	tap := &tap{}
	go func() {
		for {
			front, err := listener.Accept()
			if err != nil {
				return
			}
			go tap.pass(front, behind)
		}
	}()
	return tap
}

func (p *tap) pass(front net.Conn, behind string) {
	defer front.Close()
	back, err := net.DialTimeout("tcp", behind, patience)
	if err != nil {
		return
	}
	defer back.Close()
	said := &bytes.Buffer{}
	p.mu.Lock()
	p.said = append(p.said, said)
	p.mu.Unlock()
	go func() {
		io.Copy(front, back)
		front.Close()
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := front.Read(buffer)
		p.mu.Lock()
		said.Write(buffer[:n])
		p.mu.Unlock()
		if _, failed := back.Write(buffer[:n]); err != nil || failed != nil {
			return
		}
	}
}

// texts is what was said on each connection.
func (p *tap) texts() (all []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, said := range p.said {
		all = append(all, said.String())
	}
	slices.Sort(all)
	return all
}

func field(head, name string) string {
	_, rest, _ := strings.Cut(head, "\r\n"+name+": ")
	value, _, _ := strings.Cut(rest, "\r\n")
	return value
}

// shared finds a file of the recordings, which lie beside the module, or where MESETA_SHARED says.
func shared(t *testing.T, name string) string {
	t.Helper()
	if dir := os.Getenv("MESETA_SHARED"); dir != "" {
		return filepath.Join(dir, name)
	}
	return filepath.Join("..", "..", "..", "shared", name)
}
