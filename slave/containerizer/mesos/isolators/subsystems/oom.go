package subsystems

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/units"
	"meseta/runtime"
	"meseta/slave/cgroups"
)

// watch notices that a container has used up its memory.
type watch struct {
	group   cgroups.Group
	limited bool     // the hard limit is set
	late    bool     // there were processes in the group before the watch began
	events  *os.File // readable when something has happened

	// Of version 1.
	clock    runtime.Clock
	state    *os.File // says what has happened
	pressure *pressure
}

// watchOOM watches a group of version 1.
//
// Mesos: cgroups::memory::oom::listen.
func watchOOM(g cgroups.Group, clock runtime.Clock) (w *watch, err error) {
	registry, err := open(g, "cgroup.event_control", unix.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	defer unix.Close(registry)
	state, err := open(g, oomState, unix.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("listen for OOM events: %w", err)
	}
	events, err := register(registry, state, "")
	if err != nil {
		unix.Close(state)
		return nil, fmt.Errorf("%s of %s: %w", oomState, g.Path(), err)
	}
	return &watch{
		group: g, events: os.NewFile(uintptr(events), oomState), clock: clock, state: os.NewFile(uintptr(state), oomState), pressure: &pressure{group: g},
	}, nil
}

// oomState is the file of version 1 that says whether memory was used up.
const oomState = "memory.oom_control"

// open opens a file of a group. The caller closes it.
func open(g cgroups.Group, file string, flags int) (fd int, err error) {
	path := filepath.Join(g.Path(), file)
	if fd, err = unix.Open(path, flags|unix.O_CLOEXEC, 0); err != nil {
		err = &os.PathError{Op: "open", Path: path, Err: err}
	}
	return fd, err
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
	if w.state != nil {
		w.state.Close()
		w.pressure.close()
	}
}

// wake has wait look what has happened.
func (w *watch) wake() { _ = w.events.SetReadDeadline(time.Unix(1, 0)) }

// wait blocks until the memory was used up, or ctx ends. What has happened before is an event too, unless it was before the watch
// began, as it may have been in a container of an earlier agent.
func (w *watch) wait(ctx context.Context) (*slavepb.ContainerLimitation, error) {
	stop := context.AfterFunc(ctx, w.wake)
	defer stop()
	if w.pressure != nil {
		grown := w.clock.AfterFunc(youth, w.wake)
		defer grown()
	}
	event := make([]byte, 4096)
	for look := w.late; ; look = true {
		if look && w.killed() {
			return w.limitation(), nil
		}
		if _, err := w.events.Read(event); err != nil {
			if err := w.grow(ctx, err); err != nil {
				return nil, err
			}
			continue
		}
		// Version 1 tells of nothing else but the end of the group, and before the kernel has chosen whom to kill.
		if w.group.Version == cgroups.V1 && w.group.Exists() {
			return w.limitation(), nil
		}
	}
}

// grow listens for pressure if wait was woken because the container has lived for a while. Otherwise it returns the error of wait.
func (w *watch) grow(ctx context.Context, err error) error {
	if ctx.Err() == nil && errors.Is(err, os.ErrDeadlineExceeded) {
		_ = w.pressure.listen() // who asks for the numbers hears of it
		err = w.events.SetReadDeadline(time.Time{})
	}
	return cmp.Or(ctx.Err(), err) // the end of ctx may have come meanwhile
}

// killed reports whether the kernel has killed a process of the group because its memory was used up.
func (w *watch) killed() bool {
	state, err := w.happened()
	return err == nil && (state["under_oom"] > 0 || state["oom_kill"] > 0 || state["oom"] > 0)
}

// happened returns how often the kernel has done what in the group.
func (w *watch) happened() (map[string]uint64, error) {
	if w.state != nil {
		text := make([]byte, 512)
		n, err := w.state.ReadAt(text, 0)
		if errors.Is(err, io.EOF) {
			err = nil
		}
		return cgroups.ParseTable(string(text[:n])), err
	}
	file := "memory.events.local"
	if !w.group.Has(file) {
		file = "memory.events"
	}
	return w.group.Table(file)
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
