package validate

import (
	"errors"
	"fmt"

	"meseta/messages/pb/mesospb"
)

// CheckContainer returns an error if a container is invalid.
//
// Mesos: common::validation::validateContainerInfo.
func CheckContainer(c *mesospb.ContainerInfo) error {
	for _, v := range c.GetVolumes() {
		if err := mounted(v); err != nil {
			return fmt.Errorf("Invalid volume: %w", err)
		}
	}
	if c == nil || c.GetType() != mesospb.ContainerInfo_DOCKER {
		return nil
	}
	if c.Docker == nil {
		return errors.New("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo")
	}
	for _, p := range c.GetDocker().GetParameters() {
		if p.GetKey() == "name" { // the agent names its containers
			return errors.New("Parameter in DockerInfo must not be 'name'")
		}
	}
	return nil
}

// mounted returns an error if a volume of a container is invalid.
//
// Mesos: common::validation::validateVolume.
func mounted(v *mesospb.Volume) error {
	sources := 0
	for _, set := range []bool{v.HostPath != nil, v.Image != nil, v.Source != nil} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("Only one of them should be set: 'host_path', 'image' and 'source'")
	}
	if v.Source == nil {
		return nil
	}
	return volumeSource(v.Source)
}

func volumeSource(s *mesospb.Volume_Source) error {
	missing := func(field, kind string) error {
		return fmt.Errorf("'source.%s' is not set for %s volume", field, kind)
	}
	switch s.GetType() {
	case mesospb.Volume_Source_DOCKER_VOLUME:
		if s.DockerVolume == nil {
			return missing("docker_volume", "DOCKER_VOLUME")
		}
	case mesospb.Volume_Source_HOST_PATH:
		if s.HostPath == nil {
			return missing("host_path", "HOST_PATH")
		}
	case mesospb.Volume_Source_SANDBOX_PATH:
		if s.SandboxPath == nil {
			return missing("sandbox_path", "SANDBOX_PATH")
		}
	case mesospb.Volume_Source_SECRET:
		if s.Secret == nil {
			return missing("secret", "SECRET")
		}
	case mesospb.Volume_Source_CSI_VOLUME:
		switch {
		case s.CsiVolume == nil:
			return missing("csi_volume", "CSI")
		case s.GetCsiVolume().GetStaticProvisioning() == nil:
			return missing("csi_volume.static_provisioning", "CSI")
		}
	default:
		return errors.New("'source.type' is unknown")
	}
	return nil
}
