package docker

import (
	"path/filepath"

	"meseta/slave/provisioner/layer"
)

// layout knows where things are in the directory of a store.
//
//	storedImages                     the images, by name
//	layers/<layer>/rootfs            the files of a layer, with whiteouts as in its archive
//	               rootfs.overlay    the same, with whiteouts as overlayfs has them
//	               json, VERSION     what an archive of an image has beside them
//	layers/<digest>                  the configuration of an image, a file
//	staging/<pull>                   an image that is being pulled
//	gc/<layer>.<number>              a layer that is being deleted
//
// Mesos: src/slave/containerizer/mesos/provisioner/docker/paths.cpp.
type layout string

func (l layout) images() string { return filepath.Join(string(l), "storedImages") }

func (l layout) staging() string { return filepath.Join(string(l), "staging") }

func (l layout) gc() string { return filepath.Join(string(l), "gc") }

func (l layout) layers() string { return filepath.Join(string(l), "layers") }

func (l layout) layer(id string) string { return filepath.Join(l.layers(), id) }

func (l layout) rootfs(id string, w layer.Whiteouts) string {
	return filepath.Join(l.layer(id), rootfsName(w))
}

// rootfsName returns the name of the directory with the files of a layer.
func rootfsName(w layer.Whiteouts) string {
	if w == layer.Overlay {
		return "rootfs.overlay"
	}
	return "rootfs"
}

// manifestName is the name of the configuration in the directory of a layer.
const manifestName = "json"
