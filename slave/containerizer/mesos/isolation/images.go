package isolation

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"meseta/actors/metrics"
	"meseta/messages/ids"
	"meseta/messages/pb/internalpb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/images"
	"meseta/slave/provisioner"
	"meseta/slave/provisioner/backend"
	"meseta/slave/provisioner/docker"
)

// ImageConfig says which images containers can have.
type ImageConfig struct {
	Providers     string                    // kinds of images, separated by commas (--image_providers); "" means that there are none
	Backend       string                    // that makes file systems (--image_provisioner_backend); "" means the best that works
	GC            *internalpb.ImageGcConfig // when images are deleted (--image_gc_config); nil means never
	IgnoreRuntime bool                      // what images say about commands is ignored (--docker_ignore_runtime)
	Docker        docker.Options            // of the store of Docker images
}

// dockerRuntime is the isolator that knows what Docker images say about commands.
const dockerRuntime = "docker/runtime"

func defaultImages() ImageConfig {
	return ImageConfig{Docker: docker.Options{
		Registry: "https://registry-1.docker.io", Dir: filepath.Join(os.TempDir(), "mesos", "store", "docker"),
	}}
}

// checkImages returns an error for images that no container could have.
//
// Mesos: Store::create, Provisioner::create.
//
// Differs: APPC is refused, because the libraries and the registries of that format are gone.
func (c Config) checkImages() error {
	if c.Images.Providers == "" {
		return nil
	}
	for name := range strings.SplitSeq(c.Images.Providers, ",") {
		switch strings.ToUpper(strings.TrimSpace(name)) {
		case "DOCKER":
		case "APPC":
			return errors.New("image_providers: Unsupported container image type: APPC; the format is not maintained any more, nor are libraries for it: convert such images to Docker images")
		default:
			return fmt.Errorf("image_providers: Unknown image type '%s'; this agent has DOCKER", name)
		}
	}
	if !c.Has(mounts) {
		return errors.New("image_providers: images need the isolator filesystem/linux (--isolation), which gives containers their file systems")
	}
	if c.Images.Backend != "" {
		if _, err := backend.New(c.Images.Backend); err != nil {
			return fmt.Errorf("image_provisioner_backend: %w", err)
		}
	}
	if h := c.Images.GC.GetImageDiskHeadroom(); h < 0 || h > 1 {
		return fmt.Errorf("image_gc_config: image_disk_headroom %g is not between 0 and 1", h)
	}
	if err := c.Images.Docker.Check(); err != nil {
		return fmt.Errorf("docker_registry: %w", err)
	}
	return nil
}

// addImages adds what gives containers images, before the isolators that use them.
func (c Config) addImages(n *runtime.Node, o *mesos.Options) error {
	if c.Images.Providers == "" {
		return nil
	}
	store := c.Images.Docker
	store.Secrets, store.StallTimeout = o.Secrets, o.StallTimeout
	kept, err := docker.New(n, store)
	if err != nil {
		return fmt.Errorf("Failed to create provisioner: Failed to create image stores: %w", err)
	}
	p, err := provisioner.New(provisioner.Options{
		WorkDir: o.WorkDir, StoreDir: store.Dir, Backend: c.Images.Backend, Disk: disk.Of(n),
		Stores:   map[mesospb.Image_Type]provisioner.Store{mesospb.Image_DOCKER: kept},
		Excluded: c.Images.GC.GetExcludedImages(),
		NewName:  func() string { return ids.NewUUID(n.Rand()).String() },
	})
	if err != nil {
		return fmt.Errorf("Failed to create provisioner: %w", err)
	}
	o.Images = p
	o.Isolators = append(o.Isolators, images.Rootfs{Provisioner: p})
	if c.Has(dockerRuntime) && !c.Images.IgnoreRuntime {
		o.Isolators = append(o.Isolators, images.Docker{})
	}
	return nil
}

// collectImages has images pruned when their disk is full, and exports how many file systems could not be removed.
func (c Config) collectImages(n *runtime.Node, images mesos.Images, containers containerizer.Containerizer) error {
	p, found := images.(*provisioner.Provisioner)
	metrics.ExportOf(n, func(s *metrics.Sample) {
		var failed, bound uint64
		if found {
			failed, bound = p.Failed()
		}
		s.Counter("containerizer/mesos/provisioner/remove_container_errors", failed)
		s.Counter("containerizer/mesos/provisioner/bind/remove_rootfs_errors", bound)
	})
	if !found {
		return nil
	}
	prune := containers.(containerizer.ImagePruner).PruneImages
	_, err := runtime.Spawn(n, n.NewID("image-collector"), &provisioner.Collector{Provisioner: p, Config: c.Images.GC, Prune: prune})
	return err
}
