// Package logger decides who writes the output of containers: they themselves, or programs beside them that bound it.
package logger

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"meseta/actors/modules"
	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/slave/containerizer/logger/rotate"
)

// Names of the loggers.
const (
	SandboxName   = "org_apache_mesos_SandboxContainerLogger"
	LogrotateName = "org_apache_mesos_LogrotateContainerLogger"
)

// Streams are the streams of output, and the files in the sandbox that get them.
var Streams = [2]string{"stdout", "stderr"}

// Program writes one stream of the output of a container, its standard input, to its working directory: the sandbox. It runs
// as the container's user, and ends at the end of its input.
type Program struct {
	Path string
	Args []string // without its name
}

// ContainerLogger decides who writes the output of containers (--container_logger). Its methods may be called from any
// goroutine.
//
// Mesos: mesos::slave::ContainerLogger.
type ContainerLogger interface {
	// Check fails if an agent whose programs are in launcherDir cannot use the logger.
	Check(launcherDir string) error
	// Programs returns the program of each of [Streams] of a container with that environment. None means that the container
	// writes the files itself.
	Programs(launcherDir string, environment *mesospb.Environment) ([]Program, error)
}

// Sandbox has containers write their output to files in their sandboxes, of any size.
//
// Mesos: SandboxContainerLogger.
type Sandbox struct{}

// Check implements [ContainerLogger].
func (Sandbox) Check(string) error { return nil }

// Programs implements [ContainerLogger].
func (Sandbox) Programs(string, *mesospb.Environment) ([]Program, error) { return nil, nil }

// AddModules adds the loggers to the modules that can be chosen.
func AddModules(c *modules.Catalogue) {
	modules.Add(c, SandboxName, func(modules.Parameters) (ContainerLogger, error) { return Sandbox{}, nil })
	modules.Add(c, LogrotateName, func(p modules.Parameters) (ContainerLogger, error) { return logrotateFrom(p) })
}

// Logrotate has the output of containers written to files of bounded size by the program mesos-logrotate-logger.
//
// Mesos: LogrotateContainerLogger.
type Logrotate struct {
	defaults settings
	prefix   string // of the environment variables with other settings
	dir      string // of the program; "" means that of the agent's other programs
}

const program = "mesos-logrotate-logger"

// settings are those of a container, for each of [Streams].
type settings [2]struct {
	size    units.Bytes // of a file
	options string      // of logrotate, which were checked
}

// logrotateFrom returns the logger with the parameters of a module.
//
// Differs: without launcher_dir, the program is where the agent's others are. logrotate_path and
// libprocess_num_worker_threads are taken, so that manifests need not change, and mean nothing: the program rotates by
// itself, and in one thread.
func logrotateFrom(all modules.Parameters) (*Logrotate, error) {
	l := &Logrotate{prefix: "CONTAINER_LOGGER_"}
	for i := range l.defaults {
		l.defaults[i].size = 10 * units.Megabyte
	}
	for _, p := range all {
		if err := l.set(p.GetKey(), p.GetValue()); err != nil {
			return nil, fmt.Errorf("parameter %s: %w", p.GetKey(), err)
		}
	}
	return l, nil
}

func (l *Logrotate) set(key, value string) error {
	switch key {
	case "environment_variable_prefix":
		if value == "" {
			return errors.New("every variable of a task would be a setting")
		}
		l.prefix = value
	case "launcher_dir":
		l.dir = value
		return l.Check("")
	case "logrotate_path":
	case "libprocess_num_worker_threads":
		if n, err := strconv.ParseUint(value, 10, 32); err != nil || n == 0 {
			return fmt.Errorf("Expected --libprocess_num_worker_threads of at least 1, not %q", value)
		}
	default:
		return l.defaults.set(key, value)
	}
	return nil
}

// set sets what a parameter or an environment variable without its prefix says.
func (s *settings) set(key, value string) error {
	for i, stream := range Streams {
		switch key {
		case "max_" + stream + "_size":
			size, err := units.ParseBytes(value)
			if err == nil && size < rotate.Smallest {
				err = fmt.Errorf("Expected --max_stdout_size and --max_stderr_size of at least %d bytes", rotate.Smallest)
			}
			s[i].size = size
			return err
		case "logrotate_" + stream + "_options":
			_, err := rotate.ParseOptions(value)
			s[i].options = value
			return err
		}
	}
	return fmt.Errorf("Failed to load unknown flag '%s'", key)
}

// Check implements [ContainerLogger].
func (l *Logrotate) Check(launcherDir string) error {
	path := l.path(launcherDir)
	if about, err := os.Stat(path); err != nil || !about.Mode().IsRegular() {
		return fmt.Errorf("Cannot find: %s", path)
	}
	return nil
}

func (l *Logrotate) path(launcherDir string) string {
	if l.dir != "" {
		launcherDir = l.dir
	}
	return filepath.Join(launcherDir, program)
}

// Programs implements [ContainerLogger]. Variables that have the prefix and are no setting are an error.
func (l *Logrotate) Programs(launcherDir string, environment *mesospb.Environment) ([]Program, error) {
	s := l.defaults
	for _, v := range environment.GetVariables() {
		key, ours := strings.CutPrefix(v.GetName(), l.prefix)
		if !ours {
			continue
		}
		if err := s.set(strings.ToLower(key), v.GetValue()); err != nil {
			return nil, fmt.Errorf("%s: %w", v.GetName(), err)
		}
	}
	var all []Program
	for i, stream := range Streams {
		all = append(all, Program{l.path(launcherDir), rotate.Arguments(stream, s[i].size, s[i].options)})
	}
	return all, nil
}
