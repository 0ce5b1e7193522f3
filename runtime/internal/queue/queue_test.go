package queue

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// begun is a queue from which its first thing, 0, was taken.
func begun(t *testing.T, b *Buffers[int]) *Queue[int] {
	t.Helper()
	var q Queue[int]
	first := q.Begin(b, -1)
	*first = 0
	if wake, ok := q.Put(new(1)); wake || !ok {
		t.Errorf("Put after Begin reports %v, %v", wake, ok)
	}
	for want := range 2 {
		if got := q.Next(); got == nil || *got != want {
			t.Fatalf("got %v, want %d", got, want)
		}
	}
	if q.Idle() {
		t.Error("the queue is idle while its consumer works")
	}
	if q.Next() != nil || !q.Idle() {
		t.Fatal("more than was put in")
	}
	return &q
}

// Whatever lengths it grows to and shrinks from, a queue is what a slice would be.
func TestQueueIsFirstInFirstOut(t *testing.T) {
	t.Parallel()
	var buffers Buffers[int]
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 0))
		q := begun(t, &buffers)
		var want []int
		active := false
		for i := range 2000 {
			if r.IntN(1000) < 500+400*(i/400%2) {
				wake, ok := q.Put(&i)
				if wake == active || !ok {
					t.Fatalf("seed %d: Put reports %v, %v; the consumer was active: %v", seed, wake, ok, active)
				}
				want, active = append(want, i), true
				continue
			}
			if !active {
				continue // an idle consumer does not ask
			}
			sure := q.AtHand()
			got := q.Next()
			if sure && got == nil {
				t.Fatalf("seed %d: nothing is taken out, and there was something at hand", seed)
			}
			if len(want) == 0 {
				if active = false; got != nil {
					t.Fatalf("seed %d: %d was taken out and is not in", seed, *got)
				}
				continue
			}
			if got == nil || *got != want[0] {
				t.Fatalf("seed %d: got %v, want %d", seed, got, want[0])
			}
			*got, want = -1, want[1:]
			if i%50 == 0 {
				same(t, seed, q, want)
			}
		}
		if got := q.Close(); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %v waited at the end; want %v", seed, got, want)
		}
		if n := q.Len(); n != 0 {
			t.Fatalf("seed %d: the length of a closed queue is %d", seed, n)
		}
		if wake, ok := q.Put(new(int)); wake || ok {
			t.Fatalf("seed %d: something was put into a closed queue", seed)
		}
	}
}

// same checks what Waiting yields, and that it may be left early, and that Len is about as much, or as much once that is shown.
func same(t *testing.T, seed uint64, q *Queue[int], want []int) {
	t.Helper()
	if n := q.Len(); n >= len(want)+largeBuffer || n <= len(want)-largeBuffer {
		t.Fatalf("seed %d: the length is %d; %d wait", seed, n, len(want))
	}
	q.Show()
	if n := q.Len(); n != len(want) {
		t.Fatalf("seed %d: the length shown is %d; %d wait", seed, n, len(want))
	}
	var got []int
	for thing := range q.Waiting {
		got = append(got, *thing)
	}
	if !slices.Equal(got, want) {
		t.Fatalf("seed %d: %v wait; want %v", seed, got, want)
	}
	for most := range want {
		left := most
		for range q.Waiting {
			if left--; left < 0 {
				break
			}
		}
	}
}

// Each producer's things arrive in its order, and of all that is put in exactly one Put wakes an idle consumer.
func TestProducersAtOnce(t *testing.T) {
	t.Parallel()
	const producers, each = 4, 5000
	var buffers Buffers[[2]int]
	var q Queue[[2]int]
	q.Begin(&buffers, [2]int{})
	woken := make(chan struct{}, 1)
	woken <- struct{}{}
	var all sync.WaitGroup
	for p := range producers {
		all.Go(func() {
			for i := range each {
				if wake, _ := q.Put(&[2]int{p, i + 1}); wake {
					woken <- struct{}{}
				}
				if n := q.Len(); n > producers*each {
					t.Errorf("%d wait", n)
				}
			}
		})
	}
	var last [producers]int
	for left := producers*each + 1; left > 0; {
		<-woken
		for thing := q.Next(); thing != nil; thing = q.Next() {
			q.Show()
			if left--; thing[1] != 0 && thing[1] != last[thing[0]]+1 {
				t.Fatalf("%d of producer %d came after %d", thing[1], thing[0], last[thing[0]])
			}
			last[thing[0]] = thing[1]
		}
	}
	all.Wait()
	if len(woken) != 0 {
		t.Error("a consumer with nothing to do was woken")
	}
}

// An idle queue keeps no more than two small buffers.
func TestIdleQueuesAreSmall(t *testing.T) {
	t.Parallel()
	var buffers Buffers[int]
	q := begun(t, &buffers)
	for _, n := range []int{1, 3, smallBuffer, largeBuffer, 1000} {
		for i := range n {
			q.Put(&i)
		}
		for q.Next() != nil {
		}
		if got := cap(q.in) + cap(q.out) + cap(q.full) + cap(q.then); got > 2*smallBuffer {
			t.Errorf("after %d things there is room for %d", n, got)
		}
	}
}
