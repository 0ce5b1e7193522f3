package isolation

import (
	"errors"
	"fmt"
	"path/filepath"

	"meseta/messages/pb/internalpb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/network/cni"
)

// NetworkConfig says which networks containers can have.
type NetworkConfig struct {
	Plugins string // directories with CNI plugins, separated by colons (--network_cni_plugins_dir); "" means that there is no network
	Configs string // directory with the configurations of networks (--network_cni_config_dir)
	// Persist has the records of attached containers be in the work directory rather than in the runtime directory, so that a
	// start of the system does not lose them (--network_cni_root_dir_persist).
	Persist bool
	// Statistics has the statistics of containers say how much they have sent and received (--network_cni_metrics).
	Statistics bool
	// DNS has the name servers of containers whose networks name none (--default_container_dns); nil means the agent's.
	DNS *internalpb.ContainerDNSInfo
}

const (
	networks    = "network/cni"
	portMapping = "network/port_mapping"
)

// PortMappingReason says why the isolator network/port_mapping, and flags that belong to it, are refused.
const PortMappingReason = "this agent does not share its own IP address among containers by the filters of network/port_mapping; give containers networks with network/cni, and map ports with the plugin mesos-cni-port-mapper or portmap"

func (c Config) checkNetworks() error {
	n := c.Networks
	if (n.Plugins != "" || n.Configs != "") && c.Launcher != string(mesos.Linux) {
		return errors.New("network_cni_config_dir: networks of containers need the linux launcher; start the agent with --launcher=linux")
	}
	return nil
}

// addNetworks adds the isolator network/cni. As in Mesos, every agent has it: without networks, it has containers with
// images see the agent's /etc/hosts, /etc/hostname and /etc/resolv.conf.
func (c Config) addNetworks(n *runtime.Node, o *mesos.Options) error {
	root := o.RuntimeDir
	if c.Networks.Persist {
		root = o.WorkDir
	}
	if root != "" {
		root = filepath.Join(root, "isolators", "network", "cni")
	}
	x, err := cni.New(cni.Options{
		PluginDirs: filepath.SplitList(c.Networks.Plugins), ConfigDir: c.Networks.Configs, Root: root, Statistics: c.Networks.Statistics,
		DNS: c.Networks.DNS.GetMesos(), Disk: disk.Of(n),
	})
	if err != nil {
		return fmt.Errorf("Failed to create isolator '%s': %w", networks, err)
	}
	o.Isolators = append(o.Isolators, x)
	return nil
}
