package fetcher

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// local is a regular file of this machine. Its copy has its mode, as far as the umask allows, and its holes.
//
// Mesos: os::copyfile, which is cp.
//
// Differs: cp also reads devices and pipes, endlessly.
type local struct{ path string }

// open implements [source].
func (l local) open() (*content, error) {
	in, info, err := openRegular(l.path)
	if err != nil {
		return nil, err
	}
	return &content{
		ReadCloser: in, file: in, mode: info.Mode().Perm(),
		traits: traits{size: info.Size(), version: info.ModTime().UTC().String()},
	}, nil
}

// look implements [source].
func (l local) look() (traits, error) {
	c, err := l.open()
	if err != nil {
		return traits{}, goneError{err}
	}
	return c.traits, c.Close()
}

func openRegular(source string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(source)
	if err == nil {
		err = demandRegular(info)
	}
	if err != nil {
		return nil, nil, err
	}
	in, err := os.OpenFile(source, os.O_RDONLY|unix.O_NONBLOCK, 0) // the file may have been replaced meanwhile
	if err != nil {
		return nil, nil, err
	}
	if info, err = in.Stat(); err == nil {
		err = demandRegular(info)
	}
	if err != nil {
		in.Close()
		return nil, nil, err
	}
	return in, info, nil
}

func demandRegular(info os.FileInfo) error {
	switch {
	case info.IsDir():
		return errors.New("`source` was a directory")
	case !info.Mode().IsRegular():
		return fmt.Errorf("`source` is not a regular file but %s", info.Mode().Type())
	}
	return nil
}

// copyData copies the data between the holes of a file.
func (o *output) copyData(in *os.File) error {
	for at := int64(0); ; {
		data, err := in.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // only a hole is left
		}
		end := int64(0)
		if err == nil {
			end, err = in.Seek(data, unix.SEEK_HOLE)
		}
		if err == nil {
			_, err = in.Seek(data, io.SeekStart)
		}
		if err == nil {
			_, err = o.file.Seek(data, io.SeekStart)
		}
		for at = data; err == nil && at < end; {
			n := min(end-at, step)
			if err = o.spend(n); err == nil {
				n, err = io.CopyN(o.file, in, n)
				at += n
			}
		}
		if errors.Is(err, io.EOF) {
			break // it was truncated meanwhile
		}
		if err != nil {
			return err
		}
	}
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return o.file.Truncate(info.Size())
}
