package request

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/docker/engine"
)

// setVolumes sets the volumes, then the sandbox, and then those within it.
func (o Options) setVolumes(r *engine.Create) error {
	driver := ""
	for _, v := range o.Container.GetVolumes() {
		source, options, err := o.source(v)
		if err != nil {
			return err
		}
		if d := v.GetSource().GetDockerVolume(); d != nil && d.Driver != nil {
			if driver != "" && driver != d.GetDriver() {
				return errors.New("Only one volume driver is supported")
			}
			driver = d.GetDriver()
		}
		bind(r, source, o.target(v), options)
	}
	bind(r, o.Sandbox, o.Mapped, "")
	r.HostConfig.Binds = append(r.HostConfig.Binds, o.Binds...)
	if d := o.Container.GetDocker(); d.VolumeDriver != nil {
		if driver != "" && driver != d.GetVolumeDriver() {
			return errors.New("Only one volume driver per task is supported")
		}
		driver = d.GetVolumeDriver()
	}
	r.HostConfig.VolumeDriver = driver
	return nil
}

// target returns where a volume is in the container. A relative path is one in the sandbox.
func (o Options) target(v *mesospb.Volume) string {
	if filepath.IsAbs(v.GetContainerPath()) {
		return v.GetContainerPath()
	}
	return filepath.Join(o.Mapped, v.GetContainerPath())
}

// source returns the directory of the host or the name of a volume, and the options of the mount.
//
// Differs: Mesos ignores volumes of other kinds. Directories of the host with propagation, and such of the sandbox, are
// mounted; all others are refused.
func (o Options) source(v *mesospb.Volume) (source, options string, err error) {
	switch v.GetMode() {
	case mesospb.Volume_RW:
		options = "rw"
	case mesospb.Volume_RO:
		options = "ro"
	default:
		return "", "", errors.New("Unsupported volume mode")
	}
	if v.HostPath != nil {
		source, err = o.hostPath(v)
		return source, options, err
	}
	switch s := v.GetSource(); {
	case s == nil:
		return "", "", errors.New("Host path or volume source is required")
	case s.GetType() == mesospb.Volume_Source_DOCKER_VOLUME:
		return s.GetDockerVolume().GetName(), options, nil
	case s.GetType() == mesospb.Volume_Source_HOST_PATH && filepath.IsAbs(s.GetHostPath().GetPath()):
		return s.GetHostPath().GetPath(), options + propagation(s.GetHostPath().GetMountPropagation()), nil
	case s.GetType() == mesospb.Volume_Source_SANDBOX_PATH && s.GetSandboxPath().GetType() == mesospb.Volume_Source_SandboxPath_SELF:
		source, err = o.within(s.GetSandboxPath().GetPath())
		return source, options, err
	default:
		return "", "", fmt.Errorf("Volumes with source '%s' are not supported by the docker containerizer", s.GetType())
	}
}

func propagation(p *mesospb.MountPropagation) string {
	switch p.GetMode() {
	case mesospb.MountPropagation_HOST_TO_CONTAINER:
		return ",rslave"
	case mesospb.MountPropagation_BIDIRECTIONAL:
		return ",rshared"
	default:
		return ""
	}
}

// hostPath returns the directory of a volume. A relative path is one in the sandbox, or what the volume driver makes of it.
func (o Options) hostPath(v *mesospb.Volume) (string, error) {
	path := v.GetHostPath()
	switch {
	case filepath.IsAbs(path):
		return path, nil
	case !filepath.IsAbs(v.GetContainerPath()):
		return "", fmt.Errorf("Both host_path '%s' and container_path '%s' of a volume are relative", path, v.GetContainerPath())
	case o.Container.GetDocker().VolumeDriver != nil:
		return path, nil
	}
	return o.within(path)
}

// within returns a directory of the sandbox.
//
// Differs: Mesos lets relative paths lead out of the sandbox.
func (o Options) within(path string) (string, error) {
	if !filepath.IsLocal(path) {
		return "", fmt.Errorf("the path '%s' of a volume leads out of the sandbox", path)
	}
	return filepath.Join(o.Sandbox, path), nil
}

// bind adds a volume. A path with a colon, which separates the parts of a bind, needs a mount.
//
// Differs: Mesos gives such a sandbox another name, by a symbolic link.
func bind(r *engine.Create, source, target, options string) {
	if strings.Contains(source, ":") {
		r.HostConfig.Mounts = append(r.HostConfig.Mounts, engine.Mount{
			Type: "bind", Source: source, Target: target, ReadOnly: strings.HasPrefix(options, "ro"),
		})
		return
	}
	text := source + ":" + target
	if options != "" {
		text += ":" + options
	}
	r.HostConfig.Binds = append(r.HostConfig.Binds, text)
}
