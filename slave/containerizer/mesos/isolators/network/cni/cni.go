// Package cni implements the isolator network/cni: a container gets network interfaces of its own, which plugins of the
// Container Network Interface attach to the networks that it names. It sees a host name, /etc/hosts and
// /etc/resolv.conf of its own. A container that names no network is on that of its parent, or of the agent.
//
// The protocol is spoken here rather than by the libcni library: that keeps a cache of its own, while an agent has to
// find what Mesos's agent has recorded, and to leave the same.
//
// Mesos: NetworkCniIsolatorProcess.
package cni

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/network/cni/spec"
)

// Options says which networks there are.
type Options struct {
	PluginDirs []string // with the plugins (--network_cni_plugins_dir); empty means that there is no network
	ConfigDir  string   // with the configurations of networks (--network_cni_config_dir)
	// Root is the directory with the records of attached containers. It is made if it does not exist.
	Root string
	// Statistics has Usage say how much containers have sent and received (--network_cni_metrics).
	Statistics bool
	// DNS has the name servers of containers whose networks name none (--default_container_dns).
	DNS  []*internalpb.ContainerDNSInfo_MesosInfo
	Disk disk.Disk
}

// Isolator is the isolator network/cni.
type Isolator struct {
	mesos.Base
	options Options
	log     zerolog.Logger

	mu       sync.Mutex
	configs  configs
	attached map[ids.Container][]*attachment // containers with interfaces of their own
}

// attachment is one interface of a container.
type attachment struct {
	network string
	device  string               // the name of the interface
	info    *mesospb.NetworkInfo // as the container asked for it; nil if that is not known
	result  *spec.Result         // of the plugin; nil until it is attached
}

// New returns the isolator. Without plugins, it knows no network.
//
// Mesos: NetworkCniIsolatorProcess::create.
//
// Differs: the directory with the records is not mounted on itself. The kernel takes the file of a namespace out of all
// containers when the agent removes it.
func New(o Options) (*Isolator, error) {
	x := &Isolator{options: o, log: zerolog.Nop(), attached: map[ids.Container][]*attachment{}}
	if len(o.PluginDirs) == 0 && o.ConfigDir == "" {
		return x, nil
	}
	switch {
	case os.Geteuid() != 0:
		return nil, errors.New("The 'network/cni' isolator requires root permissions: start the agent as root, or without networks")
	case len(o.PluginDirs) == 0:
		return nil, errors.New("Missing required '--network_cni_plugins_dir' flag")
	case o.ConfigDir == "":
		return nil, errors.New("Missing required '--network_cni_config_dir' flag")
	case o.Root == "":
		return nil, errors.New("The 'network/cni' isolator requires a runtime directory (--runtime_dir)")
	}
	var err error
	if x.configs, err = load(o.ConfigDir, o.PluginDirs); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(o.Root, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create CNI network information root directory at '%s': %w", o.Root, err)
	}
	if x.options.Root, err = filepath.Abs(o.Root); err != nil { // containers have other working directories
		return nil, fmt.Errorf("Failed to determine canonical path of CNI network information root directory '%s': %w", o.Root, err)
	}
	return x, nil
}

// UseLog says where the isolator writes what it does. Before, nothing is written.
func (x *Isolator) UseLog(log zerolog.Logger) {
	x.log = log
	x.configs.report(log)
}

func (x *Isolator) enabled() bool { return x.options.Root != "" && len(x.options.PluginDirs) > 0 }

// debugs reports whether a container is there to look at its parent.
func debugs(c *mesos.Container) bool {
	return c.Config.GetContainerClass() == slavepb.ContainerClass_DEBUG
}

// joins reports whether a container is on the networks of its parent.
func joins(c *mesos.Container) bool {
	return c.Parent != nil && (debugs(c) || len(c.Config.GetContainerInfo().GetNetworkInfos()) == 0)
}

// owner returns the container whose networks a container is on: itself, or the nearest one around it that does not join
// those of its parent.
func owner(c *mesos.Container) *mesos.Container {
	for joins(c) {
		c = c.Parent
	}
	return c
}

// Prepare implements [mesos.Isolator]. The networks are attached before the container's first process starts, in a namespace that
// this process then enters.
//
// Mesos: NetworkCniIsolatorProcess::prepare, isolate.
//
// Differs: the reference attaches the networks when the process exists, and has that wait.
func (x *Isolator) Prepare(ctx context.Context, c *mesos.Container) error {
	around := owner(c)
	if around != c && len(x.interfaces(around.ID)) > 0 {
		return x.join(c, around.ID)
	}
	var wanted []*attachment
	if around == c {
		var err error
		if wanted, err = x.wanted(c.Config.GetContainerInfo()); err != nil {
			return err
		}
	}
	if len(wanted) == 0 {
		shareFiles(c)
		return nil
	}
	x.mu.Lock()
	x.attached[c.ID] = wanted
	x.mu.Unlock()
	if err := x.attachAll(ctx, c.ID, wanted); err != nil {
		return err
	}
	return x.isolate(c, wanted)
}

// wanted returns the interfaces that a container asks for.
func (x *Isolator) wanted(info *mesospb.ContainerInfo) (all []*attachment, err error) {
	for _, n := range info.GetNetworkInfos() {
		if n.Name == nil {
			continue
		}
		if _, err := x.config(n.GetName()); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(all, func(a *attachment) bool { return a.network == n.GetName() }) {
			return nil, fmt.Errorf("Attempted to join CNI network '%s' multiple times", n.GetName())
		}
		all = append(all, &attachment{network: n.GetName(), device: fmt.Sprintf("eth%d", len(all)), info: n})
	}
	return all, nil
}

// isolate has the process of a container be on its networks, and see a host name and files of its own.
func (x *Isolator) isolate(c *mesos.Container, all []*attachment) error {
	dir := x.dir(c.ID)
	c.Hostname = c.Config.GetContainerInfo().GetHostname()
	if c.Hostname == "" {
		c.Hostname = lastName(c.ID)
	}
	if err := x.writeFiles(dir, c.Hostname, all); err != nil {
		return err
	}
	c.Network = dir.namespace()
	c.Init().CloneNamespaces = append(c.Init().CloneNamespaces, unix.CLONE_NEWNS, unix.CLONE_NEWNET, unix.CLONE_NEWUTS)
	listenEverywhere(c)
	return mountFiles(c, dir)
}

// join has the process of a container be on the networks of a container around it.
func (x *Isolator) join(c *mesos.Container, around ids.Container) error {
	c.Init().EnterNamespaces = append(c.Init().EnterNamespaces, unix.CLONE_NEWNET, unix.CLONE_NEWUTS)
	listenEverywhere(c)
	if debugs(c) { // it sees the files of its parent
		return nil
	}
	c.Init().CloneNamespaces = append(c.Init().CloneNamespaces, unix.CLONE_NEWNS)
	return mountFiles(c, x.dir(around))
}

// listenEverywhere has an executor not listen on the address of the agent, which the container does not have.
func listenEverywhere(c *mesos.Container) {
	if c.Init().Environment == nil {
		c.Setup.Environment = &mesospb.Environment{}
	}
	c.Setup.Environment.Variables = append(c.Setup.Environment.Variables, &mesospb.Environment_Variable{
		Name: proto.String("LIBPROCESS_IP"), Value: proto.String("0.0.0.0"),
	})
}

// interfaces returns the interfaces of a container.
func (x *Isolator) interfaces(id ids.Container) []*attachment {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.attached[id]
}

// Networks implements [mesos.Networker].
//
// Mesos: NetworkCniIsolatorProcess::status.
func (x *Isolator) Networks(c *mesos.Container) (all []*mesospb.NetworkInfo) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, a := range x.attached[owner(c).ID] {
		if a.result == nil {
			continue
		}
		info := &mesospb.NetworkInfo{Name: &a.network}
		if a.info != nil {
			info = proto.CloneOf(a.info)
		}
		info.IpAddresses = addresses(a.result)
		all = append(all, info)
	}
	return all
}
