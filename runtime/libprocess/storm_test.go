package libprocess_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"runtime/pprof"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

const (
	stormNodes     = 3
	stormAttackers = 8
	stormAttacks   = 60        // of each attacker
	stormMemory    = 160 << 10 // what a connection may cost while it is idle
)

// Strangers say everything that they may think of to several nodes, whose actors are linked to each other. No node may
// freeze: its actors still answer. No link of an innocent pair may end. What the strangers' connections cost is bounded, and
// when the nodes have closed nothing is left of them.
//
// It was seen to fail when [runtime.Actor.Link] watched a foreign process while it held the lock of all links, and when
// names were interned whatever their length.
//
// It counts goroutines, descriptors and bytes, and so runs alone.
func TestStormOfStrangers(t *testing.T) {
	seeds := uint64(3)
	if testing.Short() {
		seeds = 1
	}
	for seed := range seeds {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			s := &storm{deaf: mustListen(t), dead: deadAddr(t)}
			before := openDescriptors(t)
			s.start(t)
			s.link(t)
			cost := heap()
			conns := s.rage(t, seed)
			s.mustAnswer(t)
			// What was said last may still be being read.
			eventually(t, fmt.Sprintf("more than %d KiB for an idle connection", stormMemory>>10), func() bool {
				return (heap()-cost)/len(conns) <= stormMemory
			})
			for _, conn := range conns {
				conn.Close()
			}
			s.mustAnswer(t)
			if exits := s.exits.Load(); exits != 0 {
				t.Errorf("%d exits of actors that live", exits)
			}
			s.close(t)
			eventually(t, "a goroutine of a closed node", func() bool { return len(ourGoroutines()) == 0 })
			eventually(t, "a descriptor of a closed node", func() bool { return openDescriptors(t) <= before })
		})
	}
}

// storm is the nodes that are attacked.
type storm struct {
	nodes   []*runtime.Node
	systems []*actor.ActorSystem
	probes  []runtime.Ref[*innocent]
	exits   atomic.Int64
	deaf    net.Listener // accepts what the kernel accepts for it
	dead    string
}

func (s *storm) start(t *testing.T) {
	silent := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	for range stormNodes {
		wire, err := libprocess.Listen(libprocess.Options{Log: zerolog.Nop(), MaxQueue: 1 << 19, MaxReserve: 1 << 20, MaxBody: 1 << 20, MaxBodies: 4 << 20})
		if err != nil {
			t.Fatal(err)
		}
		system := actor.NewActorSystem(actor.WithLoggerFactory(silent))
		n, err := runtime.NewNode(runtime.Options{Wire: wire, Log: zerolog.Nop(), ActorSystem: system, Fatal: func(p runtime.Panic) { t.Error(p) }})
		if err != nil {
			t.Fatal(err)
		}
		system.ProcessRegistry.Add(hasty{system}, "hasty")
		s.nodes, s.systems = append(s.nodes, n), append(s.systems, system)
		s.probes = append(s.probes, mustSpawn(t, n, "probe", &innocent{exits: &s.exits, answers: make(chan string, 100)}))
		mustSpawn(t, n, "victim", &victim{})
	}
}

func mustListen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func mustSpawn[B runtime.Behavior](t *testing.T, n *runtime.Node, id string, b B) runtime.Ref[B] {
	t.Helper()
	ref, err := runtime.Spawn(n, id, b)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// hasty is a process of plain protoactor-go that ends before anybody can watch it, and says so on the goroutine of
// from anywhere.
type hasty struct{ system *actor.ActorSystem }

func (hasty) SendUserMessage(*actor.PID, any) {}
func (hasty) Stop(*actor.PID)                 {}
func (h hasty) SendSystemMessage(pid *actor.PID, message any) {
	if m, ok := message.(*actor.Watch); ok {
		if p, ok := h.system.ProcessRegistry.Get(m.Watcher); ok {
			p.SendSystemMessage(m.Watcher, &actor.Terminated{Who: pid})
		}
	}
}

// innocent is linked to its likes on the other nodes, and answers them.
type innocent struct {
	runtime.Actor
	exits   *atomic.Int64
	answers chan string
}

func (i *innocent) Initialize() {
	runtime.Install(i, func(from runtime.PID, m *wrapperspb.Int32Value) { i.Send(from, wrapperspb.Bool(true)) })
	runtime.Install(i, func(from runtime.PID, m *wrapperspb.BoolValue) {
		select {
		case i.answers <- from.Addr:
		default: // a stranger's, too many
		}
	})
}

func (i *innocent) Exited(runtime.PID) { i.exits.Add(1) }

// victim does what daemons do with messages of strangers: it links to their senders, and answers them.
type victim struct{ runtime.Actor }

func (v *victim) Initialize() {
	runtime.Install(v, func(from runtime.PID, m *wrapperspb.StringValue) {
		v.Link(from)
		v.Send(from, m)
	})
	web.Route(v, "/plain", web.Help{}, func(*web.Request) runtime.Future[*web.Response] { return ready(web.OK()) })
	web.Route(v, "/never", web.Help{}, func(*web.Request) runtime.Future[*web.Response] {
		p := runtime.Owe[*web.Response](v)
		p.OnDiscard(func() { p.Fail(runtime.ErrDiscarded) })
		return p.Future()
	})
	web.Route(v, "/stream", web.Help{}, func(*web.Request) runtime.Future[*web.Response] {
		s := web.NewStream()
		s.Write(make([]byte, 1000)) //nolint:errcheck // the client may be gone
		return ready(&web.Response{Status: 200, Stream: s})
	})
	web.RouteArriving(v, "", "/records", web.Help{}, func(r *web.Request) runtime.Future[*web.Response] {
		return runtime.Go(v, func(context.Context) (*web.Response, error) {
			_, err := io.Copy(io.Discard, r.Body)
			return web.OK(), err
		})
	})
}

// link makes every innocent a friend of all others.
func (s *storm) link(t *testing.T) {
	for _, ref := range s.probes {
		runtime.Tell(ref, func(i *innocent) {
			for _, to := range s.probes {
				if to.PID() != ref.PID() {
					i.Link(to.PID())
				}
			}
		})
	}
	s.mustAnswer(t)
}

// mustAnswer asks every node's actors by HTTP, and each other over their links.
func (s *storm) mustAnswer(t *testing.T) {
	t.Helper()
	for i, n := range s.nodes {
		got := exchange(t, n.Addr(), "GET /victim/plain HTTP/1.1\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 200 ") {
			t.Fatalf("%s answered %q", n.Addr(), got)
		}
		from := s.probes[i]
		runtime.Tell(from, func(i *innocent) {
			for len(i.answers) > 0 { // what strangers said
				<-i.answers
			}
			for _, to := range s.probes {
				i.Send(to.PID(), wrapperspb.Int32(1))
			}
		})
		missing := map[string]bool{}
		for _, other := range s.nodes {
			missing[other.Addr()] = true
		}
		answers := answersOf(t, from)
		for len(missing) > 0 {
			delete(missing, take(t, answers))
		}
	}
}

func answersOf(t *testing.T, ref runtime.Ref[*innocent]) chan string {
	t.Helper()
	got := make(chan chan string, 1)
	runtime.Tell(ref, func(i *innocent) { got <- i.answers })
	return take(t, got)
}

// rage lets all attackers loose, and returns their connections when they have no more to say.
func (s *storm) rage(t *testing.T, seed uint64) []net.Conn {
	var mu sync.Mutex
	var conns []net.Conn
	var attackers sync.WaitGroup
	for i := range stormAttackers {
		attackers.Go(func() {
			a := attacker{Rand: rand.New(rand.NewPCG(seed, uint64(i))), storm: s}
			for range stormAttacks {
				conn, err := net.Dial("tcp", s.nodes[a.IntN(len(s.nodes))].Addr())
				if err != nil {
					t.Error(err)
					return
				}
				conn.SetDeadline(time.Now().Add(patience)) //nolint:errcheck // best effort
				go io.Copy(io.Discard, conn)               //nolint:errcheck // the answers matter to nobody
				if a.attack(conn) {
					mu.Lock()
					conns = append(conns, conn)
					mu.Unlock()
				} else {
					conn.Close()
				}
			}
		})
	}
	attackers.Wait()
	return conns
}

// attacker is one stranger.
type attacker struct {
	*rand.Rand
	*storm
}

// attack says some requests; it reports whether the connection is to stay.
func (a attacker) attack(conn net.Conn) (stay bool) {
	kind := pick(a, a.message, a.message, a.message, a.unheardOf, a.request, a.request, a.nonsense)
	for range 1 + a.IntN(40) {
		text := kind()
		if a.IntN(200) == 0 {
			text = text[:a.IntN(len(text))] // and there it ends
		}
		if _, err := io.WriteString(conn, text); err != nil {
			return false
		}
		if a.IntN(10) == 0 {
			kind = pick(a, a.message, a.request, a.nonsense)
		}
	}
	return a.IntN(3) > 0
}

func pick[T any](a attacker, of ...T) T { return of[a.IntN(len(of))] }

// message is one to somebody, in the name of somebody else.
func (a attacker) message() string {
	from := a.id() + "@" + pick(a, a.nodes[0].Addr(), a.nodes[1].Addr(), a.nodes[2].Addr(), a.dead, a.deaf.Addr().String(), "", "0.0.0.0:0", "[::1]:1", "x")
	name := pick(a, "google.protobuf.StringValue", "google.protobuf.StringValue", "google.protobuf.Int32Value", "google.protobuf.BoolValue", "nothing", a.id())
	head := fmt.Sprintf("POST /%s/%s HTTP/1.1\r\n%s: %s\r\n", pick(a, "victim", "victim", "victim", "probe", a.id()), name,
		pick(a, "Libprocess-From", "Libprocess-From", "libprocess-from", "User-Agent: libprocess/x@1.2.3.4:5\r\nLibprocess-From"), from)
	return head + a.body()
}

// unheardOf is a message of somebody to somebody whose names are long.
func (a attacker) unheardOf() string {
	return fmt.Sprintf("POST /%.30000s/x HTTP/1.1\r\nLibprocess-From: %.30000s@%s\r\n%s", a.long(), a.long(), a.dead, a.body())
}

// id is one that an actor may have, or not.
func (a attacker) id() string {
	return pick(a, "victim", "probe", "hasty", "deadletter", "eventstream", "nonhost", "$1", "future$1", "nobody", "__processes__",
		"", "a@b", "a/b", "a%2fb", "%zz", "%00", "é", "\xff\xfe", "a b", "*", "..",
		fmt.Sprintf("a%d", a.IntN(1000)), a.long())
}

// long is an id of up to the length of a head, unlike all others.
func (a attacker) long() string {
	return fmt.Sprintf("%d", a.Uint64()) + strings.Repeat("x", 60<<10-a.IntN(2000))
}

// body is the rest of a head, and what follows it.
func (a attacker) body() string {
	content := pick(a, "", "\n\x01x", "x", strings.Repeat("x", a.IntN(100_000)))
	return pick(a,
		fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(content), content),
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x;y=z\r\n%s\r\n0\r\n\r\n", len(content)+1, content+"\x00"),
		fmt.Sprintf("Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(content)+1, content+"\x00"),
		"\r\n")
}

// request is one for an answer that may not come, or not end.
func (a attacker) request() string {
	path := pick(a, "/victim/plain", "/victim/never", "/victim/stream", "/victim/records", "/help", "/__processes__", "/", "/"+a.id(), "x", "/..")
	method := pick(a, "GET", "POST", "HEAD", "PUT", "x")
	return fmt.Sprintf("%s %s HTTP/1.1\r\nContent-Type: %s\r\nExpect: 100-continue\r\n%s", method, path,
		pick(a, "application/recordio", "application/json", "x"), a.body())
}

// nonsense is what no client says.
func (a attacker) nonsense() string {
	return pick(a, "\x00\x01\x02", "GET / HTTP/9.9\r\n\r\n", "\r\n", strings.Repeat("A: b\r\n", 20_000),
		"POST /victim/records HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n", "PRI * HTTP/2.0\r\n\r\n", a.long())
}

func (s *storm) close(t *testing.T) {
	for i, n := range s.nodes {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		if err := n.Close(ctx); err != nil {
			t.Errorf("%s does not close: %v; still there: %v", n.Addr(), err, n.PIDs())
		}
		cancel()
		s.systems[i].Shutdown()
	}
}

// eventually fails the test if what does not become true.
func eventually(t *testing.T, left string, gone func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !gone(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s is left: %s", left, strings.Join(ourGoroutines(), "\n"))
		}
	}
}

// ourGoroutines are the stacks of those that run the code of nodes and wires, and of no test.
func ourGoroutines() []string {
	var all strings.Builder
	pprof.Lookup("goroutine").WriteTo(&all, 2) //nolint:errcheck // into memory
	return slices.DeleteFunc(strings.Split(all.String(), "\n\n"), func(stack string) bool {
		return !strings.Contains(stack, "meseta/runtime.") && !strings.Contains(stack, "meseta/runtime/libprocess.") ||
			strings.Contains(stack, "testing.")
	})
}

// openDescriptors counts those of this process, where the system tells.
func openDescriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return len(open)
}
