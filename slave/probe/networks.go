package probe

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
)

// interfaces is where Linux describes network interfaces.
const interfaces = "/sys/class/net"

// Networks implements [System]. The network of a bridge counts as a whole, if the bridge connects only what is on this machine, as
// those of Docker and of CNI do.
func (Local) Networks() (all []netip.Prefix, err error) {
	found, err := net.Interfaces()
	errs := []error{err}
	for _, i := range found {
		addresses, err := i.Addrs()
		errs = append(errs, err)
		for _, a := range addresses {
			if p, err := netip.ParsePrefix(a.String()); err == nil {
				all = append(all, reach(p, connectsContainers(interfaces, i.Name)))
			}
		}
	}
	return all, errors.Join(errs...)
}

// reach returns which addresses are on this machine if an interface has that one.
func reach(p netip.Prefix, bridge bool) netip.Prefix {
	if bridge {
		return p.Masked()
	}
	return netip.PrefixFrom(p.Addr(), p.Addr().BitLen())
}

// connectsContainers reports whether an interface is a bridge all of whose ports belong to this machine: none is a device, or
// stands on others that may be, as those do that have a type (vlan, bond, vxlan).
func connectsContainers(interfaces, name string) bool {
	if _, err := os.Stat(filepath.Join(interfaces, name, "bridge")); err != nil {
		return false
	}
	ports, err := os.ReadDir(filepath.Join(interfaces, name, "brif"))
	if err != nil {
		return false
	}
	for _, p := range ports {
		port := filepath.Join(interfaces, p.Name())
		if _, err := os.Lstat(filepath.Join(port, "device")); err == nil {
			return false
		}
		about, err := os.ReadFile(filepath.Join(port, "uevent"))
		if err != nil || strings.Contains(string(about), "DEVTYPE=") {
			return false
		}
	}
	return true
}
