// Package shallow copies messages so that the copy can have another value in one field. Messages do not change once
// they are sent, so a copy may share everything that the original refers to.
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

// Copy returns a message with the same fields as m, including unknown ones. The copy shares what the fields refer to,
// which must not be changed through either message; fields of the copy may be set. Copy allocates once.
func Copy[M any, P message[M]](m P) P {
	c := P(new(M))
	to, from := reflect.ValueOf(c).Elem(), reflect.ValueOf(m).Elem()
	for i := range to.NumField() {
		if field := to.Field(i); field.CanSet() { // the others are state of the protobuf library
			field.Set(from.Field(i))
		}
	}
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 {
		c.ProtoReflect().SetUnknown(unknown)
	}
	return c
}
