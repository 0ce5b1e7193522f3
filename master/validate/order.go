package validate

import "fmt"

func in(field string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", field, err)
}

// first runs checks until one fails, and returns its error.
func first(checks ...func() error) error {
	for _, check := range checks {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// check returns a function that checks x.
func check[T any](what func(T) error, x T) func() error {
	return func() error { return what(x) }
}
