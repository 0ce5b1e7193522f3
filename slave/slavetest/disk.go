package slavetest

import (
	"fmt"
	"strings"
	"sync"
	"syscall"

	"meseta/actors/updatestream"
	"meseta/slave/checkpoint"
)

// Disk is the disk of this system, until it is full.
type Disk struct {
	checkpoint.Local

	mu   sync.Mutex
	full []string
}

// Fill makes writing fail from now on to files whose paths contain one of these; none: it fails no more.
func (d *Disk) Fill(paths ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = paths
}

func (d *Disk) check(path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, part := range d.full {
		if strings.Contains(path, part) {
			return fmt.Errorf("write %s: %w", part, syscall.ENOSPC)
		}
	}
	return nil
}

// Replace implements [checkpoint.Disk].
func (d *Disk) Replace(path string, content []byte) error {
	if err := d.check(path); err != nil {
		return err
	}
	return d.Local.Replace(path, content)
}

// OpenLog implements [checkpoint.Disk].
func (d *Disk) OpenLog(path string) (updatestream.File, error) {
	if err := d.check(path); err != nil {
		return nil, err
	}
	return d.Local.OpenLog(path)
}
