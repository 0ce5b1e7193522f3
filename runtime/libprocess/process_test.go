//go:build unix

package libprocess_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
)

// The tests below need a peer that can be frozen and killed: this program runs itself again as one.
const asPeer = "MESETA_TEST_PEER"

func TestMain(m *testing.M) {
	if os.Getenv(asPeer) != "" {
		bePeer()
		return
	}
	os.Exit(m.Run())
}

// bePeer prints its address, and then the length of every message, until its standard input ends.
func bePeer() {
	ear := newEar()
	w, err := libprocess.Listen(libprocess.Options{})
	if err == nil {
		err = w.Start(ear)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(w.Addr())
	go func() {
		for m := range ear.messages {
			fmt.Println(len(m.Body))
		}
	}()
	io.Copy(io.Discard, os.Stdin)
	w.Close(context.Background())
}

type peerProcess struct {
	*os.Process
	addr string
	said *bufio.Scanner
}

func startPeer(t *testing.T) *peerProcess {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), asPeer+"=1")
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		c.Process.Kill()
		c.Wait()
	})
	p := &peerProcess{Process: c.Process, said: bufio.NewScanner(out)}
	p.addr = p.hear(t)
	return p
}

// hear returns the next line that the peer prints.
func (p *peerProcess) hear(t *testing.T) string {
	t.Helper()
	if !p.said.Scan() {
		t.Fatalf("the peer ended: %v", p.said.Err())
	}
	return p.said.Text()
}

func (p *peerProcess) signal(t *testing.T, s syscall.Signal) {
	t.Helper()
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// It measures memory, and so runs alone. A peer that does not read loses its connection, which is said once; then it
// starts afresh.
func TestWhatAStalledReceiverCostsIsBounded(t *testing.T) {
	const limit, messages = 8 << 20, 2000
	body := bytes.Repeat([]byte("x"), 64<<10)
	overfill := func(t *testing.T, w *libprocess.Wire, ear *ear, addr string) {
		t.Helper()
		w.Link(addr)
		before := heap()
		for i := 0; w.Drops().Full == 0; i++ {
			if i == messages { // 125 MiB: more than any socket buffer and the queue hold
				t.Fatal("it takes anything")
			}
			w.Send(runtime.Envelope{From: runtime.PID{ID: "a", Addr: w.Addr()}, To: runtime.PID{ID: "b", Addr: addr}, Name: "n", Body: body})
		}
		if got := take(t, ear.exits); got != addr {
			t.Errorf("exit of %s", got)
		}
		if grown := heap() - before; grown > limit {
			t.Errorf("the heap grew by %d bytes; the limit is %d", grown, limit)
		}
		if got, dropped := w.Drops(), len(ear.drops); got.Full != 1 || got.Lost != uint64(dropped-1) {
			t.Errorf("counts %+v of %d that were dropped", got, dropped)
		}
		if why := take(t, ear.drops); !strings.Contains(why, "queue is full") {
			t.Errorf("dropped because %q", why)
		}
	}
	bounded := func(o *libprocess.Options) { o.MaxQueue, o.MaxReserve = limit/2, limit/2 }
	t.Run("that never reads", func(t *testing.T) {
		ear, said := newEar(), &journal{}
		w := listen(t, ear, bounded, func(o *libprocess.Options) { o.Log = zerolog.New(said).Level(zerolog.WarnLevel) })
		silent := silentListener(t) // closed before the wire, which would wait for it to read
		overfill(t, w, ear, silent.Addr().String())
		if lines := said.warnings(); len(lines) != 1 || !strings.Contains(lines[0], "the peer does not read, or too slowly") {
			t.Errorf("said %q, want one warning", lines)
		}
	})
	t.Run("that is frozen", func(t *testing.T) {
		ear := newEar()
		w := listen(t, ear, bounded)
		peer := startPeer(t)
		hello := runtime.Envelope{From: runtime.PID{ID: "a", Addr: w.Addr()}, To: runtime.PID{ID: "b", Addr: peer.addr}, Name: "n"}
		w.Send(hello)
		peer.hear(t)
		peer.signal(t, syscall.SIGSTOP)
		overfill(t, w, ear, peer.addr)
		peer.signal(t, syscall.SIGCONT)
		w.Send(hello)
		for got := ""; got != "0"; got = peer.hear(t) { // what the kernel had is there, and then the new one
		}
	})
}

// silentListener accepts connections, as far as the kernel does, and never reads.
func silentListener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

// Whatever is sent is handled or traced as dropped, and what is handled is handled in order.
func TestADyingPeerIsToldOnceAndWhatItMissesIsTraced(t *testing.T) {
	t.Parallel()
	const messages = 3000
	peer := startPeer(t)
	ear := newEar()
	w := listen(t, ear)
	to := runtime.PID{ID: "b", Addr: peer.addr}
	send := func(i int) {
		w.Send(runtime.Envelope{
			From: runtime.PID{ID: "a", Addr: w.Addr()}, To: to, Name: "n", Cause: runtime.EventID{Node: 1 << 63, Seq: uint64(i)},
			Message: wrapperspb.String(strconv.Itoa(i) + strings.Repeat("x", 5000)),
		})
	}
	w.Link(peer.addr)
	send(0)
	peer.hear(t)
	peer.signal(t, syscall.SIGSTOP)
	for i := range messages {
		send(i + 1)
	}
	peer.signal(t, syscall.SIGKILL)
	if addr := take(t, ear.exits); addr != peer.addr {
		t.Fatalf("exit of %s", addr)
	}
	if len(ear.exits) > 0 {
		t.Errorf("%d exits too many", len(ear.exits))
	}
	dropped := len(ear.dropped)
	if dropped == 0 || dropped > messages {
		t.Fatalf("%d of %d messages were traced as dropped", dropped, messages)
	}
	if got := w.Drops(); got.Lost != uint64(dropped) || got.Full != 0 {
		t.Errorf("counts %+v; want %d for the end of the connection", got, dropped)
	}
	first := messages - dropped // what was written before is lost in the peer, and nobody can know
	for i := range dropped {
		e := <-ear.dropped
		if e.Cause != (runtime.EventID{Node: 1 << 63, Seq: uint64(first + i + 1)}) || e.To != to || e.Name != "n" || e.From.ID != "a" {
			t.Fatalf("drop %d is %+v", i, e)
		}
	}
	if why := take(t, ear.drops); !strings.Contains(why, "connection ended") {
		t.Errorf("dropped because %q", why)
	}
}

func TestWhatIsSentToNobodyIsTraced(t *testing.T) {
	t.Parallel()
	ear, somebody := newEar(), listen(t, newEar())
	w := listen(t, ear)
	send := func(addr, name string) {
		w.Send(runtime.Envelope{
			From: runtime.PID{ID: "a", Addr: w.Addr()}, To: runtime.PID{ID: "b", Addr: addr}, Name: name,
		})
	}
	send(deadAddr(t), "n")
	if why := take(t, ear.drops); !strings.Contains(why, "connection ended") {
		t.Errorf("dropped because %q", why)
	}
	send(somebody.Addr(), "a name\r\nwith: a header")
	if why := take(t, ear.drops); !strings.Contains(why, "name of a message") {
		t.Errorf("dropped because %q", why)
	}
}

// A master has a link to each of ten thousand agents and more. It measures memory, and so runs alone.
func TestAnIdleConnectionCostsLittle(t *testing.T) {
	const links, limit = 200, 16 << 10 // the client's end included
	ear := newEar()
	w := listen(t, ear)
	before := heap()
	for i := range links {
		conn := dial(t, w.Addr())
		fmt.Fprintf(conn, "POST /b/n HTTP/1.1\r\nLibprocess-From: a%d@127.0.0.1:1\r\n\r\n", i)
		take(t, ear.messages)
	}
	if each := (heap() - before) / links; each > limit {
		t.Errorf("an idle connection costs %d bytes", each)
	} else {
		t.Logf("an idle connection costs %d bytes", each)
	}
}

// What a node sends in vain can be found in its trace, below what sent it.
func TestALossIsTracedWithItsCause(t *testing.T) {
	t.Parallel()
	wire, err := libprocess.Listen(libprocess.Options{})
	if err != nil {
		t.Fatal(err)
	}
	dropped := make(chan runtime.Event, 1)
	n, err := runtime.NewNode(runtime.Options{Wire: wire, TraceRing: 100})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Close(context.Background()) })
	n.Trace().Watch(func(e runtime.Event) {
		if e.Kind == runtime.EventDrop {
			dropped <- e
		}
	})
	a, err := runtime.Spawn(n, "a", &player{})
	if err != nil {
		t.Fatal(err)
	}
	to := runtime.PID{ID: "b", Addr: deadAddr(t)}
	runtime.Tell(a, func(a *player) { a.Send(to, wrapperspb.String("x")) })
	drop := take(t, dropped)
	if drop.From != a.PID() || drop.To != to || drop.Name != "google.protobuf.StringValue" || !strings.Contains(drop.Note, "connection ended") {
		t.Errorf("dropped %+v", drop)
	}
	for _, e := range n.Trace().Events() {
		if e.ID == drop.Cause && e.Kind == runtime.EventSend && e.To == to {
			return
		}
	}
	t.Errorf("nothing sent is the cause of %+v", drop)
}
