package provisioner

import (
	"context"

	"meseta/messages/pb/dockerv1pb"
	"meseta/messages/pb/mesospb"
	"meseta/slave/provisioner/layer"
)

// Image is an image in a store.
type Image struct {
	Layers []string // directories, the lowest first
	Config string   // the file with its configuration, if that is none of the layers; "" otherwise
	Docker *dockerv1pb.ImageManifest
}

// Store gets images and keeps them. Its methods block, and may be called from any goroutine.
//
// Mesos: class Store.
type Store interface {
	// Recover finds the images that an earlier agent has got. It is called once, before the other methods.
	Recover(ctx context.Context) error
	// Get returns an image, whose layers have their whiteouts in the given form. It gets what it does not have.
	Get(ctx context.Context, image *mesospb.Image, w layer.Whiteouts) (Image, error)
	// Prune deletes all images except the given ones, and all layers that are neither theirs nor among the active
	// directories and files. No image is being got meanwhile.
	Prune(ctx context.Context, excluded []*mesospb.Image, active []string) error
}
