package runtime

import (
	"fmt"
	"reflect"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message that cannot be encoded, because a required field is missing or a string is not UTF-8, is refused when it is
// sent, whether its receiver is on this node or another. Wires find out as they encode. Within a node nothing is encoded,
// so the type says what to check: most types that travel there can always be encoded, and cost nothing.

// encodable returns why m cannot be encoded, or nil. It costs one comparison if m can always be encoded and is of the same
// type as the message before.
func (a *Actor) encodable(m proto.Message) error {
	t := reflect.TypeOf(m)
	if t == a.lenient {
		return nil
	}
	if checkOf(m) == nil {
		a.lenient = t
		return nil
	}
	return encodable(m)
}

// encodable returns why m cannot be encoded, or nil.
func encodable(m proto.Message) error {
	if check := checkOf(m); check != nil {
		return check(m)
	}
	return nil
}

// check returns why a message of a certain type cannot be encoded; nil: it always can.
type check func(proto.Message) error

var checks sync.Map // of check, by type

func checkOf(m proto.Message) check {
	t := reflect.TypeOf(m)
	if known, ok := checks.Load(t); ok {
		return known.(check)
	}
	var c check
	switch d := m.ProtoReflect().Descriptor(); {
	case reaches(d, mustBeText, map[protoreflect.FullName]bool{}):
		c = trial
	case reaches(d, mustBeSet, map[protoreflect.FullName]bool{}):
		c = proto.CheckInitialized
	}
	checks.Store(t, c)
	return c
}

// mustBeText reports whether a field has to be UTF-8. The descriptors that are generated tell it by a method that is not
// part of their interface.
func mustBeText(f protoreflect.FieldDescriptor) bool {
	if f.Kind() != protoreflect.StringKind {
		return false
	}
	if e, ok := f.(interface{ EnforceUTF8() bool }); ok {
		return e.EnforceUTF8()
	}
	return f.Syntax() == protoreflect.Proto3
}

func mustBeSet(f protoreflect.FieldDescriptor) bool {
	return f.Cardinality() == protoreflect.Required || f.ContainingMessage().ExtensionRanges().Len() > 0
}

// reaches reports whether a message of type d can hold, at any depth, a field that is so.
func reaches(d protoreflect.MessageDescriptor, so func(protoreflect.FieldDescriptor) bool, seen map[protoreflect.FullName]bool) bool {
	if seen[d.FullName()] {
		return false
	}
	seen[d.FullName()] = true
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if so(f) || f.Message() != nil && reaches(f.Message(), so, seen) {
			return true
		}
	}
	return false
}

var trials = sync.Pool{New: func() any { return new([]byte) }}

// trial encodes m for the sake of the error.
func trial(m proto.Message) error {
	b := trials.Get().(*[]byte)
	defer trials.Put(b)
	encoded, err := proto.MarshalOptions{}.MarshalAppend((*b)[:0], m)
	*b = encoded[:0]
	return err
}

// checkName refuses what could not be read back from the path that a message has on the wire.
func checkName(name string) error {
	odd := func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("/?#%", r) }
	if name == "" || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("a message cannot be called %.80q: a name is printable ASCII without spaces and any of /?#%%", name)
	}
	return nil
}

// Refused implements [Receiver].
func (n *Node) Refused(e Envelope, err error) {
	n.log.Warn().Err(err).Str("name", e.Name).Stringer("from", e.From).Stringer("to", e.To).
		Msg("a message that cannot be encoded was not sent")
	n.Dropped(e, "cannot be encoded")
}
