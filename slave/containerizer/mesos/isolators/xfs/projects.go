package xfs

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/values"
)

// ParseProjects parses a range of projects, such as [5000-10000].
func ParseProjects(text string) (resources.Ranges, error) {
	v, err := values.Parse(text)
	switch {
	case err != nil:
		return resources.Ranges{}, fmt.Errorf("Failed to parse XFS project range '%s': %w", text, err)
	case v.GetType() != mesospb.Value_RANGES:
		return resources.Ranges{}, fmt.Errorf("Invalid XFS project resource type %s, expecting RANGES, such as [5000-10000]", v.GetType())
	}
	all := resources.RangesOf(values.RangesOf(v.GetRanges())...)
	for _, r := range all.Intervals() {
		if r.End > math.MaxUint32 {
			return resources.Ranges{}, fmt.Errorf("Project ID %d is out of range", r.End)
		}
	}
	if all.Contains(only(0)) {
		return resources.Ranges{}, errors.New("XFS project ID range contains illegal 0 value")
	}
	return all, nil
}

func only(p Project) resources.Ranges {
	return resources.RangesOf(resources.Range{Begin: uint64(p), End: uint64(p)})
}

// projects has the projects of an agent. One is in use while any of its directories exists: links in a sandbox keep their
// project, so that nobody else must have it before the sandbox is deleted.
type projects struct {
	all, free resources.Ranges
	used      map[Project]*holder
}

// holder has the directories of a project, which are all on one device.
type holder struct {
	device string
	dirs   map[string]bool
}

func newProjects(all resources.Ranges) projects {
	return projects{all: all, free: all, used: map[Project]*holder{}}
}

// take returns a project that is free, or false if there is none.
func (x *projects) take() (Project, bool) {
	if x.free.IsEmpty() {
		return 0, false
	}
	p := Project(x.free.Intervals()[0].Begin)
	x.free = x.free.Minus(only(p))
	return p, true
}

// hold notes that a directory has a project, which is of an earlier agent if it was not taken.
func (x *projects) hold(p Project, device, dir string) error {
	x.free = x.free.Minus(only(p))
	h := x.used[p]
	if h == nil {
		h = &holder{device: device, dirs: map[string]bool{}}
		x.used[p] = h
	}
	if h.device != device {
		return fmt.Errorf("Conflicting device names '%s' and '%s' for project ID %d", h.device, device, p)
	}
	h.dirs[dir] = true
	return nil
}

// release gives a project back that nothing has. One of an earlier range is forgotten.
func (x *projects) release(p Project) {
	delete(x.used, p)
	if x.all.Contains(only(p)) {
		x.free = x.free.Plus(only(p))
	}
}

// gone returns the projects of which no directory exists, except for those that are kept, with their devices.
func (x *projects) gone(kept map[Project]bool) map[Project]string {
	all := map[Project]string{}
	for p, h := range x.used {
		maps.DeleteFunc(h.dirs, func(dir string, _ bool) bool {
			_, err := os.Lstat(dir)
			return errors.Is(err, fs.ErrNotExist)
		})
		if len(h.dirs) == 0 && !kept[p] {
			all[p] = h.device
		}
	}
	return all
}

// places returns the directories of an agent that can have projects: sandboxes, and persistent volumes in the work directory and on
// disks.
//
// Differs: Mesos looks neither at the sandboxes of standalone containers nor at volumes on disks.
func places(workDir string, disks []string) ([]string, error) {
	patterns := [][]string{
		{workDir, "slaves", "*", "frameworks", "*", "executors", "*", "runs", "*"}, {workDir, "containers", "*"},
	}
	for _, root := range append([]string{workDir}, disks...) {
		patterns = append(patterns, []string{root, "volumes", "roles", "*", "*"})
	}
	var all []string
	for _, p := range patterns {
		found, err := match(p[0], p[1:])
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// match returns the directories below dir whose path has these names. * is any name.
func match(dir string, names []string) ([]string, error) {
	if len(names) == 0 {
		return []string{dir}, nil
	}
	if names[0] != "*" {
		return match(filepath.Join(dir, names[0]), names[1:])
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []string
	for _, e := range entries {
		if !e.IsDir() {
			continue // such as the link latest
		}
		found, failed := match(filepath.Join(dir, e.Name()), names[1:])
		all, err = append(all, found...), errors.Join(err, failed)
	}
	return all, err
}
