package docker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"meseta/messages/pb/agentstatepb"
	"meseta/runtime/disk"
	"meseta/slave/provisioner/layer"
)

// staging is the directory of an image that is being pulled. It is locked, so that the next agent can tell whether it is
// garbage. Its layers are put into the store when all of them are there.
type staging struct {
	store     layout
	dir       string
	root      *os.Root
	lock      *os.File
	whiteouts layer.Whiteouts
	log       zerolog.Logger
}

// stage makes the directory of a pull.
func (l layout) stage(w layer.Whiteouts, log zerolog.Logger) (_ *staging, err error) {
	s := &staging{store: l, whiteouts: w, log: log}
	if s.dir, err = os.MkdirTemp(l.staging(), ""); err == nil {
		s.lock, err = os.Open(s.dir)
	}
	if err == nil {
		err = unix.Flock(int(s.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	}
	if err == nil {
		s.root, err = os.OpenRoot(s.dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("Failed to create a staging directory: %w", err), s.remove())
	}
	return s, nil
}

// remove removes what was not put into the store.
func (s *staging) remove() error {
	err := error(nil)
	if s.dir != "" {
		err = disk.Local{}.RemoveAll(s.dir)
	}
	if s.lock != nil {
		s.lock.Close()
	}
	if s.root != nil {
		s.root.Close()
	}
	return err
}

// has reports whether the store has a layer.
func (s *staging) has(id string) bool {
	_, err := os.Lstat(s.store.rootfs(id, s.whiteouts))
	return err == nil
}

// unpack puts the files of a layer's archive into the directory of the layer.
func (s *staging) unpack(ctx context.Context, id string, archive io.Reader) error {
	dir := filepath.Join(id, rootfsName(s.whiteouts))
	if err := s.root.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	root, err := s.root.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := layer.Extract(ctx, archive, root, s.whiteouts, layer.DefaultLimits); err != nil {
		return fmt.Errorf("Failed to extract layer '%s': %w", id, err)
	}
	return nil
}

// publish puts the layers and the configuration of an image into the store. They are synced before, since a layer in the
// store is a whole one.
//
// Mesos: StoreProcess::moveLayers.
func (s *staging) publish(image *agentstatepb.Image) error {
	if err := os.MkdirAll(s.store.layers(), 0o755); err != nil {
		return err
	}
	if err := unix.Syncfs(int(s.lock.Fd())); err != nil {
		return err
	}
	for _, id := range image.GetLayerIds() {
		if err := s.publishLayer(id); err != nil {
			return fmt.Errorf("Failed to move layer '%s' to the store: %w", id, err)
		}
	}
	if digest := image.GetConfigDigest(); digest != "" {
		if err := s.root.Chmod(digest, 0o644); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(s.dir, digest), s.store.layer(digest)); err != nil {
			return fmt.Errorf("Failed to move image manifest config to the store: %w", err)
		}
	}
	return nil
}

// publishLayer moves a layer, or only its files if the store has it for another backend.
func (s *staging) publishLayer(id string) error {
	if s.has(id) {
		return nil
	}
	from, to := filepath.Join(s.dir, id), s.store.layer(id)
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrExist) {
		name := rootfsName(s.whiteouts)
		err = os.Rename(filepath.Join(from, name), filepath.Join(to, name))
	}
	return err
}

// tidy prepares the directory of a store, and removes what pulls and deletions of agents that were killed left.
func (l layout) tidy() error {
	for _, dir := range []string{l.layers(), l.staging(), l.gc()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("Failed to create Docker store directory: %w", err)
		}
	}
	entries, err := os.ReadDir(l.staging())
	for _, e := range entries {
		err = errors.Join(err, removeStale(filepath.Join(l.staging(), e.Name())))
	}
	return errors.Join(err, l.sweep())
}

// removeStale removes a directory of a pull, unless somebody else's pull is still going on.
func removeStale(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer f.Close()
	if errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return nil
	}
	return disk.Local{}.RemoveAll(dir)
}

// sweep deletes the layers that are garbage.
func (l layout) sweep() error {
	entries, err := os.ReadDir(l.gc())
	for _, e := range entries {
		err = errors.Join(err, disk.Local{}.RemoveAll(filepath.Join(l.gc(), e.Name())))
	}
	return err
}

// checkID returns an error for the ID of a layer that is no name of a file.
func checkID(id string) error {
	if id == "" || id == "." || id == ".." || strings.ContainsAny(id, "/\x00") {
		return fmt.Errorf("'%s' is no ID of a layer", id)
	}
	return nil
}
