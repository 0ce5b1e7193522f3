package mesosjson

import (
	"encoding/json"
	"maps"
	"slices"
)

// Sorted returns text, which must be what [Marshal] returns, with the fields of all objects in the order of their names.
// Mesos writes so what goes through JSON::Object: the nodes in ZooKeeper and the registry.
func Sorted(text []byte) []byte { return appendSorted(make([]byte, 0, len(text)), text) }

func appendSorted(b []byte, text json.RawMessage) []byte {
	switch text[0] {
	case '{':
		var fields map[string]json.RawMessage
		if json.Unmarshal(text, &fields) != nil {
			return append(b, text...)
		}
		b = append(b, '{')
		for i, name := range slices.Sorted(maps.Keys(fields)) {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(AppendString(b, name), ':')
			b = appendSorted(b, fields[name])
		}
		return append(b, '}')
	case '[':
		var elements []json.RawMessage
		if json.Unmarshal(text, &elements) != nil {
			return append(b, text...)
		}
		b = append(b, '[')
		for i, element := range elements {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendSorted(b, element)
		}
		return append(b, ']')
	}
	return append(b, text...)
}
