// Package values implements the grammar in which operators write values: 1.5 is a scalar, [1-10, 20-30] are ranges, {a,
// b} is a set, and anything else is text. Resources and attributes share it.
package values

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
)

// Parse parses a value. White space does not count. A number that cannot be a scalar (negative, NaN, too large,
// hexadecimal) is text. Ranges are sorted, and joined where they overlap or touch. Errors use Mesos's words.
//
// Mesos: values::parse.
//
// Differs: inverted ranges are refused here; Mesos refuses them where they are used.
func Parse(text string) (*mesospb.Value, error) {
	text = strings.ReplaceAll(text, " ", "")
	switch {
	case text == "":
		return nil, errors.New("Expecting non-empty string")
	case !balanced(text, '{', '}') || !balanced(text, '[', ']') || !balanced(text, '(', ')'):
		return nil, errors.New("Mismatched brackets")
	case text[0] == '[':
		ranges, err := parseRanges(text)
		if err != nil {
			return nil, err
		}
		return &mesospb.Value{Type: mesospb.Value_RANGES.Enum(), Ranges: ranges}, nil
	case strings.Contains(text, "["):
		return nil, errors.New("Unexpected '[' found")
	case text[0] == '{':
		set := &mesospb.Value_Set{Item: Tokens(text, "{},\n")}
		return &mesospb.Value{Type: mesospb.Value_SET.Enum(), Set: set}, nil
	case strings.Contains(text, "{"):
		return nil, errors.New("Unexpected '{' found")
	}
	return scalarOrText(text)
}

func scalarOrText(text string) (*mesospb.Value, error) {
	amount, ok := number(text)
	switch {
	case ok && amount != 0 && math.Abs(amount) < 0x1p-1022:
		return nil, errors.New("Subnormal values not supported")
	case ok && amount >= 0:
		scalar := &mesospb.Value_Scalar{Value: proto.Float64(amount)}
		return &mesospb.Value{Type: mesospb.Value_SCALAR.Enum(), Scalar: scalar}, nil
	}
	return &mesospb.Value{
		Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String(text)},
	}, nil
}

// number parses a finite decimal number. It refuses the hexadecimal numbers and underscores that Go's parser allows.
//
// Mesos: numify<double>.
func number(text string) (f float64, ok bool) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, false
	}
	f, err := strconv.ParseFloat(text, 64)
	return f, err == nil
}

func parseRanges(text string) (*mesospb.Value_Ranges, error) {
	numbers := Tokens(text, "[]-,\n")
	if len(numbers)%2 != 0 {
		return nil, errors.New(`Expecting one or more "ranges"`)
	}
	ranges := make([]Range, 0, len(numbers)/2)
	for pair := range slices.Chunk(numbers, 2) {
		begin, err1 := natural(pair[0])
		end, err2 := natural(pair[1])
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("Expecting non-negative integers in '%s'", pair[0])
		case begin > end:
			return nil, errors.New("Invalid ranges resource: begin > end")
		}
		ranges = append(ranges, Range{begin, end})
	}
	slices.SortFunc(ranges, Range.Compare)
	return RangesProto(Coalesce(ranges)), nil
}

// natural parses a decimal number, which may have a sign, or a hexadecimal one after 0x.
//
// Mesos: numify<uint64_t>.
func natural(text string) (uint64, error) {
	if digits, hexadecimal := strings.CutPrefix(strings.ToLower(text), "0x"); hexadecimal {
		return strconv.ParseUint(digits, 16, 64)
	}
	return strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 64)
}

// balanced reports whether opening and closing brackets match.
func balanced(text string, opening, closing rune) bool {
	depth := 0
	for _, c := range text {
		switch c {
		case opening:
			depth++
		case closing:
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0
}

// Tokens splits text at any of separators and drops empty parts.
//
// Mesos: strings::tokenize.
func Tokens(text, separators string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(separators, c) })
}

// FormatScalar formats s with at most three decimals and without trailing zeros.
func FormatScalar(s *mesospb.Value_Scalar) string {
	const digits = 15
	value := s.GetValue()
	if rounded := math.Round(value*1000) / 1000; !math.IsInf(rounded, 0) {
		value = rounded
	}
	return strconv.FormatFloat(value, 'g', digits, 64)
}

// FormatRanges formats r as [1-10, 20-30].
func FormatRanges(r *mesospb.Value_Ranges) string {
	parts := make([]string, len(r.GetRange()))
	for i, each := range r.GetRange() {
		parts[i] = fmt.Sprintf("%d-%d", each.GetBegin(), each.GetEnd())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// FormatSet formats s as {a, b}.
func FormatSet(s *mesospb.Value_Set) string { return "{" + strings.Join(s.GetItem(), ", ") + "}" }

// Format formats v in the form that Parse reads.
func Format(v *mesospb.Value) string {
	switch v.GetType() {
	case mesospb.Value_SCALAR:
		return FormatScalar(v.GetScalar())
	case mesospb.Value_RANGES:
		return FormatRanges(v.GetRanges())
	case mesospb.Value_SET:
		return FormatSet(v.GetSet())
	default:
		return v.GetText().GetValue()
	}
}
