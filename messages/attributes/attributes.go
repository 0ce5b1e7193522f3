// Package attributes parses and formats the attributes that an operator gives an agent, such as
// rack:r1;zone:z1;slots:4.
package attributes

import (
	"fmt"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/values"
)

// Parse parses attributes that are separated by semicolons or newlines, each a name, a colon and a value. It refuses
// sets, which Mesos does not allow here.
//
// Mesos: Attributes::parse.
func Parse(text string) ([]*mesospb.Attribute, error) {
	var all []*mesospb.Attribute
	for _, pair := range strings.FieldsFunc(text, func(c rune) bool { return c == ';' || c == '\n' }) {
		name, value, ok := strings.Cut(pair, ":")
		if !ok || name == "" || value == "" {
			return nil, fmt.Errorf("Invalid attribute key:value pair '%s'", pair)
		}
		attribute, err := parse(name, value)
		if err != nil {
			return nil, fmt.Errorf("attribute %s: %w", name, err)
		}
		all = append(all, attribute)
	}
	return all, nil
}

func parse(name, text string) (*mesospb.Attribute, error) {
	value, err := values.Parse(text)
	if err != nil {
		return nil, err
	}
	if value.GetType() == mesospb.Value_SET {
		return nil, fmt.Errorf("%s is a set; attributes have no sets", text)
	}
	return &mesospb.Attribute{
		Name: &name, Type: value.Type, Scalar: value.Scalar, Ranges: value.Ranges, Text: value.Text,
	}, nil
}

// Format formats attributes in the form that Parse reads.
func Format(all []*mesospb.Attribute) string {
	parts := make([]string, len(all))
	for i, each := range all {
		parts[i] = each.GetName() + ":" + Value(each)
	}
	return strings.Join(parts, ";")
}

// Value formats the value of an attribute.
func Value(a *mesospb.Attribute) string {
	return values.Format(&mesospb.Value{Type: a.Type, Scalar: a.Scalar, Ranges: a.Ranges, Set: a.Set, Text: a.Text})
}
