package flagstest

import (
	"cmp"
	"regexp"
	"strings"
	"testing"

	"meseta/cmd/internal/flags"
)

// Kind is what flags of one declared type accept and refuse.
type Kind struct {
	Least, Most string         // the values at the ends of the range
	Wrong       []string       // values that are refused
	Hint        *regexp.Regexp // what the error says would be right
}

// kinds are the types of the tables of flags. A boolean flag without a value is true, as in Mesos.
var kinds = map[string]Kind{
	"bool":     {"false", "true", []string{"maybe", "2", "-1", "True"}, regexp.MustCompile("true")},
	"int":      {"0", "2147483647", []string{"", "x", "1.5", "5 ", "2147483648", "-2147483649"}, regexp.MustCompile("whole number")},
	"uint":     {"0", "18446744073709551615", []string{"", "-1", "x", "1.5", "18446744073709551616"}, regexp.MustCompile("whole number")},
	"port":     {"0", "65535", []string{"", "-1", "65536", "x"}, regexp.MustCompile("65535")},
	"number":   {"0", "1", []string{"", "x", "0,5", "nan", "inf", "-inf", "1e400"}, regexp.MustCompile("number|between")},
	"duration": {"0secs", "15250weeks", []string{"", "5", "x", "-5secs", "5sec", "5 secs", "1.2.3secs", "99999weeks"}, regexp.MustCompile("secs|number|292 years")},
	"size":     {"0B", "16777215TB", []string{"", "5", "x", "-5MB", "1.5MB", "5 MB", "5XB", "16777216TB", "99999999999999999999B"}, regexp.MustCompile("MB|whole number|TB")},
	"ip":       {"127.0.0.1", "255.255.255.255", []string{"", "x", "1.2.3", "1.2.3.256"}, regexp.MustCompile("IP address|127.0.0.1")},
	"json":     {"", "", []string{"", "{", "x", "[1"}, regexp.MustCompile("JSON")},
}

// CheckValues gives each flag of a program, on top of args, values that its declared type does not allow, and those at the
// ends of its range. Wrong ones must be refused with the names of the flag, the value, and what would be right. narrower has the
// flags that allow less than their type does; its fields that are not set are those of the type.
func CheckValues(t *testing.T, program string, bind func(*flags.Set), narrower map[string]Kind, args ...string) {
	t.Helper()
	set := flags.New(program, "")
	bind(set)
	for _, f := range set.Supported() {
		kind, ok := kinds[f.Type]
		if !ok || f.Name == "help" || f.Name == "version" {
			continue
		}
		n := narrower[f.Name]
		delete(narrower, f.Name)
		kind.Least, kind.Most = cmp.Or(n.Least, kind.Least), cmp.Or(n.Most, kind.Most)
		try := func(value string) error {
			set := flags.New(program, "")
			bind(set)
			given, environ := args, []string(nil)
			if strings.ToUpper(f.Name) == f.Name {
				environ = []string{f.Name + "=" + value}
			} else {
				given = append([]string{"--" + f.Name + "=" + value}, args...)
			}
			_, err := set.Parse(given, environ)
			return err
		}
		for _, value := range []string{kind.Least, kind.Most} {
			if value == "" {
				continue
			}
			if err := try(value); err != nil {
				t.Errorf("%s=%s is refused: %v", f.Name, value, err)
			}
		}
		for _, value := range kind.Wrong {
			demandRefusal(t, f, value, try(value), kind.Hint)
		}
		for _, value := range n.Wrong {
			demandRefusal(t, f, value, try(value), n.Hint)
		}
	}
	for name := range narrower {
		t.Errorf("%s is no flag with a range of %s", name, program)
	}
}

func demandRefusal(t *testing.T, f flags.Flag, value string, err error, hint *regexp.Regexp) {
	t.Helper()
	shown := value
	if f.Type == "json" {
		shown = "" // it may have secrets
	}
	if err == nil || !strings.Contains(err.Error(), f.Name) || !strings.Contains(err.Error(), shown) || !hint.MatchString(err.Error()) {
		t.Errorf("%s=%s: %v, want an error with the flag, its value, and %s", f.Name, value, err, hint)
	}
}
