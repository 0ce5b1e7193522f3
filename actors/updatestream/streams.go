package updatestream

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/runtime"
	"meseta/runtime/disk"
)

// The errors that futures of Streams fail with, wrapped. Any other error means that an update could not be written.
var (
	ErrUnexpected = errors.New("unexpected acknowledgement")
	ErrDuplicate  = errors.New("duplicate acknowledgement")
	ErrMismatch   = errors.New("earlier updates of the key are written to another file or to none")
	ErrClosed     = errors.New("the stream was removed")
)

var errNoWriter = errors.New("an update names a file, but there is no Writer")

// Key identifies a stream. Its String method names what is updated, for errors and logs: "task t1 of framework f1".
type Key interface {
	comparable
	fmt.Stringer
}

// Kind describes a kind of updates U with keys K. All functions are required. They are called on turns of the actor,
// except Record, which may be called on any goroutine.
type Kind[K Key, U any] struct {
	Key      func(U) K
	UUID     func(U) []byte // the raw bytes sent with the update
	Compare  func(K, K) int // orders keys, so that iteration is deterministic
	Terminal func(U) bool   // reports whether the update is the last of its key
	// Early reports whether an update may be forwarded while it is being written. Its sender then has to send it again if
	// Add does not complete, or the next process may not know what was forwarded. Volatile updates are never forwarded early.
	Early func(U) bool
	// Record and Acknowledgement make the records that are written. Read decodes either of them: it returns a nil ack
	// for an update, and the zero U for an acknowledgement.
	Record          func(U) proto.Message
	Acknowledgement func(ids.UUID) proto.Message
	Read            func(record []byte) (update U, ack []byte, err error)
}

// Options configures [Streams].
type Options struct {
	RetryMin time.Duration // the wait before an unacknowledged update is first resent; 0 means 10s
	RetryMax time.Duration // the wait doubles with each retry up to this limit; 0 means 10min
	// Writer writes updates to their files. Without one, only updates that name no file are accepted.
	Writer runtime.Ref[*disk.Writer]
}

// Streams holds all updates of one kind. It is embedded in an actor and starts paused.
type Streams[K Key, U any] struct {
	runtime.Actor
	kind    Kind[K, U]
	options Options
	forward func(U)
	paused  bool
	streams map[K]*stream[U]
}

// Outcome is the result of an update or an acknowledgement.
type Outcome struct {
	Duplicate  bool // the update was already known
	Terminated bool // a terminal update has been acknowledged, so none follows
}

// New returns Streams to embed in an actor that has not been spawned yet.
func New[K Key, U any](kind Kind[K, U], o Options) Streams[K, U] {
	o.RetryMin = cmp.Or(o.RetryMin, 10*time.Second)
	o.RetryMax = cmp.Or(o.RetryMax, 10*time.Minute)
	return Streams[K, U]{kind: kind, options: o, paused: true, streams: map[K]*stream[U]{}}
}

// Open sets the function that sends an update. It is called on turns of the actor.
func (m *Streams[K, U]) Open(forward func(U)) { m.forward = forward }

// Add accepts an update and writes it to file, unless file is empty. All updates of a key must name the same file. The
// future completes when the update is safe and its sender may forget it.
//
// Mesos: TaskStatusUpdateManagerProcess::_update.
func (m *Streams[K, U]) Add(update U, file string) runtime.Future[Outcome] {
	return m.add(file, change[U]{update: update})
}

// AddVolatile is like Add but accepts the update even if it cannot be written.
func (m *Streams[K, U]) AddVolatile(update U, file string) runtime.Future[Outcome] {
	return m.add(file, change[U]{update: update, volatile: true})
}

func (m *Streams[K, U]) add(file string, c change[U]) runtime.Future[Outcome] {
	id, err := ids.UUIDOf(m.kind.UUID(c.update))
	if err != nil {
		return runtime.Failed[Outcome](err)
	}
	if file != "" && m.options.Writer.IsZero() {
		return runtime.Failed[Outcome](errNoWriter)
	}
	k := m.kind.Key(c.update)
	s := m.streams[k]
	if s == nil {
		s = newStream[U](file)
		m.streams[k] = s
	}
	if s.log.Name() != file {
		return runtime.Failed[Outcome](fmt.Errorf("%s: %w", k, ErrMismatch))
	}
	c.id = id
	return m.enqueue(k, c)
}

// Confirm acknowledges the update of k that was forwarded last, so that the next one is forwarded. The future fails if
// id is not the UUID of that update.
//
// Mesos: TaskStatusUpdateManagerProcess::acknowledgement.
func (m *Streams[K, U]) Confirm(k K, id ids.UUID) runtime.Future[Outcome] {
	if m.streams[k] == nil {
		return runtime.Failed[Outcome](fmt.Errorf("%s: %w: no updates are known", k, ErrUnexpected))
	}
	return m.enqueue(k, change[U]{id: id, ack: true, volatile: true}) // if this is not written, the next process merely resends the update
}

// Remove forgets all updates of the keys for which ended returns true. Their changes in progress fail with
// [ErrClosed].
//
// Mesos: TaskStatusUpdateManagerProcess::cleanup.
func (m *Streams[K, U]) Remove(ended func(K) bool) {
	for _, k := range m.keys() {
		if ended(k) {
			m.remove(k)
		}
	}
}

// keys returns the keys of all streams, in order.
func (m *Streams[K, U]) keys() []K { return slices.SortedFunc(maps.Keys(m.streams), m.kind.Compare) }

// Pending returns the keys that have unacknowledged updates or changes in progress, in order.
func (m *Streams[K, U]) Pending() []K {
	return slices.DeleteFunc(m.keys(), func(k K) bool {
		s := m.streams[k]
		return len(s.pending) == 0 && len(s.changes) == 0
	})
}

// ---- changes, in order ----

// enqueue adds a change to the stream of k. It is applied at once if nothing has to be written.
func (m *Streams[K, U]) enqueue(k K, c change[U]) runtime.Future[Outcome] {
	s := m.streams[k]
	if s.log == nil {
		o, over, err := m.judge(k, s, c)
		switch {
		case err != nil:
			return runtime.Failed[Outcome](err)
		case !over:
			o = m.apply(k, c)
		}
		m.noteDuplicate(k, c, o)
		return runtime.Ready(o)
	}
	c.done = runtime.Owe[Outcome](m)
	s.changes = append(s.changes, c)
	if len(s.changes) == 1 {
		m.begin(k)
	}
	return c.done.Future()
}

// begin settles the first changes as long as they need no write, and starts to write those that follow.
func (m *Streams[K, U]) begin(k K) {
	s := m.streams[k]
	for len(s.changes) > 0 {
		if first := m.writable(k, s); len(first) > 0 {
			m.forwardEarly(s, &first[0])
			m.write(k, s.log, first)
			return
		}
		c := s.changes[0]
		s.changes = s.changes[1:]
		o, _, err := m.judge(k, s, c)
		m.complete(k, c, o, err)
	}
}

// writable returns the first changes that can be written together: updates that are new, or a single acknowledgement,
// which decides about what follows it.
func (m *Streams[K, U]) writable(k K, s *stream[U]) []change[U] {
	for i, c := range s.changes {
		if s.unsynced && !c.ack && s.known(c.id) {
			return s.changes[:max(1, i)] // a duplicate that is to be synced
		}
		twice := slices.ContainsFunc(s.changes[:i], func(earlier change[U]) bool { return earlier.id == c.id })
		if twice || c.ack && i > 0 {
			return s.changes[:i]
		}
		if _, over, _ := m.judge(k, s, c); over {
			return s.changes[:i]
		}
		if c.ack {
			return s.changes[:1]
		}
	}
	return s.changes
}

// judge decides whether a change can be applied. over reports that it needs no further work, with the outcome o or the
// reason err why it is rejected.
func (m *Streams[K, U]) judge(k K, s *stream[U], c change[U]) (o Outcome, over bool, err error) {
	switch {
	case !c.ack && s.known(c.id):
		return Outcome{Duplicate: true}, true, nil
	case c.ack:
		if err := s.refuses(c.id); err != nil {
			return o, true, fmt.Errorf("%s: %w", k, err)
		}
	}
	return o, false, nil
}

func (m *Streams[K, U]) write(k K, log *disk.Log, changes []change[U]) {
	duplicate := !changes[0].ack && m.streams[k].known(changes[0].id)
	changes = slices.Clone(changes) // others are added while these are written
	var b disk.Batch
	b.Append(log, func() ([]byte, error) {
		if duplicate {
			return nil, nil // its record is in the file, but perhaps not on the medium
		}
		return m.encode(changes)
	})
	written := runtime.Ask(m.options.Writer, (*disk.Writer).Write, b)
	runtime.Await(m, written, func(_ struct{}, err error) { m.written(k, changes, err) })
}

// encode returns the framed records of changes. It may be called on any goroutine.
func (m *Streams[K, U]) encode(changes []change[U]) ([]byte, error) {
	var all []byte
	for _, c := range changes {
		record := m.kind.Record
		if c.ack {
			record = func(U) proto.Message { return m.kind.Acknowledgement(c.id) }
		}
		framed, err := Encode(record(c.update))
		if err != nil {
			return nil, err
		}
		all = append(all, framed...)
	}
	return all, nil
}

// written applies changes that were written together, or that could not be written.
func (m *Streams[K, U]) written(k K, changes []change[U], err error) {
	s := m.streams[k]
	if s == nil || len(s.changes) == 0 || s.changes[0].done != changes[0].done {
		return // removed in the meantime
	}
	changes = s.changes[:len(changes)] // with what was noted meanwhile
	s.changes = s.changes[len(changes):]
	s.unsynced = s.unsynced && err != nil
	for _, c := range changes {
		m.settle(k, s, c, err)
	}
	if m.streams[k] == s {
		m.begin(k)
	}
}

// settle applies a change that was written, unless err says why it was not.
func (m *Streams[K, U]) settle(k K, s *stream[U], c change[U], err error) {
	if err != nil && c.volatile {
		m.Log().Error().Err(err).Stringer("stream", k).Msg("update or acknowledgement not written")
		err = nil
	}
	if err != nil {
		s.failed = c.id
		m.complete(k, c, Outcome{}, fmt.Errorf("checkpoint update of %s: %w", k, err))
		return
	}
	o, over, _ := m.judge(k, s, c)
	if !over {
		o = m.apply(k, c)
	}
	m.complete(k, c, o, nil)
}

// complete settles the futures of changes.
func (m *Streams[K, U]) complete(k K, c change[U], o Outcome, err error) {
	if err != nil {
		c.done.Fail(err)
		return
	}
	m.noteDuplicate(k, c, o)
	c.done.Set(o)
}

func (m *Streams[K, U]) noteDuplicate(k K, c change[U], o Outcome) {
	if o.Duplicate {
		m.Log().Warn().Stringer("stream", k).Stringer("uuid", c.id).Msg("duplicate update ignored")
	}
}

// apply applies a change that has been judged and written.
func (m *Streams[K, U]) apply(k K, c change[U]) Outcome {
	s := m.streams[k]
	if !c.ack {
		s.receive(c.id, c.update)
		switch {
		case c.forwarded:
			m.awaitAnswer(k, m.options.RetryMin)
		case len(s.pending) == 1:
			m.send(k)
		}
		return Outcome{}
	}
	s.retry.Cancel()
	s.acknowledge(m.kind.Terminal)
	if !s.terminated {
		m.send(k)
		return Outcome{}
	}
	if len(s.pending) > 0 {
		m.Log().Warn().Stringer("stream", k).Msg("terminal update acknowledged while others are pending")
	}
	m.remove(k)
	return Outcome{Terminated: true}
}

func (m *Streams[K, U]) remove(k K) {
	s := m.streams[k]
	s.retry.Cancel()
	delete(m.streams, k)
	for _, c := range s.changes {
		c.done.Fail(fmt.Errorf("%s: %w", k, ErrClosed))
	}
}
