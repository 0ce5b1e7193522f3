package runtimedir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
)

// Killed is the wait status of a container whose status was not recorded, because what should have recorded it was
// killed.
//
// Mesos: MesosContainerizerProcess::reap.
const Killed = int32(syscall.SIGKILL)

// private is the mode of all files.
const private = 0o600

// write is replace for a file that every agent takes for missing while it is empty, as one that is new may be at first.
func write(to disk.Disk, name string, content []byte) error {
	if err := disk.Put(to, name, content, private); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return replace(to, name, content)
}

// replace makes name a file with that content, in place of one that is there. Another process sees it whole, or the old one.
func replace(to disk.Disk, name string, content []byte) error {
	fresh := filepath.Join(filepath.Dir(name), ".new-"+filepath.Base(name))
	f, err := to.OpenFile(fresh, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, private)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Close()); err == nil {
		err = to.Rename(fresh, name)
	}
	if err != nil {
		_ = to.Remove(fresh)
	}
	return err
}

// Make makes the directory of a container, with its markers.
func (f Folder) Make(on disk.Disk, standalone, forceDestroy bool) error {
	if err := on.MkdirAll(string(f), 0o755); err != nil {
		return fmt.Errorf("Failed to make the containerizer runtime directory '%s': %w", f, err)
	}
	if forceDestroy {
		if err := write(on, f.ForceDestroy(), nil); err != nil {
			return fmt.Errorf("Failed to checkpoint file to mark DEBUG container as 'destroy-on-recovery': %w", err)
		}
	}
	if standalone {
		if err := write(on, f.Standalone(), nil); err != nil {
			return fmt.Errorf("Failed to checkpoint file to mark container as standalone: %w", err)
		}
	}
	return nil
}

// Remove removes the directory of a container with everything in it. Most containers have a few files, whose names are known, so
// that nobody has to list them.
func (f Folder) Remove(on disk.Disk, standalone bool) error {
	usual := []string{f.Config(), f.LaunchInfo(), f.PID(), f.Status(), f.Standalone()}
	if !standalone {
		usual = usual[:4]
	}
	for _, name := range append(usual, string(f)) {
		if err := on.Remove(name); err != nil {
			return on.RemoveAll(string(f))
		}
	}
	return nil
}

// WriteConfig writes the configuration of a container, with resources in the format that every agent reads.
//
// Mesos: state::checkpoint.
func (f Folder) WriteConfig(to disk.Disk, config *slavepb.ContainerConfig) error {
	config = proto.CloneOf(config)
	older(&config.Resources)
	if x := config.ExecutorInfo; x != nil {
		older(&x.Resources)
	}
	if t := config.TaskInfo; t != nil {
		older(&t.Resources)
		if t.Executor != nil {
			older(&t.Executor.Resources)
		}
	}
	return WriteMessage(to, f.Config(), config)
}

// older puts resources into the older format, if that can express them.
func older(rs *[]*mesospb.Resource) {
	if old, err := resources.FromValid(*rs).PreRefinement(); err == nil {
		*rs = old
	}
}

// WriteMessage writes a record: [Folder.LaunchInfo] or [Folder.Termination]. It is renamed into place, since C++ agents take an
// empty one for a damaged one.
func WriteMessage(to disk.Disk, path string, m proto.Message) error {
	content, err := checkpoint.Encode(m)
	if err == nil {
		err = replace(to, path, content)
	}
	if err != nil {
		return fmt.Errorf("Failed to checkpoint '%s': %w", path, err)
	}
	return nil
}

// WritePID writes the ID of a process to a file in a directory that exists.
func WritePID(to disk.Disk, path string, pid int) error {
	if err := write(to, path, []byte(strconv.Itoa(pid))); err != nil {
		return fmt.Errorf("Failed to checkpoint the container pid to '%s': %w", path, err)
	}
	return nil
}

// read returns nil for a file that is missing or empty, which is so if the agent died before it was written.
func read(from disk.Disk, path string) ([]byte, error) {
	content, err := disk.ReadFile(from, path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return content, err
}

// Has reports whether a file exists, such as a marker.
func Has(from disk.Disk, path string) bool {
	_, err := from.Lstat(path)
	return err == nil
}

// number returns the number in a file.
func number(from disk.Disk, path string) (n int64, found bool, err error) {
	content, err := read(from, path)
	if err != nil || len(content) == 0 {
		return 0, false, err
	}
	n, err = strconv.ParseInt(string(content), 10, 32)
	if err != nil {
		return 0, false, fmt.Errorf("'%s' in '%s' is not a number", clip(content), path)
	}
	return n, true, nil
}

// clip returns the beginning of what was found instead of a number.
func clip(content []byte) string { return string(content[:min(len(content), 40)]) }

// ReadPID returns the ID of the first process, or 0 if it was not recorded.
//
// Mesos: containerizer::paths::getContainerPid.
func (f Folder) ReadPID(from disk.Disk) (int, error) { return readPID(from, f.PID()) }

// ReadLoggerPID returns the ID of the process that writes a stream of the output, or 0 if it was not recorded.
func (f Folder) ReadLoggerPID(from disk.Disk, stream string) (int, error) {
	return readPID(from, f.LoggerPID(stream))
}

// ReadSwitchboard returns the path of the socket of the I/O switchboard of a C++ agent, and the ID of its process. They are empty and 0
// if they were not recorded.
//
// Mesos: containerizer::paths::getContainerIOSwitchboardAddress, getContainerIOSwitchboardPid.
func (f Folder) ReadSwitchboard(from disk.Disk) (socket string, pid int, err error) {
	text, err := read(from, f.SwitchboardSocket())
	pid, err2 := readPID(from, f.SwitchboardPID())
	return string(text), pid, errors.Join(err, err2)
}

func readPID(from disk.Disk, path string) (int, error) {
	n, _, err := number(from, path)
	if err == nil && n < 0 {
		err = fmt.Errorf("%d in '%s' is not the ID of a process", n, path)
	}
	if err != nil {
		return 0, fmt.Errorf("Failed to get container pid: %w", err)
	}
	return int(n), nil
}

// ReadStatus returns the wait status of the first process. found is false if none was recorded.
//
// Mesos: containerizer::paths::getContainerStatus.
func (f Folder) ReadStatus(from disk.Disk) (status int32, found bool, err error) {
	n, found, err := number(from, f.Status())
	if err != nil {
		return 0, false, fmt.Errorf("Failed to get container status: %w", err)
	}
	return int32(n), found, nil
}

// ReadLoggerStatus returns the wait status of the process that writes a stream of the output. found is false if none was
// recorded.
func (f Folder) ReadLoggerStatus(from disk.Disk, stream string) (status int32, found bool, err error) {
	n, found, err := number(from, f.Logger(stream))
	return int32(n), found, err
}

// message decodes a record. It returns false if the file is missing or empty.
func message(from disk.Disk, path string, m proto.Message) (bool, error) {
	content, err := read(from, path)
	if err != nil || len(content) == 0 {
		return false, err
	}
	if err := checkpoint.Decode(content, m); err != nil {
		return false, fmt.Errorf("'%s': %w", path, err)
	}
	return true, nil
}

// ReadConfig returns the configuration of a container, or nil if it was not recorded.
//
// Mesos: containerizer::paths::getContainerConfig.
func (f Folder) ReadConfig(from disk.Disk, id ids.Container) (*slavepb.ContainerConfig, error) {
	config := &slavepb.ContainerConfig{}
	found, err := message(from, f.Config(), config)
	if err != nil {
		return nil, fmt.Errorf("Failed to get config for container %s: Failed to read launch config of container: %w", id, err)
	}
	if !found {
		return nil, nil
	}
	return config, nil
}

// ReadLaunchInfo returns how a container was launched, or nil if it was not recorded.
//
// Mesos: containerizer::paths::getContainerLaunchInfo.
func (f Folder) ReadLaunchInfo(from disk.Disk, id ids.Container) (*slavepb.ContainerLaunchInfo, error) {
	info := &slavepb.ContainerLaunchInfo{}
	found, err := message(from, f.LaunchInfo(), info)
	if err != nil {
		return nil, fmt.Errorf("Failed to recover launch information of container %s: Failed to read ContainerLaunchInfo: %w", id, err)
	}
	if !found {
		return nil, nil
	}
	return info, nil
}

// ReadTermination returns how a nested container has ended, or nil if it has not been recorded.
//
// Mesos: containerizer::paths::getContainerTermination.
func (f Folder) ReadTermination(from disk.Disk) (*slavepb.ContainerTermination, error) {
	t := &slavepb.ContainerTermination{}
	found, err := message(from, f.Termination(), t)
	if err != nil {
		return nil, fmt.Errorf("Failed to get container termination state: Failed to read termination state of container: %w", err)
	}
	if !found {
		return nil, nil
	}
	return t, nil
}
