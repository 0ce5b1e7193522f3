package resources

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	"meseta/messages/mesosjson"
	"meseta/messages/pb/mesospb"
	"meseta/messages/values"
)

// Parse parses the resources that an operator gives an agent: text such as "cpus:4;mem(web):1024;ports:[31000-32000]",
// or a JSON array of Resource messages. Resources without a role are reserved to defaultRole unless it is "*" or empty.
//
// Parse refuses what exists only at run time (persistent volumes, revocable resources, dynamic reservations) and
// resources of the same name with different types.
//
// Mesos: Resources::parse.
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

// validateGiven returns an error if rs has resources that an operator cannot give.
//
// Mesos: validateCommandLineResources.
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

// parseText parses text as JSON if it is an array, and as simple text otherwise.
func parseText(text, defaultRole string) ([]*mesospb.Resource, error) {
	if strings.HasPrefix(strings.TrimSpace(text), "[") && json.Valid([]byte(text)) {
		return parseJSON(text, defaultRole)
	}
	return parseSimple(text, defaultRole)
}

func parseJSON(text, defaultRole string) ([]*mesospb.Resource, error) {
	var out []*mesospb.Resource
	err := mesosjson.UnmarshalArray([]byte(text), func() proto.Message {
		out = append(out, &mesospb.Resource{})
		return out[len(out)-1]
	})
	if err != nil {
		return nil, fmt.Errorf("Some JSON resources were not formatted properly: %w", err)
	}
	for _, p := range out {
		if p.Role == nil && len(p.GetReservations()) == 0 {
			p.Role = proto.String(defaultRole)
		}
	}
	return out, nil
}

func parseSimple(text, defaultRole string) ([]*mesospb.Resource, error) {
	var out []*mesospb.Resource
	for _, token := range values.Tokens(text, ";") {
		pair := values.Tokens(token, ":")
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

// parseValue reads 4, [1-10,20-30] or {a,b} into p.
func parseValue(p *mesospb.Resource, text string) error {
	v, err := values.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("Failed to parse resource %s value %s error %w", p.GetName(), text, err)
	case v.GetType() == mesospb.Value_TEXT:
		return fmt.Errorf("Bad type for resource %s value %s type TEXT", p.GetName(), text)
	}
	p.Type, p.Scalar, p.Ranges, p.Set = v.Type, v.Scalar, v.Ranges, v.Set
	return nil
}
