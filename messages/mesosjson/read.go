package mesosjson

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Unmarshal clears m and reads a JSON object into it. An error is a [*SyntaxError] or names the field that is wrong or
// missing; m then holds the fields read before it.
func Unmarshal(data []byte, m proto.Message) error { return V0.unmarshal(data, m) }

// UnmarshalV1 reads a JSON object with the names of v1 into m, a message of v0. It is the inverse of [AppendV1].
func UnmarshalV1(data []byte, m proto.Message) error { return V1.unmarshal(data, m) }

func (n Names) unmarshal(data []byte, m proto.Message) error {
	document, err := decode(data)
	if err != nil {
		return err
	}
	object, ok := document.(map[string]any)
	if !ok {
		return errors.New("Expecting a JSON object")
	}
	proto.Reset(m)
	if err := n.readMessage(m.ProtoReflect(), object); err != nil {
		return err
	}
	if proto.CheckInitialized(m) != nil {
		return errors.New("Missing required fields: " + strings.Join(n.missingFields(nil, m.ProtoReflect(), ""), ", "))
	}
	return nil
}

// UnmarshalArray reads a JSON array of objects. It calls add for each and reads the object into the message that add
// returns.
func UnmarshalArray(data []byte, add func() proto.Message) error {
	if document, err := decode(data); err != nil {
		return err
	} else if _, ok := document.([]any); !ok {
		return errors.New("Unexpected JSON type parsed")
	}
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return err
	}
	for _, element := range elements {
		if err := Unmarshal(element, add()); err != nil {
			return err
		}
	}
	return nil
}

// decode parses exactly one JSON value. It keeps numbers as they are written.
func decode(data []byte) (any, error) {
	shallow := data[:depthEnd(data)]
	decoder := json.NewDecoder(bytes.NewReader(shallow))
	decoder.UseNumber()
	var document any
	if err := decoder.Decode(&document); err != nil {
		return nil, syntaxError(data, len(shallow), err)
	}
	if rest := bytes.TrimSpace(data[decoder.InputOffset():]); len(rest) > 0 {
		return nil, &SyntaxError{Trailing: string(rest)}
	}
	return document, nil
}

// maxDepth is the maximal nesting of objects and arrays. Mesos: STOUT_JSON_MAX_DEPTH.
const maxDepth = 200

// depthEnd returns the offset after the bracket at which data exceeds maxDepth, or len(data). A syntax error may come
// earlier.
func depthEnd(data []byte) int {
	depth, inText := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"':
			inText = !inText
		case inText && c == '\\':
			i++
		case inText:
		case c == '{' || c == '[':
			if depth++; depth > maxDepth {
				return i + 1
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return len(data)
}

// readMessage iterates over the fields of m, not those of object, so that the first error does not depend on map order.
func (n Names) readMessage(m protoreflect.Message, object map[string]any) error {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		field := fields.Get(i)
		value := object[n.Field(field.Name())]
		if value == nil {
			continue
		}
		if err := n.readField(m, field, value); err != nil {
			return fmt.Errorf("%s: %w", n.Field(field.Name()), err)
		}
	}
	return nil
}

func (n Names) readField(m protoreflect.Message, field protoreflect.FieldDescriptor, value any) error {
	array, isArray := value.([]any)
	switch {
	case field.IsMap():
		return n.readMap(m, field, value)
	case field.IsList() && isArray:
		for _, element := range array {
			if element == nil {
				continue
			}
			if err := n.readElement(m, field, element); err != nil {
				return err
			}
		}
		return nil
	case field.IsList():
		return n.readElement(m, field, value)
	case field.Message() != nil:
		object, ok := value.(map[string]any)
		if !ok {
			return unexpected(value)
		}
		return n.readMessage(m.Mutable(field).Message(), object)
	}
	read, ok, err := n.readScalar(field, value)
	if ok {
		m.Set(field, read)
	}
	return err
}

func (n Names) readElement(m protoreflect.Message, field protoreflect.FieldDescriptor, value any) error {
	list := m.Mutable(field).List()
	if field.Message() != nil {
		object, ok := value.(map[string]any)
		if !ok {
			return unexpected(value)
		}
		return n.readMessage(list.AppendMutable().Message(), object)
	}
	read, ok, err := n.readScalar(field, value)
	if ok {
		list.Append(read)
	}
	return err
}

func (n Names) readMap(m protoreflect.Message, field protoreflect.FieldDescriptor, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return unexpected(value)
	}
	entries := m.Mutable(field).Map()
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if object[name] == nil {
			continue
		}
		key, _, err := n.readScalar(field.MapKey(), name)
		if err != nil {
			return err
		}
		if err := n.readEntry(entries, field.MapValue(), key.MapKey(), object[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func (n Names) readEntry(entries protoreflect.Map, field protoreflect.FieldDescriptor, key protoreflect.MapKey, value any) error {
	if field.Message() != nil {
		object, ok := value.(map[string]any)
		if !ok {
			return unexpected(value)
		}
		return n.readMessage(entries.Mutable(key).Message(), object)
	}
	read, ok, err := n.readScalar(field, value)
	if ok {
		entries.Set(key, read)
	}
	return err
}

// readScalar returns ok = false and no error for a value that is ignored.
func (n Names) readScalar(field protoreflect.FieldDescriptor, value any) (read protoreflect.Value, ok bool, err error) {
	switch field.Kind() {
	case protoreflect.StringKind:
		text, ok := value.(string)
		return protoreflect.ValueOfString(text), ok, wrongUnless(ok, value)
	case protoreflect.BytesKind:
		text, ok := value.(string)
		if !ok {
			return read, false, unexpected(value)
		}
		raw, err := readBase64(text)
		return protoreflect.ValueOfBytes(raw), err == nil, err
	case protoreflect.BoolKind:
		truth, ok := readBool(value)
		return protoreflect.ValueOfBool(truth), ok, wrongUnless(ok, value)
	case protoreflect.EnumKind:
		return n.readEnum(field, value)
	default:
		return readNumber(field, value)
	}
}

// readBase64 also accepts base64 without padding and with line breaks, as Mesos does.
func readBase64(text string) ([]byte, error) {
	text = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\r' || r == '=' {
			return -1
		}
		return r
	}, text)
	raw, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("not base64: %w", err)
	}
	return raw, nil
}

func readBool(value any) (truth, ok bool) {
	switch value := value.(type) {
	case bool:
		return value, true
	case string:
		return value == "true", value == "true" || value == "false"
	}
	return false, false
}

// readEnum ignores unknown names, which newer peers send, unless the field is required.
func (n Names) readEnum(field protoreflect.FieldDescriptor, value any) (protoreflect.Value, bool, error) {
	name, ok := value.(string)
	if !ok {
		return protoreflect.Value{}, false, unexpected(value)
	}
	known := n.value(field.Enum().Values(), name)
	switch {
	case known != nil:
		return protoreflect.ValueOfEnum(known.Number()), true, nil
	case field.Cardinality() == protoreflect.Required:
		return protoreflect.Value{}, false, fmt.Errorf("%q is not one of %s", name, field.Enum().FullName())
	}
	return protoreflect.Value{}, false, nil
}

// value returns the enum value called name, or nil.
func (n Names) value(all protoreflect.EnumValueDescriptors, name string) protoreflect.EnumValueDescriptor {
	known := all.ByName(protoreflect.Name(name))
	switch {
	case n == V0:
		return known
	case strings.Contains(name, "SLAVE"): // v1 has another name for it
		return nil
	case known == nil:
		return all.ByName(protoreflect.Name(strings.ReplaceAll(name, "AGENT", "SLAVE")))
	}
	return known
}

func readNumber(field protoreflect.FieldDescriptor, value any) (protoreflect.Value, bool, error) {
	var text string
	switch value := value.(type) {
	case json.Number:
		text = value.String()
	case string:
		text = value
	default:
		return protoreflect.Value{}, false, unexpected(value)
	}
	read, err := parseNumber(field.Kind(), text)
	return read, err == nil, err
}

func parseNumber(kind protoreflect.Kind, text string) (protoreflect.Value, error) {
	switch kind {
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		f, err := parseFloat(text)
		if kind == protoreflect.FloatKind {
			return protoreflect.ValueOfFloat32(float32(f)), err
		}
		return protoreflect.ValueOfFloat64(f), err
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		n, err := parseUint(text, 32)
		return protoreflect.ValueOfUint32(uint32(n)), err
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		n, err := parseUint(text, 64)
		return protoreflect.ValueOfUint64(n), err
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		n, err := parseInt(text, 32)
		return protoreflect.ValueOfInt32(int32(n)), err
	default:
		n, err := parseInt(text, 64)
		return protoreflect.ValueOfInt64(n), err
	}
}

func parseFloat(text string) (float64, error) {
	switch text {
	case "Infinity":
		return math.Inf(1), nil
	case "-Infinity":
		return math.Inf(-1), nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return f, nil
}

// parseInt drops fractions, as Mesos does.
func parseInt(text string, bits int) (int64, error) {
	if n, err := strconv.ParseInt(text, 10, bits); err == nil {
		return n, nil
	}
	f, err := parseFloat(text)
	if limit := math.Ldexp(1, bits-1); err != nil || !(f > -limit-1 && f < limit) {
		return 0, fmt.Errorf("%q is not an integer of %d bits", text, bits)
	}
	return int64(f), nil
}

func parseUint(text string, bits int) (uint64, error) {
	if n, err := strconv.ParseUint(text, 10, bits); err == nil {
		return n, nil
	}
	f, err := parseFloat(text)
	if err != nil || !(f > -1 && f < math.Ldexp(1, bits)) {
		return 0, fmt.Errorf("%q is not a natural number of %d bits", text, bits)
	}
	return uint64(max(f, 0)), nil
}

// unexpected returns an error that names the kind of value found.
func unexpected(value any) error {
	switch value.(type) {
	case map[string]any:
		return errors.New("not expecting an object")
	case []any:
		return errors.New("not expecting an array")
	case string:
		return errors.New("not expecting a string")
	case bool:
		return errors.New("not expecting a boolean")
	default:
		return errors.New("not expecting a number")
	}
}

func wrongUnless(ok bool, value any) error {
	if ok {
		return nil
	}
	return unexpected(value)
}
