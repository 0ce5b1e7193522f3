// Package roles implements the rules for the names of roles: their syntax and their nesting. Roles form a tree and are
// written like paths: eng/dev is below eng. The role * is the default role of all frameworks and is in no tree.
package roles

import (
	"errors"
	"fmt"
	"iter"
	"strings"

	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
)

// Default is the role of resources that are not reserved.
const Default = "*"

// Validate returns an error, in Mesos's words, unless role is "*" or a list of valid components separated by single
// slashes.
//
// Mesos: roles::validate.
func Validate(role string) error {
	switch {
	case role == Default:
		return nil
	case strings.HasPrefix(role, "/"):
		return fmt.Errorf("Role '%s' cannot start with a slash", role)
	case strings.HasSuffix(role, "/"):
		return fmt.Errorf("Role '%s' cannot end with a slash", role)
	case strings.Contains(role, "//"):
		return fmt.Errorf("Role '%s' cannot contain two adjacent slashes", role)
	case role == "":
		return errors.New("Role names cannot be the empty string")
	}
	for component := range strings.SplitSeq(role, "/") {
		switch {
		case component == "." || component == ".." || component == Default:
			return fmt.Errorf("Role '%s' cannot include '%s' as a component", role, component)
		case strings.HasPrefix(component, "-"):
			return fmt.Errorf("Role component '%s' is invalid because it starts with a dash", component)
		case strings.ContainsAny(component, "\t\n\v\f\r \x7f"):
			return fmt.Errorf("Role component '%s' is invalid because it contains backspace or whitespace", component)
		}
	}
	return nil
}

// Of returns the roles that info subscribes to, whichever field it names them in.
//
// Mesos: protobuf::framework::getRoles.
func Of(info *mesospb.FrameworkInfo) []string {
	if capabilities.OfFramework(info).MultiRole {
		return info.GetRoles()
	}
	return []string{info.GetRole()}
}

// Parse parses a comma-separated list, as in the flag --roles, and validates every name.
func Parse(list string) ([]string, error) {
	names := strings.FieldsFunc(list, func(c rune) bool { return c == ',' })
	for _, name := range names {
		if err := Validate(name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// IsStrictSubroleOf reports whether role is below ancestor, at any depth.
func IsStrictSubroleOf(role, ancestor string) bool {
	return len(role) > len(ancestor) && role[len(ancestor)] == '/' && strings.HasPrefix(role, ancestor)
}

// Parent returns the role directly above role, if there is one.
func Parent(role string) (parent string, ok bool) {
	slash := strings.LastIndexByte(role, '/')
	if slash < 0 {
		return "", false
	}
	return role[:slash], true
}

// Ancestors yields the roles above role, the nearest first.
func Ancestors(role string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for parent, ok := Parent(role); ok; parent, ok = Parent(parent) {
			if !yield(parent) {
				return
			}
		}
	}
}
