package events

import (
	"cmp"
	"iter"
	"slices"
	"sync/atomic"
	"time"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"meseta/runtime/internal/funcs"
	"meseta/runtime/internal/ring"
)

// Most is how many bytes the events that a node remembers may take: about a quarter of a million of the usual ones.
const Most = 64 << 20

// Memory is the latest events of one node. Its methods may be called from any goroutine.
type Memory struct {
	most   int
	byTime bool // numbers do not tell which event was first
	events *ring.Ring[Memo]
}

// PerMemo is how many event numbers a Memo takes: it may stand for two events.
const PerMemo = 2

// New returns a memory of the latest size events, which are added by so many lanes. They are numbered by count.
func New(size, lanes int, count *atomic.Uint64) *Memory {
	return &Memory{size, lanes > 1, ring.New[Memo](size, Most, lanes, count, PerMemo, (*Memo).when)}
}

// Memo is an event as it is recorded, without what all events have in common and what can be determined later. It takes two
// cache lines, because writing it is most of its cost.
type Memo struct {
	Cause   ID
	Time    int64 // nanoseconds since 1970
	Took    int64 // nanoseconds: a turn, once it is over; what a timer was set to
	From    PID
	To      PID
	Message any     // proto.Message, *Raw, *Words, or nil
	Code    uintptr // of a function
	Size    uint32  // of Message, in bytes on the wire
	Kind    Happening
	What    Kind
	Queued  bool // of Send: at the same time it was queued, which is an event of its own with the next number
}

// Words are the parts that only few events have.
type Words struct {
	Name    string
	Note    string
	Message any // proto.Message, *Raw, or nil
}

// Place is where a Memory keeps an event.
type Place = ring.Place[Memo]

// Add remembers *r and returns its number. The turn at before, if there is one, is over.
func (m *Memory) Add(lane uint32, r *Memo, before Place) (seq uint64, at Place) {
	return m.events.AddAfter(lane, r, r.cost(), before, (*Memo).Over, r.Time)
}

func (r *Memo) when() int64 { return r.Time }

// Over notes when a turn was over.
func (r *Memo) Over(now int64) { r.Took = max(1, now-r.Time) }

// Raw is a message as bytes.
type Raw struct {
	Name string
	Body []byte
}

// NameOf is the name a message travels under.
func NameOf(m proto.Message) string { return string(m.ProtoReflect().Descriptor().FullName()) }

// Sized is what generated fast code offers of a message.
type Sized interface {
	SizeVT() int
	MarshalToSizedBufferVT(b []byte) (int, error)
}

// SizeOf is what a message takes on the wire. It calls proto.Size unless there is fast code.
func SizeOf(message any) uint32 {
	switch m := message.(type) {
	case Sized:
		return uint32(m.SizeVT())
	case proto.Message:
		return uint32(proto.Size(m))
	case *Raw:
		return uint32(len(m.Body))
	}
	return 0
}

// cost is what r takes. Its words may be a peer's. A message in Memory takes about twice its size on the wire.
func (r *Memo) cost() int {
	cost := int(unsafe.Sizeof(*r)) + len(r.From.ID) + len(r.From.Addr) + len(r.To.ID) + len(r.To.Addr) + 2*int(r.Size)
	if w, ok := r.Message.(*Words); ok {
		cost += int(unsafe.Sizeof(*w)) + len(w.Name) + len(w.Note)
	}
	return cost
}

// Events yields the events that r stands for, each with its number and everything that is known about it.
func (r *Memo) Events(node, seq uint64, zone *time.Location) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		e := r.event(node, seq, zone)
		if !yield(e) || !r.Queued {
			return
		}
		e.Cause, e.Kind = e.ID, Enqueue
		e.ID.Seq++
		yield(e)
	}
}

// count is how many events r stands for.
func (r *Memo) count() int {
	if r.Queued {
		return 2
	}
	return 1
}

func (r *Memo) event(node, seq uint64, zone *time.Location) Event {
	e := Event{
		ID: ID{Node: node, Seq: seq}, Cause: r.Cause, Time: time.Unix(0, r.Time).In(zone), Kind: r.Kind, What: r.What,
		From: r.From, To: r.To,
	}
	message := r.Message
	if w, ok := message.(*Words); ok {
		e.Name, e.Note, message = w.Name, w.Note, w.Message
	}
	switch m := message.(type) {
	case proto.Message:
		e.Name, e.Message = NameOf(m), m
	case *Raw:
		e.Name, e.Body = m.Name, m.Body
	}
	if r.Code != 0 {
		e.Name = funcs.Name(r.Code)
	}
	switch took := time.Duration(r.Took); {
	case r.Kind == Delay:
		e.Note = took.String()
	default:
		e.Took = took
	}
	return e
}

// All returns the latest of what is remembered, oldest first, and each event after its cause. It leaves out what is older than
// something that was forgotten: what was queued then would seem to wait, if its turn is not remembered.
func (m *Memory) All(node uint64, zone *time.Location) []Event {
	entries := m.events.All()
	if since := m.events.Since(); m.byTime {
		entries = slices.DeleteFunc(entries, func(e ring.Entry[Memo]) bool { return e.Thing.Time < since })
	}
	if m.byTime {
		slices.SortFunc(entries, func(x, y ring.Entry[Memo]) int {
			return cmp.Or(cmp.Compare(x.Thing.Time, y.Thing.Time), cmp.Compare(x.Number, y.Number))
		})
	}
	o := order{entries: entries, place: make(map[uint64]int, len(entries)), ordered: entries[:0:0]}
	for i := range entries {
		o.place[memoOf(entries[i].Number)] = i
	}
	for i := range entries {
		o.add(i)
	}
	first, count := len(o.ordered), 0
	for ; first > 0 && count < m.most; first-- {
		count += o.ordered[first-1].Thing.count()
	}
	all := make([]Event, 0, count)
	for _, e := range o.ordered[first:] {
		all = slices.AppendSeq(all, e.Thing.Events(node, e.Number, zone))
	}
	return all[max(0, count-m.most):]
}

// memoOf returns the same for the numbers of all events of one Memo.
func memoOf(seq uint64) uint64 { return (seq - 1) / PerMemo }

// order brings events behind their causes. An actor that has much to do takes the end of a turn for the time at which the
// next one begins, which may be just before what that turn is about was queued.
type order struct {
	entries []ring.Entry[Memo]
	place   map[uint64]int // of those that are not ordered yet, by memoOf
	ordered []ring.Entry[Memo]
}

func (o *order) add(i int) {
	e := &o.entries[i]
	memo := memoOf(e.Number)
	if _, waits := o.place[memo]; !waits {
		return
	}
	delete(o.place, memo)
	if e.Thing.Kind == Deliver {
		if cause, later := o.place[memoOf(e.Thing.Cause.Seq)]; later {
			o.add(cause)
			e.Thing.Time = max(e.Thing.Time, o.entries[cause].Thing.Time)
		}
	}
	o.ordered = append(o.ordered, *e)
}
