package disk

import "os"

// SyncDir implements [Disk]. Windows has no way to sync a directory, and writes what it lists with the file system's log.
func (Local) SyncDir(name string) error {
	_, err := os.ReadDir(name)
	return err
}
