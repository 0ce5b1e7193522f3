package forker

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// ErrHeld is the error of a lock that another process has.
var ErrHeld = errors.New("held by another process")

// NewStatus creates a status file for a process, and locks it. The lock is gone when the process has ended and its status
// is written, or when the forker was killed.
func NewStatus(path string) (*os.File, error) {
	file, err := open(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY)
	if err == nil {
		err = lock(file, unix.LOCK_EX)
	}
	if err != nil {
		return nil, fmt.Errorf("Failed to open file for writing the container status '%s': %w", path, err)
	}
	return file, nil
}

// Pending reports whether a status will still be written.
func Pending(path string) (bool, error) {
	file, err := open(path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer file.Close()
	err = lock(file, unix.LOCK_SH|unix.LOCK_NB)
	if errors.Is(err, ErrHeld) {
		return true, nil
	}
	return false, err
}

// Settle waits until no status will be written any more. It blocks a thread.
func Settle(path string) error {
	file, err := open(path, os.O_RDONLY)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer file.Close()
	return lock(file, unix.LOCK_SH)
}

// open opens a status file without asking whether the poller can watch it, which takes five system calls.
func open(path string, how int) (*os.File, error) {
	for {
		fd, err := unix.Open(path, how|unix.O_CLOEXEC, 0o600)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, &os.PathError{Op: "open", Path: path, Err: err}
		}
		return os.NewFile(uintptr(fd), path), nil
	}
}

// LockDir locks a directory for this process and its forkers. It fails with [ErrHeld] if another one has it.
func LockDir(path string) (*os.File, error) {
	dir, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := lock(dir, unix.LOCK_EX|unix.LOCK_NB); err != nil {
		dir.Close()
		return nil, err
	}
	return dir, nil
}

func lock(file *os.File, how int) error {
	conn, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Control(func(fd uintptr) {
		for {
			failed = unix.Flock(int(fd), how)
			if !errors.Is(failed, unix.EINTR) {
				return
			}
		}
	})
	if errors.Is(failed, unix.EWOULDBLOCK) {
		return ErrHeld
	}
	return errors.Join(err, os.NewSyscallError("flock", failed))
}
