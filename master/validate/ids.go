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
		return errors.New("ID must not be empty")
	case len(id) > maxIDLength:
		return fmt.Errorf("ID must not be greater than %d characters", maxIDLength)
	case id == "." || id == "..":
		return fmt.Errorf("'%s' is disallowed", id)
	case strings.ContainsFunc(id, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '/' || r == '\\' }):
		return fmt.Errorf("'%s' contains invalid characters", id)
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

// check is a check of x, not done yet.
func check[T any](what func(T) error, x T) func() error {
	return func() error { return what(x) }
}
