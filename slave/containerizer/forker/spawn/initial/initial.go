// Package initial knows what this process was started with, before Go changed it.
//
// Go raises the limit of open files while package syscall is initialized, and lowers it again for what os/exec starts. It tells
// nobody what it was. This package imports nothing, and its path comes before that of syscall, so that by the language's rules for the
// order of packages it is initialized first.
package initial

// Files is the soft limit of open files with which the process was started; 0 means that it is not known.
var Files = soft()

// soft asks the kernel.
func soft() uint64 {
	var limit [2]uint64
	if getrlimit(&limit) != 0 {
		return 0
	}
	return limit[0]
}

// getrlimit gets the soft and the hard limit of open files. The result is not 0 if the kernel refuses.
//
//go:noescape
func getrlimit(limit *[2]uint64) (failed uintptr)
