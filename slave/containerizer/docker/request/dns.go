package request

import (
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/docker/engine"
)

// setDNS sets the agent's name servers for the network of the container, unless a parameter sets anything about them.
func (o Options) setDNS(r *engine.Create) error {
	h := &r.HostConfig
	if len(h.DNS)+len(h.DNSOptions)+len(h.DNSSearch) > 0 {
		return nil
	}
	dns := o.defaultDNS(h.NetworkMode)
	h.DNS, h.DNSSearch, h.DNSOptions = dns.GetNameservers(), dns.GetSearch(), dns.GetOptions()
	return nil
}

// defaultDNS returns the name servers that the agent has for a network, or nil. Those for user-defined networks that do not
// say for which are for all others.
func (o Options) defaultDNS(network string) (dns *internalpb.ContainerDNSInfo_DockerInfo_DNS) {
	for _, info := range o.DNS {
		bridge := info.GetNetworkMode() == internalpb.ContainerDNSInfo_DockerInfo_BRIDGE && o.mode() == mesospb.ContainerInfo_DockerInfo_BRIDGE
		user := info.GetNetworkMode() == internalpb.ContainerDNSInfo_DockerInfo_USER && o.mode() == mesospb.ContainerInfo_DockerInfo_USER
		switch {
		case bridge, user && info.NetworkName != nil && info.GetNetworkName() == network:
			return info.GetDns()
		case user && info.NetworkName == nil:
			dns = info.GetDns()
		}
	}
	return dns
}
