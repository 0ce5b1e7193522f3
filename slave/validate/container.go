package validate

import (
	"bytes"
	"errors"
	"fmt"

	"meseta/messages/mesospb"
)

// what checks the command and the container of a launch.
func what(call string, c *mesospb.CommandInfo, info *mesospb.ContainerInfo) error {
	for _, v := range c.GetEnvironment().GetVariables() {
		if err := variable(v); err != nil {
			return fmt.Errorf("'%s.command' is invalid: %w", call, err)
		}
	}
	if err := container(info); err != nil {
		return fmt.Errorf("'%s.container' is invalid: %w", call, err)
	}
	return nil
}

// variable checks a variable of an environment.
//
// Mesos: common::validation::validateEnvironment.
func variable(v *mesospb.Environment_Variable) error {
	prefix := "Environment variable '" + v.GetName() + "' of type '" + v.GetType().String() + "' "
	switch v.GetType() {
	case mesospb.Environment_Variable_VALUE:
		switch {
		case v.Value == nil:
			return errors.New(prefix + "must have a value set")
		case v.Secret != nil:
			return errors.New(prefix + "must not have a secret set")
		}
		return nil
	case mesospb.Environment_Variable_SECRET:
		switch {
		case v.Secret == nil:
			return errors.New(prefix + "must have a secret set")
		case v.Value != nil:
			return errors.New(prefix + "must not have a value set")
		}
		return secretVariable(v)
	}
	return errors.New("Environment variable of type 'UNKNOWN' is not allowed")
}

func secretVariable(v *mesospb.Environment_Variable) error {
	if err := secret(v.GetSecret()); err != nil {
		return fmt.Errorf("Environment variable '%s' specifies an invalid secret: %w", v.GetName(), err)
	}
	if bytes.IndexByte(v.GetSecret().GetValue().GetData(), 0) >= 0 {
		return fmt.Errorf("Environment variable '%s' specifies a secret containing null bytes, which is not allowed in the environment", v.GetName())
	}
	return nil
}

func secret(s *mesospb.Secret) error {
	switch s.GetType() {
	case mesospb.Secret_REFERENCE:
		switch {
		case s.Reference == nil:
			return errors.New("Secret of type REFERENCE must have the 'reference' field set")
		case s.Value != nil:
			return fmt.Errorf("Secret '%s' of type REFERENCE must not have the 'value' field set", s.GetReference().GetName())
		}
	case mesospb.Secret_VALUE:
		switch {
		case s.Value == nil:
			return errors.New("Secret of type VALUE must have the 'value' field set")
		case s.Reference != nil:
			return errors.New("Secret of type VALUE must not have the 'reference' field set")
		}
	}
	return nil
}

// container checks a container; nil is a good one.
//
// Mesos: common::validation::validateContainerInfo.
func container(info *mesospb.ContainerInfo) error {
	for _, v := range info.GetVolumes() {
		if err := volume(v); err != nil {
			return fmt.Errorf("Invalid volume: %w", err)
		}
	}
	if info == nil || info.GetType() != mesospb.ContainerInfo_DOCKER {
		return nil
	}
	if info.Docker == nil {
		return errors.New("DockerInfo 'docker' is not set for DOCKER typed ContainerInfo")
	}
	for _, p := range info.GetDocker().GetParameters() {
		if p.GetKey() == "name" {
			return errors.New("Parameter in DockerInfo must not be 'name'")
		}
	}
	return nil
}

func volume(v *mesospb.Volume) error {
	count := 0
	for _, set := range []bool{v.HostPath != nil, v.Image != nil, v.Source != nil} {
		if set {
			count++
		}
	}
	switch {
	case count != 1:
		return errors.New("Only one of them should be set: 'host_path', 'image' and 'source'")
	case v.Source == nil:
		return nil
	}
	return volumeSource(v.GetSource())
}

func volumeSource(s *mesospb.Volume_Source) error {
	kinds := map[mesospb.Volume_Source_Type]struct {
		field, name string
		set         bool
	}{
		mesospb.Volume_Source_DOCKER_VOLUME: {"docker_volume", "DOCKER_VOLUME", s.DockerVolume != nil},
		mesospb.Volume_Source_HOST_PATH:     {"host_path", "HOST_PATH", s.HostPath != nil},
		mesospb.Volume_Source_SANDBOX_PATH:  {"sandbox_path", "SANDBOX_PATH", s.SandboxPath != nil},
		mesospb.Volume_Source_SECRET:        {"secret", "SECRET", s.Secret != nil},
		mesospb.Volume_Source_CSI_VOLUME:    {"csi_volume", "CSI", s.CsiVolume != nil},
	}
	kind, known := kinds[s.GetType()]
	switch {
	case !known:
		return errors.New("'source.type' is unknown")
	case !kind.set:
		return fmt.Errorf("'source.%s' is not set for %s volume", kind.field, kind.name)
	case s.CsiVolume != nil && s.GetCsiVolume().GetStaticProvisioning() == nil:
		return errors.New("'source.csi_volume.static_provisioning' is not set for CSI volume")
	}
	return nil
}
