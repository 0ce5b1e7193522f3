package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// lock creates a work directory if necessary, and prevents other agents from using it until unlock is called or the
// process ends. A master would take two agents in one directory for the same agent, and each would delete the other's
// sandboxes.
func lock(dir string) (unlock func() error, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, unusable(dir, err)
	}
	held, err := os.Open(dir)
	if err != nil {
		return nil, unusable(dir, err)
	}
	err = unix.Flock(int(held.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = fmt.Errorf("another agent runs in %s", dir)
	}
	if err != nil {
		return nil, errors.Join(err, held.Close())
	}
	return held.Close, nil
}

// unusable is the error for a work directory that cannot be there.
//
// Mesos: Slave::initialize.
func unusable(dir string, err error) error {
	return fmt.Errorf("Failed to create agent work directory '%s': %w", dir, err)
}
