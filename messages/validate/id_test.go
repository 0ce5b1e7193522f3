package validate_test

import (
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/messages/validate"
)

func says(t *testing.T, what string, err error, want string) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: %v", what, err)
	case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
		t.Errorf("%s: want %q, got %v", what, want, err)
	}
}

func TestID(t *testing.T) {
	t.Parallel()
	for id, want := range map[string]string{
		"a": "", "A.b-c_9 x": "", strings.Repeat("x", 255): "", "ü": "", "\u0085": "", // not a control character for C's iscntrl
		"": "ID must not be empty", ".": "'.' is disallowed", "..": "'..' is disallowed", "a/b": "'a/b' contains invalid characters",
		`a\b`: "invalid characters", "a\nb": "invalid characters", "\x7f": "invalid characters", "\x00": "invalid characters",
		strings.Repeat("x", 256): "ID must not be greater than 255 characters",
	} {
		says(t, id, validate.ID(id), want)
	}
}

func TestContainerID(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 242)
	for id, want := range map[ids.Container]string{
		"a": "", "a.b.c": "", ids.Container(long): "",
		ids.Container(long + "x"): "exceeds the maximum length (242)",
		"a b":                     "'ContainerID.value' 'a b' contains invalid characters",
		"a/b.c":                   "'ContainerID.parent' is invalid: 'a/b' contains invalid characters",
		"a.":                      "ID must not be empty",
	} {
		says(t, string(id), validate.ContainerID(id.Proto()), want)
	}
}
