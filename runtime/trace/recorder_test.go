package trace_test

import (
	"encoding/json"
	"errors"
	"net/http"
	goruntime "runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"meseta/runtime"
	"meseta/runtime/runtimetest"
	"meseta/runtime/sim"
	"meseta/runtime/trace"
	"meseta/runtime/trace/conversation"
)

// reports are lines of a log.
type reports chan string

func (r reports) Write(line []byte) (int, error) {
	r <- string(line)
	return len(line), nil
}

func (s *silent) waitFor(over <-chan struct{}) { <-over }

// A turn that takes too long is logged once, with what it is about and where it is.
func TestHangs(t *testing.T) {
	t.Parallel()
	said := make(reports, 10)
	n := runtimetest.Node(t, func(o *runtime.Options) { o.TraceRing, o.Log = 1000, zerolog.New(said).Level(zerolog.WarnLevel) })
	if err := trace.Spawn(n, trace.Options{Hang: time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	a := runtimetest.Spawn(t, n, "stuck", &silent{})
	for range 2 {
		runtime.Tell(a, func(s *silent) { s.waitFor(over) })
		report := <-said
		for _, want := range []string{`"hangs":"stuck"`, `"turn":"call test hangs…"`, "waitFor"} {
			if !strings.Contains(strings.ToLower(report), strings.ToLower(want)) {
				t.Errorf("the report does not say %q: %s", want, report)
			}
		}
		over <- struct{}{}
	}
	if len(said) > 0 {
		t.Errorf("it is reported again: %s", <-said)
	}
}

// The first of the turns that take too long has what is remembered saved, where it is shown as not over. A node that hangs again
// and again does not fill its disk.
func TestAHangIsSaved(t *testing.T) {
	t.Parallel()
	said, saved := make(reports, 10), make(chan []byte, 10)
	n := runtimetest.Node(t, func(o *runtime.Options) { o.TraceRing, o.Log = 1000, zerolog.New(said).Level(zerolog.WarnLevel) })
	save := func(lines []byte) (string, error) {
		saved <- lines
		return "/the/path", errors.New("the disk is nearly full")
	}
	if err := trace.Spawn(n, trace.Options{Hang: time.Millisecond, Save: save}); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	a := runtimetest.Spawn(t, n, "held", &silent{})
	for _, path := range []string{`"saved":"/the/path","not_saved":"the disk is nearly full"`, ""} {
		runtime.Tell(a, func(s *silent) { s.waitFor(over) })
		if report := <-said; !strings.Contains(report, path) || path == "" && strings.Contains(report, `"saved":`) {
			t.Errorf("want %q, got %s", path, report)
		}
		over <- struct{}{}
	}
	records, err := conversation.Parse(<-saved)
	if text := conversation.Build(records).Text(); err != nil || !strings.Contains(text, "held  call test A hang is saved…") || !strings.Contains(text, "[waited") ||
		!strings.Contains(text, "its turn is not over") || len(saved) > 0 {
		t.Errorf("%v, %d more files, %s", err, len(saved), text)
	}
}

func TestTheRingIsSavedOnRequest(t *testing.T) {
	t.Parallel()
	w, a, _ := talk(t)
	var saved []byte
	if err := trace.Spawn(a, trace.Options{Save: func(lines []byte) (string, error) { saved = lines; return "/the/path", nil }}); err != nil {
		t.Fatal(err)
	}
	if res := ask(t, w, a, http.MethodPost, "/trace/save"); res.Status != http.StatusOK || string(res.Bytes()) != "/the/path\n" {
		t.Errorf("%d %s", res.Status, res.Bytes())
	}
	if records, err := conversation.Parse(saved); err != nil || len(records) < 10 {
		t.Errorf("%d events were saved: %v", len(records), err)
	}
}

func TestThatItCannotBeSavedIsSaid(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		save   func([]byte) (string, error)
		status int
	}{{nil, 501}, {func([]byte) (string, error) { return "", errors.New("disk full") }, 500}} {
		w := runtimetest.World(t, 1)
		n := w.Node(here)
		if err := trace.Spawn(n, trace.Options{Save: test.save}); err != nil {
			t.Fatal(err)
		}
		if res := ask(t, w, n, http.MethodPost, "/trace/save"); res.Status != test.status {
			t.Errorf("%d %s; want %d", res.Status, res.Bytes(), test.status)
		}
	}
}

func TestBrowsersGetAPage(t *testing.T) {
	t.Parallel()
	w, a, _ := talk(t)
	if err := trace.Spawn(a, trace.Options{}); err != nil {
		t.Fatal(err)
	}
	res := get(t, w, a, http.MethodGet, "format=html&message=Empty")
	text := string(res.Bytes())
	if !strings.HasPrefix(text, "<!DOCTYPE html>") || !strings.Contains(text, "client → server  Empty") || !strings.Contains(text, "to another node") ||
		strings.Contains(text, "not seen to arrive") || strings.Contains(text, "http://") != strings.Contains(text, "www.w3.org") {
		t.Errorf("%d %s", res.Status, text)
	}
	if res := get(t, w, a, http.MethodGet, "format=png"); res.Status != http.StatusBadRequest || !strings.Contains(string(res.Bytes()), "format=png: want json or html") {
		t.Errorf("format=png: %d %s", res.Status, res.Bytes())
	}
}

func TestActors(t *testing.T) {
	t.Parallel()
	w, a, _ := talk(t)
	runtimetest.Spawn(t, a, "silent", &silent{})
	ref := runtimetest.Spawn(t, a, "busy", &client{server: runtime.PID{ID: "x", Addr: there}})
	w.Settle()
	all := trace.Actors(a)
	text, err := json.Marshal(all)
	if err != nil || len(all) != 2 || all[0].PID != ref.PID().String() {
		t.Fatalf("%s, %v", text, err)
	}
	for _, want := range []string{`"handles":["google.protobuf.BoolValue"]`, `"turns":`, `"waiting":0`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is not in %s", want, text)
		}
	}
}

// What an actor waits for does not depend on how much of the past its node remembers.
func TestActorsHaveTheirOldLinksAndTimers(t *testing.T) {
	t.Parallel()
	w, a, _ := talk(t)
	ref, other := runtimetest.Spawn(t, a, "waiting", &silent{}), runtimetest.Spawn(t, a, "zero", &silent{})
	var cancelled runtime.Timer
	runtime.Tell(ref, func(s *silent) {
		s.Link(runtime.PID{ID: "on a node that is gone", Addr: there})
		s.Link(other.PID())
		s.Link(ref.PID())
		s.Unlink(other.PID())
		s.Delay(time.Hour, s.Terminate)
		cancelled = s.Delay(time.Minute, s.Terminate)
		s.Delay(time.Second, func() {})
		s.Delay(30*time.Minute, func() {})
	})
	runtime.Tell(ref, func(*silent) { cancelled.Cancel() })
	w.Advance(2 * time.Second)
	a.Trace().Record(0)
	got, want := trace.Actors(a)[0], trace.ActorRecord{
		PID:    ref.PID().String(),
		Timers: []string{"terminate 1h0m0s", "test actors have their old links and timers… 30m0s"},
		Links:  []string{ref.PID().String()},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// What waits for an actor is what is in its queue, also when its node has forgotten how it came there, and what came last has
// been forgotten before.
func TestActorsHaveWhatWaitsForThem(t *testing.T) {
	t.Parallel()
	n := runtimetest.Node(t, func(o *runtime.Options) { o.TraceRing = 100 })
	stuck, idle := runtimetest.Spawn(t, n, "stuck", &silent{}), runtimetest.Spawn(t, n, "idle", &silent{})
	over := make(chan struct{})
	defer close(over)
	rest := func(refs ...runtime.Ref[*silent]) {
		for _, ref := range refs {
			if _, err := runtime.Wait(t.Context(), runtime.Dispatch(ref, func(*silent) struct{} { return struct{}{} })); err != nil {
				t.Fatal(err)
			}
		}
	}
	rest(stuck, idle)
	// What follows is in the queue of the actor as it begins its long turn, partly where only it sees it.
	const before, after = 200, 30
	runtime.Tell(stuck, func(s *silent) {
		runtime.Tell(stuck, func(s *silent) { s.waitFor(over) })
		for range before {
			runtime.Tell(stuck, func(*silent) {})
		}
	})
	for waiting := 0; waiting != before; waiting = n.Waiting(stuck.PID()) {
		rest(idle)
	}
	for range after {
		runtime.Tell(stuck, func(*silent) {})
	}
	waits := func() trace.ActorRecord {
		t.Helper()
		all := trace.Actors(n)
		i := slices.IndexFunc(all, func(a trace.ActorRecord) bool { return a.PID == stuck.PID().String() })
		if j := slices.IndexFunc(all, func(a trace.ActorRecord) bool { return a.PID == idle.PID().String() }); all[j].Waiting != 0 || all[j].Oldest != 0 {
			t.Errorf("the idle actor is %+v", all[j])
		}
		if all[i].Waiting != before+after || all[i].Oldest <= 0 || all[i].Running == "" || all[i].RunsFor <= 0 {
			t.Errorf("the stuck actor is %+v", all[i])
		}
		return all[i]
	}
	waits()
	for range 2 * 16 { // all lanes of the ring
		other := runtimetest.Spawn(t, n, n.NewID("other"), &silent{})
		for range 100 {
			runtime.Tell(other, func(*silent) {})
		}
		rest(other)
	}
	if a := waits(); !strings.Contains(a.Running, "before all that is remembered") {
		t.Errorf("the ring has not forgotten %+v", a)
	}
}

// talk is conversation with the seed 1.
func talk(t *testing.T) (w *sim.World, a, b *runtime.Node) { t.Helper(); return conversed(t, 1) }

// sink takes messages.
type sink struct {
	runtime.Actor
	taken int
}

func (s *sink) Initialize() {
	runtime.Install(s, func(runtime.PID, *wrapperspb.BytesValue) { s.taken++ })
}

func (s *sink) sendLong(to runtime.PID) (sent weak.Pointer[wrapperspb.BytesValue]) {
	m := wrapperspb.Bytes(make([]byte, 1<<20))
	s.Send(to, m)
	return weak.Make(m)
}

func (s *sink) count(struct{}) int { return s.taken }

// A node that remembers as many events as nodes do by default stays small when its messages are long.
func TestLongMessagesAreForgotten(t *testing.T) {
	t.Parallel()
	const messages = 150
	n := runtimetest.Node(t, func(o *runtime.Options) { o.TraceRing = 16384 })
	from, to := runtimetest.Spawn(t, n, "from", &sink{}), runtimetest.Spawn(t, n, "to", &sink{})
	var all []weak.Pointer[wrapperspb.BytesValue]
	for i := range messages {
		sent, err := runtime.Wait(t.Context(), runtime.Call(from, (*sink).sendLong, to.PID()))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sent)
		if taken, err := runtime.Wait(t.Context(), runtime.Call(to, (*sink).count, struct{}{})); taken != i+1 || err != nil {
			t.Fatal(taken, err)
		}
	}
	goruntime.GC()
	alive := 0
	for _, m := range all {
		if m.Value() != nil {
			alive++
		}
	}
	if alive > runtime.MostTraced>>20 || alive == 0 {
		t.Errorf("%d of %d messages of 1 MiB are in memory", alive, messages)
	}
	goruntime.KeepAlive(n)
}
