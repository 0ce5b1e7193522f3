package mesos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/processtree"
	"meseta/slave/sandbox"
)

// found is a container of an earlier agent.
type found struct {
	id         ids.Container
	folder     runtimedir.Folder
	directory  string // its sandbox
	config     *slavepb.ContainerConfig
	info       *slavepb.ContainerLaunchInfo
	pid        int      // 0 if it was not recorded
	handle     *os.File // of the process; nil if it has ended
	known      bool     // to the agent
	orphan     bool
	terminated bool // it is nested, and has ended for the earlier agent
	end        *slavepb.ContainerTermination
	endErr     error // why there is no end
}

// recover takes over the containers of an earlier run of the agent. It leaves those of Docker's alone.
//
// Mesos: MesosContainerizerProcess::recover.
func (x *Containerizer) recover(known []containerizer.Survivor) runtime.Future[[]ids.Container] {
	others := map[ids.Container]string{}
	known = slices.DeleteFunc(slices.Clone(known), func(k containerizer.Survivor) bool {
		if k.Docker {
			others[k.ID] = k.Directory
		}
		return k.Docker
	})
	looked := runtime.Go(x, func(context.Context) ([]*found, error) {
		all, err := x.look(known)
		if err != nil {
			return nil, err
		}
		for _, f := range all {
			f.open(x.disk, x.runtimeDir)
		}
		return all, noneTwice(all)
	})
	return runtime.Chain(x, looked, func(all []*found, err error) runtime.Future[[]ids.Container] {
		if err != nil {
			return runtime.Failed[[]ids.Container](err)
		}
		return x.takeOver(all, others)
	})
}

// look reads what is known of the containers, each after its parent.
func (x *Containerizer) look(known []containerizer.Survivor) ([]*found, error) {
	survivors := map[ids.Container]containerizer.Survivor{}
	for _, k := range known {
		survivors[k.ID] = k
	}
	listed, err := x.runtimeDir.Containers(x.disk)
	if err != nil {
		return nil, err
	}
	for _, k := range known {
		if k.PID != 0 && !slices.Contains(listed, k.ID) {
			listed = append(listed, k.ID)
		}
	}
	all := map[ids.Container]*found{}
	var order []*found
	for _, id := range listed {
		f := &found{id: id, folder: x.folder(id)}
		if err := f.read(x.disk); err != nil {
			return nil, err
		}
		f.judge(survivors, all[id.Root()], x.disk, x.workDir)
		all[id], order = f, append(order, f)
	}
	return order, nil
}

// read reads the records of a container.
func (f *found) read(from disk.Disk) (err error) {
	if f.terminated = f.id.Parent() != "" && runtimedir.Has(from, f.folder.Termination()); f.terminated {
		f.end, f.endErr = f.folder.ReadTermination(from)
	}
	if f.config, err = f.folder.ReadConfig(from, f.id); err != nil {
		return err
	}
	if f.info, err = f.folder.ReadLaunchInfo(from, f.id); err != nil {
		return err
	}
	f.pid, err = f.folder.ReadPID(from)
	return err
}

// judge decides whether the container can be taken over, and finds its sandbox. root is its outermost container, which
// was judged before, and nil if it is that itself.
func (f *found) judge(survivors map[ids.Container]containerizer.Survivor, root *found, on disk.Disk, workDir string) {
	survivor, known := survivors[f.id]
	switch {
	case root != nil:
		f.directory = sandbox.Place{Root: root.directory}.Within(nestedFolders(f.id)...).Path()
		f.orphan = root.orphan || f.pid == 0 || runtimedir.Has(on, f.folder.ForceDestroy())
	case known:
		f.known, f.directory, f.pid = true, survivor.Directory, cmp.Or(survivor.PID, f.pid)
		f.orphan = f.pid == 0 || runtimedir.Has(on, f.folder.ForceDestroy())
	case runtimedir.Has(on, f.folder.Standalone()):
		f.directory = filepath.Join(workDir, "containers", string(f.id))
		f.orphan = f.pid == 0 || runtimedir.Has(on, f.folder.ForceDestroy())
	default:
		f.directory, f.orphan = f.config.GetDirectory(), true
	}
}

// open opens the process of the container, if it has not ended. The ID may be that of another process by now. It is the
// container's if a forker has not written the status yet, or if it leads a session and looks like the container's.
func (f *found) open(on disk.Disk, dir runtimedir.Dir) {
	if f.pid == 0 || f.terminated {
		return
	}
	fd, err := unix.PidfdOpen(f.pid, unix.PIDFD_NONBLOCK)
	if err != nil {
		return
	}
	handle := os.NewFile(uintptr(fd), "process")
	pending, _ := forker.Pending(f.folder.Status())
	_, recorded, _ := f.folder.ReadStatus(on)
	if recorded || forker.Exited(fd) && !pending || !pending && !processtree.Belongs(f.pid, f.directory, forker.RuntimeVariable+"="+string(f.folder)) {
		handle.Close()
		return
	}
	f.handle = handle
}

// noneTwice returns an error if two containers have the same process.
//
// Mesos: SubprocessLauncher::recover.
func noneTwice(all []*found) error {
	owner := map[int]ids.Container{}
	for _, f := range all {
		if f.handle == nil {
			continue
		}
		if _, twice := owner[f.pid]; twice {
			for _, f := range all {
				if f.handle != nil {
					f.handle.Close()
				}
			}
			return fmt.Errorf("Detected duplicate pid %d for container %s", f.pid, f.id)
		}
		owner[f.pid] = f.id
	}
	return nil
}

// takeOver enters the containers into the tree, and ends the orphans and all processes of which nobody knows. others are the
// sandboxes of containers that are not this containerizer's.
//
// Mesos: MesosContainerizerProcess::__recover.
func (x *Containerizer) takeOver(all []*found, others map[ids.Container]string) runtime.Future[[]ids.Container] {
	recovered := map[*found]*container{}
	for _, f := range all {
		recovered[f] = x.adopt(f)
	}
	var deaf []error // why terminals are not heard
	prepared := runtime.Go(x, func(context.Context) (struct{}, error) {
		for _, f := range all {
			if c := recovered[f]; !c.over {
				if f.handle != nil && c.lasting() {
					board, err := x.scribes.FindTerminal(f.folder, f.id)
					c.process.board, deaf = board, append(deaf, err)
				}
				if err := x.recoverIsolators(c, f.info); err != nil {
					return struct{}{}, err
				}
			}
		}
		return struct{}{}, nil
	})
	return runtime.Chain(x, prepared, func(_ struct{}, err error) runtime.Future[[]ids.Container] {
		if err != nil {
			return runtime.Failed[[]ids.Container](err)
		}
		if err := errors.Join(deaf...); err != nil {
			x.Log().Warn().Err(err).Msg("containers cannot be attached to")
		}
		for _, f := range all {
			if c := recovered[f]; !c.over {
				x.Log().Info().Stringer("container_id", f.id).Int("os_pid", f.pid).Bool("orphan", f.orphan).Msg("container recovered")
				x.attend(c, c.process)
			}
		}
		return x.endOthers(all, recovered, others)
	})
}

func (x *Containerizer) recoverIsolators(c *container, info *slavepb.ContainerLaunchInfo) error {
	for _, isolator := range x.isolators {
		if err := isolator.Recover(&c.Container, info); err != nil {
			return fmt.Errorf("recover container %s: %w", c.ID, err)
		}
	}
	return nil
}

// adopt enters a container into the tree.
func (x *Containerizer) adopt(f *found) *container {
	config := f.config
	if config == nil {
		config = &slavepb.ContainerConfig{Directory: &f.directory}
	}
	c := &container{
		Container: Container{Launch: containerizer.Launch{ID: f.id, Config: config}, Runtime: f.folder, Place: sandbox.Place{Root: f.directory},
			VolumeGroups: f.info.GetSupplementaryGroups(), scribed: true},
		resources: config.GetResources(), limits: config.GetLimits(), images: imagesOf(config.GetContainerInfo()), prepared: runtime.Ready(struct{}{}), over: f.terminated,
		done: runtime.Owe[*slavepb.ContainerTermination](x),
	}
	if f.id.Parent() != "" {
		c.outer = x.nearest(f.id.Parent())
		c.Parent, c.Place = &c.outer.Container, x.containers[f.id.Root()].Place.Within(nestedFolders(f.id)...)
	}
	x.enter(c)
	if f.terminated {
		x.leave(c)
		x.discard(c)
		if f.end != nil {
			c.done.Set(f.end)
		} else {
			c.done.Fail(cmp.Or(f.endErr, containerizer.ErrUnknown))
		}
		return c
	}
	c.pid = f.pid
	// An ID that is not recorded stays unknown, and what runs in the sandbox is killed.
	c.process = &process{container: &c.Container, launcher: x.launcher, disk: x.disk, ended: f.handle == nil,
		first: forker.Process{PID: f.pid, Handle: f.handle}}
	c.starting = runtime.Ready(c.process)
	x.running.Add(c.ID, c.process)
	return c
}

// nearest returns a container that has not ended: the given one, or the innermost around it.
func (x *Containerizer) nearest(id ids.Container) *container {
	for x.containers[id] == nil {
		id = id.Parent()
	}
	return x.containers[id]
}

// endOthers destroys the orphans, and then kills the processes in the agent's sandboxes that belong to no container. It
// returns the outermost containers of executors that were taken over.
func (x *Containerizer) endOthers(all []*found, recovered map[*found]*container, others map[ids.Container]string) runtime.Future[[]ids.Container] {
	var ends []runtime.Future[*slavepb.ContainerTermination]
	kept := maps.Clone(others)
	var taken []ids.Container
	for _, f := range all {
		c := recovered[f]
		switch {
		case f.orphan && !c.over:
			c.waited = true
			ends = append(ends, x.destroy(f.id))
		case !f.orphan:
			kept[f.id] = f.directory
			if f.known {
				taken = append(taken, f.id)
			}
		}
	}
	over := runtime.Settled(ends...)
	return runtime.Chain(x, over, func([]runtime.Result[*slavepb.ContainerTermination], error) runtime.Future[[]ids.Container] {
		return runtime.Go(x, func(context.Context) ([]ids.Container, error) {
			slices.Sort(taken)
			return taken, errors.Join(x.launcher.Recover(kept), x.sweep(kept))
		})
	})
}

// sweep removes what isolators have of containers that are gone.
func (x *Containerizer) sweep(kept map[ids.Container]string) error {
	var errs []error
	for _, isolator := range x.isolators {
		if s, ok := isolator.(Sweeper); ok {
			errs = append(errs, s.Sweep(func(id ids.Container) bool { _, found := kept[id]; return found }))
		}
	}
	return errors.Join(errs...)
}
