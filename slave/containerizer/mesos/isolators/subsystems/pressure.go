package subsystems

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/slave/cgroups"
)

// youth is how long nobody listens for memory pressure in a container, unless somebody asks for it.
const youth = time.Second

// pressureFile is where the kernel reports it.
const pressureFile = "memory.pressure_level"

// levels are the levels of memory pressure.
var levels = [3]string{"low", "medium", "critical"}

// pressure counts how often a group of version 1 had trouble to get memory, by level, where the kernel reports it.
//
// Mesos: cgroups::memory::pressure::Counter.
//
// Differs: Mesos listens before a container starts, which takes as long as making its group, and the numbers of a short task are seen
// by nobody. So they count from the first time that somebody asks for them, or from when the container has lived for a second.
type pressure struct {
	group cgroups.Group

	mu        sync.Mutex
	begun     bool
	err       error // of having begun
	listening bool  // not where the kernel does not report pressure
	events    [3]int
	n         [3]uint64
}

// listen begins to count, unless that has begun already.
func (p *pressure) listen() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begun {
		return p.err
	}
	p.begun = true
	if p.err = p.register(); p.err != nil && !p.group.Has(pressureFile) {
		p.err = nil
	}
	if p.err != nil {
		p.err = fmt.Errorf("listen for memory pressure: %w", p.err)
	}
	return p.err
}

func (p *pressure) register() error {
	registry, err := open(p.group, "cgroup.event_control", unix.O_WRONLY)
	if err != nil {
		return err
	}
	defer unix.Close(registry)
	control, err := open(p.group, pressureFile, unix.O_RDONLY)
	if errors.Is(err, os.ErrPermission) { // it is only for writing
		control, err = open(p.group, pressureFile, unix.O_WRONLY)
	}
	if err != nil {
		return err
	}
	defer unix.Close(control)
	for i, level := range levels {
		if p.events[i], err = register(registry, control, level); err != nil {
			for _, fd := range p.events[:i] {
				unix.Close(fd)
			}
			return fmt.Errorf("%s of %s: %w", pressureFile, p.group.Path(), err)
		}
	}
	p.listening = true
	return nil
}

// count returns the number of events of a level, or nil if nobody listens.
func (p *pressure) count(level int) *uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.listening {
		return nil
	}
	more := make([]byte, 8)
	if n, err := unix.Read(p.events[level], more); err == nil && n == len(more) {
		p.n[level] += binary.NativeEndian.Uint64(more)
	}
	return proto.Uint64(p.n[level])
}

// close ends counting, or prevents it.
func (p *pressure) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listening {
		for _, fd := range p.events {
			unix.Close(fd)
		}
	}
	p.begun, p.listening = true, false
}
