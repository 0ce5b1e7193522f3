package flags

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Set is the flags of one program. Make one with [New], bind what is supported, and [Set.Parse] once.
type Set struct {
	program  string
	about    string
	flags    []*option          // in the order of the help
	byName   map[string]*option // also by alias
	checks   []func() error
	warnings []string
	operands string // what help shows behind the flags
}

// option is a Flag in use.
type option struct {
	Flag
	target Target // nil if it is not supported yet
	given  string // the name it was given by; empty if it was not
	raw    string // what was given, before files were read
}

// New returns the flags Mesos has for a program, none of them bound yet. About says in a few words what it does.
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

// Bind makes a flag that Mesos knows put its value into target: a *string, *bool, *int, *uint16, *uint64, *float64,
// *[time.Duration], **[time.Duration] (nil unless it is given), *[units.Bytes], *[netip.Addr], *[]string, *map[string]string, or a [Target]. The target gets
// Mesos's default at once; if there is none it keeps what it holds. [Func] makes targets of other kinds.
func (s *Set) Bind(name string, at any) {
	f := s.byName[name]
	if f == nil {
		panic("flags: Mesos has no flag " + name + " for " + s.program)
	}
	f.bind(at)
}

// Default replaces the default that Mesos has for a flag. It must be called before [Set.Bind].
func (s *Set) Default(name, text string) { s.byName[name].Default = text }

// Define adds a flag that Mesos does not have.
func (s *Set) Define(f Flag, at any) {
	s.add(f).bind(at)
}

func (f *option) bind(at any) {
	f.target = target(at)
	if text, ok := f.defaultText(); ok {
		if err := f.target.Set(text); err != nil {
			panic(fmt.Sprintf("flags: default of %s: %v", f.Name, err))
		}
	}
}

// defaultText is the default as it would be written.
func (f *option) defaultText() (string, bool) {
	switch f.Default {
	case "":
		return "", false
	case `''`:
		return "", true
	}
	return f.Default, true
}

// onlyVariable reports whether f can be given in the environment only.
func (f *option) onlyVariable() bool { return strings.ToUpper(f.Name) == f.Name }

// Check adds a condition between values. The first that fails is Parse's error.
func (s *Set) Check(condition func() error) { s.checks = append(s.checks, condition) }

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

// Given reports whether a flag was given, on the command line or in the environment.
func (s *Set) Given(name string) bool { return s.byName[name].given != "" }

// Warnings returns what Parse found odd but could do, one sentence each.
func (s *Set) Warnings() []string { return slices.Clone(s.warnings) }

// Values returns what the flags endpoints show: each flag that has a value, as Mesos prints it, by the name it was
// given by. What is not supported yet has the value Mesos would have without it.
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

func (f *option) text() (string, bool) {
	text, ok := f.defaultText()
	switch {
	case f.given != "" && f.Type == "secret":
		return f.raw, true // the file's name, if it is in a file
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
