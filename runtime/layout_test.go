package runtime

import (
	"reflect"
	"testing"
)

// A sender and the actor run on different processors. If both write to one cache line, or one writes what the other reads,
// a message takes twice as long. Actors begin at any multiple of a word.
func TestSendersAndActorShareNoCacheLine(t *testing.T) {
	t.Parallel()
	const line, word = 64, 8
	actor, box := reflect.TypeFor[Actor](), reflect.TypeFor[mailbox]()
	queue := field(t, actor, "mailbox").Offset + field(t, box, "queue").Offset
	in, out := field(t, field(t, box, "queue").Type, "in"), field(t, field(t, box, "queue").Type, "out")
	for _, gap := range []struct {
		before, after string
		end, begin    uintptr
	}{
		{"what all read", "what senders write", field(t, actor, "lane").Offset + word, queue},
		{"what senders write", "what the actor writes", queue + in.Offset + in.Type.Size(), queue + out.Offset},
	} {
		if gap.begin < gap.end+line-word {
			t.Errorf("%s ends at %d, and %s begins at %d", gap.before, gap.end, gap.after, gap.begin)
		}
	}
	if at := field(t, actor, "mailbox").Offset + field(t, box, "line").Offset; at < queue+out.Offset {
		t.Errorf("the actor writes the line of the mailbox, at %d, where senders write too", at)
	}
	for _, name := range []string{"usual", "lenient", "current", "from", "turn"} {
		if at := field(t, actor, name).Offset; at < queue+out.Offset {
			t.Errorf("the actor writes %s, at %d, where senders write too", name, at)
		}
	}
}

func field(t *testing.T, of reflect.Type, name string) reflect.StructField {
	t.Helper()
	f, ok := of.FieldByName(name)
	if !ok {
		t.Fatalf("%v has no field %s", of, name)
	}
	return f
}
