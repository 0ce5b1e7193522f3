package sandbox

import (
	"os"
	"path/filepath"

	"meseta/actors/account"
)

// Make creates a sandbox with its parent directories, and closes it to others. It belongs to owner, if that is not
// empty; the parents belong to the agent. Make blocks.
//
// Mesos: createSandboxDirectory.
func Make(dir, owner string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
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
