package docker

import (
	"context"
	"errors"
	"strings"

	"meseta/messages/ids"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/mesos"
)

// Sweep stops and removes the containers that belong to no executor, because it has ended or because the agent has lost its
// records.
//
// Mesos: DockerContainerizerProcess::__recover.
func (x *isolator) Sweep(kept func(ids.Container) bool) error {
	if !x.options.KillOrphans {
		return nil
	}
	ctx := context.Background()
	all, err := x.engine.List(ctx, prefix)
	if err != nil {
		return x.failure("ps -a", err)
	}
	var errs []error
	for _, one := range all {
		if id, ours := parse(one.Name); ours && !kept(id) {
			err := x.engine.Stop(ctx, one.ID, x.options.StopTimeout)
			if engine.Missing(err) {
				continue
			}
			errs = append(errs, err, x.engine.Remove(ctx, one.ID))
		}
	}
	return errors.Join(errs...)
}

// Recover implements [mesos.Isolator].
func (x *isolator) Recover(*mesos.Container, *slavepb.ContainerLaunchInfo) error { return nil }

// know looks for the containers of an earlier agent, whose names may have another form.
//
// Mesos: DockerContainerizerProcess::recover.
func (x *isolator) know(ctx context.Context) error {
	all, err := x.engine.List(ctx, prefix)
	if err != nil {
		return x.failure("ps -a", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, one := range all {
		if id, ours := parse(one.Name); ours && one.Name != prefix+string(id) {
			x.names[id] = one.Name
		}
	}
	return nil
}

// parse returns the container of a name. Older versions of Mesos put the ID of the agent before it, and ".executor" behind.
//
// Mesos: parse in docker.cpp.
func parse(name string) (id ids.Container, ours bool) {
	name, found := strings.CutPrefix(name, prefix)
	if !found {
		return "", false
	}
	if parts := strings.Split(name, "."); len(parts) == 2 || len(parts) == 3 {
		name = parts[1]
	}
	if _, err := ids.ParseUUID(name); err != nil {
		return "", false
	}
	return ids.Container(name), true
}
