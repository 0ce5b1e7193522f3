package turns

import (
	"sync"
	"testing"
)

type enterer struct{}

//go:noinline
func (enterer) outer() string { return inner(0) }

//go:noinline
func inner[T any](T) string { return Called("turns") }

func TestCalledNamesTheOutermost(t *testing.T) {
	t.Parallel()
	var got string
	func() { got = enterer{}.outer() }()
	if want := "TestCalledNamesTheOutermost"; got != want {
		t.Errorf("%q, want %q: the test is of the same package", got, want)
	}
	if got := Called("other"); got != "" {
		t.Errorf("%q of a package that is not under way", got)
	}
}

// Each goroutine has its own owner, also inside another's.
func TestHere(t *testing.T) {
	t.Parallel()
	if !Checked {
		t.Skip("only race builds know")
	}
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			check := func(want any, entered bool) {
				if got, ok := Here(); got != want || ok != entered {
					t.Errorf("%v, %v; want %v, %v", got, ok, want, entered)
				}
			}
			check(nil, false)
			leave := Enter(i)
			check(i, true)
			inner := Enter(nil)
			check(nil, true)
			inner()
			check(i, true)
			leave()
			check(nil, false)
		})
	}
	all.Wait()
}
