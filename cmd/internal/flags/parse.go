package flags

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"github.com/spf13/pflag"
)

// The errors of Parse if the command line requests something other than running the program.
var (
	ErrHelp    = errors.New("help requested")
	ErrVersion = errors.New("version requested")
)

// prefix is the prefix of the environment variables of flags.
const prefix = "MESOS_"

// Parse parses a command line without the program's name, and takes the flags it lacks from environ, which has the
// form of [os.Environ]. It returns the arguments that are not flags.
func (s *Set) Parse(args, environ []string) ([]string, error) {
	rest, err := s.parseArguments(args)
	switch {
	case err != nil:
		return nil, err
	case s.isTrue("help"):
		return nil, ErrHelp
	case s.isTrue("version"):
		return nil, ErrVersion
	}
	if err := s.parseEnvironment(environ); err != nil {
		return nil, err
	}
	for _, f := range s.flags {
		if f.Required && f.target != nil && f.given == "" {
			return nil, fmt.Errorf("flag --%s is required", f.Name)
		}
	}
	for _, check := range s.checks {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return rest, nil
}

func (s *Set) isTrue(name string) bool {
	f := s.byName[name]
	return f.given != "" && f.target.String() == "true"
}

func (s *Set) parseArguments(args []string) ([]string, error) {
	parser := pflag.NewFlagSet(s.program, pflag.ContinueOnError)
	parser.SetOutput(io.Discard)
	parser.Usage = func() {}
	parser.SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		return pflag.NormalizedName(normal(name))
	})
	for name, f := range s.byName {
		if f.onlyVariable() {
			continue
		}
		parser.AddFlag(s.argument(f, name, ""))
		if f.Type == "bool" {
			parser.AddFlag(s.argument(f, name, "no_"))
		}
	}
	if err := parser.Parse(args); err != nil {
		return nil, s.explain(err)
	}
	return parser.Args(), nil
}

// normal returns the canonical spelling of a flag's name.
func normal(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "_")) }

// argument returns the parser's description of one spelling of f.
func (s *Set) argument(f *option, name, negation string) *pflag.Flag {
	spelling := &pflag.Flag{Name: negation + name, Value: &argument{s, f, name, negation != ""}}
	switch {
	case negation != "":
		spelling.NoOptDefVal = alone
	case f.Type == "bool":
		spelling.NoOptDefVal = "true"
	case f.target == nil:
		spelling.NoOptDefVal = "?" // refused as unsupported before its value is missed
	}
	return spelling
}

// alone stands for the missing value of --no-name.
const alone = "\x00"

// argument is a flag as it appears on the command line.
type argument struct {
	set     *Set
	flag    *option
	name    string
	negated bool
}

func (a *argument) Set(text string) error {
	switch {
	case !a.negated:
	case text == alone || text == "":
		text = "false"
	default:
		return refusal(fmt.Sprintf("flag --no-%s takes no value", a.name))
	}
	if a.flag.given != "" {
		return refusal(fmt.Sprintf("flag --%s is given twice", a.flag.Name))
	}
	return a.set.load(a.flag, a.name, "--"+a.name, text)
}

func (a *argument) String() string { return "" }

func (a *argument) Type() string { return a.flag.Type }

// refusal is an error that is complete without further context.
type refusal string

func (r refusal) Error() string { return string(r) }

// load sets f from text; spelled is the user's spelling of the name.
func (s *Set) load(f *option, name, spelled, text string) error {
	if f.target == nil {
		text := fmt.Sprintf("flag %s of Mesos is not supported yet", spelled)
		if f.reason != "" {
			text += ": " + f.reason
		}
		return refusal(text)
	}
	value, err := s.resolve(f, spelled, text)
	if err == nil {
		err = f.target.Set(value)
	}
	if err != nil {
		return refusal(fmt.Sprintf("flag %s: %v", spelled, err))
	}
	f.given, f.raw = name, text
	switch {
	case name != f.Alias || f.Alias == "":
	case f.onlyVariable():
		s.warn("variable %s is an old name of %s", spelled, f.Name)
	default:
		s.warn("flag %s is an old name of --%s", spelled, f.Name)
	}
	return nil
}

// resolve returns the content of the file that text refers to, without surrounding white space, or text itself.
//
// Differs: Mesos keeps the newline that ends most files, and refuses numbers and durations because of it.
func (s *Set) resolve(f *option, spelled, text string) (string, error) {
	path, isFile := strings.CutPrefix(text, "file://")
	switch {
	case f.Type == "path":
		return text, nil
	case isFile:
	case f.Type == "json" && strings.HasPrefix(text, "/"):
		s.warn("flag %s: the path %[2]s without file:// is deprecated; use file://%[2]s", spelled, text)
		path = text
	default:
		return text, nil
	}
	content, err := os.ReadFile(path)
	return strings.TrimSpace(string(content)), err
}

func (s *Set) parseEnvironment(environ []string) error {
	ignored := elsewhere()
	for _, entry := range slices.Sorted(slices.Values(environ)) {
		variable, text, _ := strings.Cut(entry, "=")
		f, name := s.variable(variable)
		switch {
		case f != nil && f.given != "":
			// The command line takes precedence, or the newer of two names, which is looked at first.
			if f.onlyVariable() && f.raw != text {
				s.warn("variables %s and %s have different values; that of %[2]s counts", variable, f.given)
			}
		case f != nil && f.target == nil && f.onlyVariable() && name == f.Alias:
			// It has another meaning for other programs, and none here.
		case f != nil && f.target == nil && f.Group == "Actor runtime":
			s.warn("variable %s has no effect here", variable)
		case f != nil:
			if err := s.load(f, name, variable, text); err != nil {
				return err
			}
		case strings.HasPrefix(variable, prefix) && !ignored[variable]:
			s.warn("variable %s is ignored: there is no such flag%s", variable,
				s.suggestion(strings.TrimPrefix(variable, prefix), prefix, strings.ToUpper))
		}
	}
	return nil
}

// variable returns the flag of an environment variable, and the name of the flag that it uses.
func (s *Set) variable(variable string) (*option, string) {
	if f := s.byName[variable]; f != nil && f.onlyVariable() {
		return f, variable
	}
	name, ok := strings.CutPrefix(variable, prefix)
	if !ok {
		return nil, ""
	}
	name = normal(name)
	return s.byName[name], name
}

func (s *Set) warn(format string, args ...any) {
	s.warnings = append(s.warnings, fmt.Sprintf(format, args...))
}

// explain rewords the parser's errors.
func (s *Set) explain(err error) error {
	var (
		invalid *pflag.InvalidValueError
		refused refusal
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.Is(err, pflag.ErrHelp): // -h and --help, which pflag handles itself
		return ErrHelp
	case errors.As(err, &invalid) && errors.As(invalid.Unwrap(), &refused):
		return refused
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		return s.unknown(unknown.GetSpecifiedName())
	case errors.As(err, &missing):
		return fmt.Errorf("flag --%s needs a value: --%[1]s=…", missing.GetSpecifiedName())
	}
	return err
}

func (s *Set) unknown(name string) error {
	if positive, ok := strings.CutPrefix(normal(name), "no_"); ok && s.byName[positive] != nil {
		return fmt.Errorf("flag --%s is not boolean; there is no --no-%[1]s", positive)
	}
	return fmt.Errorf("unknown flag --%s%s", name, s.suggestion(name, "--", normal))
}

// suggestion suggests the flag whose name is most similar to name, if any is similar.
func (s *Set) suggestion(name, before string, spell func(string) string) string {
	name = normal(name)
	best, nearest := "", max(2, len(name)/3)+1
	for _, f := range s.flags {
		if f.onlyVariable() {
			continue
		}
		if distance := levenshtein.ComputeDistance(name, f.Name); distance < nearest {
			best, nearest = f.Name, distance
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %s%s?", before, spell(best))
}
