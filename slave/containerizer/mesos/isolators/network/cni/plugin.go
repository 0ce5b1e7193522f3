package cni

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"time"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/mesos/isolators/network/cni/spec"
)

// addresses returns the addresses of an interface for the status of its container.
func addresses(r *spec.Result) (all []*mesospb.NetworkInfo_IPAddress) {
	add := func(ip netip.Addr, protocol mesospb.NetworkInfo_Protocol) {
		if ip.IsValid() {
			text := ip.String()
			all = append(all, &mesospb.NetworkInfo_IPAddress{Protocol: &protocol, IpAddress: &text})
		}
	}
	add(r.IP4, mesospb.NetworkInfo_IPv4)
	add(r.IP6, mesospb.NetworkInfo_IPv6)
	return all
}

// attachAll makes the network namespace of a container and attaches it to its networks.
//
// Mesos: NetworkCniIsolatorProcess::isolate, attach, _attach.
//
// Differs: the networks are attached one after the other, in the order in which the container names them.
func (x *Isolator) attachAll(ctx context.Context, id ids.Container, all []*attachment) error {
	dir := x.dir(id)
	if err := os.MkdirAll(string(dir), 0o755); err != nil {
		return fmt.Errorf("Failed to create the container directory at '%s': %w", dir, err)
	}
	if err := makeNamespace(dir.namespace()); err != nil {
		return fmt.Errorf("Failed to make the network namespace '%s': %w", dir.namespace(), err)
	}
	for _, a := range all {
		if err := x.attach(ctx, id, a); err != nil {
			return err
		}
	}
	return nil
}

// attach attaches a container to one network. What it needs to be detached is recorded before, and the addresses afterwards.
func (x *Isolator) attach(ctx context.Context, id ids.Container, a *attachment) error {
	c, err := x.config(a.network)
	if err != nil {
		return err
	}
	content, err := c.forContainer(a.info)
	if err != nil {
		return err
	}
	dir := x.dir(id)
	if err := os.MkdirAll(dir.device(a.network, a.device), 0o755); err != nil {
		return fmt.Errorf("Failed to create interface directory for the interface '%s' of the network '%s': %w", a.device, a.network, err)
	}
	if err := disk.Replace(x.options.Disk, dir.config(a.network), content, 0o644); err != nil {
		return fmt.Errorf("Failed to checkpoint the CNI network configuration: %w", err)
	}
	output, err := x.call(ctx, "ADD", c.plugin, content, id, a)
	if err != nil {
		return err
	}
	found, err := spec.Parse(output)
	if err != nil {
		return fmt.Errorf("Failed to parse the output of the CNI plugin '%s': %w", c.plugin, err)
	}
	if err := disk.Replace(x.options.Disk, dir.info(a.network, a.device), output, 0o644); err != nil {
		return fmt.Errorf("Failed to checkpoint the output of CNI plugin '%s': %w", c.plugin, err)
	}
	x.mu.Lock()
	a.result = found
	x.mu.Unlock()
	return nil
}

// detach detaches a container from a network, with the configuration with which it was attached. Without one, it was not.
//
// Mesos: NetworkCniIsolatorProcess::detach, _detach.
func (x *Isolator) detach(id ids.Container, a *attachment) error {
	dir := x.dir(id)
	content, err := os.ReadFile(dir.config(a.network))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	var c config
	if err == nil {
		c, err = read(dir.config(a.network))
	}
	if err == nil {
		_, err = x.call(context.Background(), "DEL", c.plugin, content, id, a)
	}
	if err != nil {
		return err
	}
	return disk.Local{}.RemoveAll(dir.device(a.network, a.device))
}

// pipesGrace is how long a plugin's own children may hold its output open.
const pipesGrace = 5 * time.Second

// verbs say what plugins do, in errors.
var verbs = map[string]string{"ADD": "attach container %s to", "DEL": "detach container %s from"}

// call runs a plugin, and returns its output.
func (x *Isolator) call(ctx context.Context, command, plugin string, conf []byte, id ids.Container, a *attachment) ([]byte, error) {
	doing := fmt.Sprintf(verbs[command], id)
	path, err := spec.Find(plugin, x.options.PluginDirs)
	if err != nil {
		return nil, fmt.Errorf("Unable to %s CNI network '%s': %w", doing, a.network, err)
	}
	x.log.Info().Stringer("container_id", id).Str("network", a.network).Str("plugin", path).Str("command", command).Msg("calling CNI plugin")
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, path)
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = bytes.NewReader(conf), &out, &errs, pipesGrace
	cmd.Env = []string{
		"CNI_COMMAND=" + command, "CNI_CONTAINERID=" + string(id), "CNI_PATH=" + strings.Join(x.options.PluginDirs, ":"), "CNI_IFNAME=" + a.device,
		"PATH=" + cmp.Or(os.Getenv("PATH"), "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
	}
	if ns := x.dir(id).namespace(); isNamespace(ns) { // after a start of the system, it is none
		cmd.Env = append(cmd.Env, "CNI_NETNS="+ns)
	}
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("The CNI plugin '%s' failed to %s CNI network '%s': %w: stdout='%s', stderr='%s'", path, doing, a.network, err, out.Bytes(), errs.Bytes())
	}
	return out.Bytes(), nil
}
