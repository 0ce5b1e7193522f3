package checkpoint

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/roles"
	"meseta/messages/validate"
)

// Volume returns the directory of a persistent volume. It fails if the names in it cannot be those of files, or if
// volumes on disks of that type have no directory.
//
// Mesos: paths::getPersistentVolumePath.
func (r Root) Volume(v resources.Resource) (string, error) {
	role, id := v.ReservationRole(), v.PersistenceID()
	if err := validRole(role); err != nil {
		return "", fmt.Errorf("role of volume %s: %w", v, err)
	}
	if err := validate.ID(id); err != nil {
		return "", fmt.Errorf("persistence ID of volume %s: %w", v, err)
	}
	source, root := v.Disk().GetSource(), r
	switch {
	case source == nil:
	case source.Id != nil:
		return "", fmt.Errorf("volume %s is of a resource provider, which makes its directory", v)
	case source.GetType() == mesospb.Resource_DiskInfo_Source_MOUNT:
		return r.below(source.GetMount().GetRoot()), nil
	case source.GetType() == mesospb.Resource_DiskInfo_Source_PATH:
		root = Root(r.below(source.GetPath().GetRoot()))
	default:
		return "", fmt.Errorf("volume %s is on a disk of type %s, which has no directories", v, source.GetType())
	}
	return filepath.Join(string(root), "volumes", "roles", strings.ReplaceAll(role, "/", " "), id), nil
}

// maxName is the length that file systems allow for the name of a file, in bytes.
const maxName = 255

// validRole returns an error if role cannot be the name of a file.
func validRole(role string) error {
	if len(role) > maxName || strings.ContainsRune(role, 0) {
		return fmt.Errorf("'%s' cannot be the name of a directory, which has at most %d characters, none of them zero", role, maxName)
	}
	return roles.Validate(role)
}

// below returns path, which if it is relative begins at r.
func (r Root) below(path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(string(r), path)
}

// Volumes makes the directories of persistent volumes that are in after and not in before, and removes, with their
// content, those that are in before and not in after. A volume that takes a whole disk is emptied instead. A directory
// that exists is taken as it is. What follows in the batch is made only after all that is on the medium.
//
// Mesos: Slave::syncCheckpointedResources.
func (r *Records) Volumes(root Root, before, after resources.Resources) error {
	had, err := root.volumes(before)
	if err != nil {
		return err
	}
	has, err := root.volumes(after)
	if err != nil {
		return err
	}
	for _, path := range slices.Sorted(maps.Keys(has)) {
		if _, exists := had[path]; !exists {
			r.Mkdir(path, ofOthers)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(had)) {
		if _, stays := has[path]; stays {
			continue
		}
		if had[path].DiskSource() == mesospb.Resource_DiskInfo_Source_MOUNT {
			r.Clear(path)
		} else {
			r.Remove(path)
		}
	}
	if len(has)+len(had) > 0 {
		r.Barrier()
	}
	return nil
}

// Gone returns the directories of persistent volumes that are in before and not in after. Volumes that [Records.Volumes] refuses have
// none.
func (r Root) Gone(before, after resources.Resources) []string {
	had, _ := r.volumes(before)
	has, _ := r.volumes(after)
	maps.DeleteFunc(had, func(path string, _ resources.Resource) bool { _, stays := has[path]; return stays })
	return slices.Sorted(maps.Keys(had))
}

// volumes returns the persistent volumes in rs by their directories.
func (r Root) volumes(rs resources.Resources) (map[string]resources.Resource, error) {
	found := map[string]resources.Resource{}
	for v := range rs.PersistentVolumes().All() {
		path, err := r.Volume(v)
		if err != nil {
			return nil, err
		}
		found[path] = v
	}
	return found, nil
}
