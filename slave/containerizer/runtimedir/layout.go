// Package runtimedir owns the files by which an agent finds its containers again: the layout and the records of Mesos's
// --runtime_dir.
//
//	containers/<id>/config                     ContainerConfig
//	                launch_info                ContainerLaunchInfo
//	                pid                        ID of the first process
//	                status                     its wait status, empty until it has ended
//	                logger.stdout              wait status of the program that writes the output, if there is one; so is logger.stderr
//	                logger.stdout.pid          ID of that program's process
//	                terminal                   socket of the process that holds the terminal, if there is one
//	                logger.terminal            wait status of that process, which writes the output; so is logger.terminal.pid its ID
//	                io_switchboard/socket      where the process is that holds the terminal, if a C++ agent has made that
//	                io_switchboard/pid         ID of that process
//	                termination                ContainerTermination of a nested container that has ended
//	                standalone.marker          for a container without an executor
//	                force_destroy_on_recovery  for a debug container, whose output ends with the agent
//	                containers/<id>/…          the containers nested in it
//
// The files only have to survive the agent, not the system: no container does. So they are not synced. Messages are renamed into
// place; what is shorter is written at once, and counts as missing while it is empty.
//
// Mesos: src/slave/containerizer/mesos/paths.hpp.
package runtimedir

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"meseta/messages/ids"
	"meseta/runtime/disk"
)

// Dir is a runtime directory.
type Dir string

// containersName is the name of the directory of containers in a runtime directory, and in each container.
const containersName = "containers"

// Container returns the directory of a container.
func (d Dir) Container(id ids.Container) Folder {
	path := string(d)
	for name := range strings.SplitSeq(string(id), ".") {
		path = filepath.Join(path, containersName, name)
	}
	return Folder(path)
}

// Containers returns the containers that have a directory, each after its parent, in order. It ignores what is no
// directory.
//
// Mesos: containerizer::paths::getContainerIds.
func (d Dir) Containers(from disk.Disk) ([]ids.Container, error) {
	var all []ids.Container
	err := list(from, string(d), "", &all)
	return all, err
}

func list(from disk.Disk, dir string, parent ids.Container, all *[]ids.Container) error {
	dir = filepath.Join(dir, containersName)
	entries, err := from.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("Failed to get container ids from the runtime directory: Failed to list '%s': %w", dir, err)
	}
	for _, e := range entries {
		if !e.IsDir() || strings.Contains(e.Name(), ".") { // a dot separates a container from its parent
			continue
		}
		id := ids.Container(e.Name())
		if parent != "" {
			id = parent + "." + id
		}
		*all = append(*all, id)
		if err := list(from, filepath.Join(dir, e.Name()), id, all); err != nil {
			return err
		}
	}
	return nil
}

// Folder is the directory of a container.
type Folder string

func (f Folder) file(name string) string { return filepath.Join(string(f), name) }

// Config returns the path of the file with the ContainerConfig.
func (f Folder) Config() string { return f.file("config") }

// LaunchInfo returns the path of the file with the ContainerLaunchInfo.
func (f Folder) LaunchInfo() string { return f.file("launch_info") }

// PID returns the path of the file with the ID of the first process.
func (f Folder) PID() string { return f.file("pid") }

// Status returns the path of the file with the wait status of the first process.
func (f Folder) Status() string { return f.file("status") }

// Logger returns the path of the file with the wait status of the program that writes a stream of the output, such as stdout.
func (f Folder) Logger(stream string) string { return f.file("logger." + stream) }

// LoggerPID returns the path of the file with the ID of that program's process.
func (f Folder) LoggerPID(stream string) string { return f.Logger(stream) + ".pid" }

// Terminal returns the path of the socket of the process that holds the terminal.
func (f Folder) Terminal() string { return f.file("terminal") }

// SwitchboardSocket returns the path of the file with the path of the socket of the I/O switchboard of a C++ agent.
func (f Folder) SwitchboardSocket() string { return f.file("io_switchboard/socket") }

// SwitchboardPID returns the path of the file with the ID of the process of that.
func (f Folder) SwitchboardPID() string { return f.file("io_switchboard/pid") }

// Termination returns the path of the file with the ContainerTermination.
func (f Folder) Termination() string { return f.file("termination") }

// Standalone returns the path of the file that marks a container without an executor.
func (f Folder) Standalone() string { return f.file("standalone.marker") }

// ForceDestroy returns the path of the file that marks a container that the next agent must not take over.
func (f Folder) ForceDestroy() string { return f.file("force_destroy_on_recovery") }
