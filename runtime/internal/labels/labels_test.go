package labels_test

import (
	"context"
	"runtime/pprof"
	"sync"
	"testing"

	"meseta/runtime/internal/eventid"
	"meseta/runtime/internal/labels"
)

// Turns nest, as where one completes a future of another's, and each goroutine has its own.
func TestHereIsTheInnermostTurn(t *testing.T) {
	t.Parallel()
	var all sync.WaitGroup
	for node := range uint64(8) {
		all.Go(func() {
			l := labels.New("actor", node+1)
			defer l.Forget()
			for seq := uint64(1); seq < 100; seq++ {
				turn, inner := eventid.ID{Node: node + 1, Seq: seq}, eventid.ID{Node: 100, Seq: seq}
				for before := range seq % 3 { // turns that the next one ends; what they made of the label does not last
					l.Begin(eventid.ID{Node: node + 1, Seq: 1000 + before})
					pprof.SetGoroutineLabels(context.Background())
				}
				l.Begin(turn)
				if got := labels.Here(); got != turn {
					t.Errorf("%v in %v", got, turn)
				}
				done := labels.Attribute(inner)
				if got := labels.Here(); got != inner {
					t.Errorf("%v in %v", got, inner)
				}
				if done(); labels.Here() != turn {
					t.Errorf("%v after %v", labels.Here(), inner)
				}
				if l.End(); labels.Here() != (eventid.ID{}) {
					t.Errorf("%v after the turn", labels.Here())
				}
			}
		})
	}
	all.Wait()
}

// A goroutine that a turn starts inherits its label, but is of no turn once that is over; and the labels of a program's own
// come back.
func TestALabelOutlivesNoTurn(t *testing.T) {
	t.Parallel()
	own := pprof.WithLabels(context.Background(), pprof.Labels("own", "label"))
	pprof.Do(own, pprof.Labels("more", "labels"), func(context.Context) {
		if got := labels.Here(); got != (eventid.ID{}) {
			t.Errorf("%v below labels of the program's own", got)
		}
		l := labels.New("actor", 1)
		l.Begin(eventid.ID{Node: 1, Seq: 1})
		over, late := make(chan struct{}), make(chan eventid.ID)
		go func() {
			<-over
			late <- labels.Here()
		}()
		l.End()
		close(over)
		if got := <-late; got != (eventid.ID{}) {
			t.Errorf("%v on a goroutine that outlives the turn", got)
		}
		if l.Forget(); l.Kept() {
			t.Error("a label is kept after Forget")
		}
	})
}

// BenchmarkAttribute is what it costs to do something for another turn than that which runs.
func BenchmarkAttribute(b *testing.B) {
	b.ReportAllocs()
	for seq := range uint64(b.N) {
		labels.Attribute(eventid.ID{Node: 1, Seq: seq + 1})()
	}
}
