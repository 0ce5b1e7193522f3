package program

import (
	"os"
	"strconv"
	"syscall"
)

// KeepFiles keeps the files that are open, except for standard input, output and error, from the programs that this one starts. Whoever
// has started this one may have left it files that no container must have. Files that Go opens are kept anyway.
//
// Mesos: the whitelist of descriptors of process::subprocess.
func KeepFiles() {
	open, _ := os.ReadDir("/proc/self/fd") // there may be none, as on other systems
	for _, file := range open {
		if fd, err := strconv.Atoi(file.Name()); err == nil && fd > syscall.Stderr {
			syscall.CloseOnExec(fd)
		}
	}
}
