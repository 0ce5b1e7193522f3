package consensus_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/actors/consensus"
	"meseta/messages/pb/consensuspb"
	"meseta/runtime"
	"meseta/runtime/sim"
)

// A machine is replaced while the connection breaks again and again. It gets the state in pieces, none of them twice but those
// that were lost, although the group goes on writing, and is a member only when it has all.
func TestASnapshotComesInPieces(t *testing.T) {
	t.Parallel()
	const piece, size = 1000, 200_000
	g := newGroup(t, 3, func(o *consensus.Options) { o.Piece, o.CompactAt, o.Keep = piece, 10_000, 5 })
	g.propose(strings.Repeat("a", size))
	leader := g.elect()
	lost := g.others(leader)[0]
	if err := lost.Wipe(); err != nil {
		t.Fatal(err)
	}
	pieces, times, breaks := 0, map[uint64]int{}, 0
	g.Intercept(func(e runtime.Envelope) sim.Verdict {
		if n := proto.Size(e.Message); n > 2*piece {
			t.Errorf("a %T of %d bytes is sent", e.Message, n)
		}
		if p, ok := e.Message.(*consensuspb.PieceMessage); ok {
			pieces++
			times[p.GetOffset()]++
		}
		return sim.Pass
	})
	g.start(lost)
	for range 5 {
		before := pieces
		if !g.RunUntil(func() bool { return pieces > before+20 }, 20*time.Second) {
			t.Fatalf("after %d pieces, no more have come", pieces)
		}
		if consensus.Votes(lost.Member) {
			t.Error("a master counts before it knows what the others do")
		}
		g.Partition(leader.Addr, lost.Addr)
		breaks++
		for range 10 {
			g.propose("b")
		}
		g.Advance(3 * time.Second)
		g.Heal(leader.Addr, lost.Addr)
	}
	g.joined(lost)
	if first := journalOf(lost)[0]; len(first) != size {
		t.Errorf("of the state, %d bytes have come, want %d", len(first), size)
	}
	again := 0
	for _, n := range times {
		again += n - 1
	}
	if again > 5*breaks {
		t.Errorf("%d of %d pieces were sent again after %d breaks", again, pieces, breaks)
	}
}
