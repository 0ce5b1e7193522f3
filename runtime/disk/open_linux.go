package disk

import (
	"errors"
	"io/fs"
	"os"
	"syscall"
)

// openFile does what [os.OpenFile] does for regular files. That asks whether the poller can watch a file, which takes five system
// calls, and no file of a disk can be watched.
func openFile(name string, flag int, perm fs.FileMode) (*os.File, error) {
	for {
		fd, err := syscall.Open(name, flag|syscall.O_CLOEXEC, uint32(perm.Perm()))
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: err}
		}
		return os.NewFile(uintptr(fd), name), nil
	}
}
