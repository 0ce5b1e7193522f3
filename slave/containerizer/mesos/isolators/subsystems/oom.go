package subsystems

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/slave/cgroups"
)

// watch notices that a container has used up its memory.
type watch struct {
	group    cgroups.Group
	limited  bool     // the hard limit is set
	late     bool     // there were processes in the group before the watch began
	events   *os.File // readable when something has happened
	pressure [3]counter
}

// levels are the levels of memory pressure.
var levels = [3]string{"low", "medium", "critical"}

// watchOOM watches a group of version 1. Pressure is counted where the kernel reports it.
//
// Mesos: cgroups::memory::oom::listen, cgroups::memory::pressure::Counter.
func watchOOM(g cgroups.Group) (*watch, error) {
	registry, err := open(g, "cgroup.event_control", unix.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	defer unix.Close(registry)
	w := &watch{group: g}
	fds, err := listen(g, registry, "memory.oom_control", "")
	if err != nil {
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	w.events = os.NewFile(uintptr(fds[0]), "memory.oom_control")
	fds, err = listen(g, registry, "memory.pressure_level", levels[:]...)
	if err != nil && g.Has("memory.pressure_level") {
		w.close()
		return nil, fmt.Errorf("listen for memory pressure: %w", err)
	}
	for i, fd := range fds {
		w.pressure[i] = counter{listening: true, events: fd}
	}
	return w, nil
}

// open opens a file of a group. The caller closes it.
func open(g cgroups.Group, file string, flags int) (fd int, err error) {
	path := filepath.Join(g.Path(), file)
	if fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0); err != nil {
		err = &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, err
}

// listen returns descriptors that count the events of a file of a version 1 group, one for each of the arguments that say which.
// registry is the group's open file where listeners are registered.
func listen(g cgroups.Group, registry int, file string, args ...string) (events []int, err error) {
	control, err := open(g, file, unix.O_RDONLY)
	if errors.Is(err, os.ErrPermission) { // it is only for writing
		control, err = open(g, file, unix.O_WRONLY)
	}
	if err != nil {
		return nil, err
	}
	defer unix.Close(control)
	for _, arg := range args {
		fd, err := register(registry, control, arg)
		if err != nil {
			for _, fd := range events {
				unix.Close(fd)
			}
			return nil, fmt.Errorf("%s of %s: %w", file, g.Path(), err)
		}
		events = append(events, fd)
	}
	return events, nil
}

// register returns a descriptor that counts the events of an open file.
func register(registry, control int, arg string) (events int, err error) {
	events, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return -1, os.NewSyscallError("eventfd", err)
	}
	if _, err = unix.Write(registry, []byte(fmt.Sprintf("%d %d %s", events, control, arg))); err != nil {
		unix.Close(events)
		return -1, fmt.Errorf("listen for events: %w", err)
	}
	return events, nil
}

// watchEvents watches a group of version 2.
func watchEvents(g cgroups.Group) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	w := &watch{group: g, events: os.NewFile(uintptr(fd), "inotify")}
	if _, err := unix.InotifyAddWatch(fd, filepath.Join(g.Path(), "memory.events"), unix.IN_MODIFY); err != nil {
		w.close()
		return nil, fmt.Errorf("listen for OOM events: %w", os.NewSyscallError("inotify_add_watch", err))
	}
	return w, nil
}

func (w *watch) close() {
	w.events.Close()
	for i := range w.pressure {
		w.pressure[i].close()
	}
}

// wait blocks until the memory was used up, or ctx ends. What has happened before is an event too, unless it was before the watch
// began, as it may have been in a container of an earlier agent.
func (w *watch) wait(ctx context.Context) (*slavepb.ContainerLimitation, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	event := make([]byte, 4096)
	for look := w.late; ; look = true {
		if look && w.killed() {
			return w.limitation(), nil
		}
		if _, err := w.events.Read(event); err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			return nil, err
		}
		// Version 1 tells of nothing else but the end of the group, and before the kernel has chosen whom to kill.
		if w.group.Version == cgroups.V1 && w.group.Exists() {
			return w.limitation(), nil
		}
	}
}

// killed reports whether the kernel has killed a process of the group because its memory was used up.
func (w *watch) killed() bool {
	file := "memory.oom_control"
	if w.group.Version == cgroups.V2 {
		if file = "memory.events.local"; !w.group.Has(file) {
			file = "memory.events"
		}
	}
	state, err := w.group.Table(file)
	return err == nil && (state["under_oom"] > 0 || state["oom_kill"] > 0 || state["oom"] > 0)
}

// limitation returns the limit that the container has exceeded.
//
// Mesos: MemorySubsystemProcess::oomWaited.
func (w *watch) limitation() *slavepb.ContainerLimitation {
	limit, most := hardLimit, "memory.max_usage_in_bytes"
	if w.group.Version == cgroups.V2 {
		limit, most = "memory.max", "memory.peak"
	}
	text := "Memory limit exceeded: "
	if n, err := w.group.Number(limit); err == nil {
		text += "Requested: " + units.Bytes(n).String() + " "
	}
	used, err := w.group.Number(most)
	if err == nil {
		text += "Maximum Used: " + units.Bytes(used).String() + "\n"
	}
	if stat, err := w.group.Value("memory.stat"); err == nil {
		text += "\nMEMORY STATISTICS: \n" + stat + "\n\n"
	}
	return &slavepb.ContainerLimitation{
		Reason: mesospb.TaskStatus_REASON_CONTAINER_LIMITATION_MEMORY.Enum(), Message: &text,
		Resources: []*mesospb.Resource{{
			Name: proto.String("mem"), Type: mesospb.Value_SCALAR.Enum(), Role: proto.String("*"),
			Scalar: &mesospb.Value_Scalar{Value: proto.Float64(float64(used / uint64(units.Megabyte)))},
		}},
	}
}

// counter counts events since it listens.
type counter struct {
	mu        sync.Mutex
	listening bool // not where the kernel does not report them
	events    int  // the descriptor with those that were not added yet
	n         uint64
}

// count returns the number of events, or nil.
func (c *counter) count() *uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.listening {
		return nil
	}
	more := make([]byte, 8)
	if n, err := unix.Read(c.events, more); err == nil && n == len(more) {
		c.n += binary.NativeEndian.Uint64(more)
	}
	return proto.Uint64(c.n)
}

func (c *counter) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.listening {
		unix.Close(c.events)
	}
	c.listening = false
}
