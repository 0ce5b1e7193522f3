package trace

import (
	"fmt"
	"net/http"
	"slices"
	"sync"

	"meseta/runtime"
	"meseta/runtime/trace/conversation"
	"meseta/runtime/web"
)

// Bounds of what followers may take.
const (
	mostFollowers = 16       // streams of a node
	mostBehind    = 8 << 20  // bytes that a client may lag behind
	mostRecent    = 1024     // events of which a follower knows whether they led to the next
	mostFollowed  = 64 << 10 // events of which it knows that they followed from the one it asked for
)

// follow answers with what q selects of the events from now on. The response ends with a line that says why, when the client
// lags too far behind or the actor terminates.
func (t *tracer) follow(q Query) *web.Response {
	if len(t.followers) >= mostFollowers {
		return web.Unavailable(fmt.Sprintf("%d clients follow this trace already\n", mostFollowers))
	}
	f := newFollower(q, t.Lens)
	stop := t.Node().Trace().Watch(f.see)
	t.followers[f] = stop
	runtime.Await(t, f.stream.Gone(), func(struct{}, error) {
		stop()
		delete(t.followers, f)
	})
	r := response(http.StatusOK, ndjson, nil)
	r.Stream = f.stream
	return r
}

// Finalize implements [runtime.Finalizer].
func (t *tracer) Finalize() {
	for f, stop := range t.followers {
		stop()
		f.end("the node ends")
	}
}

// follower writes events to one client as they happen, on the turns in which they happen.
type follower struct {
	query  Query
	lens   Lens
	stream *web.Stream

	mu      sync.Mutex
	over    bool
	follows latest[struct{}]      // from the cause that is asked for
	recent  latest[runtime.Event] // and not written; they have no messages
}

func newFollower(q Query, lens Lens) *follower {
	f := &follower{query: q, lens: lens, stream: web.NewStream()}
	f.follows.most, f.recent.most = mostFollowed, mostRecent
	return f
}

// see is called with every event.
func (f *follower) see(e runtime.Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.over || !f.selects(e) {
		return
	}
	for _, e := range append(f.ledTo(e), e) {
		if f.query.matches(e) {
			f.write(e)
		}
	}
}

// selects reports whether e is, or follows from, what is asked for.
func (f *follower) selects(e runtime.Event) bool {
	if cause := f.query.Cause; !cause.IsZero() {
		if _, follows := f.follows.of[e.Cause]; !follows && e.Cause != cause && e.ID != cause {
			return false
		}
		f.follows.add(e.ID, struct{}{})
	}
	if f.query.About == "" || slices.Contains(f.lens.About(e), f.query.About) {
		return true
	}
	e.Message, e.Body = nil, nil
	f.recent.add(e.ID, e)
	return false
}

// ledTo returns the latest events that led to e, oldest first, except for those that were written.
func (f *follower) ledTo(e runtime.Event) (causes []runtime.Event) {
	for {
		cause, ok := f.recent.of[e.Cause]
		if !ok || len(causes) == mostCauses {
			break
		}
		f.recent.remove(e.Cause)
		causes = append(causes, cause)
		e = cause
	}
	slices.Reverse(causes)
	return causes
}

func (f *follower) write(e runtime.Event) {
	if f.stream.Buffered() > mostBehind {
		f.close(fmt.Sprintf("the client is too slow: it lags more than %d MiB behind", mostBehind>>20))
		return
	}
	f.over = f.over || f.stream.Write(f.lens.Record(e).AppendLine(nil)) != nil
}

// end ends the response.
func (f *follower) end(why string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.close(why)
}

func (f *follower) close(why string) {
	if !f.over {
		f.over = true
		f.stream.Write(conversation.EndLine(why)) //nolint:errcheck // a client that has gone needs no reason
		f.stream.Close()
	}
}

// latest is what is known of the latest events.
type latest[T any] struct {
	most int
	of   map[runtime.EventID]T
	ids  []runtime.EventID // oldest first; those of removed events, too
}

func (l *latest[T]) add(id runtime.EventID, what T) {
	if l.of == nil {
		l.of = map[runtime.EventID]T{}
	}
	if len(l.ids) == l.most {
		delete(l.of, l.ids[0])
		l.ids = l.ids[1:]
	}
	l.of[id] = what
	l.ids = append(l.ids, id)
}

func (l *latest[T]) remove(id runtime.EventID) { delete(l.of, id) }
