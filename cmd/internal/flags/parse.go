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

// What Parse returns if the command line asks for something else than running the program.
var (
	ErrHelp    = errors.New("help requested")
	ErrVersion = errors.New("version requested")
)

// prefix is what variables for flags begin with.
const prefix = "MESOS_"

// Parse reads a command line without the program's name, then from environ (as [os.Environ] has it) what the command
// line left open. It returns the arguments that are no flags.
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

// normal is the name under which all spellings of a flag are known.
func normal(name string) string { return strings.ToLower(strings.ReplaceAll(name, "-", "_")) }

// argument describes one spelling of f to the parser.
func (s *Set) argument(f *option, name, negation string) *pflag.Flag {
	spelling := &pflag.Flag{Name: negation + name, Value: &argument{s, f, name, negation != ""}}
	switch {
	case negation != "":
		spelling.NoOptDefVal = alone
	case f.Type == "bool":
		spelling.NoOptDefVal = "true"
	case f.target == nil:
		spelling.NoOptDefVal = "?" // it is refused before its missing value is
	}
	return spelling
}

// alone stands for the value that --no-name does not have.
const alone = "\x00"

// argument is a flag as the command line gives it.
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

// refusal is an error that needs no more words around it.
type refusal string

func (r refusal) Error() string { return string(r) }

// load gives f a value under one of its names; spelled is how the user wrote that.
func (s *Set) load(f *option, name, spelled, text string) error {
	if f.target == nil {
		return refusal(fmt.Sprintf("flag %s is known to Mesos, not supported yet", spelled))
	}
	value, err := s.resolve(f, spelled, text)
	if err == nil {
		err = f.target.Set(value)
	}
	if err != nil {
		return refusal(fmt.Sprintf("flag %s: %v", spelled, err))
	}
	f.given, f.raw = name, text
	if name == f.Alias && f.Alias != "" && !f.onlyVariable() {
		s.warn("flag %s is an old name of --%s", spelled, f.Name)
	}
	return nil
}

// resolve reads the file that text names, where that is meant. Blank space around a file's content is dropped.
//
// Differs: Mesos keeps the newline that ends most files, and refuses numbers and durations because of it.
func (s *Set) resolve(f *option, spelled, text string) (string, error) {
	path, isFile := strings.CutPrefix(text, "file://")
	switch {
	case f.Type == "path":
		return text, nil
	case isFile:
	case f.Type == "json" && strings.HasPrefix(text, "/"):
		s.warn("flag %s: write file://%s for a file", spelled, text)
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
			// The command line decides, or the newer of two names.
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

// variable finds the flag an environment variable is for, and by which of its names.
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

// explain puts the parser's errors into our words.
func (s *Set) explain(err error) error {
	var (
		invalid *pflag.InvalidValueError
		refused refusal
		unknown *pflag.NotExistError
		missing *pflag.ValueRequiredError
	)
	switch {
	case errors.Is(err, pflag.ErrHelp): // -h and --help, as pflag has them by itself
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
		return fmt.Errorf("flag --%s is not true or false; there is no --no-%[1]s", positive)
	}
	return fmt.Errorf("unknown flag --%s%s", name, s.suggestion(name, "--", normal))
}

// suggestion asks for the flag most like name, if one is like it at all.
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
