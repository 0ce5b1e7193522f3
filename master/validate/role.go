package validate

import (
	"errors"
	"fmt"
	"strings"
)

// Role says what is wrong with the name of a role: "*", or components between single slashes.
//
// Mesos: roles::validate.
func Role(role string) error {
	switch {
	case role == "*":
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
		case component == "." || component == ".." || component == "*":
			return fmt.Errorf("Role '%s' cannot include '%s' as a component", role, component)
		case strings.HasPrefix(component, "-"):
			return fmt.Errorf("Role component '%s' is invalid because it starts with a dash", component)
		case strings.ContainsAny(component, "\t\n\v\f\r \x7f"):
			return fmt.Errorf("Role component '%s' is invalid because it contains backspace or whitespace", component)
		}
	}
	return nil
}
