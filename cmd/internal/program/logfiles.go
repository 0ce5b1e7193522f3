package program

import (
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// logFiles are a program's files in --log_dir, laid out as glog does, which people and tools expect: one for each
// severity, mesos-master.host.user.log.INFO.20261121-050204.2644, which also has what is more severe, and a link of the
// short name mesos-master.INFO to the latest. Those of a severity that never occurs are not made.
type logFiles struct {
	dir, program string
	stem, suffix string // of the names, around the severity
	path         string // the link to the file that has everything
	head         []byte // of each file

	mu    sync.Mutex
	files []*os.File // by severity; nil: not made yet
}

// severities lists glog's severities with the lowest level of each.
var severities = []struct {
	name  string
	level zerolog.Level
}{{"INFO", zerolog.NoLevel}, {"WARNING", zerolog.WarnLevel}, {"ERROR", zerolog.ErrorLevel}}

// openLogFiles creates the directory and the file for all levels from threshold on. With heads, files begin with
// glog's head.
func openLogFiles(dir string, threshold zerolog.Level, heads bool, now time.Time) (*logFiles, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		host = "(unknown)"
	}
	name := "invalid-user"
	if who, err := user.Current(); err == nil {
		name = who.Username
	}
	program := filepath.Base(os.Args[0])
	l := &logFiles{
		dir: dir, program: program, stem: fmt.Sprintf("%s.%s.%s.log.", program, host, name),
		suffix: fmt.Sprintf(".%s.%d", now.Format("20060102-150405"), os.Getpid()),
		files:  make([]*os.File, len(severities)),
	}
	if heads {
		l.head = glogHead(host, now)
	}
	for i, s := range severities {
		if s.level == zerolog.NoLevel || threshold >= s.level {
			l.path = l.link(i)
			if l.files[i], err = l.create(i); err != nil {
				return nil, errors.Join(err, l.Close())
			}
		}
	}
	return l, nil
}

// link returns the path of the symbolic link to a severity's latest file.
func (l *logFiles) link(severity int) string {
	return filepath.Join(l.dir, l.program+"."+severities[severity].name)
}

func (l *logFiles) create(severity int) (*os.File, error) {
	name := l.stem + severities[severity].name + l.suffix
	file, err := os.OpenFile(filepath.Join(l.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	link := l.link(severity)
	if err := os.Remove(link); err != nil && !os.IsNotExist(err) {
		return nil, errors.Join(err, file.Close())
	}
	if err := os.Symlink(name, link); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	if _, err := file.Write(l.head); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return file, nil
}

// Write implements [io.Writer].
func (l *logFiles) Write(line []byte) (int, error) { return l.WriteLevel(zerolog.NoLevel, line) }

// WriteLevel implements [zerolog.LevelWriter].
func (l *logFiles) WriteLevel(level zerolog.Level, line []byte) (int, error) {
	for i, s := range severities {
		if i > 0 && (level < s.level || level == zerolog.NoLevel) {
			break
		}
		file, err := l.file(i)
		if err == nil {
			_, err = file.Write(line)
		}
		if err != nil {
			return 0, err
		}
	}
	return len(line), nil
}

// file returns the file of a severity, and creates it on the first call.
func (l *logFiles) file(severity int) (*os.File, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files[severity] == nil {
		file, err := l.create(severity)
		if err != nil {
			return nil, err
		}
		l.files[severity] = file
	}
	return l.files[severity], nil
}

// Close closes the files. Nothing may be written afterwards.
func (l *logFiles) Close() error {
	var errs []error
	for _, f := range l.files {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(errs...)
}
