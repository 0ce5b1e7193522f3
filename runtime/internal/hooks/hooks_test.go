package hooks_test

import (
	"strings"
	"testing"

	"meseta/runtime/internal/hooks"
)

type odd struct{}

func (odd) Finalize() error { return nil }

func TestOddSignaturesAreRefused(t *testing.T) {
	t.Parallel()
	start := hooks.Hook{Name: "Initialize", Want: "Initialize()"}
	end := hooks.Hook{Name: "Finalize", Want: "Finalize()"}
	err := hooks.Check(odd{}, start, end)
	if err == nil || !strings.Contains(err.Error(), "Finalize of hooks_test.odd is func(hooks_test.odd) error") ||
		!strings.Contains(err.Error(), "want Finalize()") {
		t.Errorf("%v", err)
	}
	end.Has = true
	if err := hooks.Check(odd{}, start, end); err != nil {
		t.Errorf("a hook as it should be: %v", err)
	}
}
