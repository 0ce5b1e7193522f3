package daemon

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"meseta/cmd/internal/flags"
)

// logging is how a daemon logs: for people on a terminal, as JSON lines elsewhere and in files.
type logging struct {
	dir   string
	level string
	quiet bool
}

func (l *logging) bind(set *flags.Set) {
	set.Bind("log_dir", &l.dir)
	set.Bind("logging_level", &l.level)
	set.Bind("quiet", &l.quiet)
	set.Check(func() error {
		_, err := l.threshold()
		return err
	})
}

// threshold translates Mesos's levels.
func (l *logging) threshold() (zerolog.Level, error) {
	switch l.level {
	case "", "INFO":
		return zerolog.InfoLevel, nil
	case "WARNING":
		return zerolog.WarnLevel, nil
	case "ERROR":
		return zerolog.ErrorLevel, nil
	}
	return zerolog.NoLevel, fmt.Errorf("logging_level: %q is not INFO, WARNING or ERROR", l.level)
}

// open returns the logger. Close ends its file.
func (l *logging) open() (log zerolog.Logger, closeLog func(), err error) {
	level, err := l.threshold()
	if err != nil {
		return log, nil, err
	}
	var sinks []io.Writer
	closeLog = func() {}
	if !l.quiet {
		sinks = append(sinks, console())
	}
	if l.dir != "" {
		if err := os.MkdirAll(l.dir, 0o755); err != nil {
			return log, nil, fmt.Errorf("log_dir: %w", err)
		}
		path := filepath.Join(l.dir, filepath.Base(os.Args[0])+".INFO")
		file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
		if err != nil {
			return log, nil, fmt.Errorf("log_dir: %w", err)
		}
		closeLog = func() { file.Close() }
		sinks = append(sinks, file)
	}
	zerolog.TimeFieldFormat = time.RFC3339Nano
	return zerolog.New(zerolog.MultiLevelWriter(sinks...)).Level(level).With().Timestamp().Logger(), closeLog, nil
}

func console() io.Writer {
	if isatty.IsTerminal(os.Stderr.Fd()) {
		return zerolog.ConsoleWriter{Out: os.Stderr, TimeFormat: time.TimeOnly + ".000"}
	}
	return os.Stderr
}
