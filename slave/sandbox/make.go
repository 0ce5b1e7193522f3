package sandbox

import (
	"os"
	"path/filepath"

	"meseta/actors/account"
)

// Make makes a sandbox with the directories above it, for owner if not empty, and closes it to others. The directories
// above belong to the agent. It blocks.
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
