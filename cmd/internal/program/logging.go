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

// Level is what --logging_level says: the least of what is logged. Without a value it is INFO.
type Level string

// levels are Mesos's.
var levels = map[Level]zerolog.Level{
	"": zerolog.InfoLevel, "INFO": zerolog.InfoLevel, "WARNING": zerolog.WarnLevel, "ERROR": zerolog.ErrorLevel,
}

func (l *Logging) bind(set *flags.Set) {
	set.Bind("log_dir", &l.dir)
	set.Bind("quiet", &l.quiet)
	l.level.Bind(set)
}

// Bind makes set take the level, and refuse what is none.
func (l *Level) Bind(set *flags.Set) {
	set.Bind("logging_level", (*string)(l))
	set.Check(func() error {
		if _, ok := levels[*l]; !ok {
			return fmt.Errorf("logging_level: %q is not INFO, WARNING or ERROR", string(*l))
		}
		return nil
	})
}

// String is the level as --logging_level takes it.
func (l Level) String() string {
	if l == "" {
		return "INFO"
	}
	return string(l)
}

// threshold is what is logged unless /logging/toggle says otherwise.
func (l *Logging) threshold() zerolog.Level { return levels[l.level] }

// Open returns the logger. What it lets through is decided by zerolog's global level, which can be changed while the
// program runs. Close ends its files.
func (l *Logging) Open() (log zerolog.Logger, closeLog func(), err error) {
	zerolog.TimeFieldFormat = time.RFC3339Nano
	zerolog.DurationFieldFormat = zerolog.DurationFormatString
	zerolog.CallerMarshalFunc = callerName
	zerolog.SetGlobalLevel(l.threshold())

	var sinks, plain []io.Writer
	switch {
	case l.quiet:
	case isatty.IsTerminal(os.Stderr.Fd()):
		sinks = append(sinks, console)
	default:
		plain = append(plain, os.Stderr)
	}
	inJSON := os.Getenv("MESETA_LOG") == "json"
	closeLog = func() {}
	if l.dir != "" {
		if l.files, err = openLogFiles(l.dir, l.threshold(), !inJSON, time.Now()); err != nil {
			return log, nil, fmt.Errorf("log_dir: %w", err)
		}
		closeLog = func() { l.files.Close() } //nolint:errcheck // there is nowhere left to tell
		plain = append(plain, l.files)
	}
	switch {
	case inJSON:
		sinks = append(sinks, plain...)
	case len(plain) > 0:
		sinks = append(sinks, glog{zerolog.MultiLevelWriter(plain...)})
	}
	return zerolog.New(zerolog.MultiLevelWriter(sinks...)).With().Timestamp().Caller().Logger(), closeLog, nil
}

// console is for people's eyes.
var console = zerolog.ConsoleWriter{
	Out: os.Stderr, TimeFormat: time.TimeOnly + ".000", PartsExclude: []string{zerolog.CallerFieldName},
}

// Path is the file that has everything, or empty.
func (l *Logging) Path() string {
	if l.files == nil {
		return ""
	}
	return l.files.path
}
