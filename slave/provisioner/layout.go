package provisioner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"meseta/messages/ids"
)

// Dir is the directory of a provisioner.
//
// Mesos: src/slave/containerizer/mesos/provisioner/paths.cpp.
type Dir string

// containersName is the name of the directory of containers, and of those nested in a container.
const containersName = "containers"

// Container returns the directory of a container.
func (d Dir) Container(id ids.Container) string {
	path := string(d)
	for name := range strings.SplitSeq(string(id), ".") {
		path = filepath.Join(path, containersName, name)
	}
	return path
}

// Layers returns the file with the layers that a container uses.
func (d Dir) Layers(id ids.Container) string { return filepath.Join(d.Container(id), "layers") }

// Backend returns the directory of what a backend has made for a container.
func (d Dir) Backend(id ids.Container, name string) string {
	return filepath.Join(d.Container(id), "backends", name)
}

// Rootfs returns the directory of a file system.
func (d Dir) Rootfs(id ids.Container, backend, name string) string {
	return filepath.Join(d.Backend(id, backend), "rootfses", name)
}

// Containers returns the containers that have a directory, each after its parent.
func (d Dir) Containers() ([]ids.Container, error) { return d.inside(string(d), "") }

// inside returns the containers whose directories are below that of a container.
func (d Dir) inside(dir string, parent ids.Container) ([]ids.Container, error) {
	dir = filepath.Join(dir, containersName)
	entries, err := list(dir)
	if err != nil {
		return nil, fmt.Errorf("Unable to list the containers under directory: '%s': %w", dir, err)
	}
	var all []ids.Container
	for _, name := range entries {
		if strings.Contains(name, ".") { // a dot separates a container from its parent
			continue
		}
		id := ids.Container(name)
		if parent != "" {
			id = parent + "." + id
		}
		nested, err := d.inside(filepath.Join(dir, name), id)
		if err != nil {
			return nil, err
		}
		all = append(append(all, id), nested...)
	}
	return all, nil
}

// rootfs is a file system of a container, and the backend that has made it.
type rootfs struct{ backend, path string }

// rootfses returns the file systems of a container.
func (d Dir) rootfses(id ids.Container) ([]rootfs, error) {
	backends, err := list(filepath.Join(d.Container(id), "backends"))
	var all []rootfs
	for _, backend := range backends {
		dir := filepath.Join(d.Backend(id, backend), "rootfses")
		names, unread := list(dir)
		err = errors.Join(err, unread)
		for _, name := range names {
			all = append(all, rootfs{backend, filepath.Join(dir, name)})
		}
	}
	return all, err
}

// list returns the names of the directories in a directory, which need not exist.
func list(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, e.Name())
		}
	}
	return all, err
}
