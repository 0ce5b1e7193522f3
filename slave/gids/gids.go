// Package gids lets users share volumes: each volume gets a group of its own from a range, and its files belong to that group. The
// containers that use the volume are in the group, too.
//
//	<work_dir>/meta/volume_gid_manager/volume_gids    VolumeGidInfos
//
// Mesos: src/slave/volume_gid_manager.
package gids

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/agentstatepb"
	"meseta/messages/resources"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
)

// Kind is a kind of volumes.
type Kind = agentstatepb.VolumeGidInfo_Type

// The kinds of volumes that are shared: persistent ones, which have their group until they are destroyed, and directories of a
// sandbox, which have it until the container of the sandbox has ended.
const (
	Persistent = agentstatepb.VolumeGidInfo_PERSISTENT
	Sandbox    = agentstatepb.VolumeGidInfo_SANDBOX_PATH
)

// Options configures a manager.
type Options struct {
	Range   resources.Ranges // of the IDs of groups (--volume_gid_range); nobody else may use them
	WorkDir string           // of the agent
	Disk    disk.Disk        // for the record
}

// Manager knows which volume has which group. Its methods block, and may be called from any goroutine.
//
// Mesos: VolumeGidManagerProcess.
type Manager struct {
	options Options
	log     atomic.Pointer[zerolog.Logger]

	mu      sync.Mutex
	volumes map[string]*volume // by their paths
}

// volume is a volume with a group.
type volume struct {
	path string
	kind Kind
	gid  uint32
	turn sync.Mutex // held while its files change their group
}

// New returns a manager that continues what an earlier agent has recorded.
//
// Mesos: VolumeGidManager::create, VolumeGidManagerProcess::recover.
func New(o Options) (*Manager, error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("Volume gid manager requires root privileges")
	}
	m, quiet := &Manager{options: o, volumes: map[string]*volume{}}, zerolog.Nop()
	m.log.Store(&quiet)
	return m, m.read()
}

// UseLog says where the manager writes what it does. Before, nothing is written.
func (m *Manager) UseLog(log zerolog.Logger) { m.log.Store(&log) }

// Counts returns how many groups there are, and how many of them no volume has.
func (m *Manager) Counts() (total, free uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.options.Range.Count(), m.free().Count()
}

// free returns the groups that no volume has.
func (m *Manager) free() resources.Ranges {
	left := m.options.Range
	for _, v := range m.volumes {
		left = left.Minus(one(v.gid))
	}
	return left
}

func one(gid uint32) resources.Ranges {
	return resources.RangesOf(resources.Range{Begin: uint64(gid), End: uint64(gid)})
}

// Allocate returns the group of a volume. A volume that has none gets one, with all its files. A directory of a sandbox that is
// in a group of the range is a persistent volume there, or part of one, and stays in it.
//
// Mesos: VolumeGidManagerProcess::allocate.
//
// Differs: a volume whose files an earlier agent has not changed all, or that was made anew, is changed again.
func (m *Manager) Allocate(ctx context.Context, path string, kind Kind) (uint32, error) {
	root, about, err := m.open(path, kind)
	if err != nil {
		return 0, fmt.Errorf("Failed to open the volume path '%s': %w", path, err)
	}
	defer unix.Close(root)
	v, err := m.hold(path, kind, about.Gid)
	if v == nil {
		return about.Gid, err
	}
	defer v.turn.Unlock()
	if err := unix.Fstat(root, &about); err == nil && about.Gid == v.gid && (about.Mode&unix.S_IFMT != unix.S_IFDIR || about.Mode&share == share) {
		return v.gid, nil
	}
	m.log.Load().Info().Str("path", path).Uint32("gid", v.gid).Msg("volume gets its group")
	if err := (walk{ctx: ctx, owner: about.Uid, to: v.gid}).give(root, about); err != nil {
		return 0, fmt.Errorf("Failed to set the owner group of the volume path '%s' to %d: %w", path, v.gid, err)
	}
	return v.gid, nil
}

// hold returns what take does, with its turn held.
func (m *Manager) hold(path string, kind Kind, gid uint32) (*volume, error) {
	for {
		v, err := m.take(path, kind, gid)
		if v == nil {
			return nil, err
		}
		v.turn.Lock()
		m.mu.Lock()
		still := m.volumes[path] == v
		m.mu.Unlock()
		if still {
			return v, nil
		}
		v.turn.Unlock()
	}
}

// take records a group for a volume that is in the group gid now. It returns nil if that is the right one already.
func (m *Manager) take(path string, kind Kind, gid uint32) (*volume, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if v := m.volumes[path]; v != nil {
		return v, nil
	}
	if kind == Sandbox && m.options.Range.Contains(one(gid)) {
		return nil, nil
	}
	free := m.free()
	if free.IsEmpty() {
		maps.DeleteFunc(m.volumes, func(path string, _ *volume) bool { return !exists(path) })
		free = m.free()
	}
	switch {
	case free.IsEmpty():
		return nil, fmt.Errorf("Failed to allocate gid to the volume path '%s' because the free gid range is exhausted", path)
	case !free.Contains(one(gid)): // otherwise it was given to the volume by an agent whose record is lost
		gid = uint32(free.Intervals()[0].Begin)
	}
	v := &volume{path: path, kind: kind, gid: gid}
	m.volumes[path] = v
	if err := m.write(); err != nil {
		delete(m.volumes, path)
		return nil, err
	}
	return v, nil
}

// Release takes their groups from the persistent volume at a path, and from the directories of the sandbox that is there.
//
// Mesos: VolumeGidManagerProcess::deallocate.
//
// Differs: a group whose files could not be changed back is kept for the volume until that is deleted, so that no other volume
// has it.
func (m *Manager) Release(path string) error {
	return m.release(func(v *volume) bool {
		return v.path == path || v.kind == Sandbox && strings.HasPrefix(v.path, path+"/")
	})
}

// Sweep takes their groups from volumes that are gone, and from the directories of the sandboxes of containers for which kept returns
// false.
func (m *Manager) Sweep(kept func(ids.Container) bool) error {
	return m.release(func(v *volume) bool {
		_, _, id := m.split(v.path)
		return !exists(v.path) || v.kind == Sandbox && !kept(id)
	})
}

// release takes their groups from the volumes that are chosen.
func (m *Manager) release(chosen func(*volume) bool) error {
	m.mu.Lock()
	var all []*volume
	for _, path := range slices.Sorted(maps.Keys(m.volumes)) {
		if v := m.volumes[path]; chosen(v) {
			all = append(all, v)
		}
	}
	m.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	var errs []error
	for _, v := range all {
		if err := m.end(v); err != nil {
			errs = append(errs, fmt.Errorf("Failed to set the owner group of the volume path '%s' back: %w", v.path, err))
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(append(errs, m.write())...)
}

// end takes its group from a volume.
func (m *Manager) end(v *volume) error {
	v.turn.Lock()
	defer v.turn.Unlock()
	if err := m.restore(v); err != nil {
		return err
	}
	m.log.Load().Info().Str("path", v.path).Uint32("gid", v.gid).Msg("volume has no group any more")
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.volumes, v.path)
	return nil
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

// file is the record.
func (m *Manager) file() string {
	return filepath.Join(string(checkpoint.Root(m.options.WorkDir).Meta()), "volume_gid_manager", "volume_gids")
}

// read reads the record. One that is empty was not on the medium when the system crashed.
func (m *Manager) read() error {
	content, err := disk.ReadFile(m.options.Disk, m.file())
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(content) == 0 {
		return nil
	}
	all := &agentstatepb.VolumeGidInfos{}
	if err == nil {
		err = checkpoint.Decode(content, all)
	}
	if err != nil {
		return fmt.Errorf("Failed to read volume gid infos from '%s': %w", m.file(), err)
	}
	for _, i := range all.GetInfos() {
		m.volumes[i.GetPath()] = &volume{path: i.GetPath(), kind: i.GetType(), gid: i.GetGid()}
	}
	return nil
}

// write writes the record.
func (m *Manager) write() error {
	all := &agentstatepb.VolumeGidInfos{}
	for _, path := range slices.Sorted(maps.Keys(m.volumes)) {
		v := m.volumes[path]
		all.Infos = append(all.Infos, &agentstatepb.VolumeGidInfo{Type: v.kind.Enum(), Path: proto.String(path), Gid: proto.Uint32(v.gid)})
	}
	content, err := checkpoint.Encode(all)
	if err == nil {
		err = m.options.Disk.MkdirAll(filepath.Dir(m.file()), 0o755)
	}
	if err == nil {
		err = disk.Replace(m.options.Disk, m.file(), content, 0o644)
	}
	if err != nil {
		return fmt.Errorf("Failed to save state of volume gid infos: %w", err)
	}
	return nil
}
