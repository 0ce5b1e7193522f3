package validate

import (
	"errors"
	"fmt"
	"strings"
)

// maxIDLength is NAME_MAX: ids become names of files on the agent.
const maxIDLength = 255

// ID says what is wrong with an id, which has to be able to name a file.
func ID(id string) error {
	switch {
	case id == "":
		return errors.New("an ID must not be empty")
	case len(id) > maxIDLength:
		return fmt.Errorf("an ID must not be longer than %d characters", maxIDLength)
	case id == "." || id == "..":
		return fmt.Errorf("%q is not allowed as an ID", id)
	case strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' || r == '\\' }):
		return fmt.Errorf("%q contains a character that is not allowed in an ID", id)
	}
	return nil
}

func in(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// first runs checks until one fails.
func first(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}
