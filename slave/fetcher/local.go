package fetcher

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// step is how much is copied before the fetch is looked at again.
const step = 4 << 20

// copy copies a regular file of this machine, with its mode as far as the umask allows, and with its holes.
//
// Mesos: os::copyfile, which is cp.
//
// Differs: cp reads devices and pipes, to no end.
func (f *fetch) copy(source, name string) error {
	in, mode, err := openRegular(source)
	if err != nil {
		return err
	}
	defer in.Close()
	if info, err := f.Sandbox.Stat(name); err == nil && info.IsDir() {
		return errors.New("`destination` was a directory")
	}
	out, err := f.create(name, mode)
	if err != nil {
		return err
	}
	return closed(out, f.copyData(out.file, in))
}

func openRegular(source string) (*os.File, os.FileMode, error) {
	info, err := os.Stat(source)
	if err == nil {
		err = demandRegular(info)
	}
	if err != nil {
		return nil, 0, err
	}
	in, err := os.OpenFile(source, os.O_RDONLY|unix.O_NONBLOCK, 0) // it may be another by now
	if err != nil {
		return nil, 0, err
	}
	if info, err = in.Stat(); err == nil {
		err = demandRegular(info)
	}
	if err != nil {
		in.Close()
		return nil, 0, err
	}
	return in, info.Mode().Perm(), nil
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

// copyData copies what is between the holes of a file.
func (f *fetch) copyData(out, in *os.File) error {
	for at := int64(0); ; {
		data, err := in.Seek(at, unix.SEEK_DATA)
		if errors.Is(err, unix.ENXIO) {
			break // nothing but a hole
		}
		end := int64(0)
		if err == nil {
			end, err = in.Seek(data, unix.SEEK_HOLE)
		}
		if err == nil {
			_, err = in.Seek(data, io.SeekStart)
		}
		if err == nil {
			_, err = out.Seek(data, io.SeekStart)
		}
		for at = data; err == nil && at < end; {
			n := min(end-at, step)
			if err = f.spend(n); err == nil {
				n, err = io.CopyN(out, in, n)
				at += n
			}
		}
		if errors.Is(err, io.EOF) {
			break // it got shorter meanwhile
		}
		if err != nil {
			return err
		}
	}
	info, err := in.Stat()
	if err != nil {
		return err
	}
	return out.Truncate(info.Size())
}
