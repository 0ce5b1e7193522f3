package mesosjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// SyntaxError describes, in Mesos's words, where text stops being JSON.
type SyntaxError struct {
	Line     int    // from 1
	Near     string // the rest of the line
	Trailing string // the text after a complete value; if it is set, the other fields are not
}

// Error returns Mesos's description.
func (e *SyntaxError) Error() string {
	if e.Trailing != "" {
		return "Parsed JSON included non-whitespace trailing characters: " + e.Trailing
	}
	return fmt.Sprintf("syntax error at line %d near: %s", e.Line, e.Near)
}

// syntaxError locates the error err of a decoder in data. The error is at end unless err says otherwise.
func syntaxError(data []byte, end int, err error) error {
	at := end
	if bad := (*json.SyntaxError)(nil); errors.As(err, &bad) {
		at = min(max(int(bad.Offset)-1, 0), end)
	}
	near, _, _ := bytes.Cut(data[at:], []byte("\n"))
	return &SyntaxError{Line: 1 + bytes.Count(data[:max(at-1, 0)], []byte("\n")), Near: string(near)}
}

// missingFields appends the paths of the required fields that m lacks.
//
// Mesos: the InitializationErrorString of protobuf's C++.
func (n Names) missingFields(missing []string, m protoreflect.Message, path string) []string {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		if field := fields.Get(i); field.Cardinality() == protoreflect.Required && !m.Has(field) {
			missing = append(missing, path+n.Field(field.Name()))
		}
	}
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() == nil || !m.Has(field) {
			continue
		}
		inside := path + n.Field(field.Name())
		switch {
		case field.IsMap():
			missing = append(missing, n.missingInMap(field, m.Get(field).Map(), inside)...)
		case field.IsList():
			for i, list := 0, m.Get(field).List(); i < list.Len(); i++ {
				missing = n.missingFields(missing, list.Get(i).Message(), fmt.Sprintf("%s[%d].", inside, i))
			}
		default:
			missing = n.missingFields(missing, m.Get(field).Message(), inside+".")
		}
	}
	return missing
}

func (n Names) missingInMap(field protoreflect.FieldDescriptor, entries protoreflect.Map, path string) []string {
	if field.MapValue().Message() == nil {
		return nil
	}
	var missing []string
	entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		missing = n.missingFields(missing, v.Message(), fmt.Sprintf("%s[%v].", path, k))
		return true
	})
	slices.Sort(missing)
	return missing
}
