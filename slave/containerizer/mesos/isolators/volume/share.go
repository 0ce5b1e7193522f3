package volume

import (
	"fmt"
	"path/filepath"

	"github.com/prometheus/procfs"
	"golang.org/x/sys/unix"
)

// Share has what is mounted below a directory later, such as a persistent volume, be seen in the containers that run. The
// directory is mounted on itself for that, and stays so.
//
// Mesos: ensureSharedMount.
func Share(dir string) error {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return fmt.Errorf("Failed to get the realpath of '%s': %w", dir, err)
	}
	table, err := procfs.GetMounts()
	if err != nil {
		return fmt.Errorf("Failed to get mount table: %w", err)
	}
	mounted := false
	for _, m := range table {
		if m.MountPoint == real {
			_, shared := m.OptionalFields["shared"]
			if mounted = true; shared {
				return nil
			}
		}
	}
	if !mounted {
		if err := unix.Mount(real, real, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("Failed to bind mount '%s': %w", real, err)
		}
	}
	for _, kind := range []uintptr{unix.MS_PRIVATE, unix.MS_SHARED} { // a peer group of its own
		if err := unix.Mount("", real, "", kind, ""); err != nil {
			return fmt.Errorf("Failed to bind mount '%s' and make it a shared mount: %w", real, err)
		}
	}
	return nil
}
