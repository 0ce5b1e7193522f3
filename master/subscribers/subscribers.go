// Package subscribers implements the actor that streams events to subscribers of the operator API: first the state of
// the cluster, and then every change, in order.
//
// The master hands over changes and goes on. This actor encodes them, once for each format, and passes them to perhaps
// a thousand subscribers. The first state of a subscriber is written outside the actor's turns, once for all
// subscribers that wait at the same time; changes wait for it. Subscribers share the encoded events, and one that reads
// too slowly is disconnected, so that memory is bounded whatever their number.
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

// Options configures [Subscribers]. Look is required.
type Options struct {
	// Look requests the current state from the master. It contains exactly the changes that the master published before
	// it answered.
	Look func() runtime.Future[*view.Cluster]
	// Gone is called for each subscriber that left. nil means nothing is called.
	Gone func()
	// Max is the maximal number of subscribers. One more disconnects the oldest
	// (--max_operator_event_stream_subscribers).
	Max int
	// Heartbeat is the time between heartbeats. 0 means 15s.
	Heartbeat time.Duration
	// MaxLag is the number of bytes of changes that may wait for a subscriber that does not read. Subscribers that see
	// everything share these bytes; for others the limit is an eighth. 0 means 16 MiB.
	MaxLag int
	// MaxStates is the number of bytes of states that may wait for subscribers that came at different times and do not
	// read. A single state may be larger. 0 means 256 MiB.
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

// Subscribers is the actor that serves all subscribers.
type Subscribers struct {
	runtime.Actor
	options Options
	all     []*subscriber // oldest first
	looking bool          // a state was requested, for all subscribers that wait

	news    []Change  // not passed on yet
	passed  time.Time // when changes were passed on last
	passing bool      // changes will be passed on later
}

// subscriber is the stream of one subscriber.
type subscriber struct {
	media   mediatype.Type
	pipe    *web.Stream
	may     authorizer.Approver // of the subscriber; nil sees everything
	stage   stage
	backlog []*web.Chunks // changes since the state that is being written
	lag     int           // bytes in the backlog
	limit   int           // bytes that may wait in the pipe
	state   *state        // until it is read
}

// stage is the progress of a subscriber.
type stage uint8

const (
	waits   stage = iota // for a state
	drawing              // the state is known and is being written
	follows              // it gets changes
)

// New returns the actor, which the caller spawns.
func New(options Options) *Subscribers { return &Subscribers{options: options.withDefaults()} }

// Initialize implements [runtime.Initializer].
func (s *Subscribers) Initialize() { s.Delay(s.options.Heartbeat, s.heartbeat) }

// Finalize implements [runtime.Finalizer]. It ends the streams.
func (s *Subscribers) Finalize() {
	for _, one := range s.all {
		one.pipe.Close()
	}
}

// Add begins to stream to pipe what may allows to be seen.
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

// Count returns the number of subscribers.
func (s *Subscribers) Count() int { return len(s.all) }

// drop removes a subscriber. It may be called again for the same one.
func (s *Subscribers) drop(one *subscriber) {
	if i := slices.Index(s.all, one); i >= 0 {
		s.all = slices.Delete(s.all, i, i+1)
		if s.options.Gone != nil {
			s.options.Gone()
		}
	}
}

// maxLag returns how many bytes of changes may wait for a subscriber.
func (s *Subscribers) maxLag(one *subscriber) int {
	if one.may != nil {
		return s.options.MaxLag / 8
	}
	return s.options.MaxLag
}

// cutOff ends the stream of a client that does not read.
func (s *Subscribers) cutOff(one *subscriber) {
	s.Log().Warn().Int("bytes", one.pipe.Buffered()+one.lag).Msg("a subscriber reads too slowly, it is cut off")
	one.backlog = nil
	one.pipe.Cut()
	s.drop(one)
}

// ---- the state ----

// look requests a state for the subscribers that wait. One that comes while a state is written waits for the next.
func (s *Subscribers) look() {
	if s.looking || !slices.ContainsFunc(s.all, func(one *subscriber) bool { return one.stage == waits }) {
		return
	}
	s.looking = true
	runtime.Await(s, s.options.Look(), func(c *view.Cluster, err error) {
		if err == nil { // otherwise the master has ended
			s.draw(c)
		}
	})
}

// rendering is a form of the state that several subscribers can share.
type rendering struct {
	media mediatype.Type
	own   *subscriber // a subscriber that may not see everything gets a state of its own; nil for all others
}

func (one *subscriber) rendering() rendering {
	if one.may != nil {
		return rendering{one.media, one}
	}
	return rendering{one.media, nil}
}

// mostRenderings bounds how many renderings of one state are written. Subscribers that need others wait for the next
// state.
const mostRenderings = 8

// state is the first record of subscribers that came at the same time and see the same.
type state []byte

// draw writes the state for the subscribers that wait, once for each rendering, and then allows the next state.
func (s *Subscribers) draw(c *view.Cluster) {
	s.pass() // changes that are in the state are not sent to those who wait for it
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

// makeRoom forgets states that were read. If the rest is too large, it disconnects the subscribers that have not read
// theirs for the longest time.
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

// begin sends the state, a heartbeat, and then the changes since. Some clients handle a record only when the next one
// comes, hence the heartbeat.
func (one *subscriber) begin(with *state, beat []byte, maxLag int) {
	one.stage, one.state, one.limit = follows, with, len(*with)+maxLag
	one.pipe.Write(*with) //nolint:errcheck // Gone reports clients that left
	one.pipe.Write(beat)  //nolint:errcheck // as above
	for _, news := range one.backlog {
		one.pipe.WriteShared(news) //nolint:errcheck // as above
	}
	one.backlog, one.lag = nil, 0
}

// ---- the changes ----

// operators are who traces say that changes are told: each is told once, not once for each subscriber.
const operators = "operators"

var heartbeat = &masterpb.Event{Type: masterpb.Event_HEARTBEAT.Enum()}

func (s *Subscribers) heartbeat() {
	s.Publish(Change{Event: heartbeat})
	s.Delay(s.options.Heartbeat, s.heartbeat)
}

// Publish sends a change to the subscribers that may see it and whose state does not include it. With many subscribers,
// it collects changes for a moment.
func (s *Subscribers) Publish(c Change) {
	s.news = append(s.news, c)
	if len(s.all) > 0 {
		runtime.Said(s, operators, c.Event)
	}
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

// pace returns how long changes are collected. Writing to a thousand streams takes some 10 ms of a processor, however
// little each write is; collecting leaves time for the master and loses nothing.
func (s *Subscribers) pace() time.Duration { return time.Duration(len(s.all)/50) * time.Millisecond }

// pass passes the collected changes on.
func (s *Subscribers) pass() {
	if len(s.news) == 0 {
		return
	}
	records := map[mediatype.Type]*web.Chunks{}
	for _, one := range slices.Backward(s.all) { // slow ones are removed from the list
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

// encode returns the part of news that may allows to be seen. A nil may allows everything.
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
		return // nothing in it may be seen
	}
	if one.stage == drawing {
		one.backlog, one.lag = append(one.backlog, news), one.lag+news.Size()
		if one.lag > s.maxLag(one) {
			s.cutOff(one)
		}
		return
	}
	one.pipe.WriteShared(news) //nolint:errcheck // Gone reports clients that left
	if one.pipe.Buffered() > one.limit {
		s.cutOff(one)
	}
}

func record(media mediatype.Type, e *masterpb.Event) []byte {
	return recordio.Append(nil, view.Event(media, e))
}
