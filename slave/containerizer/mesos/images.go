package mesos

import (
	"context"
	"maps"
	"slices"

	"meseta/messages/pb/mesospb"
	"meseta/runtime"
)

// Images is what has the images of containers. Its methods block, and may be called from any goroutine.
type Images interface {
	// Prune deletes the images that are neither excluded nor used, and the layers that no container uses.
	Prune(ctx context.Context, excluded, used []*mesospb.Image) error
}

// PruneImages implements [containerizer.ImagePruner].
//
// Mesos: MesosContainerizerProcess::pruneImages.
func (p port) PruneImages(excluded []*mesospb.Image) runtime.Future[struct{}] {
	return runtime.Flatten(runtime.Dispatch(p.ref, func(x *Containerizer) runtime.Future[struct{}] {
		if x.images == nil {
			return runtime.Ready(struct{}{})
		}
		images, used := x.images, x.usedImages()
		return runtime.Go(x, func(ctx context.Context) (struct{}, error) { return struct{}{}, images.Prune(ctx, excluded, used) })
	}))
}

// usedImages returns the images of the containers and of their volumes.
//
// Differs: Mesos deletes the images of volumes that are in use, and keeps only their layers.
func (x *Containerizer) usedImages() (all []*mesospb.Image) {
	for _, id := range slices.Sorted(maps.Keys(x.containers)) {
		all = append(all, x.containers[id].images...)
	}
	return all
}

// imagesOf returns the images that a container uses.
func imagesOf(info *mesospb.ContainerInfo) (all []*mesospb.Image) {
	if image := info.GetMesos().GetImage(); image != nil {
		all = append(all, image)
	}
	for _, v := range info.GetVolumes() {
		if v.Image != nil {
			all = append(all, v.Image)
		}
	}
	return all
}
