package sandbox

import (
	"os"

	"meseta/actors/account"
)

// Make makes a directory with those above it, for owner if not empty, and closes it to others. It blocks.
//
// Mesos: createSandboxDirectory.
func Make(dir, owner string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(dir, 0o750); err != nil || owner == "" {
		return err
	}
	a, err := account.Lookup(owner)
	if err != nil || a.Own() {
		return err
	}
	return os.Chown(dir, int(a.UID), int(a.GID))
}
