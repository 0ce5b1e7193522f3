package validate

import (
	"errors"
	"fmt"
	"strings"
)

// Role says what is wrong with the name of a role: "*", or components between single slashes.
func Role(role string) error {
	switch {
	case role == "*":
		return nil
	case role == "":
		return errors.New("the role is empty")
	case strings.HasPrefix(role, "/"):
		return errors.New("a role must not start with a slash")
	case strings.HasSuffix(role, "/"):
		return errors.New("a role must not end with a slash")
	}
	for component := range strings.SplitSeq(role, "/") {
		if err := roleComponent(component); err != nil {
			return err
		}
	}
	return nil
}

func roleComponent(component string) error {
	switch {
	case component == "":
		return errors.New("a role must not have two slashes in a row")
	case component == "." || component == ".." || component == "*":
		return fmt.Errorf("a role must not have the component '%s'", component)
	case strings.HasPrefix(component, "-"):
		return errors.New("a component of a role must not start with '-'")
	case strings.ContainsAny(component, "\t\n\v\f\r \x7f"):
		return errors.New("a role must not contain white space or a delete character")
	}
	return nil
}
