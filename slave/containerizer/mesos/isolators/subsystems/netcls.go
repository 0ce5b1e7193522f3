package subsystems

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"meseta/slave/cgroups"
)

// Classes says which classes the packets of containers have, by which tc and iptables find them. A class has two parts: the primary handle,
// which all containers share, and a secondary one.
type Classes struct {
	Primary   string // such as 0x10 (--cgroups_net_cls_primary_handle); "" means that no classes are given
	Secondary string // the first and the last one, separated by a comma (--cgroups_net_cls_secondary_handles); "" means all but 0
}

// Check returns an error, with Mesos's text, for handles that are none.
func (c Classes) Check() error {
	_, err := newHandles(c)
	return err
}

// class is the class of a container.
type class struct {
	id      uint32 // of both handles; 0 means none
	release func() // gives the secondary handle back; nil if it is not one of those that are given
}

// handles are the secondary handles that may be given.
type handles struct {
	primary     uint32
	first, last uint32

	mu    sync.Mutex
	given map[uint32]bool
}

// newHandles returns the handles for containers, or nil if they get none.
//
// Mesos: NetClsSubsystemProcess::create.
func newHandles(c Classes) (*handles, error) {
	if c.Primary == "" {
		return nil, nil
	}
	primary, err := handle(c.Primary)
	if err != nil {
		return nil, fmt.Errorf("Failed to parse the primary handle '%s' set in flag --cgroups_net_cls_primary_handle: %w", c.Primary, err)
	}
	h := &handles{primary: primary, first: 1, last: 0xffff, given: map[uint32]bool{}}
	if c.Secondary == "" {
		return h, nil
	}
	bounds := slices.DeleteFunc(strings.Split(c.Secondary, ","), func(bound string) bool { return bound == "" })
	if len(bounds) != 2 {
		return nil, fmt.Errorf("Failed to parse the range of secondary handles '%s' set in flag --cgroups_net_cls_secondary_handles", c.Secondary)
	}
	for i, to := range []*uint32{&h.first, &h.last} {
		if *to, err = handle(bounds[i]); err != nil {
			which := []string{"lower", "upper"}[i]
			return nil, fmt.Errorf("Failed to parse the %s bound of range of secondary handles '%s' set in flag --cgroups_net_cls_secondary_handles: %w", which, c.Secondary, err)
		}
	}
	switch {
	case h.first == 0:
		return nil, errors.New("The secondary handle has to be a non-zero value.")
	case h.first > h.last:
		return nil, fmt.Errorf("Secondary handle range specified '%s', in flag --cgroups_net_cls_secondary_handles, is an empty set", c.Secondary)
	}
	return h, nil
}

// handle reads a handle, which is decimal or, with 0x before it, hexadecimal.
func handle(text string) (uint32, error) {
	base := 10
	digits, hex := strings.CutPrefix(text, "0x")
	if hex {
		base = 16
	}
	n, err := strconv.ParseUint(digits, base, 16)
	return uint32(n), err
}

// give returns the class of a container, with the least secondary handle that is free.
//
// Mesos: NetClsHandleManager::alloc.
func (h *handles) give() (class, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for secondary := h.first; secondary <= h.last; secondary++ {
		if !h.given[secondary] {
			h.given[secondary] = true
			return h.class(secondary), nil
		}
	}
	return class{}, fmt.Errorf("Failed to allocate a net_cls handle: No free handles remaining for primary handle %#x", h.primary)
}

// taken returns a class that an earlier agent has given.
//
// Differs: Mesos does not start when the class is not among those that may be given now, after a change of flags.
func (h *handles) taken(id uint32) class {
	h.mu.Lock()
	defer h.mu.Unlock()
	secondary := id & 0xffff
	if id>>16 != h.primary || secondary < h.first || secondary > h.last || h.given[secondary] {
		return class{id: id}
	}
	h.given[secondary] = true
	return h.class(secondary)
}

func (h *handles) class(secondary uint32) class {
	return class{h.primary<<16 | secondary, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.given, secondary)
	}}
}

// netCls gives the packets of each container a class of its own, if it has handles.
//
// Mesos: NetClsSubsystemProcess.
type netCls struct {
	member
	handles *handles // nil means that an operator gives the classes
}

func newNetCls(c Classes) (subsystem, error) {
	h, err := newHandles(c)
	return netCls{handles: h}, err
}

// classID is the file with the class of a group.
const classID = "net_cls.classid"

// prepare gives the class. No process is in the group yet, so that no packet of the container is without it.
func (s netCls) prepare(g cgroups.Group, x *info) (err error) {
	if s.handles == nil {
		return nil
	}
	if x.class, err = s.handles.give(); err != nil {
		return err
	}
	if err := g.Set(classID, strconv.FormatUint(uint64(x.class.id), 10)); err != nil {
		return fmt.Errorf("Failed to assign a net_cls handle to the cgroup: %w", err)
	}
	x.container.Class = x.class.id
	return nil
}

func (s netCls) recover(g cgroups.Group, x *info) error {
	id, err := g.Number(classID)
	if err != nil {
		return fmt.Errorf("Failed to recover the net_cls handle: Failed to read '%s': %w", classID, err)
	}
	x.class.id = uint32(id)
	if id != 0 && s.handles != nil {
		x.class = s.handles.taken(uint32(id))
	}
	x.container.Class = x.class.id
	return nil
}
