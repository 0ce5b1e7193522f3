// Package request turns what Mesos says about a container into what a Docker engine has to create.
//
// The result is what the command docker run makes of the options that Mesos gives it.
package request

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/docker/engine"
)

// Options describe a container.
type Options struct {
	Container *mesospb.ContainerInfo // of the type DOCKER
	Command   *mesospb.CommandInfo
	Name      string // of the container
	Sandbox   string // its path on the agent
	Mapped    string // its path in the container
	Resources []*mesospb.Resource
	Limits    map[string]*mesospb.Value_Scalar
	CFS       bool // the container gets no more processors than it requested (--cgroups_enable_cfs)
	// DNS has the name servers of containers whose parameters name none (--default_container_dns).
	DNS []*internalpb.ContainerDNSInfo_DockerInfo
	// Environment takes precedence over the command's.
	Environment map[string]string
	// Binds are volumes in addition to those of the container.
	Binds []string
}

// New returns the request for a container, or an error with Mesos's text.
//
// Mesos: Docker::RunOptions::create.
func New(o Options) (*engine.Create, error) {
	info := o.Container.GetDocker()
	if o.Container == nil || o.Container.Docker == nil {
		return nil, errors.New("No docker info found in container info")
	}
	r := &engine.Create{Image: info.GetImage(), AttachStdout: true, AttachStderr: true}
	r.HostConfig.Privileged = info.GetPrivileged()
	r.HostConfig.RestartPolicy = &engine.RestartPolicy{Name: "no"}
	steps := []func(*engine.Create) error{o.setLimits, o.setEnvironment, o.setVolumes, o.setNetwork, o.setHostname, o.setPorts, o.setCommand, o.setParameters, o.setDNS}
	for _, step := range steps {
		if err := step(r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// setLimits sets what the container may use.
func (o Options) setLimits(r *engine.Create) error {
	limits, score, err := Limits(o.Resources, o.Limits, o.CFS)
	r.HostConfig.Limits, r.HostConfig.OomScoreAdj = limits, score
	return err
}

// setEnvironment sets the variables, in order.
//
// Differs: Mesos passes empty values for secrets. They are refused, because they would be in the description of the
// container, which schedulers and operators can read.
func (o Options) setEnvironment(r *engine.Create) error {
	env := map[string]string{}
	for _, v := range o.Command.GetEnvironment().GetVariables() {
		if v.GetType() == mesospb.Environment_Variable_SECRET {
			return fmt.Errorf("Environment variable '%s' is a secret, which the docker containerizer does not support", v.GetName())
		}
		env[v.GetName()] = v.GetValue()
	}
	maps.Copy(env, o.Environment)
	env["MESOS_SANDBOX"], env["MESOS_CONTAINER_NAME"] = o.Mapped, o.Name
	if len(o.Resources) > 0 {
		env["MESOS_ALLOCATION_ROLE"] = o.Resources[0].GetAllocationInfo().GetRole()
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		r.Env = append(r.Env, name+"="+env[name])
	}
	return nil
}

// setCommand sets the command. A shell takes the place of the entry point of the image.
func (o Options) setCommand(r *engine.Create) error {
	c := o.Command
	if !c.GetShell() {
		if c.Value != nil {
			r.Cmd = append(r.Cmd, c.GetValue())
		}
		r.Cmd = append(r.Cmd, c.GetArguments()...)
		return nil
	}
	if c.Value == nil {
		return errors.New("Shell specified but no command value provided")
	}
	r.Entrypoint, r.Cmd = []string{"/bin/sh"}, []string{"-c", c.GetValue()}
	return nil
}

// setParameters applies the options of docker run that the framework gives.
func (o Options) setParameters(r *engine.Create) error {
	for _, p := range o.Container.GetDocker().GetParameters() {
		if isNetwork(p.GetKey()) {
			continue // see setNetwork
		}
		set, known := parameters[p.GetKey()]
		if !known {
			return fmt.Errorf("Parameter '%s' in DockerInfo is not supported by this agent", p.GetKey())
		}
		if err := set(r, p.GetValue()); err != nil {
			return fmt.Errorf("Parameter '%s' in DockerInfo: '%s': %w", p.GetKey(), p.GetValue(), err)
		}
	}
	return nil
}

func isNetwork(parameter string) bool { return parameter == "net" || parameter == "network" }

// setHostname sets the name of the container's host.
func (o Options) setHostname(r *engine.Create) error {
	if o.Container.Hostname == nil {
		return nil
	}
	if o.mode() == mesospb.ContainerInfo_DockerInfo_HOST {
		return errors.New("Unable to set hostname with host network mode")
	}
	r.Hostname = o.Container.GetHostname()
	return nil
}

// mode returns the kind of network, which is that of the host by default.
func (o Options) mode() mesospb.ContainerInfo_DockerInfo_Network {
	return o.Container.GetDocker().GetNetwork()
}

// setNetwork sets the network. One that is named by a parameter counts.
func (o Options) setNetwork(r *engine.Create) (err error) {
	r.HostConfig.NetworkMode, err = o.network()
	for _, p := range o.Container.GetDocker().GetParameters() {
		if isNetwork(p.GetKey()) {
			r.HostConfig.NetworkMode = p.GetValue()
			break
		}
	}
	return err
}

func (o Options) network() (string, error) {
	switch mode := o.mode(); mode {
	case mesospb.ContainerInfo_DockerInfo_HOST, mesospb.ContainerInfo_DockerInfo_BRIDGE, mesospb.ContainerInfo_DockerInfo_NONE:
		return strings.ToLower(mode.String()), nil
	case mesospb.ContainerInfo_DockerInfo_USER:
		switch infos := o.Container.GetNetworkInfos(); {
		case len(infos) == 0:
			return "", errors.New("No network info found in container info")
		case len(infos) > 1:
			return "", errors.New("Only a single network can be defined in Docker run")
		case infos[0].Name == nil:
			return "", errors.New("No network name found in network info")
		default:
			return infos[0].GetName(), nil
		}
	default:
		return "", fmt.Errorf("Unsupported Network mode: %s", mode)
	}
}

// setPorts publishes ports, which must be among the resources.
func (o Options) setPorts(r *engine.Create) error {
	mappings := o.Container.GetDocker().GetPortMappings()
	if len(mappings) == 0 {
		return nil
	}
	if mode := o.mode(); mode == mesospb.ContainerInfo_DockerInfo_HOST || mode == mesospb.ContainerInfo_DockerInfo_NONE {
		return errors.New("Port mappings are only supported for bridge and user-defined networks")
	}
	ports := o.ports()
	if len(ports) == 0 {
		return errors.New("Port mappings require port resources")
	}
	for _, m := range mappings {
		if !slices.ContainsFunc(ports, func(p *mesospb.Value_Range) bool {
			return uint64(m.GetHostPort()) >= p.GetBegin() && uint64(m.GetHostPort()) <= p.GetEnd()
		}) {
			return fmt.Errorf("Port [%d] not included in resources", m.GetHostPort())
		}
		protocol := "tcp"
		if m.Protocol != nil {
			protocol = strings.ToLower(m.GetProtocol())
		}
		publish(r, fmt.Sprintf("%d/%s", m.GetContainerPort(), protocol), engine.Binding{HostPort: fmt.Sprint(m.GetHostPort())})
	}
	return nil
}

func (o Options) ports() (all []*mesospb.Value_Range) {
	for _, r := range o.Resources {
		if r.GetName() == "ports" {
			all = append(all, r.GetRanges().GetRange()...)
		}
	}
	return all
}

// publish makes a port of the container one of the host.
func publish(r *engine.Create, port string, b engine.Binding) {
	expose(r, port)
	if r.HostConfig.PortBindings == nil {
		r.HostConfig.PortBindings = map[string][]engine.Binding{}
	}
	r.HostConfig.PortBindings[port] = append(r.HostConfig.PortBindings[port], b)
}

func expose(r *engine.Create, port string) {
	if r.ExposedPorts == nil {
		r.ExposedPorts = map[string]struct{}{}
	}
	r.ExposedPorts[port] = struct{}{}
}
