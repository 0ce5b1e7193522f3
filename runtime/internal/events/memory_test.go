package events_test

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"google.golang.org/protobuf/types/known/emptypb"

	"meseta/runtime/internal/events"
)

// What an event costs is mostly that it is written.
func TestAMemoIsTwoCacheLines(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(events.Memo{}); size > 128 {
		t.Errorf("it has %d bytes", size)
	}
}

// A message that is queued when it is sent is two events: what it led to may follow from the second, and may be what others
// remember with an earlier time. Of all, the latest are shown, even if a message is cut in two.
func TestASentMessageIsTwoEvents(t *testing.T) {
	t.Parallel()
	from, to := events.PID{ID: "a", Addr: "127.0.0.1:1"}, events.PID{ID: "b", Addr: "127.0.0.1:1"}
	for size, want := range map[int]string{
		9: "1 send, 2 enqueue by 1, 3 deliver by 2, 5 send by 3, 6 enqueue by 5",
		4: "2 enqueue by 1, 3 deliver by 2, 5 send by 3, 6 enqueue by 5",
		1: "6 enqueue by 5",
	} {
		m := events.New(size, 1, new(atomic.Uint64))
		cause := events.ID{}
		for i := range 2 {
			sent, _ := m.Add(0, &events.Memo{
				Cause: cause, Time: int64(i), Kind: events.Send, What: events.OnMessage, From: from, To: to, Message: &emptypb.Empty{}, Queued: true,
			}, events.Place{})
			if i == 0 {
				begun, _ := m.Add(0, &events.Memo{Cause: events.ID{Node: 7, Seq: sent + 1}, Kind: events.Deliver, From: from, To: to, Message: &emptypb.Empty{}}, events.Place{})
				cause = events.ID{Node: 7, Seq: begun}
			}
		}
		var got []string
		for _, e := range m.All(7, time.UTC) {
			line := fmt.Sprint(e.ID.Seq, " ", e.Kind)
			if !e.Cause.IsZero() {
				line += fmt.Sprint(" by ", e.Cause.Seq)
			}
			if e.From != from || e.To != to || e.Message == nil || e.Name != "google.protobuf.Empty" {
				line += fmt.Sprintf(", which is %+v", e)
			}
			got = append(got, line)
		}
		if got := strings.Join(got, ", "); got != want {
			t.Errorf("of a memory of %d: %s; want %s", size, got, want)
		}
	}
}

// A turn may be remembered with an earlier time than what it is about, which another lane added: it comes afterwards nevertheless.
func TestTurnsComeBehindWhatTheyAreAbout(t *testing.T) {
	t.Parallel()
	m := events.New(10, 2, new(atomic.Uint64))
	sent, _ := m.Add(1, &events.Memo{Time: 20, Kind: events.Send, Queued: true}, events.Place{})
	m.Add(0, &events.Memo{Time: 10, Kind: events.Deliver, Cause: events.ID{Seq: sent + 1}}, events.Place{})
	var got []string
	for _, e := range m.All(7, time.UTC) {
		got = append(got, fmt.Sprint(e.Kind, " ", e.Time.UnixNano()))
	}
	if got, want := strings.Join(got, ", "), "send 20, enqueue 20, deliver 20"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// What is older than something that was forgotten is left out, although an actor that rests keeps it: what was queued then would seem
// to wait.
func TestWhatIsIncompleteIsLeftOut(t *testing.T) {
	t.Parallel()
	m := events.New(1<<20, 4, new(atomic.Uint64))
	add := func(lane uint32, at int64, size uint32) {
		m.Add(lane, &events.Memo{Time: at, Kind: events.Enqueue, Size: size}, events.Place{})
	}
	add(1, 1, 0)
	add(2, 2, 0)
	if n := len(m.All(1, time.UTC)); n != 2 {
		t.Errorf("%d events, before any is forgotten", n)
	}
	const large = 1 << 20
	for at := range int64(100) {
		add(3, 3+at, large)
	}
	add(1, 200, 0)
	all := m.All(1, time.UTC)
	if n := len(all); n < events.Most/large/4 || n > events.Most/large || all[n-1].Time.UnixNano() != 200 {
		t.Fatalf("%d events", n)
	}
	for i, e := range all[:len(all)-1] {
		if want := all[0].Time.UnixNano() + int64(i); e.Time.UnixNano() != want {
			t.Errorf("an event of %d, want %d", e.Time.UnixNano(), want)
		}
	}
}
