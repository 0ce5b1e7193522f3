package disk

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// fewNames is up to how many names are synced one by one. For more it is faster to sync their file systems.
const fewNames = 64

// syncMany syncs the file systems on which names are, if there are many of them. It returns false if it does nothing.
func (Local) syncMany(names map[string]bool) (bool, error) {
	if len(names) <= fewNames {
		return false, nil
	}
	synced := map[uint64]bool{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if !names[name] {
			continue // its directory is among the names
		}
		if err := syncFileSystem(name, synced); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return true, err
		}
	}
	return true, nil
}

// syncFileSystem syncs the file system of a directory, unless that is in synced.
func syncFileSystem(dir string, synced map[uint64]bool) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if ok && synced[stat.Dev] {
		return nil
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := unix.Syncfs(int(f.Fd())); err != nil {
		return &fs.PathError{Op: "syncfs", Path: dir, Err: err}
	}
	if ok {
		synced[stat.Dev] = true
	}
	return nil
}
