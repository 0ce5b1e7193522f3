package about

import (
	"fmt"
	"strings"
	"sync"

	"github.com/google/uuid"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Kind says what a subject is.
type Kind string

// The kinds of subjects.
const (
	Task      Kind = "task"
	Executor  Kind = "executor"
	Framework Kind = "framework"
	Agent     Kind = "agent"
	Offer     Kind = "offer"
	Operation Kind = "operation" // by its id, and by its UUID
	Container Kind = "container" // nested ones as parent.child
)

// Subject is somebody or something that a message is about.
type Subject struct {
	Kind Kind
	ID   string
}

// String writes it as kind:id.
func (s Subject) String() string { return string(s.Kind) + ":" + s.ID }

// kinds are those of the types of ids. A UUID is an operation's where the table names one.
var kinds = map[protoreflect.Name]Kind{
	"TaskID": Task, "ExecutorID": Executor, "FrameworkID": Framework, "SlaveID": Agent, "AgentID": Agent, "OfferID": Offer,
	"OperationID": Operation, "UUID": Operation, "ContainerID": Container,
}

// Of returns what m is about, in the order of the table and each once. Nothing is known about most types outside of Mesos.
func Of(m proto.Message) []Subject {
	var all []Subject
	visit(m.ProtoReflect(), func(s Subject, _ string) bool {
		if s.ID != "" {
			all = appendNew(all, s)
		}
		return true
	})
	return all
}

func appendNew(all []Subject, s Subject) []Subject {
	for _, known := range all {
		if known == s {
			return all
		}
	}
	return append(all, s)
}

// What bounds a summary.
const (
	mostWords  = 16
	mostLetter = 120 // of one word
)

// Summary says in one line what matters of m: its type, whom it is about and how it is with them. It says no secrets.
func Summary(m proto.Message) string {
	var words []string
	said := map[string]bool{}
	more := false
	visit(m.ProtoReflect(), func(s Subject, fact string) bool {
		if more = len(words) == mostWords; more {
			return false
		}
		word := short(s.ID + fact)
		if word != "" && !(said[word] && (fact == "" || fact[0] == '#')) {
			words, said[word] = append(words, word), true
		}
		return true
	})
	if more {
		words = append(words, "…")
	}
	return strings.Join(words, " ")
}

func short(word string) string {
	if len(word) > mostLetter {
		return strings.ToValidUTF8(word[:mostLetter], "") + "…"
	}
	return word
}

// visit calls found with each subject and each fact of m, until it returns false.
func visit(m protoreflect.Message, found func(Subject, string) bool) bool {
	for _, s := range rulesOf(m.Descriptor()) {
		if !m.Has(s.field) {
			continue
		}
		v := m.Get(s.field)
		if !s.field.IsList() {
			if !s.visit(v, found) {
				return false
			}
			continue
		}
		for i := range v.List().Len() {
			if !s.visit(v.List().Get(i), found) {
				return false
			}
		}
	}
	return true
}

// step is one entry of the table's for a type.
type step struct {
	field protoreflect.FieldDescriptor
	kind  Kind // empty: not an id
	fact  bool
}

func (s step) visit(v protoreflect.Value, found func(Subject, string) bool) bool {
	switch {
	case s.fact:
		return found(Subject{}, fact(s.field, v))
	case s.kind != "":
		return found(Subject{s.kind, idIn(v.Message())}, "")
	}
	return visit(v.Message(), found)
}

// fact writes the value of a field that is worth a word.
func fact(f protoreflect.FieldDescriptor, v protoreflect.Value) string {
	switch f.Kind() {
	case protoreflect.EnumKind:
		if value := f.Enum().Values().ByNumber(v.Enum()); value != nil {
			return string(value.Name())
		}
	case protoreflect.BoolKind:
		return fmt.Sprintf("%s=%t", f.Name(), v.Bool())
	case protoreflect.StringKind:
		return fmt.Sprintf("%q", short(Veiled(v.String())))
	case protoreflect.BytesKind: // a UUID, of which the beginning tells it from others
		return fmt.Sprintf("#%.4x", v.Bytes())
	}
	return fmt.Sprint(v.Interface())
}

// idIn returns the text of an id.
func idIn(m protoreflect.Message) string {
	fields := m.Descriptor().Fields()
	v := m.Get(fields.ByName("value"))
	if raw, ok := v.Interface().([]byte); ok {
		id, err := uuid.FromBytes(raw)
		if err != nil {
			return fmt.Sprintf("%x", raw)
		}
		return id.String()
	}
	text := v.String()
	if parent := fields.ByName("parent"); parent != nil && m.Has(parent) {
		text = idIn(m.Get(parent).Message()) + "." + text
	}
	return text
}

var compiled sync.Map // of []step, by the type's full name

// rulesOf are the steps for a type.
func rulesOf(d protoreflect.MessageDescriptor) []step {
	if known, ok := compiled.Load(d.FullName()); ok {
		return known.([]step)
	}
	steps, err := compile(d)
	if err != nil {
		panic(err) // the table does not fit to the types, which are compiled in
	}
	compiled.Store(d.FullName(), steps)
	return steps
}

// compile reads the table's entry for a type.
func compile(d protoreflect.MessageDescriptor) ([]step, error) {
	entry, isV1 := entryOf(d.FullName())
	var steps []step
	for _, word := range strings.Fields(entry) {
		name, fact := strings.CutPrefix(word, "=")
		if strings.HasPrefix(name, "-") {
			continue
		}
		f := d.Fields().ByName(protoreflect.Name(name))
		if f == nil && isV1 {
			f = d.Fields().ByName(protoreflect.Name(strings.ReplaceAll(name, "slave", "agent")))
		}
		switch {
		case f == nil && isV1:
		case f == nil:
			return nil, fmt.Errorf("about: %s has no field %s", d.FullName(), name)
		case fact == (f.Message() != nil):
			return nil, fmt.Errorf("about: %s cannot be read as %q says", f.FullName(), word)
		case fact && !Shown(f):
			return nil, fmt.Errorf("about: %s is not among the texts that are shown", f.FullName())
		case fact:
			steps = append(steps, step{field: f, fact: true})
		default:
			steps = append(steps, step{field: f, kind: kinds[f.Message().Name()]})
		}
	}
	return steps, nil
}

// entryOf is the table's entry for the type, or for the v0 type of which it is the v1 form.
func entryOf(name protoreflect.FullName) (entry string, isV1 bool) {
	rest, isV1 := strings.CutPrefix(string(name), "mesos.v1.")
	if !isV1 {
		return table[string(name)], false
	}
	if entry = table["mesos."+rest]; entry == "" {
		entry = table["mesos."+strings.ReplaceAll(rest, "Agent", "Slave")]
	}
	return entry, true
}
