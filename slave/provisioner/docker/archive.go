package docker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"meseta/messages/pb/agentstatepb"
	"meseta/slave/provisioner/layer"
)

// archives is a directory with images that docker save has written, <image>.tar each.
//
// Mesos: ImageTarPuller.
//
// Differs: an archive that has only manifest.json, as newer programs write it, is read as well.
type archives string

// maxDescription bounds the size of the descriptions in an archive.
const maxDescription = 8 << 20

// maxLayers bounds the number of layers, which is 127 in Docker.
const maxLayers = 1000

// unpackedName is where an archive is unpacked in the directory of a pull. No layer has such a name.
const unpackedName = ".archive"

// pull implements [puller].
func (a archives) pull(ctx context.Context, r Reference, _ Config, s *staging) (*agentstatepb.Image, error) {
	if err := a.unpack(ctx, r, s); err != nil {
		return nil, err
	}
	root, err := s.root.OpenRoot(unpackedName)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	u := &unpacked{root}
	image, err := u.legacy(ctx, r, s)
	if errors.Is(err, errNotLegacy) {
		var current error
		if image, current = u.current(ctx, r, s); !errors.Is(current, fs.ErrNotExist) {
			err = current
		}
	}
	return image, err
}

// unpack unpacks the archive of an image.
func (a archives) unpack(ctx context.Context, r Reference, s *staging) error {
	dir, err := os.OpenRoot(string(a))
	if err != nil {
		return fmt.Errorf("Failed to open the directory of archives (--docker_registry): %w", err)
	}
	defer dir.Close()
	name := r.String() + ".tar"
	f, err := dir.Open(name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("Failed to find archive for image '%s' at '%s'", r, filepath.Join(string(a), name))
	}
	if err != nil {
		return fmt.Errorf("Failed to open archive for image '%s': %w", r, err)
	}
	defer f.Close()
	if err := s.root.Mkdir(unpackedName, 0o755); err != nil {
		return err
	}
	root, err := s.root.OpenRoot(unpackedName)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := layer.Extract(ctx, f, root, layer.Keep, layer.DefaultLimits); err != nil {
		return fmt.Errorf("Failed to untar the archive of image '%s': %w", r, err)
	}
	return nil
}

// unpacked is an archive that was unpacked.
type unpacked struct{ root *os.Root }

// read reads a description.
func (u *unpacked) read(name string, into any) ([]byte, error) {
	f, err := u.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxDescription+1))
	if err == nil && len(content) > maxDescription {
		err = errors.New("it is too large")
	}
	if err == nil {
		err = json.Unmarshal(content, into)
	}
	return content, err
}

// errNotLegacy is the error for an archive without the directories of layers that older programs write.
var errNotLegacy = errors.New("Failed to read 'repositories'")

// legacy gets an image whose layers are directories, each with the name of its parent in it.
//
// Mesos: ImageTarPullerProcess::_pull.
func (u *unpacked) legacy(ctx context.Context, r Reference, s *staging) (*agentstatepb.Image, error) {
	top, err := u.top(r)
	if err != nil {
		return nil, err
	}
	var all []string
	for id := top; id != ""; {
		if err := checkID(id); err != nil {
			return nil, err
		}
		if slices.Contains(all, id) || len(all) == maxLayers {
			return nil, fmt.Errorf("Failed to find parent layer id for layer '%s': there is no first layer", id)
		}
		all = append(all, id)
		var layer struct{ Parent string }
		if _, err := u.read(path.Join(id, manifestName), &layer); err != nil {
			if id == top && errors.Is(err, fs.ErrNotExist) {
				return nil, fmt.Errorf("%w: it names layers that are not in the archive", errNotLegacy)
			}
			return nil, fmt.Errorf("Failed to find parent layer id for layer '%s': %w", id, err)
		}
		id = layer.Parent
	}
	slices.Reverse(all)
	for _, id := range all {
		if s.has(id) {
			continue
		}
		if err := u.unpackLayer(ctx, id, path.Join(id, "layer.tar"), s); err != nil {
			return nil, err
		}
		if err := u.keep(id, s); err != nil {
			return nil, err
		}
	}
	return &agentstatepb.Image{Reference: r.proto(), LayerIds: all}, nil
}

// top returns the highest layer of an image.
func (u *unpacked) top(r Reference) (string, error) {
	var repositories map[string]map[string]string
	if _, err := u.read("repositories", &repositories); errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("%w: %w", errNotLegacy, err)
	} else if err != nil {
		return "", fmt.Errorf("Failed to parse 'repositories': %w", err)
	}
	tags, found := repositories[r.Repository]
	if !found && r.Registry != "" {
		tags, found = repositories[r.Registry+"/"+r.Repository]
	}
	if !found {
		return "", fmt.Errorf("Repository '%s' does not exist in 'repositories'", r.Repository)
	}
	id, found := tags[r.version()]
	if !found {
		return "", fmt.Errorf("Layer id '%s' is not found", r.version())
	}
	return id, nil
}

// keep puts the descriptions of a layer beside its files.
func (u *unpacked) keep(id string, s *staging) error {
	for _, name := range []string{manifestName, "VERSION"} {
		content, err := u.root.ReadFile(path.Join(id, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = s.root.WriteFile(path.Join(id, name), content, 0o644)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *unpacked) unpackLayer(ctx context.Context, id, archive string, s *staging) error {
	f, err := u.root.Open(archive)
	if err != nil {
		return fmt.Errorf("Failed to open the archive of layer '%s': %w", id, err)
	}
	defer f.Close()
	return s.unpack(ctx, id, f)
}

// current gets an image that manifest.json describes. Its layers are known by the digests of their archives.
func (u *unpacked) current(ctx context.Context, r Reference, s *staging) (*agentstatepb.Image, error) {
	var all []struct {
		Config           string
		RepoTags, Layers []string
	}
	if _, err := u.read("manifest.json", &all); err != nil {
		return nil, fmt.Errorf("Failed to read 'manifest.json': %w", err)
	}
	for _, m := range all {
		if !slices.ContainsFunc(m.RepoTags, r.is) {
			continue
		}
		if len(m.Layers) == 0 || len(m.Layers) > maxLayers {
			return nil, fmt.Errorf("the image '%s' has %d layers", r, len(m.Layers))
		}
		image := &agentstatepb.Image{Reference: r.proto()}
		if err := u.configure(image, m.Config, s); err != nil {
			return nil, err
		}
		for _, name := range m.Layers {
			id, err := u.digest(name)
			if err == nil && !slices.Contains(image.LayerIds, id) {
				image.LayerIds = append(image.LayerIds, id)
				if !s.has(id) {
					err = u.unpackLayer(ctx, id, name, s)
				}
			}
			if err != nil {
				return nil, err
			}
		}
		return image, nil
	}
	return nil, fmt.Errorf("Repository '%s' with tag '%s' does not exist in 'manifest.json'", r.Repository, r.version())
}

// is reports whether a tag in an archive is that of the reference. Docker's own registry has several names, and its
// repositories a directory that is left out.
func (r Reference) is(tag string) bool {
	other, err := ParseReference(tag)
	if err != nil || r.version() != other.version() {
		return false
	}
	return r.Repository == other.Repository || r.Registry != "" && r.Registry+"/"+r.Repository == other.Repository ||
		isHub(other.Registry) && "library/"+r.Repository == other.Repository
}

// configure gives an image its configuration.
func (u *unpacked) configure(image *agentstatepb.Image, name string, s *staging) error {
	var any json.RawMessage
	content, err := u.read(name, &any)
	if err != nil {
		return fmt.Errorf("Failed to read the configuration of the image: %w", err)
	}
	id, err := u.digest(name)
	if err != nil {
		return err
	}
	image.ConfigDigest = &id
	return s.root.WriteFile(id, content, 0o600)
}

// digest returns the digest of a file of the archive.
func (u *unpacked) digest(name string) (string, error) {
	f, err := u.root.Open(name)
	if err != nil {
		return "", fmt.Errorf("Failed to read '%s' of the archive: %w", name, err)
	}
	defer f.Close()
	hash, _, err := v1.SHA256(f)
	if err != nil {
		return "", fmt.Errorf("Failed to read '%s' of the archive: %w", name, err)
	}
	return hash.String(), nil
}
