package docker

import (
	"encoding/json"
	"fmt"

	"meseta/messages/pb/dockerv1pb"
)

// manifest is what Mesos takes from the configuration of an image, in any of its versions.
type manifest struct {
	ID, Parent, Comment, Created, Container, Author, Architecture, OS *string

	DockerVersion   *string `json:"docker_version"`
	Config          *runConfig
	ContainerConfig *runConfig `json:"container_config"`
}

type runConfig struct {
	Hostname, User, WorkingDir, Image *string
	Entrypoint, Env, Cmd              []string
	Labels                            map[string]string
}

// parseManifest returns the configuration of an image, without what Mesos does not know.
//
// Mesos: docker::spec::v1::parse.
//
// Differs: an image without a configuration to run is one with an empty one; Mesos's agent aborts.
func parseManifest(content []byte) (*dockerv1pb.ImageManifest, error) {
	var m manifest
	if err := json.Unmarshal(content, &m); err != nil {
		return nil, fmt.Errorf("JSON parse failed: %w", err)
	}
	p := &dockerv1pb.ImageManifest{
		Id: m.ID, Parent: m.Parent, Comment: m.Comment, Created: m.Created, Container: m.Container, DockerVersion: m.DockerVersion,
		Author: m.Author, Architecture: m.Architecture, Os: m.OS, ContainerConfig: m.ContainerConfig.proto(), Config: m.Config.proto(),
	}
	if p.Config == nil {
		p.Config = &dockerv1pb.ImageManifest_Config{}
	}
	return p, nil
}

func (c *runConfig) proto() *dockerv1pb.ImageManifest_Config {
	if c == nil {
		return nil
	}
	return &dockerv1pb.ImageManifest_Config{
		Hostname: c.Hostname, Entrypoint: c.Entrypoint, Env: c.Env, User: c.User, Cmd: c.Cmd, WorkingDir: c.WorkingDir,
		Image: c.Image, Labels: c.Labels,
	}
}
