package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/mesospb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/checkpoint"
	"meseta/slave/provisioner"
	"meseta/slave/provisioner/layer"
)

// port is the [provisioner.Store] of an actor.
type port struct{ ref runtime.Ref[*Store] }

// wait waits for a result, and no longer than somebody wants it.
func wait[T any](ctx context.Context, f runtime.Future[T]) (T, error) {
	v, err := runtime.Wait(ctx, f)
	if ctx.Err() != nil {
		f.Discard()
	}
	return v, err
}

// Recover implements [provisioner.Store].
func (p port) Recover(ctx context.Context) error {
	_, err := wait(ctx, runtime.Flatten(runtime.Dispatch(p.ref, (*Store).recover)))
	return err
}

// Get implements [provisioner.Store].
func (p port) Get(ctx context.Context, image *mesospb.Image, w layer.Whiteouts) (provisioner.Image, error) {
	return wait(ctx, runtime.Ask(p.ref, (*Store).get, request{image, w}))
}

// Prune implements [provisioner.Store].
func (p port) Prune(ctx context.Context, excluded []*mesospb.Image, active []string) error {
	_, err := wait(ctx, runtime.Flatten(runtime.Dispatch(p.ref, func(s *Store) runtime.Future[struct{}] { return s.prune(excluded, active) })))
	return err
}

// write writes down which images there are. After a crash there are those, or the ones before.
func (s *Store) write(all *agentstatepb.Images) error {
	content, err := checkpoint.Encode(all)
	if err != nil {
		return err
	}
	return disk.Replace(s.disk, s.layout.images(), content, 0o600)
}

// recover finds out which images there are. A damaged record is none: the images are pulled again.
//
// Mesos: MetadataManagerProcess::recover.
//
// Differs: Mesos's agent does not start with a damaged record.
func (s *Store) recover() runtime.Future[struct{}] {
	read := runtime.Go(s, func(context.Context) (*agentstatepb.Images, error) {
		all := &agentstatepb.Images{}
		content, err := disk.ReadFile(s.disk, s.layout.images())
		if err == nil && len(content) > 0 {
			err = checkpoint.Decode(content, all)
		}
		return all, err
	})
	return runtime.Continue(s, read, func(all *agentstatepb.Images, err error) (struct{}, error) {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.Log().Warn().Err(err).Str("path", s.layout.images()).Msg("the record of Docker images cannot be read; they are pulled again")
			return struct{}{}, nil
		}
		for _, i := range all.GetImages() {
			s.images[referenceOf(i.GetReference()).String()] = i
		}
		s.Log().Info().Int("images", len(s.images)).Msg("Docker images recovered")
		return struct{}{}, nil
	})
}

// prune forgets all images that are not excluded, and deletes the layers that nothing needs.
//
// Mesos: StoreProcess::prune.
func (s *Store) prune(excluded []*mesospb.Image, active []string) runtime.Future[struct{}] {
	if len(s.pulls) > 0 {
		return runtime.Failed[struct{}](errors.New("Cannot prune and pull at the same time"))
	}
	kept, needed, err := s.keep(excluded)
	if err != nil {
		return runtime.Failed[struct{}](err)
	}
	for _, path := range active {
		if filepath.Dir(path) != s.layout.layers() { // the files of a layer
			path = filepath.Dir(path)
		}
		needed = append(needed, filepath.Base(path))
	}
	s.Log().Info().Int("images", len(s.images)).Int("kept", len(kept)).Msg("pruning Docker images")
	s.images = kept
	now := s.Now()
	return runtime.Chain(s, s.persist(), func(_ struct{}, err error) runtime.Future[struct{}] {
		return runtime.Go(s, func(context.Context) (struct{}, error) {
			if err != nil {
				return struct{}{}, err
			}
			return struct{}{}, s.layout.prune(needed, now)
		})
	})
}

// keep returns the images that are excluded from pruning, and their layers.
func (s *Store) keep(excluded []*mesospb.Image) (kept map[string]*agentstatepb.Image, layers []string, err error) {
	kept = map[string]*agentstatepb.Image{}
	for _, image := range excluded {
		name := image.GetDocker().GetName()
		r, err := ParseReference(name)
		if err != nil {
			return nil, nil, fmt.Errorf("Failed to parse docker image '%s': %w", name, err)
		}
		i := s.images[r.String()]
		if i == nil {
			continue
		}
		kept[r.String()] = i
		layers = append(append(layers, i.GetLayerIds()...), i.GetConfigDigest())
	}
	return kept, layers, nil
}

// prune deletes the layers that are not needed. They are moved first, so that none is half deleted if the agent is killed.
func (l layout) prune(needed []string, now time.Time) error {
	entries, err := os.ReadDir(l.layers())
	if err != nil {
		return fmt.Errorf("Failed to find all layer paths: %w", err)
	}
	for _, e := range entries {
		if slices.Contains(needed, e.Name()) {
			continue
		}
		garbage := filepath.Join(l.gc(), e.Name()+"."+strconv.FormatInt(now.UnixNano(), 10))
		if err := os.Rename(l.layer(e.Name()), garbage); err != nil {
			return fmt.Errorf("Failed to move layer from '%s' to '%s': %w", l.layer(e.Name()), garbage, err)
		}
	}
	return l.sweep()
}
