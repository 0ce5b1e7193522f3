package validate

import (
	"errors"
	"fmt"

	"meseta/messages/mesospb"
)

// Container says what is wrong with a container; nil is a good one.
func Container(c *mesospb.ContainerInfo) error {
	for _, v := range c.GetVolumes() {
		if err := Volume(v); err != nil {
			return fmt.Errorf("volume %q: %w", v.GetContainerPath(), err)
		}
	}
	if c == nil || c.GetType() != mesospb.ContainerInfo_DOCKER {
		return nil
	}
	if c.Docker == nil {
		return errors.New("a container of type DOCKER must have the field docker")
	}
	for _, p := range c.GetDocker().GetParameters() {
		if p.GetKey() == "name" {
			return errors.New("the parameter 'name' of Docker must not be set: the agent names its containers")
		}
	}
	return nil
}

// Volume says what is wrong with a volume.
func Volume(v *mesospb.Volume) error {
	sources := 0
	for _, set := range []bool{v.HostPath != nil, v.Image != nil, v.Source != nil} {
		if set {
			sources++
		}
	}
	if sources != 1 {
		return errors.New("exactly one of host_path, image and source must be set")
	}
	if v.Source == nil {
		return nil
	}
	return volumeSource(v.Source)
}

func volumeSource(s *mesospb.Volume_Source) error {
	present, known := map[mesospb.Volume_Source_Type]bool{
		mesospb.Volume_Source_DOCKER_VOLUME: s.DockerVolume != nil,
		mesospb.Volume_Source_HOST_PATH:     s.HostPath != nil,
		mesospb.Volume_Source_SANDBOX_PATH:  s.SandboxPath != nil,
		mesospb.Volume_Source_SECRET:        s.Secret != nil,
		mesospb.Volume_Source_CSI_VOLUME:    s.CsiVolume != nil,
	}[s.GetType()]
	switch {
	case !known:
		return errors.New("the type of the source is unknown")
	case !present:
		return fmt.Errorf("a source of type %s must have the field of that name", s.GetType())
	case s.GetType() == mesospb.Volume_Source_CSI_VOLUME && s.GetCsiVolume().GetStaticProvisioning() == nil:
		return errors.New("a CSI volume must have the field static_provisioning")
	}
	return nil
}
