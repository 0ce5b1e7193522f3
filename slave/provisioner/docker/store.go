// Package docker is a store of Docker images: it gets them from registries, or from archives in a directory, and keeps their
// layers, which images share.
//
// Mesos: src/slave/containerizer/mesos/provisioner/docker.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"meseta/actors/metrics"
	"meseta/actors/secrets"
	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/provisioner"
	"meseta/slave/provisioner/layer"
)

// Options configures a store.
type Options struct {
	Dir          string            // of the store (--docker_store_dir)
	Registry     string            // the URL of the default registry, or a directory of archives (--docker_registry)
	Config       Config            // passwords (--docker_config)
	StallTimeout time.Duration     // after which a download without progress is abandoned; 0 means never (--fetcher_stall_timeout)
	Secrets      secrets.Resolver  // of the passwords of single images; nil means [secrets.Values]
	Transport    http.RoundTripper // to registries; nil means the usual one
}

// puller gets images.
type puller interface {
	// pull puts the layers of an image that the store does not have, and its configuration, into the directory of the pull.
	// Passwords are the image's own; nil means that it has none.
	pull(ctx context.Context, r Reference, c Config, s *staging) (*agentstatepb.Image, error)
}

// Store is the actor. An image that several containers want is pulled once, as long as one of them still wants it.
//
// Mesos: docker::StoreProcess, MetadataManagerProcess.
type Store struct {
	runtime.Actor
	layout  layout
	disk    disk.Disk
	puller  puller
	secrets secrets.Resolver
	log     zerolog.Logger // for what runs off the turns

	images  map[string]*agentstatepb.Image // by reference
	pulls   map[string]*pull               // by reference and form of whiteouts
	written *runtime.Sequence              // of the file with the images
	pulled  metrics.Timer
}

// New spawns a store on n and returns the port to it. It blocks.
func New(n *runtime.Node, o Options) (provisioner.Store, error) {
	if o.Secrets == nil {
		o.Secrets = secrets.Values{}
	}
	p, err := newPuller(n.Clock(), o)
	if err != nil {
		return nil, fmt.Errorf("Failed to create Docker puller: %w", err)
	}
	s := &Store{
		layout: layout(o.Dir), disk: disk.Of(n), puller: p, secrets: o.Secrets,
		images: map[string]*agentstatepb.Image{}, pulls: map[string]*pull{},
	}
	if err := s.layout.tidy(); err != nil {
		return nil, err
	}
	ref, err := runtime.Spawn(n, n.NewID("docker-provisioner-store"), s)
	return port{ref}, err
}

// Check returns an error for options that no store can have.
func (o Options) Check() error {
	_, err := newPuller(nil, o)
	return err
}

func newPuller(clock runtime.Clock, o Options) (puller, error) {
	switch {
	case strings.HasPrefix(o.Registry, "/"):
		return archives(o.Registry), nil
	case strings.HasPrefix(o.Registry, "hdfs://"):
		return nil, errors.New("archives in HDFS are not supported; give a directory, or the URL of a registry")
	}
	t := o.Transport
	if t == nil {
		t = http.DefaultTransport
	}
	return newRegistry(o.Registry, o.Config, patient{t, clock, o.StallTimeout})
}

// Initialize exports the metrics.
func (s *Store) Initialize() {
	s.log, s.written = *s.Log(), runtime.NewSequence(s)
	metrics.Export(s, func(m *metrics.Sample) {
		m.Timer("containerizer/mesos/provisioner/docker_store/image_pull_ms", &s.pulled)
	})
}

// request is what a container wants.
type request struct {
	image     *mesospb.Image
	whiteouts layer.Whiteouts
}

// get returns an image, from the store if it may be from there and is whole.
//
// Mesos: StoreProcess::get.
func (s *Store) get(q request) runtime.Future[provisioner.Image] {
	if q.image.GetType() != mesospb.Image_DOCKER {
		return runtime.Failed[provisioner.Image](errors.New("Docker provisioner store only supports Docker images"))
	}
	name := q.image.GetDocker().GetName()
	r, err := ParseReference(name)
	if err != nil {
		return runtime.Failed[provisioner.Image](fmt.Errorf("Failed to parse docker image '%s': %w", name, err))
	}
	stored := s.images[r.String()]
	if stored == nil || !q.image.GetCached() {
		return s.fetch(r, q)
	}
	found := runtime.Go(s, func(context.Context) (provisioner.Image, error) { return s.layout.open(stored, q.whiteouts) })
	return runtime.Chain(s, found, func(i provisioner.Image, err error) runtime.Future[provisioner.Image] {
		if errors.Is(err, os.ErrNotExist) { // it was pulled for another backend, or somebody has deleted files
			return s.fetch(r, q)
		}
		if err != nil {
			return runtime.Failed[provisioner.Image](err)
		}
		s.Log().Info().Stringer("image", r).Msg("using cached image")
		return runtime.Ready(i)
	})
}

// fetch pulls an image, and opens it.
func (s *Store) fetch(r Reference, q request) runtime.Future[provisioner.Image] {
	return runtime.Chain(s, s.join(r, q), func(i *agentstatepb.Image, err error) runtime.Future[provisioner.Image] {
		if err != nil {
			return runtime.Failed[provisioner.Image](err)
		}
		return runtime.Go(s, func(context.Context) (provisioner.Image, error) { return s.layout.open(i, q.whiteouts) })
	})
}

// open returns an image of the store. It fails with os.ErrNotExist if the store does not have all of it.
//
// Mesos: StoreProcess::__get.
func (l layout) open(stored *agentstatepb.Image, w layer.Whiteouts) (provisioner.Image, error) {
	var i provisioner.Image
	all := stored.GetLayerIds()
	if len(all) == 0 {
		return i, fmt.Errorf("the image has no layers: %w", os.ErrNotExist)
	}
	for _, id := range all {
		i.Layers = append(i.Layers, l.rootfs(id, w))
		if _, err := os.Lstat(l.rootfs(id, w)); err != nil {
			return i, err
		}
	}
	path := l.layer(all[len(all)-1]) + "/" + manifestName
	if digest := stored.GetConfigDigest(); digest != "" {
		i.Config = l.layer(digest)
		path = i.Config
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return i, fmt.Errorf("Failed to read manifest from '%s': %w", path, err)
	}
	if i.Docker, err = parseManifest(content); err != nil {
		return i, fmt.Errorf("Failed to parse docker v1 manifest from '%s': %w", path, err)
	}
	return i, nil
}
