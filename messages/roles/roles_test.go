package roles_test

import (
	"slices"
	"testing"

	"meseta/messages/roles"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, valid := range map[string]bool{
		"*": true, "eng": true, "eng/dev/ci": true, "a-b": true, "...": true, "a.b": true,
		"": false, "/": false, "/eng": false, "eng/": false, "eng//dev": false, ".": false, "eng/..": false,
		"eng/*": false, "-eng": false, "eng/-dev": false, "e ng": false, "e\tng": false, "e\x7f": false,
	} {
		if err := roles.Validate(name); (err == nil) != valid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestLists(t *testing.T) {
	t.Parallel()
	if got, err := roles.Parse("eng,,ads/web"); err != nil || !slices.Equal(got, []string{"eng", "ads/web"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := roles.Parse("eng,a//b"); err == nil {
		t.Error("a list with a wrong name was taken")
	}
}

func TestTheTree(t *testing.T) {
	t.Parallel()
	for pair, want := range map[[2]string]bool{
		{"eng/dev", "eng"}: true, {"eng/dev/ci", "eng"}: true, {"eng", "eng"}: false, {"eng", "eng/dev"}: false,
		{"england", "eng"}: false, {"ads", "eng"}: false,
	} {
		if got := roles.IsStrictSubroleOf(pair[0], pair[1]); got != want {
			t.Errorf("%v: %v", pair, got)
		}
	}
	if got := slices.Collect(roles.Ancestors("a/b/c")); !slices.Equal(got, []string{"a/b", "a"}) {
		t.Errorf("above a/b/c are %q", got)
	}
	if got := slices.Collect(roles.Ancestors("a")); len(got) != 0 {
		t.Errorf("above a are %q", got)
	}
}
