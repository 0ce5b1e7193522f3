package flags

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Set is the set of flags of a program. Create it with [New], bind the supported flags, and call [Set.Parse] once.
type Set struct {
	program  string
	about    string
	flags    []*option          // in the order of the help
	byName   map[string]*option // also by alias
	checks   []func() error
	warnings []string
	operands string // shown by help after the flags
}

// option is a Flag of a Set.
type option struct {
	Flag
	target Target // nil if it is not supported yet
	reason string // why it is not supported; "" if nothing is known
	given  string // the name it was set by; empty if it was not set
	raw    string // the value as written, before files are read
}

// New returns the flags that Mesos has for a program, none of them bound yet. about says briefly what the program
// does.
func New(program, about string) *Set {
	s := &Set{program: program, about: about, byName: map[string]*option{}}
	for _, f := range slices.Concat(table(program), table("libprocess")) {
		s.add(f)
	}
	var help, version bool
	s.Bind("help", &help)
	s.Bind("version", &version)
	return s
}

func (s *Set) add(f Flag) *option {
	added := &option{Flag: f}
	s.flags = append(s.flags, added)
	for _, name := range []string{f.Name, f.Alias} {
		if name == "" {
			continue
		}
		if s.byName[name] != nil {
			panic("flags: " + name + " is defined twice")
		}
		s.byName[name] = added
	}
	return added
}

// Bind makes a flag of Mesos store its value in target: a *string, *bool, *int, *uint16, *uint64, *float64,
// *[time.Duration], **[time.Duration] (nil unless given), *[units.Bytes], *[netip.Addr], *[]string,
// *map[string]string, or a [Target]. The target is set to Mesos's default at once; without a default it keeps its
// value. [Func] makes targets of other kinds. Bind panics if Mesos has no such flag.
func (s *Set) Bind(name string, at any) {
	s.known(name).bind(at)
}

func (s *Set) known(name string) *option {
	f := s.byName[name]
	if f == nil {
		panic("flags: Mesos has no flag " + name + " for " + s.program)
	}
	return f
}

// Refuse gives the error for a flag of Mesos that is not bound a reason, which says what to do instead. It panics if Mesos has no
// such flag.
func (s *Set) Refuse(name, reason string) { s.known(name).reason = reason }

// Default replaces Mesos's default of a flag. It must be called before [Set.Bind].
func (s *Set) Default(name, text string) { s.byName[name].Default = text }

// Define adds a flag that Mesos does not have.
func (s *Set) Define(f Flag, at any) {
	s.add(f).bind(at)
}

func (f *option) bind(at any) {
	f.target = target(f.Type, at)
	if text, ok := f.defaultText(); ok {
		if err := f.target.Set(text); err != nil {
			panic(fmt.Sprintf("flags: default of %s: %v", f.Name, err))
		}
	}
}

// defaultText returns the default in the syntax of the command line.
func (f *option) defaultText() (string, bool) {
	switch f.Default {
	case "":
		return "", false
	case `''`:
		return "", true
	}
	return f.Default, true
}

// onlyVariable reports whether f can only be set in the environment.
func (f *option) onlyVariable() bool { return strings.ToUpper(f.Name) == f.Name }

// Check adds a condition that involves several values. Parse returns the error of the first that fails.
func (s *Set) Check(condition func() error) { s.checks = append(s.checks, condition) }

// Invalid is the error of a check that refuses the value of a flag, which must be as the words say.
//
// Mesos: Master::initialize, Slave::initialize.
func Invalid(name, value, must string) error {
	return fmt.Errorf("Invalid value '%s' for --%s: Must be %s", value, name, must)
}

// Supported returns the flags that are bound, in the order of the help.
func (s *Set) Supported() []Flag {
	var bound []Flag
	for _, f := range s.flags {
		if f.target != nil {
			bound = append(bound, f.Flag)
		}
	}
	return bound
}

// Given reports whether a flag was set, on the command line or in the environment.
func (s *Set) Given(name string) bool { return s.byName[name].given != "" }

// Warnings returns what Parse accepted but considers questionable, one sentence each.
func (s *Set) Warnings() []string { return slices.Clone(s.warnings) }

// Unused drops the warnings about variables whose old names begin with prefix. What they configure is not used here, and
// other programs may know the same names.
func (s *Set) Unused(prefix string) {
	s.warnings = slices.DeleteFunc(s.warnings, func(w string) bool {
		return strings.HasPrefix(w, "variable "+prefix) || strings.HasPrefix(w, "variables "+prefix)
	})
}

// Values returns the flags as /flags shows them: each flag that has a value, printed as Mesos prints it, under the
// name it was set by. Unsupported flags have the value that Mesos has by default.
func (s *Set) Values() map[string]string {
	values := map[string]string{}
	for _, f := range s.flags {
		if f.onlyVariable() {
			continue
		}
		if text, ok := f.text(); ok {
			values[cmp.Or(f.given, f.Name)] = text
		}
	}
	return values
}

// passwords are flags of JSON that has passwords in it. Only the file that they are in is shown.
//
// Differs: Mesos shows them.
var passwords = map[string]bool{"docker_config": true}

func (f *option) text() (string, bool) {
	text, ok := f.defaultText()
	switch {
	case f.given != "" && f.Type == "secret":
		return f.raw, true // the name of the file, if the value is in a file
	case f.given != "" && passwords[f.Name]:
		if strings.HasPrefix(f.raw, "/") || strings.HasPrefix(f.raw, "file://") {
			return f.raw, true
		}
		return "{}", true
	case f.given != "":
		return f.target.String(), true
	case ok:
		return canonical(f.Type, text), true
	case f.target == nil:
		return "", false
	default:
		text = f.target.String()
		return text, text != "" && f.Type == "string"
	}
}
