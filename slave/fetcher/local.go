package fetcher

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

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
	return closed(out, out.copyData(in))
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
func (o *output) copyData(in *os.File) error {
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
	return o.file.Truncate(info.Size())
}
