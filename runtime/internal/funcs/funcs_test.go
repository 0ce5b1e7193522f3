package funcs_test

import (
	"testing"

	"meseta/runtime/internal/funcs"
)

type offerer struct{}

func (*offerer) offer() {}

func TestNamesHaveNoPath(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]any{
		"funcs_test.TestNamesHaveNoPath":       TestNamesHaveNoPath,
		"funcs_test.(*offerer).offer":          (*offerer).offer,
		"funcs_test.(*offerer).offer-fm":       (&offerer{}).offer,
		"funcs_test.TestNamesHaveNoPath.func1": func() {},
	} {
		if got := funcs.Name(funcs.Entry(f)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := funcs.Name(1); got != "" {
		t.Errorf("nothing is called %q", got)
	}
}
