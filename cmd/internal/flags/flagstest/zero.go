// Package flagstest has what tests of a program's flags have in common.
package flagstest

import (
	"reflect"
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
)

// Zero is what a numeric flag does when it is 0.
type Zero struct {
	Text    string // how 0 is written, with its unit; "": 0
	Refused string // part of the error, if 0 is refused
	Field   any    // otherwise, a pointer to what holds the value
}

// CheckZeros gives each flag of the table that bind returns the value 0, on top of args. It fails for a flag that takes 0
// for "not given", and for a numeric flag of the program that the table lacks.
func CheckZeros(t *testing.T, program string, bind func(*flags.Set) map[string]Zero, args ...string) {
	t.Helper()
	set := flags.New(program, "")
	table := bind(set)
	for _, f := range set.Supported() {
		if _, ok := table[f.Name]; !ok && f.IsNumeric() && strings.ToUpper(f.Name) != f.Name {
			t.Errorf("--%s: the table does not say what 0 means", f.Name)
		}
	}
	for name := range table {
		check(t, program, bind, name, args)
	}
}

func check(t *testing.T, program string, bind func(*flags.Set) map[string]Zero, name string, args []string) {
	t.Helper()
	set := flags.New(program, "")
	want := bind(set)[name]
	if want.Text == "" {
		want.Text = "0"
	}
	flag := "--" + name + "=" + want.Text
	_, err := set.Parse(append([]string{flag}, args...), nil)
	switch {
	case want.Refused != "":
		if err == nil || !strings.Contains(err.Error(), want.Refused) {
			t.Errorf("%s: %v, want an error that says %q", flag, err, want.Refused)
		}
	case err != nil:
		t.Errorf("%s: %v", flag, err)
	default:
		value := reflect.ValueOf(want.Field).Elem()
		if value.Kind() == reflect.Pointer {
			value = value.Elem()
		}
		if !value.IsValid() || !value.IsZero() {
			t.Errorf("%s is taken for %v", flag, value)
		}
	}
}
