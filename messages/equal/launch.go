package equal

import (
	"slices"

	"meseta/messages/pb/mesospb"
)

// Command reports whether a and b run the same command.
func Command(a, b *mesospb.CommandInfo) bool {
	return a == b || a.GetValue() == b.GetValue() && a.GetUser() == b.GetUser() && a.GetShell() == b.GetShell() &&
		slices.Equal(a.GetArguments(), b.GetArguments()) &&
		same(a.GetUris(), b.GetUris(), uri) && Environment(a.GetEnvironment(), b.GetEnvironment())
}

// fetched is the identity of a URI. Whether it may come from the fetcher's cache is not part of it.
type fetched struct {
	value, output       string
	executable, extract bool
}

func uri(u *mesospb.CommandInfo_URI) fetched {
	return fetched{u.GetValue(), u.GetOutputFile(), u.GetExecutable(), u.GetExtract()}
}

// Environment reports whether a and b set the same variables to the same values. Secrets do not count.
func Environment(a, b *mesospb.Environment) bool {
	return same(a.GetVariables(), b.GetVariables(), func(v *mesospb.Environment_Variable) [2]string {
		return [2]string{v.GetName(), v.GetValue()}
	})
}

// Container reports whether a and b are the same container. Only the type, the hostname, the volumes and the Docker
// settings count, as in Mesos.
func Container(a, b *mesospb.ContainerInfo) bool {
	return a == b || a.GetType() == b.GetType() && a.GetHostname() == b.GetHostname() &&
		same(a.GetVolumes(), b.GetVolumes(), volume) && docker(a.GetDocker(), b.GetDocker())
}

type mount struct {
	container, host string
	mode            mesospb.Volume_Mode
}

func volume(v *mesospb.Volume) mount {
	return mount{v.GetContainerPath(), v.GetHostPath(), v.GetMode()}
}

func docker(a, b *mesospb.ContainerInfo_DockerInfo) bool {
	return a.GetImage() == b.GetImage() && a.GetNetwork() == b.GetNetwork() &&
		a.GetPrivileged() == b.GetPrivileged() && a.GetForcePullImage() == b.GetForcePullImage() &&
		same(a.GetPortMappings(), b.GetPortMappings(), mapping) && same(a.GetParameters(), b.GetParameters(), parameter)
}

type mapped struct {
	host, container uint32
	protocol        string
}

func mapping(m *mesospb.ContainerInfo_DockerInfo_PortMapping) mapped {
	return mapped{m.GetHostPort(), m.GetContainerPort(), m.GetProtocol()}
}

func parameter(p *mesospb.Parameter) [2]string { return [2]string{p.GetKey(), p.GetValue()} }

// Discovery reports whether a and b make a task or executor discoverable in the same way.
func Discovery(a, b *mesospb.DiscoveryInfo) bool {
	return a == b || a.GetVisibility() == b.GetVisibility() && a.GetName() == b.GetName() &&
		a.GetEnvironment() == b.GetEnvironment() && a.GetLocation() == b.GetLocation() && a.GetVersion() == b.GetVersion() &&
		same(a.GetPorts().GetPorts(), b.GetPorts().GetPorts(), port) && Labels(a.GetLabels(), b.GetLabels())
}

type open struct {
	number         uint32
	name, protocol string
	visibility     mesospb.DiscoveryInfo_Visibility
}

func port(p *mesospb.Port) open {
	return open{p.GetNumber(), p.GetName(), p.GetProtocol(), p.GetVisibility()}
}

// Labels reports whether a and b have the same labels.
func Labels(a, b *mesospb.Labels) bool {
	return same(a.GetLabels(), b.GetLabels(), func(l *mesospb.Label) [2]string { return [2]string{l.GetKey(), l.GetValue()} })
}
