package cni

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/network/cni/spec"
)

// containerDir is the directory with the records of a container:
//
//	ns                               its network namespace, which the file keeps
//	hosts, hostname, resolv.conf     what it sees in /etc
//	<network>/network.conf           the configuration with which it was attached
//	<network>/<device>/network.info  what the plugin said about that
//
// Mesos: cni/paths.hpp.
type containerDir string

func (x *Isolator) dir(id ids.Container) containerDir {
	return containerDir(filepath.Join(x.options.Root, string(id)))
}

func (d containerDir) file(names ...string) string {
	return filepath.Join(append([]string{string(d)}, names...)...)
}

func (d containerDir) namespace() string { return d.file("ns") }

func (d containerDir) config(network string) string { return d.file(network, "network.conf") }

func (d containerDir) device(network, device string) string { return d.file(network, device) }

func (d containerDir) info(network, device string) string {
	return d.file(network, device, "network.info")
}

// lastName returns the name of a container without those around it, so that it is short enough for a host name.
func lastName(id ids.Container) string {
	return string(id)[strings.LastIndexByte(string(id), '.')+1:]
}

// folders returns the names of the directories in a directory, in order.
func folders(dir string) (all []string, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if e.IsDir() {
			all = append(all, e.Name())
		}
	}
	return all, err
}

// Recover implements [mesos.Isolator].
func (x *Isolator) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	if !x.enabled() {
		return nil
	}
	if err := x.recover(c.ID, c.Config.GetContainerInfo().GetNetworkInfos()); err != nil {
		return fmt.Errorf("Failed to recover CNI network information for the container %s: %w", c.ID, err)
	}
	return nil
}

// recover reads what is recorded of a container. Nothing is if it has no interfaces of its own.
//
// Mesos: NetworkCniIsolatorProcess::_recover.
//
// Differs: a record that an agent has not written to its end does not keep the next agent from starting.
func (x *Isolator) recover(id ids.Container, infos []*mesospb.NetworkInfo) error {
	dir := x.dir(id)
	if _, err := os.Lstat(string(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	networks, err := folders(string(dir))
	if err != nil {
		return fmt.Errorf("Failed to list CNI network names: %w", err)
	}
	all := []*attachment{}
	for _, network := range networks {
		devices, err := folders(dir.file(network))
		switch {
		case err != nil:
			return fmt.Errorf("Failed to list interfaces for network '%s': %w", network, err)
		case len(devices) > 1:
			return fmt.Errorf("More than one interfaces detected for network '%s'", network)
		case len(devices) == 0: // it was detached
			continue
		}
		a := &attachment{network: network, device: devices[0]}
		for _, n := range infos {
			if n.GetName() == network {
				a.info = n
			}
		}
		if content, err := os.ReadFile(dir.info(network, a.device)); err == nil {
			a.result, err = spec.Parse(content)
			if err != nil {
				x.log.Warn().Err(err).Stringer("container_id", id).Str("network", network).Msg("the addresses of a container are not known")
			}
		}
		all = append(all, a)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.attached[id] = all
	return nil
}

// Sweep implements [mesos.Sweeper].
//
// Mesos: NetworkCniIsolatorProcess::recover.
func (x *Isolator) Sweep(kept func(ids.Container) bool) error {
	if !x.enabled() {
		return nil
	}
	names, err := folders(x.options.Root)
	if err != nil {
		return fmt.Errorf("Unable to list CNI network information root directory '%s': %w", x.options.Root, err)
	}
	for _, name := range names {
		id := ids.Container(name)
		if kept(id) {
			continue
		}
		x.log.Info().Stringer("container_id", id).Msg("detaching an unknown container from its networks")
		err := x.recover(id, nil)
		if err == nil {
			err = x.cleanup(id)
		}
		if err != nil {
			x.log.Error().Err(err).Stringer("container_id", id).Msg("an unknown container is not detached from its networks")
		}
	}
	return nil
}
