package trace

import (
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	"meseta/runtime"
	"meseta/runtime/trace/conversation"
)

// Record is an event as JSON.
type Record = conversation.Record

// Lens reads messages for people. The zero Lens knows nothing of them but their names.
type Lens struct {
	// Subjects yields whom a message is about, as in "task:web.1". nil: nobody.
	Subjects func(proto.Message) []string
	// Summary says in one line what matters of a message. It must not say secrets. nil: nothing.
	Summary func(proto.Message) string
}

// RecordOf converts e without a lens.
func RecordOf(e runtime.Event) Record { return Lens{}.Record(e) }

// Record converts e.
func (l Lens) Record(e runtime.Event) Record {
	r := Record{
		ID: e.ID.String(), Cause: e.Cause.String(), Time: e.Time, Event: e.Kind.String(),
		From: e.From.String(), To: e.To.String(), Name: e.Name, Note: e.Note, Took: e.Took.Nanoseconds(),
	}
	switch e.Kind {
	case runtime.EventBreak:
		r.To = e.To.Addr
	case runtime.EventSay:
		r.To = e.To.ID
	}
	if queued(e) {
		r.What = e.What.String()
	}
	if title := Title(e.Name); title != e.Name && !isMessage(e) {
		r.Title = title
	}
	if m := l.decode(e); m != nil {
		r.About = l.subjects(m)
		if l.Summary != nil {
			r.Text = l.Summary(m)
		}
	}
	return r
}

func (l Lens) subjects(m proto.Message) []string {
	if l.Subjects == nil {
		return nil
	}
	return l.Subjects(m)
}

// About returns whom e is about.
func (l Lens) About(e runtime.Event) []string {
	if m := l.decode(e); m != nil {
		return l.subjects(m)
	}
	return nil
}

// decode returns the message of e, if its type is known to the program.
func (l Lens) decode(e runtime.Event) proto.Message {
	if e.Message != nil || e.Body == nil {
		return e.Message
	}
	t, err := protoregistry.GlobalTypes.FindMessageByURL(e.Name)
	if err != nil {
		return nil
	}
	m := t.New().Interface()
	if (proto.UnmarshalOptions{AllowPartial: true}).Unmarshal(e.Body, m) != nil {
		return nil
	}
	return m
}

// queued reports whether e is about something in an actor's queue.
func queued(e runtime.Event) bool {
	return e.Kind == runtime.EventEnqueue || e.Kind == runtime.EventDeliver || e.Kind == runtime.EventDrop
}

func isMessage(e runtime.Event) bool {
	return e.Kind == runtime.EventSend || e.Kind == runtime.EventHear || e.Kind == runtime.EventSay || queued(e) && e.What == runtime.OnMessage
}

// Lines writes events as JSON, one per line, without a lens.
func Lines(events []runtime.Event) []byte { return Lens{}.Lines(events) }

// Lines writes events as JSON, one per line.
func (l Lens) Lines(events []runtime.Event) []byte {
	var b []byte
	for _, e := range events {
		b = l.Record(e).AppendLine(b)
	}
	return b
}
