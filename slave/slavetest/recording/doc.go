// Package recording reads what was recorded of a C++ agent: its conversations, and the trees of its work and runtime
// directories. Tests replay them.
//
// A conversation is a text with every HTTP message on the ports of the agent and the master; a tree is a text with the
// mode, kind and path of each file, and with the decoded content of each.
package recording

import (
	"fmt"

	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// decode reads the text of a message whose type has that full name.
func decode(name, text string) (proto.Message, error) {
	kind, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(name))
	if err != nil {
		return nil, err
	}
	m := kind.New().Interface()
	if err := prototext.Unmarshal([]byte(text), m); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}
