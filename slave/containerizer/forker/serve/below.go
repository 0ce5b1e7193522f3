package serve

import (
	"strconv"
	"strings"
	"syscall"
	"unsafe"
)

// How a path below a directory is resolved, as openat2(2) has it.
const (
	inRoot  = 0x10 // the directory is the root of all links
	beneath = 0x08 // no link leads out of it
)

const (
	sysOpenat2       = 437
	oPath            = 0x200000
	resolveNoMagic   = 0x02
	mostRaces        = 100 // of somebody who moves directories meanwhile
	directoryMode    = 0o755
	regularFileMode  = 0o644
	fileDescriptions = "/proc/self/fd/"
)

// openBelow opens what is at a path below a directory, whatever links somebody has put there. The caller closes it.
func openBelow(dir int, path string, how uint64) (fd int, err error) {
	name, err := syscall.BytePtrFromString(relative(path))
	if err != nil {
		return -1, err
	}
	open := struct{ flags, mode, resolve uint64 }{flags: oPath | syscall.O_CLOEXEC, resolve: how | resolveNoMagic}
	for range mostRaces {
		n, _, errno := syscall.Syscall6(sysOpenat2, uintptr(dir), uintptr(unsafe.Pointer(name)), uintptr(unsafe.Pointer(&open)), unsafe.Sizeof(open), 0, 0)
		if errno == 0 {
			return int(n), nil
		}
		if err = errno; errno != syscall.EAGAIN && errno != syscall.EINTR {
			break
		}
	}
	return -1, err
}

// relative returns a path without slashes before it.
func relative(path string) string {
	if path = strings.TrimLeft(path, "/"); path == "" {
		return "."
	}
	return path
}

// makeBelow opens what is at a path below a directory. What does not exist is made: directories, and at the end of the path
// a directory or an empty file.
func makeBelow(dir int, path string, how uint64, folder bool) (fd int, err error) {
	fd, err = openBelow(dir, path, how)
	if err != syscall.ENOENT {
		return fd, err
	}
	names := strings.Split(relative(path), "/")
	for n := range names {
		if err = makeOne(dir, names[:n+1], how, folder || n+1 < len(names)); err != nil {
			return -1, err
		}
	}
	return openBelow(dir, path, how)
}

// makeOne makes the last directory, or file, of a path if it does not exist. A file takes the place of a link that leads
// nowhere.
func makeOne(dir int, names []string, how uint64, folder bool) error {
	fd, err := openBelow(dir, strings.Join(names, "/"), how)
	if err != syscall.ENOENT {
		if err == nil {
			syscall.Close(fd)
		}
		return err
	}
	last := len(names) - 1
	parent, err := openBelow(dir, strings.Join(names[:last], "/"), how)
	if err != nil {
		return err
	}
	defer syscall.Close(parent)
	if folder {
		return syscall.Mkdirat(parent, names[last], directoryMode)
	}
	err = syscall.Mknodat(parent, names[last], syscall.S_IFREG|regularFileMode, 0)
	if err == syscall.EEXIST { // a link that leads nowhere
		if err = syscall.Unlinkat(parent, names[last]); err == nil {
			err = syscall.Mknodat(parent, names[last], syscall.S_IFREG|regularFileMode, 0)
		}
	}
	return err
}

// pathOf returns a path of an open file.
func pathOf(fd int) string { return fileDescriptions + strconv.Itoa(fd) }

// below returns the rest of a path that is that of a directory, or below it.
func below(dir, path string) (rest string, ok bool) {
	rest, ok = strings.CutPrefix(path, dir)
	return rest, ok && dir != "" && (rest == "" || rest[0] == '/')
}
