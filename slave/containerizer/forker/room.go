package forker

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// roomyTable is the number of descriptors that are expected at most. Each container has about eight.
const roomyTable = 1 << 14

// makeRoom has the kernel enlarge the table of this process's descriptors now, for 130 kB. Otherwise it would do so whenever the
// table is full, and wait each time until no processor uses the old one, some 20 ms during which no thread can open a file.
func makeRoom() error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return os.NewSyscallError("getrlimit", err)
	}
	null, err := os.Open(os.DevNull)
	if err != nil {
		return err
	}
	defer null.Close()
	last := min(limit.Cur, roomyTable) - 1
	fd, err := unix.FcntlInt(null.Fd(), unix.F_DUPFD_CLOEXEC, int(last))
	if err != nil {
		return fmt.Errorf("make room for %d open files: %w", last, err)
	}
	return unix.Close(fd)
}
