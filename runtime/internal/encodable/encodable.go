// Package encodable says of a message that is not encoded whether it could be.
//
// A message cannot be encoded if a required field is missing, or if a string that must be UTF-8 is not. The runtime refuses
// such a message when it is sent, whether its receiver is on the same node or another. Wires find out as they encode. Within
// a node nothing is encoded, so the message's type says what to check: most types that travel there can always be encoded, and cost the sender one
// comparison. Checking two required fields costs about 60 ns, half of what sending such a message takes otherwise
// (BenchmarkTellChecked); calls between actors, which carry Go values, are not checked.
package encodable

import (
	"reflect"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Check returns why a message of a certain type cannot be encoded, or nil. The nil Check is of types that always can.
type Check func(proto.Message) error

var checks sync.Map // of Check, by reflect.Type

// CheckOf returns the check of messages of m's type. It looks at the type's descriptor once.
func CheckOf(m proto.Message) Check {
	t := reflect.TypeOf(m)
	if known, ok := checks.Load(t); ok {
		return known.(Check)
	}
	var c Check
	switch d := m.ProtoReflect().Descriptor(); {
	case reaches(d, mustBeText, map[protoreflect.FullName]bool{}):
		c = trial
	case reaches(d, mustBeSet, map[protoreflect.FullName]bool{}):
		c = proto.CheckInitialized
	}
	checks.Store(t, c)
	return c
}

// Error returns why m cannot be encoded, or nil.
func Error(m proto.Message) error {
	if check := CheckOf(m); check != nil {
		return check(m)
	}
	return nil
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
