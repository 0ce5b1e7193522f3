package sandbox

import (
	"os"
	"path/filepath"

	"meseta/actors/account"
	"meseta/runtime/disk"
)

// system is a disk of this system, on which files have owners.
type system interface {
	OpenRoot(name string) (*os.Root, error)
}

// Make creates a sandbox on a disk, with its parent directories, and closes it to others. It belongs to owner, if that is
// not empty; the parents belong to the agent. Make blocks.
//
// Mesos: createSandboxDirectory.
func Make(d disk.Disk, dir, owner string) error {
	if err := d.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	if _, owned := d.(system); !owned {
		return d.MkdirAll(dir, 0o750)
	}
	var whose Owner
	if owner != "" {
		a, err := account.Lookup(owner)
		if err != nil {
			return err
		}
		whose = &a
	}
	made, err := Place{Root: filepath.Dir(dir), Below: []string{filepath.Base(dir)}}.Make(whose)
	if err != nil {
		return err
	}
	return made.Close()
}
