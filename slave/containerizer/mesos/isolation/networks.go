package isolation

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/values"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/network/cni"
	"meseta/slave/containerizer/mesos/isolators/network/ports"
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

// PortsConfig says how the isolator network/ports watches the ports on which containers listen.
type PortsConfig struct {
	Interval time.Duration // between two looks (--container_ports_watch_interval); 0 means a millisecond
	Enforce  bool          // a container that listens on a port that it was not given is ended (--enforce_container_ports)
	// AgentOnly has only the ports be watched that the agent offers (--check_agent_port_range_only).
	AgentOnly bool
	// Range has the ports that are watched, such as [31000-32000] (--container_ports_isolated_range); "" means all. It cannot be combined
	// with AgentOnly.
	Range string
	Agent resources.Ranges // the ports that the agent offers, for AgentOnly; no flag sets it
}

const (
	networks  = "network/cni"
	listening = "network/ports"
)

// configured reports whether containers can have networks of their own.
func (n NetworkConfig) configured() bool { return n.Plugins != "" || n.Configs != "" }

func (c Config) checkNetworks() error {
	n := c.Networks
	if n.configured() && c.Kind() != mesos.Linux {
		return errors.New("network_cni_config_dir: networks of containers need the linux launcher; start the agent with --launcher=linux")
	}
	if c.Ports.AgentOnly && c.Ports.Range != "" {
		return errors.New("container_ports_isolated_range: Only one of `--check_agent_port_range_only` or `--container_ports_isolated_range` should be specified")
	}
	if _, err := c.Ports.isolated(); err != nil {
		return fmt.Errorf("container_ports_isolated_range: %w", err)
	}
	if err := checkDNS(n.DNS); err != nil {
		return fmt.Errorf("default_container_dns: %w", err)
	}
	return nil
}

// isolated returns the ports that are watched, or nil if all are.
func (p PortsConfig) isolated() (*resources.Ranges, error) {
	switch {
	case p.AgentOnly:
		return &p.Agent, nil
	case p.Range == "":
		return nil, nil
	}
	v, err := values.Parse(p.Range)
	if err != nil {
		return nil, fmt.Errorf("Failed to parse isolated ports range '%s': %w", p.Range, err)
	}
	if v.GetType() != mesospb.Value_RANGES {
		return nil, fmt.Errorf("Invalid port range resource type %s of '%s', expecting RANGES, such as [31000-32000]", v.GetType(), p.Range)
	}
	ports := resources.RangesOf(values.RangesOf(v.GetRanges())...)
	return &ports, nil
}

// addPorts adds the isolator network/ports, if it was named.
func (c Config) addPorts(n *runtime.Node, o *mesos.Options) error {
	if !c.Has(listening) {
		return nil
	}
	isolated, err := c.Ports.isolated()
	if err != nil {
		return err
	}
	x, err := ports.New(ports.Options{
		Tree: o.Groups, Interval: max(c.Ports.Interval, shortestInterval), Enforce: c.Ports.Enforce, Isolated: isolated, Clock: n.Clock(),
	})
	if err != nil {
		return failed(listening, err)
	}
	o.Isolators = append(o.Isolators, x)
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
		return failed(networks, err)
	}
	o.Isolators = append(o.Isolators, x)
	return nil
}
