package program

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"meseta/cmd/internal/flags"
)

// Logging is how a process logs: in colour on a terminal, as glog does elsewhere and in files, or there in JSON.
type Logging struct {
	dir   string
	level Level
	quiet bool

	files *logFiles // nil: none
}

// Level is the value of --logging_level, the lowest level that is logged. The empty Level is INFO.
type Level string

// levels maps Mesos's levels to those of zerolog.
var levels = map[Level]zerolog.Level{
	"": zerolog.InfoLevel, "INFO": zerolog.InfoLevel, "WARNING": zerolog.WarnLevel, "ERROR": zerolog.ErrorLevel,
}

func (l *Logging) bind(set *flags.Set) {
	set.Bind("log_dir", &l.dir)
	set.Bind("quiet", &l.quiet)
	l.level.Bind(set)
}

// Bind binds the flag logging_level and rejects unknown levels.
func (l *Level) Bind(set *flags.Set) {
	set.Bind("logging_level", (*string)(l))
	set.Check(func() error {
		if _, ok := levels[*l]; !ok {
			return fmt.Errorf("logging_level: %q is not INFO, WARNING or ERROR", string(*l))
		}
		return nil
	})
}

// String returns the level in the form of --logging_level.
func (l Level) String() string {
	if l == "" {
		return "INFO"
	}
	return string(l)
}

// threshold returns the lowest level that is logged unless /logging/toggle changes it.
func (l *Logging) threshold() zerolog.Level { return levels[l.level] }

// Open returns the logger. zerolog's global level, which may change while the program runs, decides what is logged.
// closeLog closes the log files.
func (l *Logging) Open() (log zerolog.Logger, closeLog func(), err error) {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.DurationFieldFormat = zerolog.DurationFormatString
	zerolog.SetGlobalLevel(l.threshold())

	var sinks, plain []io.Writer
	inJSON := os.Getenv("MESETA_LOG") == "json"
	closeLog = func() {}
	if l.dir != "" {
		if l.files, err = openLogFiles(l.dir, l.threshold(), !inJSON, time.Now()); err != nil {
			return log, nil, fmt.Errorf("log_dir: %w", err)
		}
		closeLog = func() { l.files.Close() } //nolint:errcheck // nowhere left to report it
		plain = append(plain, l.files)        // first, so that a line is in them also if nobody reads standard error
	}
	switch {
	case l.quiet:
	case isatty.IsTerminal(os.Stderr.Fd()):
		sinks = append(sinks, console)
	default:
		plain = append(plain, os.Stderr)
	}
	switch {
	case inJSON:
		sinks = append(sinks, plain...)
	case len(plain) > 0:
		sinks = append(sinks, glog{zerolog.MultiLevelWriter(plain...)})
	}
	return zerolog.New(zerolog.MultiLevelWriter(sinks...)).With().Timestamp().Logger().Hook(position{}), closeLog, nil
}

// console writes log lines for a terminal.
var console = zerolog.ConsoleWriter{
	Out: os.Stderr, TimeFormat: time.TimeOnly + ".000", PartsExclude: []string{zerolog.CallerFieldName},
}

// Path returns the path of the file with all log lines, or "" if there are no files.
func (l *Logging) Path() string {
	if l.files == nil {
		return ""
	}
	return l.files.path
}
