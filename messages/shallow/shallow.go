// Package shallow copies messages so that one field of them can be another. Messages are not changed once they were
// sent, so a copy may share all that the original holds.
package shallow

import (
	"reflect"

	"google.golang.org/protobuf/proto"
)

// message is a pointer to a generated message.
type message[M any] interface {
	*M
	proto.Message
}

// Copy returns a message with the same fields as m, and the same fields that are unknown. What fields point to is shared,
// and must not be changed through either; fields of the copy may be set. It costs one allocation.
func Copy[M any, P message[M]](m P) P {
	c := P(new(M))
	to, from := reflect.ValueOf(c).Elem(), reflect.ValueOf(m).Elem()
	for i := range to.NumField() {
		if field := to.Field(i); field.CanSet() { // the others are the state of the protobuf library
			field.Set(from.Field(i))
		}
	}
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		c.ProtoReflect().SetUnknown(unknown)
	}
	return c
}
