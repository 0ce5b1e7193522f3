package libprocess_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"meseta/runtime"
	"meseta/runtime/libprocess"
	"meseta/runtime/web"
)

// pipes are a network in memory, for wires on virtual time: whoever is dialled comes out of the channel, and takes nothing that
// it does not read.
type pipes chan far

// far is the other end of a connection.
type far struct{ *bufio.Reader }

func (p pipes) Accept(conn net.Conn) net.Conn { return conn }

func (p pipes) Dial(context.Context, string) (net.Conn, error) {
	here, there := net.Pipe()
	p <- far{bufio.NewReader(there)}
	return here, nil
}

// nobody is a listener that nobody connects to.
type nobody chan struct{}

func (n nobody) Accept() (net.Conn, error) { <-n; return nil, net.ErrClosed }
func (n nobody) Addr() net.Addr            { return &net.TCPAddr{} }
func (n nobody) Close() error              { close(n); return nil }

// burst is a wire on virtual time, with messages of half a piece.
type burst struct {
	*testing.T
	*libprocess.Wire
	ear   *ear
	pipes pipes
}

const (
	piece  = 64 << 10
	queued = 16 * piece // MaxQueue
	spare  = 64 * piece // MaxReserve
	long   = 30 * time.Second
)

// onVirtualTime calls f with a wire that is closed after it.
func onVirtualTime(t *testing.T, f func(*burst)) {
	synctest.Test(t, func(t *testing.T) {
		b := &burst{T: t, ear: newEar(), pipes: make(pipes, 10)}
		w, err := libprocess.On(make(nobody), libprocess.Options{
			Log: zerolog.Nop(), Secure: b.pipes, MaxQueue: queued, MaxReserve: spare, Patience: long,
			HTTP: func(r *web.Request) runtime.Future[*web.Response] { return b.ear.serve(r) },
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Start(b.ear); err != nil {
			t.Fatal(err)
		}
		b.Wire = w
		f(b)
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		w.Close(ctx) //nolint:errcheck // peers may not read any more
	})
}

// say sends about so many bytes to addr, in messages of half a piece, and returns when the wire waits.
func (b *burst) say(addr string, bytes int) {
	for range bytes / (piece / 2) {
		b.Send(message(addr, piece/2-200))
	}
	synctest.Wait()
}

// overfill sends messages to addr until one is too many, and returns how many that took.
func (b *burst) overfill(addr string) (sent int) {
	for before := b.Drops().Full; b.Drops().Full == before; sent++ {
		b.Send(message(addr, piece/2-200))
	}
	synctest.Wait()
	return sent
}

func message(addr string, bytes int) runtime.Envelope {
	return runtime.Envelope{
		From: runtime.PID{ID: "a", Addr: "10.0.0.1:1"}, To: runtime.PID{ID: "b", Addr: addr}, Name: "n", Body: make([]byte, bytes),
	}
}

// read reads so many messages, each after a pause.
func (b *burst) read(conn far, messages int, pause time.Duration) {
	b.Helper()
	for range messages {
		time.Sleep(pause)
		for line := ""; line != "0\r\n"; { // how bodies end
			var err error
			if line, err = conn.ReadString('\n'); err != nil {
				b.Fatalf("the connection ended: %v", err)
			}
		}
		if _, err := conn.Discard(len("\r\n")); err != nil {
			b.Fatalf("the connection ended: %v", err)
		}
	}
}

// drops says how many messages were dropped because too much waited, and because the connection ended.
func (b *burst) drops() [2]int { return [2]int{int(b.Drops().Full), int(b.Drops().Lost)} }

func (b *burst) wantDrops(full, lost int) {
	b.Helper()
	if got := b.drops(); got != [2]int{full, lost} {
		b.Errorf("%d messages dropped for too much that waits, %d for the connection's end; want %d and %d", got[0], got[1], full, lost)
	}
}

// A burst larger than what may wait for a peer is not lost when the peer reads, however slowly within reason.
func TestWhoGoesOnReadingMissesNothing(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		var conn far
		for i := range 3 { // each time what was lent is there again
			b.say("10.0.0.2:1", 3*queued)
			if i == 0 {
				conn = <-b.pipes
			}
			b.read(conn, 6*queued/piece, long/2-time.Second) // two are a piece
			b.wantDrops(0, 0)
		}
	})
}

// A peer that has everything is not late, however long that is ago.
func TestWhoHadNothingToReadIsLentAtOnce(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		b.say("10.0.0.2:1", piece)
		conn := <-b.pipes
		b.read(conn, 2, 0)
		time.Sleep(24 * time.Hour)
		for range 3 { // faster than they can be written
			b.Send(message("10.0.0.2:1", queued/2))
		}
		b.read(conn, 3, 0)
		b.wantDrops(0, 0)
	})
}

// The connection of a peer that takes nothing ends when its time is over, whether something is sent to it or not.
func TestWhoStopsReadingIsCutWhenItsTimeIsOver(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		b.Link("10.0.0.2:1")
		b.say("10.0.0.2:1", 3*queued)
		b.read(<-b.pipes, 4, time.Second)
		began := time.Now()
		if addr := <-b.ear.exits; addr != "10.0.0.2:1" {
			t.Errorf("exit of %s", addr)
		}
		if after := time.Since(began); after != long {
			t.Errorf("the connection ended after %s", after)
		}
		b.wantDrops(1, 6*queued/piece-4-1)
	})
}

// A peer that took nothing for too long before more waited than may is not lent anything.
func TestWhoDidNotReadIsCutAtOnce(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		b.say("10.0.0.2:1", queued/2)
		conn := <-b.pipes
		time.Sleep(long)
		if sent := b.overfill("10.0.0.2:1"); sent > queued/piece+2 {
			t.Errorf("it is lent something: %d more messages wait", sent)
		}
		if n, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read %d bytes, %v", n, err)
		}
	})
}

// Within its own queue a peer may take any time, also after it was lent something.
func TestAShortQueueWaitsForever(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		b.say("10.0.0.2:1", 2*queued)
		conn := <-b.pipes
		b.read(conn, 2*queued/piece+4, 0)
		time.Sleep(24 * time.Hour)
		b.read(conn, 2*queued/piece-4, 0)
		b.wantDrops(0, 0)
	})
}

// What peers are lent is bounded for all of them together; who would exceed it is cut, and what it had is there for others.
func TestWhatPeersAreLentIsBounded(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		b.say("10.0.0.2:1", queued+spare/2)
		first := <-b.pipes
		b.say("10.0.0.3:1", queued+spare/4)
		lost := (2*queued+spare/2)/piece + b.overfill("10.0.0.3:1")
		if most := (2*queued + spare) / piece; lost > most+2 || lost < most-2 {
			t.Errorf("cut when %d messages waited; %d may", lost, most)
		}
		b.wantDrops(1, lost-1)
		b.say("10.0.0.2:1", spare/4)
		b.read(first, (2*queued+spare*3/2)/piece, 0)
		b.wantDrops(1, lost-1)
	})
}

// A message of which the peer takes piece by piece is no stall, however large it is.
func TestALargeMessageIsTakenPieceByPiece(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		b.say("10.0.0.2:1", piece)
		b.Send(message("10.0.0.2:1", 2*queued))
		conn := <-b.pipes
		for range 2 * queued / piece {
			time.Sleep(long - time.Second)
			if _, err := io.ReadFull(conn, make([]byte, piece)); err != nil {
				t.Fatal(err)
			}
		}
		b.wantDrops(0, 0)
	})
}

// stream returns a stream to a client on virtual time, for which more waits than it may lag behind, and the client.
func (b *burst) stream() (*web.Stream, net.Conn) {
	b.Helper()
	s := web.NewStream()
	b.ear.serve = func(*web.Request) runtime.Future[*web.Response] {
		return runtime.Ready(&web.Response{Status: http.StatusOK, Stream: s})
	}
	here, there := net.Pipe()
	go b.Serve(there)
	if _, err := io.WriteString(here, "GET /a HTTP/1.1\r\n\r\n"); err != nil {
		b.Fatal(err)
	}
	synctest.Wait()
	for range 66 {
		if err := s.Write(make([]byte, 1<<20)); err != nil {
			b.Fatal(err)
		}
	}
	synctest.Wait()
	return s, here
}

// The client of a stream that goes on reading is lent what it lags behind, too.
func TestAClientThatGoesOnReadingMissesNothing(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		s, client := b.stream()
		s.Close()
		read, err := 0, error(nil)
		for n := 0; read < 66<<20; read += n {
			time.Sleep(long / 2)
			if n, err = io.ReadFull(client, make([]byte, piece)); err != nil {
				t.Fatalf("the stream ended after %d bytes: %v", read, err)
			}
		}
		client.Close()
	})
}

// A client that stops reading is cut when its time is over.
func TestAClientThatStopsReadingIsCut(t *testing.T) {
	t.Parallel()
	onVirtualTime(t, func(b *burst) {
		s, client := b.stream()
		defer client.Close()
		time.Sleep(long - time.Second)
		synctest.Wait()
		if err := s.Write([]byte("x")); err != nil {
			t.Errorf("it was cut early: %v", err)
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if s.Buffered() != 0 {
			t.Error("the stream goes on")
		}
	})
}
