package mesosjson

import (
	"encoding/base64"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Names says how fields and enum values are named.
type Names bool

const (
	// V0 uses the names in the .proto files.
	V0 Names = false
	// V1 uses the names that the message's namesake has in v1, where a slave is an agent.
	V1 Names = true
)

// Field returns the name of a field.
func (n Names) Field(name protoreflect.Name) string {
	if n == V1 {
		return strings.ReplaceAll(string(name), "slave", "agent")
	}
	return string(name)
}

// Either returns v0 or v1, whichever belongs to n.
func (n Names) Either(v0, v1 string) string {
	if n == V1 {
		return v1
	}
	return v0
}

// AppendEnum appends the name of an enum value.
func (n Names) AppendEnum(b []byte, number int32, names map[int32]string) []byte {
	return n.appendEnum(b, names[number], number)
}

// appendEnum appends name, or number as a string if it has no name. Only newer peers send such numbers.
func (n Names) appendEnum(b []byte, name string, number int32) []byte {
	b = append(b, '"')
	switch {
	case name == "":
		b = strconv.AppendInt(b, int64(number), 10)
	case n == V1 && strings.Contains(name, "SLAVE"):
		b = append(b, strings.ReplaceAll(name, "SLAVE", "AGENT")...)
	default:
		b = append(b, name...)
	}
	return append(b, '"')
}

// Enclose turns the fields that were appended to b since it had length start into an object. Each of them begins with a
// comma.
func Enclose(b []byte, start int) []byte {
	if len(b) == start {
		return append(b, "{}"...)
	}
	b[start] = '{'
	return append(b, '}')
}

// AppendBytes appends data as a base64 string.
func AppendBytes(b, data []byte) []byte {
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, data)
	return append(b, '"')
}

// AppendFloat appends the shortest number that reads back as f, always with a decimal point or an exponent: 4.0, 0.1,
// 1e30. Infinities become "Infinity" and "-Infinity", NaN becomes null.
func AppendFloat(b []byte, f float64) []byte {
	switch {
	case math.IsNaN(f):
		return append(b, "null"...)
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...)
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...)
	}
	size := math.Abs(f)
	switch {
	case f == math.Trunc(f) && size >= 1 && size < 1<<53: // most numbers are whole, and integers are formatted faster
		return append(strconv.AppendInt(b, int64(f), 10), ".0"...)
	case size != 0 && (size < 1e-6 || size >= 1e21):
		return appendExponent(b, f)
	}
	start := len(b)
	b = strconv.AppendFloat(b, f, 'f', -1, 64)
	if !slices.Contains(b[start:], '.') {
		b = append(b, ".0"...)
	}
	return b
}

// appendExponent appends f with an exponent that has neither a plus sign nor leading zeros.
func appendExponent(b []byte, f float64) []byte {
	start := len(b)
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	exponent := start + slices.Index(b[start:], 'e') + 1
	if b[exponent] == '+' {
		b = slices.Delete(b, exponent, exponent+1)
	} else {
		exponent++
	}
	for b[exponent] == '0' && exponent+1 < len(b) {
		b = slices.Delete(b, exponent, exponent+1)
	}
	return b
}

// hexDigits are in upper case, as in Mesos.
const hexDigits = "0123456789ABCDEF"

// AppendString appends s as a JSON string. It escapes only what JSON requires. Strings of peers may hold any bytes, so
// each byte that is not part of valid UTF-8 becomes U+FFFD, as in encoding/json.
//
// Differs: Mesos writes such bytes unchanged, which strict parsers refuse.
func AppendString(b []byte, s string) []byte {
	b = append(b, '"')
	done, bits := 0, byte(0) // bits are those set in any byte so far
	for i := range len(s) {
		c := s[i]
		bits |= c
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		b = appendValid(b, s[done:i], bits)
		b = appendEscaped(b, c)
		done = i + 1
	}
	b = appendValid(b, s[done:], bits)
	return append(b, '"')
}

// appendValid appends s with U+FFFD for each byte that is not part of valid UTF-8. bits are those set in any of its
// bytes.
func appendValid(b []byte, s string, bits byte) []byte {
	if bits < utf8.RuneSelf || utf8.ValidString(s) {
		return append(b, s...)
	}
	for _, r := range s {
		b = utf8.AppendRune(b, r)
	}
	return b
}

func appendEscaped(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, `\b`...)
	case '\f':
		return append(b, `\f`...)
	case '\n':
		return append(b, `\n`...)
	case '\r':
		return append(b, `\r`...)
	case '\t':
		return append(b, `\t`...)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
