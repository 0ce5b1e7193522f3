// Package provisioner gives containers the file systems of images.
//
// A [Store] has the layers of images, a backend makes a file system of them, and a [Provisioner] knows which containers
// have which:
//
//	<work_dir>/provisioner/containers/<id>/layers                                ContainerLayers
//	                                       backends/<backend>/rootfses/<uuid>    the file system
//	                                       backends/<backend>/scratch/<uuid>     what the backend needs besides
//	                                       containers/<id>/…                     the containers nested in it
//
// Mesos: src/slave/containerizer/mesos/provisioner.
package provisioner

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/containerizer/runtimedir"
	"meseta/slave/provisioner/backend"
)

// Options configures a provisioner.
type Options struct {
	WorkDir  string                       // of the agent
	StoreDir string                       // whose disk holds the images
	Backend  string                       // that is wanted (--image_provisioner_backend); "" means the best that works
	Stores   map[mesospb.Image_Type]Store // of the kinds of images that containers may have (--image_providers)
	Disk     disk.Disk                    // for records
	NewName  func() string                // returns a name for a file system that no other has
	Excluded []*mesospb.Image             // from pruning, if a call excludes none (--image_gc_config)
}

// Provisioner gives containers the file systems of images. Its methods block, and may be called from any goroutine.
//
// Mesos: ProvisionerProcess.
type Provisioner struct {
	options Options
	dir     Dir
	backend backend.Backend
	name    string // of the backend
	log     atomic.Pointer[zerolog.Logger]
	failed  atomic.Uint64 // containers
	bound   atomic.Uint64 // file systems of the backend bind

	pruning sync.RWMutex // read while an image is in use that no record says yet
	mu      sync.Mutex
	layers  map[ids.Container][]string // what containers use: the files of layers, and configurations of images
}

// Provision is a file system of a container.
type Provision struct {
	Rootfs    string
	Ephemeral []string // directories with what the container changes, if they are not in Rootfs
	Image     Image
}

// New returns a provisioner.
//
// Mesos: Provisioner::create.
func New(o Options) (*Provisioner, error) {
	root := filepath.Join(o.WorkDir, "provisioner")
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create provisioner root directory '%s': %w", root, err)
	}
	real, err := filepath.EvalSymlinks(root)
	if err != nil {
		return nil, fmt.Errorf("Failed to resolve the realpath of provisioner root directory '%s': %w", root, err)
	}
	name, err := backend.Choose(o.Backend, real)
	if err != nil {
		return nil, err
	}
	b, err := backend.New(name)
	if err != nil {
		return nil, err
	}
	p, quiet := &Provisioner{options: o, dir: Dir(real), backend: b, name: name, layers: map[ids.Container][]string{}}, zerolog.Nop()
	p.log.Store(&quiet)
	return p, nil
}

// UseLog says where the provisioner writes what it does. Before, nothing is written.
func (p *Provisioner) UseLog(log zerolog.Logger) {
	p.log.Store(&log)
	log.Info().Str("backend", p.name).Msg("images are provisioned")
}

// Failed returns how many containers' file systems could not be removed, and how many file systems of the backend bind.
func (p *Provisioner) Failed() (all, bound uint64) { return p.failed.Load(), p.bound.Load() }

// Full returns the used part of the disk that holds the images, between 0 and 1.
func (p *Provisioner) Full() (float64, error) {
	var about unix.Statfs_t
	if err := unix.Statfs(p.options.StoreDir, &about); err != nil {
		return 0, fmt.Errorf("disk usage of '%s': %w", p.options.StoreDir, err)
	}
	return 1 - float64(about.Bavail)/float64(max(about.Blocks, 1)), nil
}

// Provision makes a file system of an image for a container. A container can have several. After an error, Destroy removes
// what is left.
//
// Mesos: ProvisionerProcess::provision.
func (p *Provisioner) Provision(ctx context.Context, id ids.Container, image *mesospb.Image) (Provision, error) {
	store := p.options.Stores[image.GetType()]
	if store == nil {
		return Provision{}, fmt.Errorf("Unsupported container image type: %s", image.GetType())
	}
	p.pruning.RLock()
	defer p.pruning.RUnlock()
	found, err := store.Get(ctx, image, p.backend.Whiteouts())
	if err != nil {
		return Provision{}, err
	}
	at := p.dir.Rootfs(id, p.name, p.options.NewName())
	p.log.Load().Info().Stringer("container_id", id).Str("rootfs", at).Msg("provisioning image")
	if err := p.use(id, found); err != nil {
		return Provision{}, err
	}
	changes, err := p.backend.Provision(ctx, found.Layers, at, p.dir.Backend(id, p.name))
	return Provision{Rootfs: at, Ephemeral: changes, Image: found}, err
}

// use records which layers a container uses, before it does.
//
// Differs: Mesos records only the latest image of a container, and after it has provisioned it.
func (p *Provisioner) use(id ids.Container, i Image) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	record := &slavepb.ContainerLayers{Paths: slices.Concat(p.layers[id], i.Layers)}
	all := record.Paths
	if i.Config != "" {
		record.Config = &i.Config
		all = append(slices.Clone(all), i.Config)
	}
	err := os.MkdirAll(p.dir.Container(id), 0o755)
	if err == nil {
		err = runtimedir.WriteMessage(p.options.Disk, p.dir.Layers(id), record)
	}
	if err != nil {
		return fmt.Errorf("Failed to checkpoint layers to '%s': %w", p.dir.Layers(id), err)
	}
	p.layers[id] = all
	return nil
}

// Destroy removes the file systems of a container, and of the containers nested in it. It may have none.
//
// Mesos: ProvisionerProcess::destroy.
func (p *Provisioner) Destroy(id ids.Container) error {
	err := p.destroy(id)
	if err != nil {
		p.failed.Add(1)
		return fmt.Errorf("Failed to destroy the provisioned rootfs when destroying container: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.layers, id)
	return nil
}

func (p *Provisioner) destroy(id ids.Container) error {
	if _, err := os.Lstat(p.dir.Container(id)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	nested, err := p.dir.inside(p.dir.Container(id), id)
	if err != nil {
		return err
	}
	for _, inner := range nested {
		if inner.Parent() == id {
			err = errors.Join(err, p.Destroy(inner))
		}
	}
	all, unread := p.dir.rootfses(id)
	err = errors.Join(err, unread)
	for _, r := range all {
		b, unknown := backend.New(r.backend)
		if unknown != nil {
			err = errors.Join(err, fmt.Errorf("Unknown backend '%s'", r.backend))
			continue
		}
		p.log.Load().Info().Stringer("container_id", id).Str("rootfs", r.path).Msg("destroying rootfs")
		failed := b.Destroy(r.path, p.dir.Backend(id, r.backend))
		if failed != nil && r.backend == backend.BindName {
			p.bound.Add(1)
		}
		err = errors.Join(err, failed)
	}
	if err == nil { // nothing is mounted below the directory of a container that others see
		err = backend.Unmount(p.dir.Container(id))
	}
	if err != nil {
		return err
	}
	return disk.Local{}.RemoveAll(p.dir.Container(id))
}

// Recover finds the file systems that an earlier agent has made, and destroys those of containers that are not known.
//
// Mesos: ProvisionerProcess::recover.
//
// Differs: a container whose record of layers is damaged is one without layers.
func (p *Provisioner) Recover(ctx context.Context, known func(ids.Container) bool) error {
	all, err := p.dir.Containers()
	if err != nil {
		return fmt.Errorf("Failed to list the containers managed by the provisioner: %w", err)
	}
	for _, id := range all {
		if known(id) {
			err = errors.Join(err, p.recoverLayers(id))
			continue
		}
		p.log.Load().Info().Stringer("container_id", id).Msg("cleaning up unknown container")
		err = errors.Join(err, p.Destroy(id))
	}
	for _, kind := range slices.Sorted(maps.Keys(p.options.Stores)) {
		err = errors.Join(err, p.options.Stores[kind].Recover(ctx))
	}
	return err
}

func (p *Provisioner) recoverLayers(id ids.Container) error {
	content, err := disk.ReadFile(p.options.Disk, p.dir.Layers(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	record := &slavepb.ContainerLayers{}
	if err == nil {
		err = checkpoint.Decode(content, record)
	}
	if err != nil {
		p.log.Load().Warn().Err(err).Stringer("container_id", id).Msg("the layers of a container are not known")
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.layers[id] = record.GetPaths(); record.Config != nil {
		p.layers[id] = append(p.layers[id], record.GetConfig())
	}
	return nil
}

// Prune deletes the images that are neither excluded nor used, and the layers that no container uses. It waits for images that are being
// provisioned, and those that come later wait for it.
//
// Mesos: ProvisionerProcess::pruneImages.
func (p *Provisioner) Prune(ctx context.Context, excluded, used []*mesospb.Image) error {
	p.pruning.Lock()
	defer p.pruning.Unlock()
	if len(excluded) == 0 {
		excluded = p.options.Excluded
	}
	all := slices.Concat(excluded, used)
	var err error
	for _, kind := range slices.Sorted(maps.Keys(p.options.Stores)) {
		own := slices.DeleteFunc(slices.Clone(all), func(i *mesospb.Image) bool { return i.GetType() != kind })
		err = errors.Join(err, p.options.Stores[kind].Prune(ctx, own, p.active()))
	}
	return err
}

// active returns the files and directories of stores that containers use.
func (p *Provisioner) active() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for _, id := range slices.Sorted(maps.Keys(p.layers)) {
		all = append(all, p.layers[id]...)
	}
	return all
}
