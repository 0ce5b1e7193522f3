package cgroups

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// Exists reports whether the group was made.
func (g Group) Exists() bool { return exists(g.Path()) }

// Has reports whether the group has a file, which depends on the version of the interface and on the kernel.
func (g Group) Has(file string) bool { return exists(filepath.Join(g.Path(), file)) }

// Value returns the content of a file of the group, without white space around it.
func (g Group) Value(file string) (string, error) {
	text, err := read(filepath.Join(g.Path(), file))
	if err != nil {
		return "", fmt.Errorf("read a cgroup: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// Set changes a file of the group.
func (g Group) Set(file, value string) error { return write(filepath.Join(g.Path(), file), value) }

// Number returns the number in a file of the group. "max" and numbers that do not fit are the greatest one.
func (g Group) Number(file string) (uint64, error) {
	text, err := g.Value(file)
	if err != nil {
		return 0, err
	}
	n, err := number(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Join(g.Path(), file), err)
	}
	return n, nil
}

func number(text string) (uint64, error) {
	if text == "max" || text == "-1" {
		return 1<<64 - 1, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	return n, nil
}

// Table returns the numbers in a file whose lines are a name and a number, such as memory.stat. It skips other lines.
//
// Mesos: cgroups::stat.
func (g Group) Table(file string) (map[string]uint64, error) {
	text, err := g.Value(file)
	if err != nil {
		return nil, err
	}
	return ParseTable(text), nil
}

// ParseTable returns the numbers in the content of such a file.
func ParseTable(text string) map[string]uint64 {
	table := map[string]uint64{}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		if n, err := number(fields[1]); err == nil {
			table[fields[0]] = n
		}
	}
	return table
}

// Children returns the groups directly in this one, in order. A group that does not exist has none, nor has one of a container whose
// path is too long.
func (g Group) Children() ([]Group, error) {
	entries, err := os.ReadDir(g.Path())
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENAMETOOLONG) {
		return nil, fmt.Errorf("read the children of a cgroup: %w", err)
	}
	var all []Group
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, g.Child(e.Name()))
		}
	}
	return all, nil
}

// Child returns a group in this one.
func (g Group) Child(name string) Group { return Group{g.Hierarchy, filepath.Join(g.Name, name)} }

// Enables reports whether a controller is available to the children of the group, which must be of version 2.
func (g Group) Enables(controller string) bool {
	text, err := g.Value(enabled)
	return err == nil && slices.Contains(strings.Fields(text), controller)
}
