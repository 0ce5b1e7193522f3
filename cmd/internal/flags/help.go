package flags

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// width is the width of the help text in columns.
const width = 100

// Help returns the text for --help: the supported flags by group, then the names of the unsupported ones.
func (s *Set) Help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n\nUsage: %s [--name=value] …%s\n", s.program, s.about, s.program, s.operands)
	var unsupported []string
	for _, group := range s.groups() {
		heading := "\n" + group + "\n"
		for _, f := range s.flags {
			switch {
			case f.Group != group:
			case f.target != nil:
				b.WriteString(heading)
				f.describe(&b)
				heading = ""
			case !f.onlyVariable():
				unsupported = append(unsupported, f.Name)
			}
		}
	}
	s.writeRules(&b)
	if len(unsupported) > 0 {
		slices.Sort(unsupported)
		b.WriteString("\nFlags of Mesos that are not supported yet\n")
		fold(&b, "  ", strings.Join(unsupported, " "))
	}
	return b.String()
}

// groups returns the group headings in order.
func (s *Set) groups() []string {
	var groups []string
	for _, f := range s.flags {
		if !slices.Contains(groups, f.Group) {
			groups = append(groups, f.Group)
		}
	}
	return groups
}

// describe writes the entry of one flag.
func (f *option) describe(b *strings.Builder) {
	fmt.Fprintf(b, "  %s\n", f.synopsis())
	text := f.Help
	switch value, ok := f.text(); {
	case f.Required:
		text += " (required)"
	case f.Type == "bool" && value == "false", f.Name == "help", f.Name == "version":
	case ok && value != "":
		text += " (default " + value + ")"
	}
	if f.Alias != "" && !f.onlyVariable() {
		text += "; formerly " + f.Alias
	}
	fold(b, "        ", sentence(text))
}

// sentence returns text with a capital letter at its beginning and a period at its end.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// synopsis returns the syntax of f.
func (f *option) synopsis() string {
	switch {
	case f.onlyVariable():
		return f.Name + "=" + strings.ToUpper(f.Type)
	case f.Name == "help" || f.Name == "version":
		return "--" + f.Name
	case f.Type == "bool":
		return "--[no-]" + f.Name
	case f.Type == "secret":
		return "--" + f.Name + "=STRING"
	default:
		return "--" + f.Name + "=" + strings.ToUpper(f.Type)
	}
}

func (s *Set) writeRules(b *strings.Builder) {
	b.WriteString("\nSyntax of values\n")
	for _, rule := range []string{
		"Names may be written with - or _. A flag that is not on the command line is taken from the environment: " +
			"offer_timeout from MESOS_OFFER_TIMEOUT. Names in capitals are environment variables without a flag.",
		"DURATION is a number with the unit ns, us, ms, secs, mins, hrs, days or weeks; SIZE is a number with the unit " +
			"B, KB, MB, GB or TB; LIST is separated by commas.",
		"file:///a/path stands for the content of that file, except for flags of type PATH.",
	} {
		fold(b, "  ", rule)
	}
}

// fold writes text in lines of at most width columns, each indented by indent.
func fold(b *strings.Builder, indent, text string) {
	used := width
	for word := range strings.FieldsSeq(text) {
		length := len([]rune(word))
		if used+1+length > width {
			if used != width || b.Len() > 0 && !strings.HasSuffix(b.String(), "\n") {
				b.WriteByte('\n')
			}
			b.WriteString(indent)
			used = len(indent)
		} else {
			b.WriteByte(' ')
			used++
		}
		b.WriteString(word)
		used += length
	}
	b.WriteByte('\n')
}

// ParseOrExit is Parse for the main function of a program that takes flags only. It prints help or the version and
// exits with 0, or prints an error and exits with 1. version is the output of --version; environ is usually
// [os.Environ]. The caller logs the warnings.
//
// Differs: Mesos ignores arguments that are not flags, and so the intent of --quiet false or - -port=1.
func (s *Set) ParseOrExit(version string, environ []string) {
	if rest := s.parseOrExit(version, environ); len(rest) > 0 {
		s.refuse(fmt.Errorf("unexpected argument %q: flags are written --name=value", rest[0]))
	}
}

// ParseCommandOrExit is ParseOrExit for a program that takes a command to run, usually after --. It returns the
// command.
func (s *Set) ParseCommandOrExit(version string, environ []string) []string {
	s.operands = " [-- command …]"
	return s.parseOrExit(version, environ)
}

// parseOrExit returns the arguments that are not flags.
func (s *Set) parseOrExit(version string, environ []string) []string {
	args, err := s.Parse(os.Args[1:], environ)
	switch err {
	case nil:
		return args
	case ErrHelp:
		s.exit(os.Stdout, 0, s.Help())
	case ErrVersion:
		s.exit(os.Stdout, 0, version+"\n")
	}
	s.refuse(err)
	panic("unreachable")
}

func (s *Set) refuse(mistake error) {
	s.exit(os.Stderr, 1, fmt.Sprintf("%s: %v\n(%[1]s --help lists the flags)\n", s.program, mistake))
}

func (s *Set) exit(to io.Writer, code int, text string) {
	_, _ = io.WriteString(to, text)
	os.Exit(code)
}
