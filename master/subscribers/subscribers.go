// Package subscribers has the actor that streams to operators what happens in the cluster: everything there is when one
// subscribes, and every change from then on, in order.
//
// The master tells it of changes and goes on; encoding them, once for each format, and passing them to perhaps a thousand
// subscribers is done on this actor's turns. The state that a subscriber begins with is drawn beside those turns, once for
// all who wait at the same time; what changes meanwhile waits for it. Events are shared between the subscribers, and who
// reads too slowly is cut off, so that memory is bounded however many there are.
package subscribers

import (
	"context"
	"slices"
	"time"

	"meseta/actors/authorizer"
	"meseta/master/view"
	"meseta/messages/mediatype"
	"meseta/messages/pb/masterpb"
	"meseta/messages/recordio"
	"meseta/runtime"
	"meseta/runtime/web"
)

// Options tune [Subscribers]. Look is required.
type Options struct {
	// Look asks the master for the present state. The changes that the master tells of before it answers are in the
	// state, those after are not.
	Look func() runtime.Future[*view.Cluster]
	// Gone is called for each subscriber that is no more.
	Gone func()
	// Max is how many there may be; one more closes the oldest: --max_operator_event_stream_subscribers.
	Max int
	// Heartbeat is how often a silent stream says that it is alive. 0: 15s.
	Heartbeat time.Duration
	// MaxLag is how many bytes of changes may wait for a subscriber that does not read: the same bytes for all of them,
	// but for those who may not see everything. For these it is an eighth. 0: 16 MiB.
	MaxLag int
	// MaxStates is how many bytes of different states may wait for subscribers that came at different times and do not
	// read; one state may be larger. 0: 256 MiB.
	MaxStates int
}

func (o Options) withDefaults() Options {
	if o.Heartbeat == 0 {
		o.Heartbeat = 15 * time.Second
	}
	if o.MaxLag == 0 {
		o.MaxLag = 16 << 20
	}
	if o.MaxStates == 0 {
		o.MaxStates = 256 << 20
	}
	return o
}

// Subscribers is the actor.
type Subscribers struct {
	runtime.Actor
	options Options
	all     []*subscriber // oldest first
	looking bool          // a state is on its way, for all who wait

	news    []Change  // which are yet to be passed on
	passed  time.Time // when some were
	passing bool      // some will be, later
}

// subscriber is one stream.
type subscriber struct {
	media   mediatype.Type
	pipe    *web.Stream
	may     authorizer.Approver // who subscribes; nil: somebody who may see everything
	stage   stage
	backlog []*web.Chunks // what changed since the state that is being drawn
	lag     int           // bytes in the backlog
	limit   int           // bytes that may wait in the pipe
	state   *state        // until it is read
}

// stage is how far a subscriber is.
type stage uint8

const (
	waits   stage = iota // for a state
	drawing              // the state is known, and being written
	follows              // the changes
)

// New returns the actor, to be spawned by the caller.
func New(options Options) *Subscribers { return &Subscribers{options: options.withDefaults()} }

// Initialize implements [runtime.Initializer].
func (s *Subscribers) Initialize() { s.Delay(s.options.Heartbeat, s.heartbeat) }

// Finalize implements [runtime.Finalizer]: the streams end with the actor.
func (s *Subscribers) Finalize() {
	for _, one := range s.all {
		one.pipe.Close()
	}
}

// Add begins to stream to pipe what may be seen.
func (s *Subscribers) Add(media mediatype.Type, pipe *web.Stream, may authorizer.Approver) {
	one := &subscriber{media: media, pipe: pipe, may: may}
	s.all = append(s.all, one)
	runtime.Await(s, pipe.Gone(), func(struct{}, error) { s.drop(one) })
	if len(s.all) > s.options.Max {
		s.Log().Warn().Int("max", s.options.Max).Msg("too many subscribers, the oldest is closed")
		s.all[0].pipe.Close()
		s.drop(s.all[0])
	}
	s.look()
}

// Count is how many there are.
func (s *Subscribers) Count() int { return len(s.all) }

// drop forgets a subscriber, once.
func (s *Subscribers) drop(one *subscriber) {
	if i := slices.Index(s.all, one); i >= 0 {
		s.all = slices.Delete(s.all, i, i+1)
		if s.options.Gone != nil {
			s.options.Gone()
		}
	}
}

// maxLag is how many bytes of changes may wait for a subscriber.
func (s *Subscribers) maxLag(one *subscriber) int {
	if one.may != nil {
		return s.options.MaxLag / 8
	}
	return s.options.MaxLag
}

// cutOff ends a stream whose client does not read.
func (s *Subscribers) cutOff(one *subscriber) {
	s.Log().Warn().Int("bytes", one.pipe.Buffered()+one.lag).Msg("a subscriber reads too slowly, it is cut off")
	one.backlog = nil
	one.pipe.Cut()
	s.drop(one)
}

// ---- the state ----

// look gets the state for the subscribers that wait. One that comes while a state is drawn waits for the next.
func (s *Subscribers) look() {
	if s.looking || !slices.ContainsFunc(s.all, func(one *subscriber) bool { return one.stage == waits }) {
		return
	}
	s.looking = true
	runtime.Await(s, s.options.Look(), func(c *view.Cluster, err error) {
		if err == nil { // the master is there
			s.draw(c)
		}
	})
}

// rendering is what a state looks like to a subscriber.
type rendering struct {
	media mediatype.Type
	own   *subscriber // who may not see everything has a state of his own; nil for all others
}

func (one *subscriber) rendering() rendering {
	if one.may != nil {
		return rendering{one.media, one}
	}
	return rendering{one.media, nil}
}

// mostRenderings is how many renderings of one state are drawn; those with others wait for the next.
const mostRenderings = 8

// state is the record that those begin with who came at the same time and see the same.
type state []byte

// draw writes the state for those who wait, once for each rendering of it, and then is ready for the next.
func (s *Subscribers) draw(c *view.Cluster) {
	s.pass() // what is in the state is no news to those who wait for it
	groups := map[rendering][]*subscriber{}
	for _, one := range s.all {
		of := one.rendering()
		if one.stage == waits && (groups[of] != nil || len(groups) < mostRenderings) {
			one.stage = drawing
			groups[of] = append(groups[of], one)
		}
	}
	drawn := runtime.Go(s, func(context.Context) (map[rendering]*state, error) {
		states := map[rendering]*state{}
		for of, group := range groups {
			record := state(recordio.Collect(c.For(group[0].may).Subscribed(of.media, s.options.Heartbeat)))
			states[of] = &record
		}
		return states, nil
	})
	runtime.Await(s, drawn, func(states map[rendering]*state, _ error) {
		s.makeRoom()
		s.pass()
		for of, group := range groups {
			beat := record(of.media, heartbeat)
			for _, one := range group {
				one.begin(states[of], beat, s.maxLag(one))
			}
		}
		s.looking = false
		s.look()
	})
}

// makeRoom forgets states that are read, and if too much is left cuts off those who have kept theirs longest.
func (s *Subscribers) makeRoom() {
	kept, size := map[*state]bool{}, 0
	for _, one := range slices.Backward(s.all) {
		switch {
		case one.state == nil || kept[one.state]:
		case one.pipe.Buffered() < len(*one.state):
			one.state = nil
		case size > 0 && size+len(*one.state) > s.options.MaxStates:
			s.cutOff(one)
		default:
			kept[one.state] = true
			size += len(*one.state)
		}
	}
}

// begin sends the state, a sign of life, since some clients handle a record only when the next one comes, and then what
// has changed since.
func (one *subscriber) begin(with *state, beat []byte, maxLag int) {
	one.stage, one.state, one.limit = follows, with, len(*with)+maxLag
	one.pipe.Write(*with) //nolint:errcheck // whoever went away is noticed by Gone
	one.pipe.Write(beat)  //nolint:errcheck // as above
	for _, news := range one.backlog {
		one.pipe.WriteShared(news) //nolint:errcheck // as above
	}
	one.backlog, one.lag = nil, 0
}

// ---- the changes ----

var heartbeat = &masterpb.Event{Type: masterpb.Event_HEARTBEAT.Enum()}

func (s *Subscribers) heartbeat() {
	s.Publish(Change{Event: heartbeat})
	s.Delay(s.options.Heartbeat, s.heartbeat)
}

// Publish passes a change on to all whose state does not include it and who may see it, with others that come soon after
// if many listen.
func (s *Subscribers) Publish(c Change) {
	s.news = append(s.news, c)
	if s.passing {
		return
	}
	wait := s.pace() - s.Now().Sub(s.passed)
	if wait <= 0 {
		s.pass()
		return
	}
	s.passing = true
	s.Delay(wait, func() {
		s.passing = false
		s.pass()
	})
}

// pace is how long news is collected. A thousand streams take a processor some 10 ms, however little there is to write to
// each; the master is to have the processors too, and those who listen lose nothing.
func (s *Subscribers) pace() time.Duration { return time.Duration(len(s.all)/50) * time.Millisecond }

// pass passes on what was collected.
func (s *Subscribers) pass() {
	if len(s.news) == 0 {
		return
	}
	records := map[mediatype.Type]*web.Chunks{}
	for _, one := range slices.Backward(s.all) { // slow ones leave the list
		if one.stage == waits {
			continue
		}
		if one.may != nil {
			s.tell(one, encode(one.media, s.news, one.may))
			continue
		}
		if records[one.media] == nil {
			records[one.media] = encode(one.media, s.news, nil)
		}
		s.tell(one, records[one.media])
	}
	s.news, s.passed = nil, s.Now()
}

// encode writes what of the news somebody may see; may is nil for those who may see everything.
func encode(media mediatype.Type, news []Change, may authorizer.Approver) *web.Chunks {
	records := make([][]byte, 0, len(news))
	for _, c := range news {
		e := c.Event
		if may != nil {
			e = c.seenBy(may)
		}
		if e != nil {
			records = append(records, record(media, e))
		}
	}
	return web.NewChunks(records)
}

func (s *Subscribers) tell(one *subscriber, news *web.Chunks) {
	if news.Size() == 0 {
		return // there is nothing that he may see
	}
	if one.stage == drawing {
		one.backlog, one.lag = append(one.backlog, news), one.lag+news.Size()
		if one.lag > s.maxLag(one) {
			s.cutOff(one)
		}
		return
	}
	one.pipe.WriteShared(news) //nolint:errcheck // whoever went away is noticed by Gone
	if one.pipe.Buffered() > one.limit {
		s.cutOff(one)
	}
}

func record(media mediatype.Type, e *masterpb.Event) []byte {
	return recordio.Append(nil, view.Event(media, e))
}
