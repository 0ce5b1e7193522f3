package slavetest

import (
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"

	"meseta/runtime/disk"
)

// Disk is the disk of this system, on which the test can make writes fail.
type Disk struct {
	disk.Local
	// Opening is called with the path of each file before it is opened for writing. nil means nothing.
	Opening func(path string)

	mu   sync.Mutex
	full []string
}

// Fill makes opening files for writing fail, from now on, if their path contains one of paths. Without paths it
// succeeds again.
func (d *Disk) Fill(paths ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = paths
}

// OpenFile implements [disk.Disk].
func (d *Disk) OpenFile(name string, flag int, perm fs.FileMode) (disk.File, error) {
	if flag&(os.O_WRONLY|os.O_RDWR) != 0 {
		if d.Opening != nil {
			d.Opening(name)
		}
		if d.isFull(name) {
			return nil, &fs.PathError{Op: "open", Path: name, Err: syscall.ENOSPC}
		}
	}
	return d.Local.OpenFile(name, flag, perm)
}

func (d *Disk) isFull(path string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, part := range d.full {
		if strings.Contains(path, part) {
			return true
		}
	}
	return false
}
