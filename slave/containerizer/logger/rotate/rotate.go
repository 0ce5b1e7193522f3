// Package rotate writes the output of a container to a file of bounded size. A file that is full is renamed: stdout to
// stdout.1, stdout.1 to stdout.2 and so on. It is what the program mesos-logrotate-logger does.
//
// The directory is the sandbox, in which the container may do what it likes meanwhile. Nothing outside of it is touched, and
// no file that is not a regular one of the container's user.
//
// Mesos: src/slave/container_loggers/logrotate.cpp.
//
// Differs: Mesos runs the program logrotate, which has to be installed, and which leaves files with its state beside the
// logs. It starts to count at 0 when a file exists already.
package rotate

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"meseta/slave/sandbox"
)

// Smallest is the least size of a log, in bytes: that of a page.
const Smallest = 4096

// Log is a file of bounded size and those that were full before.
type Log struct {
	dir     *os.Root
	name    string
	max     int64 // bytes
	options Options

	file  *os.File // nil if none is open
	size  int64    // of file, in bytes
	lost  int64    // bytes that could not be written
	cause error    // why
}

// New returns the log name in dir, of files of at most max bytes.
func New(dir *os.Root, name string, max int64, o Options) *Log {
	return &Log{dir: dir, name: name, max: max, options: o}
}

// Copy writes everything that can be read from in, until its end. What cannot be written is lost, so that the container
// does not wait; the log says so as soon as it can. Copy fails if in does.
func (l *Log) Copy(in io.Reader) error {
	defer l.close()
	buffer := make([]byte, 64<<10)
	for {
		n, err := in.Read(buffer)
		if n > 0 {
			l.confess()
			l.write(buffer[:n])
		}
		if errors.Is(err, io.EOF) {
			l.confess()
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// confess writes how much is missing.
func (l *Log) confess() {
	if l.lost > 0 {
		text := fmt.Sprintf("\n%d bytes are missing here: %v\n", l.lost, l.cause)
		if l.open() == nil {
			l.lost = 0
			l.write([]byte(text))
		}
	}
}

// write writes p to as many files as it takes.
func (l *Log) write(p []byte) {
	for len(p) > 0 {
		if err := l.open(); err != nil {
			l.lose(p, err)
			return
		}
		n := l.fitting(p)
		if n == 0 {
			if l.rotate() == nil {
				continue
			}
			n = len(p) // rather too large than lost
			if err := l.open(); err != nil {
				l.lose(p, err)
				return
			}
		}
		written, err := l.file.Write(p[:n])
		l.size += int64(written)
		if err != nil {
			l.lose(p[written:], err)
			return
		}
		p = p[n:]
	}
}

func (l *Log) lose(p []byte, err error) {
	l.lost += int64(len(p))
	l.cause = err
	l.close()
}

// fitting returns how many bytes of p the file can take: whole lines, unless it is empty and the first is longer.
func (l *Log) fitting(p []byte) int {
	room := max(l.max-l.size, 0)
	if int64(len(p)) <= room {
		return len(p)
	}
	for i := room; i > 0; i-- {
		if p[i-1] == '\n' {
			return int(i)
		}
	}
	if l.size == 0 {
		return int(room)
	}
	return 0
}

// open opens the file, if none is open. One that exists is continued.
func (l *Log) open() error {
	if l.file != nil {
		return nil
	}
	file, err := sandbox.Append(l.dir, l.name, nil)
	if err != nil {
		return err
	}
	about, err := file.Stat()
	if err != nil {
		file.Close()
		return err
	}
	l.file, l.size = file, about.Size()
	return nil
}

func (l *Log) close() {
	if l.file != nil {
		l.file.Close()
		l.file = nil
	}
}

const compressed = ".gz"

// rotate makes place for a new file.
func (l *Log) rotate() error {
	l.close()
	keep := l.options.Keep
	if keep == 0 {
		return l.dir.Remove(l.name)
	}
	for _, suffix := range []string{"", compressed} {
		if err := l.dir.Remove(l.former(keep) + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		for i := keep - 1; i > 0; i-- {
			if err := l.dir.Rename(l.former(i)+suffix, l.former(i+1)+suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	if err := l.dir.Rename(l.name, l.former(1)); err != nil {
		return err
	}
	first := 1
	if l.options.Delay {
		first = 2
	}
	if l.options.Compress && first <= keep {
		_ = l.compress(l.former(first)) // it stays as it is
	}
	return nil
}

// former returns the name of the file that was full so many rotations ago.
func (l *Log) former(n int) string { return l.name + "." + strconv.Itoa(n) }

// compress replaces a file by a compressed one.
func (l *Log) compress(name string) error {
	from, err := l.dir.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	if about, err := from.Stat(); err != nil || !about.Mode().IsRegular() {
		return errors.Join(err, errors.ErrUnsupported)
	}
	to, err := l.dir.OpenFile(name+compressed, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	z := gzip.NewWriter(to)
	_, err = io.Copy(z, from)
	if err = errors.Join(err, z.Close(), to.Close()); err != nil {
		return errors.Join(err, l.dir.Remove(name+compressed))
	}
	return l.dir.Remove(name)
}
