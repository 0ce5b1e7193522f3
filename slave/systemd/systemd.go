// Package systemd lets executors outlive the unit of their agent. When systemd stops a unit it ends all processes in the
// unit's control group. What is moved into a [Slice] is not among them.
package systemd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"meseta/runtime/disk"
	"meseta/slave/cgroups"
)

// Executors is the name of the slice of executors, as in Mesos.
const Executors = "mesos_executors.slice"

// unit is the content of the file that defines the slice.
const unit = "[Unit]\nDescription=Mesos Executors Slice\n"

// patience is how long systemctl may take.
const patience = time.Minute

// Running reports whether this system was started by systemd.
//
// Mesos: systemd::exists. Differs: it looks for the directory that sd_booted(3) looks for, and needs no program.
func Running() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}

// Slice is the slice of executors. Its methods block.
type Slice struct {
	Runtime string // directory of units that exist until the next boot (--systemd_runtime_directory)
	Cgroups string // where the hierarchies of control groups are (--cgroups_hierarchy)
	// Control runs systemctl with arguments; nil means the program along PATH.
	Control func(ctx context.Context, args ...string) error
}

// Start makes systemd start the slice, which may run already. It defines the slice, unless an operator has.
//
// Mesos: systemd::initialize.
func (s Slice) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := os.Stat(s.Runtime); err != nil {
		return fmt.Errorf("Failed to locate systemd runtime directory: %w", err)
	}
	if err := s.define(ctx); err != nil {
		return fmt.Errorf("Failed to create systemd slice '%s': %w", Executors, err)
	}
	if err := s.control(ctx, "start", Executors); err != nil {
		return fmt.Errorf("Failed to start '%s': %w", Executors, err)
	}
	if _, err := s.group().Processes(); err != nil {
		return fmt.Errorf("Failed to locate systemd cgroups hierarchy: %w", err)
	}
	return nil
}

// define writes the file of the slice and has systemd read it, unless it exists.
func (s Slice) define(ctx context.Context) error {
	path := filepath.Join(s.Runtime, Executors)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := disk.Replace(disk.Local{}, path, []byte(unit), 0o644); err != nil { // as a whole, or the next agent takes it for one
		return err
	}
	return s.control(ctx, "daemon-reload")
}

func (s Slice) control(ctx context.Context, args ...string) error {
	if s.Control != nil {
		return s.Control(ctx, args...)
	}
	out, err := exec.CommandContext(ctx, "systemctl", args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("systemctl %s: %w: %s", args[0], err, bytes.TrimSpace(out))
	}
	return nil
}

// Add moves a process into the slice. What it starts from then on is there, too.
//
// Mesos: systemd::mesos::extendLifetime.
func (s Slice) Add(pid int) error {
	if err := s.group().Add(pid); err != nil {
		return fmt.Errorf("Failed to assign process to its systemd executor slice: %w", err)
	}
	return nil
}

// group returns the control group by which systemd knows the processes of the slice: in its own hierarchy of version 1 if
// there is one, otherwise in that of version 2.
func (s Slice) group() cgroups.Group {
	h := cgroups.Hierarchy{Path: filepath.Join(s.Cgroups, "systemd"), Version: cgroups.V1}
	if _, err := os.Stat(h.Path); err != nil {
		h = cgroups.Hierarchy{Path: s.Cgroups, Version: cgroups.V2}
	}
	return cgroups.Group{Hierarchy: h, Name: Executors}
}
