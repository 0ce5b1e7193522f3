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
	events   *os.File // readable when something has happened
	pressure [3]counter
}

// levels are the levels of memory pressure.
var levels = [3]string{"low", "medium", "critical"}

// watchOOM watches a group of version 1. Pressure is counted where the kernel reports it.
//
// Mesos: cgroups::memory::oom::listen, cgroups::memory::pressure::Counter.
func watchOOM(g cgroups.Group) (*watch, error) {
	events, err := listen(g, "memory.oom_control", "")
	if err != nil {
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	w := &watch{group: g, events: events}
	for i, level := range levels {
		if w.pressure[i].events, err = listen(g, "memory.pressure_level", level); err != nil && g.Has("memory.pressure_level") {
			w.close()
			return nil, fmt.Errorf("listen for memory pressure: %w", err)
		}
	}
	return w, nil
}

// listen returns a file that counts the events of a file of a version 1 group.
func listen(g cgroups.Group, file, args string) (*os.File, error) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("eventfd", err)
	}
	events := os.NewFile(uintptr(fd), file)
	control, err := os.OpenFile(filepath.Join(g.Path(), file), os.O_RDONLY|unix.O_NONBLOCK, 0)
	if errors.Is(err, os.ErrPermission) { // it is only for writing
		control, err = os.OpenFile(filepath.Join(g.Path(), file), os.O_WRONLY, 0)
	}
	if err == nil {
		defer control.Close()
		err = g.Set("cgroup.event_control", fmt.Sprintf("%d %d %s", fd, control.Fd(), args))
	}
	if err != nil {
		events.Close()
		return nil, err
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

// wait blocks until the memory was used up, or ctx ends.
func (w *watch) wait(ctx context.Context) (*slavepb.ContainerLimitation, error) {
	stop := context.AfterFunc(ctx, func() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	event := make([]byte, 4096)
	for {
		if w.killed() {
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
	events *os.File // nil where the kernel does not report them
	mu     sync.Mutex
	n      uint64
}

// count returns the number of events, or nil.
func (c *counter) count() *uint64 {
	if c.events == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	conn, err := c.events.SyscallConn()
	if err != nil {
		return nil
	}
	more := make([]byte, 8)
	err = conn.Control(func(fd uintptr) {
		if n, err := unix.Read(int(fd), more); err == nil && n == len(more) {
			c.n += binary.NativeEndian.Uint64(more)
		}
	})
	if err != nil {
		return nil
	}
	return proto.Uint64(c.n)
}

func (c *counter) close() {
	if c.events != nil {
		c.events.Close()
	}
}
