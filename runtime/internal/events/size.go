package events

import (
	"reflect"
	"unsafe"

	"google.golang.org/protobuf/proto"
)

// Sizer measures messages of one type. The zero Sizer asks SizeOf.
type Sizer struct {
	most    uint32  // what the fields that are known take
	unknown uintptr // where, in a message that has nothing but numbers, the bytes of unknown fields are
}

// perNumber is what a field with a number may take on the wire: its tag and ten bytes.
const perNumber = 12

// SizerOf returns the sizer of messages of type t, a pointer to a struct. What messages with nothing but numbers take is known
// without looking at each field, and without protobuf's reflection, whose first look at a message costs more than to send it.
func SizerOf(t reflect.Type) (s Sizer) {
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return Sizer{}
	}
	for i := range t.Elem().NumField() {
		switch f := t.Elem().Field(i); {
		case f.Name == "unknownFields" && f.Type == reflect.TypeFor[[]byte]():
			s.unknown = f.Offset
		case f.Name == "state" || f.Name == "sizeCache":
		case isNumber(f.Type) || f.Type.Kind() == reflect.Pointer && isNumber(f.Type.Elem()):
			s.most += perNumber
		default:
			return Sizer{}
		}
	}
	return s
}

func isNumber(t reflect.Type) bool { return reflect.Bool <= t.Kind() && t.Kind() <= reflect.Float64 }

// Size is what m takes on the wire, or a little more.
func (s Sizer) Size(m proto.Message) uint32 {
	if s.unknown == 0 {
		return SizeOf(m)
	}
	at := (*[2]unsafe.Pointer)(unsafe.Pointer(&m))[1]
	if at == nil {
		return 0
	}
	return s.most + uint32(len(*(*[]byte)(unsafe.Add(at, s.unknown))))
}
