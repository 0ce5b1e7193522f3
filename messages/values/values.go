// Package values reads and prints mesos.Value as operators write it: 1.5 is a scalar, [1-10, 20-30] are ranges, {a, b}
// is a set, and anything else is text.
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

// Parse reads a value. Blanks count for nothing. What looks like a number but cannot be a scalar (a negative one, NaN)
// is text. Mesos: values::parse.
func Parse(text string) (*mesospb.Value, error) {
	text = strings.ReplaceAll(text, " ", "")
	switch {
	case text == "":
		return nil, errors.New("value is empty")
	case !balanced(text, '{', '}') || !balanced(text, '[', ']') || !balanced(text, '(', ')'):
		return nil, fmt.Errorf("value %q has brackets without partners", text)
	case text[0] == '[':
		ranges, err := parseRanges(text)
		return &mesospb.Value{Type: mesospb.Value_RANGES.Enum(), Ranges: ranges}, err
	case strings.Contains(text, "["):
		return nil, fmt.Errorf("value %q has a [ that is not at its beginning", text)
	case text[0] == '{':
		set := &mesospb.Value_Set{Item: tokens(text, "{},\n")}
		return &mesospb.Value{Type: mesospb.Value_SET.Enum(), Set: set}, nil
	case strings.Contains(text, "{"):
		return nil, fmt.Errorf("value %q has a { that is not at its beginning", text)
	}
	if amount, ok := parseScalar(text); ok {
		scalar := &mesospb.Value_Scalar{Value: proto.Float64(amount)}
		return &mesospb.Value{Type: mesospb.Value_SCALAR.Enum(), Scalar: scalar}, nil
	}
	return &mesospb.Value{
		Type: mesospb.Value_TEXT.Enum(), Text: &mesospb.Value_Text{Value: proto.String(text)},
	}, nil
}

// parseScalar takes finite decimal numbers that are not negative.
func parseScalar(text string) (float64, bool) {
	if strings.Trim(text, "+-.0123456789eE") != "" {
		return 0, false
	}
	amount, err := strconv.ParseFloat(text, 64)
	return amount, err == nil && amount >= 0
}

func parseRanges(text string) (*mesospb.Value_Ranges, error) {
	numbers := tokens(text, "[]-,\n")
	if len(numbers)%2 != 0 {
		return nil, fmt.Errorf("ranges %q are not pairs of numbers", text)
	}
	ranges := &mesospb.Value_Ranges{}
	for pair := range slices.Chunk(numbers, 2) {
		begin, err1 := strconv.ParseUint(pair[0], 10, 64)
		end, err2 := strconv.ParseUint(pair[1], 10, 64)
		if err1 != nil || err2 != nil || begin > end {
			return nil, fmt.Errorf("range %s-%s does not go up from one natural number to another", pair[0], pair[1])
		}
		ranges.Range = append(ranges.Range, &mesospb.Value_Range{Begin: &begin, End: &end})
	}
	ranges.Range = coalesce(ranges.Range)
	return ranges, nil
}

// coalesce sorts ranges and joins those that overlap or touch.
func coalesce(ranges []*mesospb.Value_Range) []*mesospb.Value_Range {
	slices.SortFunc(ranges, func(a, b *mesospb.Value_Range) int {
		switch {
		case a.GetBegin() < b.GetBegin():
			return -1
		case a.GetBegin() > b.GetBegin():
			return 1
		}
		return 0
	})
	var joined []*mesospb.Value_Range
	for _, r := range ranges {
		if last := len(joined) - 1; last >= 0 && (joined[last].GetEnd() == math.MaxUint64 ||
			r.GetBegin() <= joined[last].GetEnd()+1) {
			joined[last].End = proto.Uint64(max(joined[last].GetEnd(), r.GetEnd()))
			continue
		}
		joined = append(joined, r)
	}
	return joined
}

// balanced reports whether every closing bracket has its opening one before it and none is left open.
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

// tokens splits text at any of separators and drops what is empty.
func tokens(text, separators string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(separators, c) })
}

// FormatScalar prints s without trailing zeros and with three decimals at most.
func FormatScalar(s *mesospb.Value_Scalar) string {
	const digits = 15
	return strconv.FormatFloat(math.Round(s.GetValue()*1000)/1000, 'g', digits, 64)
}

// FormatRanges prints r as [1-10, 20-30].
func FormatRanges(r *mesospb.Value_Ranges) string {
	parts := make([]string, len(r.GetRange()))
	for i, each := range r.GetRange() {
		parts[i] = fmt.Sprintf("%d-%d", each.GetBegin(), each.GetEnd())
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

// FormatSet prints s as {a, b}.
func FormatSet(s *mesospb.Value_Set) string { return "{" + strings.Join(s.GetItem(), ", ") + "}" }

// Format prints v so that Parse reads it.
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
