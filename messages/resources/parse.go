package resources

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
)

// Parse reads the resources an operator gives an agent: simple text like "cpus:4;mem(web):1024;ports:[31000-32000]", or
// a JSON array of Resource messages. Resources that name no role are reserved to defaultRole unless that is "*" or
// empty.
//
// What exists only at run time (persistent volumes, revocable resources, dynamic reservations) is refused, as is one
// name for resources of two types. Mesos: Resources::parse.
func Parse(text, defaultRole string) (Resources, error) {
	if defaultRole == "" {
		defaultRole = "*"
	}
	parsed, err := parseText(text, defaultRole)
	if err != nil {
		return Resources{}, err
	}
	var items []Resource
	for _, p := range parsed {
		if err := Validate(p); err != nil {
			return Resources{}, err
		}
		items = add(items, fromValid(p))
	}
	rs := Resources{items}
	return rs, validateGiven(rs)
}

// validateGiven refuses what an operator cannot give. Mesos: validateCommandLineResources.
func validateGiven(rs Resources) error {
	types := map[string]Type{}
	for r := range rs.All() {
		switch {
		case r.IsPersistentVolume():
			return errors.New("Persistent volumes cannot be specified at the command line")
		case r.IsRevocable():
			return errors.New("Revocable resources cannot be specified at the command line; do" +
				" not include a 'revocable' key in the resources JSON")
		case r.IsDynamicallyReserved():
			return errors.New("Dynamic reservations cannot be specified at the command line; do" +
				" not include a reservation with DYNAMIC type in the resources JSON")
		}
		if typ, known := types[r.Name()]; known && typ != r.Type() {
			return fmt.Errorf("Resources with the same name ('%s') but different types are not allowed", r.Name())
		}
		types[r.Name()] = r.Type()
	}
	return nil
}

// parseText takes text for JSON if it is an array.
func parseText(text, defaultRole string) ([]*mesospb.Resource, error) {
	var array []json.RawMessage
	if json.Unmarshal([]byte(text), &array) == nil && strings.HasPrefix(strings.TrimSpace(text), "[") {
		return parseJSON(array, defaultRole)
	}
	return parseSimple(text, defaultRole)
}

func parseJSON(array []json.RawMessage, defaultRole string) ([]*mesospb.Resource, error) {
	var out []*mesospb.Resource
	for _, element := range array {
		p := &mesospb.Resource{}
		if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(element, p); err != nil {
			return nil, fmt.Errorf("Some JSON resources were not formatted properly: %w", err)
		}
		if p.Role == nil && len(p.GetReservations()) == 0 {
			p.Role = proto.String(defaultRole)
		}
		out = append(out, p)
	}
	return out, nil
}

func parseSimple(text, defaultRole string) ([]*mesospb.Resource, error) {
	var out []*mesospb.Resource
	for _, token := range tokens(text, ";") {
		pair := tokens(token, ":")
		if len(pair) != 2 {
			return nil, fmt.Errorf("Bad value for resources, missing or extra ':' in %s", token)
		}
		name, role, ok := nameAndRole(pair[0], defaultRole)
		if !ok {
			return nil, fmt.Errorf("Bad value for resources, mismatched parentheses in %s", token)
		}
		p := &mesospb.Resource{Name: &name, Role: &role}
		if err := parseValue(p, pair[1]); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// nameAndRole splits "mem(web)".
func nameAndRole(s, defaultRole string) (name, role string, ok bool) {
	name, rest, reserved := strings.Cut(s, "(")
	name = strings.TrimSpace(name)
	if !reserved {
		return name, defaultRole, true
	}
	role, _, closed := strings.Cut(rest, ")")
	return name, strings.TrimSpace(role), closed && !strings.Contains(name, ")")
}

// parseValue reads 4, [1-10,20-30] or {a,b} into p. Mesos: values::parse.
func parseValue(p *mesospb.Resource, text string) error {
	failed := func(err error) error {
		return fmt.Errorf("Failed to parse resource %s value %s error %w", p.GetName(), text, err)
	}
	value := strings.ReplaceAll(text, " ", "")
	switch {
	case value == "":
		return failed(errors.New("Expecting non-empty string"))
	case !balanced(value, '{', '}') || !balanced(value, '[', ']') || !balanced(value, '(', ')'):
		return failed(errors.New("Mismatched brackets"))
	case value[0] == '[':
		ranges, err := parseRanges(value)
		if err != nil {
			return failed(err)
		}
		p.Type, p.Ranges = mesospb.Value_RANGES.Enum(), ranges
		return nil
	case strings.Contains(value, "["):
		return failed(errors.New("Unexpected '[' found"))
	case value[0] == '{':
		p.Type, p.Set = mesospb.Value_SET.Enum(), &mesospb.Value_Set{Item: tokens(value, "{},\n")}
		return nil
	case strings.Contains(value, "{"):
		return failed(errors.New("Unexpected '{' found"))
	}
	scalar, ok, err := parseScalar(value)
	switch {
	case err != nil:
		return failed(err)
	case !ok:
		return fmt.Errorf("Bad type for resource %s value %s type TEXT", p.GetName(), text)
	}
	p.Type, p.Scalar = mesospb.Value_SCALAR.Enum(), &mesospb.Value_Scalar{Value: &scalar}
	return nil
}

// parseRanges reads [1-10, 20-30]; overlapping ranges are joined.
func parseRanges(value string) (*mesospb.Value_Ranges, error) {
	numbers := tokens(value, "[]-,\n")
	if len(numbers)%2 != 0 {
		return nil, errors.New(`Expecting one or more "ranges"`)
	}
	var rs []Range
	for ; len(numbers) > 0; numbers = numbers[2:] {
		begin, err1 := strconv.ParseUint(numbers[0], 10, 64)
		end, err2 := strconv.ParseUint(numbers[1], 10, 64)
		switch {
		case err1 != nil || err2 != nil:
			return nil, fmt.Errorf("Expecting non-negative integers in '%s'", numbers[0])
		case begin > end:
			return nil, errors.New("Invalid ranges resource: begin > end")
		}
		rs = append(rs, Range{begin, end})
	}
	return RangesOf(rs...).proto(), nil
}

// balanced reports whether every closing bracket has its opening one before it and none is left open.
func balanced(s string, opening, closing rune) bool {
	depth := 0
	for _, c := range s {
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

// tokens splits s at any of separators and drops what is empty.
func tokens(s, separators string) []string {
	return strings.FieldsFunc(s, func(c rune) bool { return strings.ContainsRune(separators, c) })
}
