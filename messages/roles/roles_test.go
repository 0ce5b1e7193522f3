package roles_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"meseta/messages/capabilities"
	"meseta/messages/pb/mesospb"
	"meseta/messages/roles"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"eng/dev/ci": "", ".": "include '.' as", "eng/..": "include '..' as", "eng/-dev": "starts with a dash", "e\tng": "whitespace",
		"/": "cannot start with a slash",
		"*": "", "a": "", "a/b": "", "a.b": "", "a-b": "", "...": "",
		"": "Role names cannot be the empty string", "/a": "Role '/a' cannot start with a slash", "a/": "cannot end with a slash",
		"a//b": "cannot contain two adjacent slashes", "a/.": "cannot include '.' as a component", "..": "include '..' as",
		"a/*": "Role 'a/*' cannot include '*' as a component", "-a": "starts with a dash", "a/-b": "Role component '-b' is invalid because it starts with a dash",
		"a b": "backspace or whitespace", "a\x7f": "backspace or whitespace",
	} {
		err := roles.Validate(name)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
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

func TestRolesOfAFramework(t *testing.T) {
	t.Parallel()
	one := &mesospb.FrameworkInfo{Role: proto.String("a"), Roles: []string{"b", "c"}}
	if got := roles.Of(one); !slices.Equal(got, []string{"a"}) {
		t.Errorf("of one role: %v", got)
	}
	one.Capabilities = capabilities.ListForFramework(mesospb.FrameworkInfo_Capability_MULTI_ROLE)
	if got := roles.Of(one); !slices.Equal(got, []string{"b", "c"}) {
		t.Errorf("of many roles: %v", got)
	}
	if got := roles.Of(&mesospb.FrameworkInfo{}); !slices.Equal(got, []string{"*"}) {
		t.Errorf("that names none: %v", got)
	}
}
