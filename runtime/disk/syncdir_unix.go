//go:build unix

package disk

import (
	"os"
	"syscall"
)

// SyncDir implements [Disk].
func (Local) SyncDir(name string) error {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	err = f.Sync()
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}
