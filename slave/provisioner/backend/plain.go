package backend

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk"
	"meseta/slave/provisioner/layer"
)

// Copy copies the layers, one onto the other. It works everywhere, and shares nothing.
//
// Mesos: CopyBackend.
type Copy struct{}

// Whiteouts implements [Backend].
func (Copy) Whiteouts() layer.Whiteouts { return layer.Keep }

// Provision implements [Backend].
func (Copy) Provision(ctx context.Context, layers []string, rootfs, _ string) ([]string, error) {
	if len(layers) == 0 {
		return nil, errNoLayer
	}
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create rootfs directory: %w", err)
	}
	to, err := os.OpenRoot(rootfs)
	if err != nil {
		return nil, err
	}
	defer to.Close()
	for _, path := range layers {
		if err := copyLayer(ctx, path, to); err != nil {
			return nil, fmt.Errorf("Failed to copy layer: %w", err)
		}
	}
	return nil, nil
}

func copyLayer(ctx context.Context, path string, to *os.Root) error {
	from, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer from.Close()
	return layer.Copy(ctx, from, to, layer.DefaultLimits)
}

// Destroy implements [Backend].
func (Copy) Destroy(rootfs, _ string) error {
	if err := Unmount(rootfs); err != nil {
		return err
	}
	return disk.Local{}.RemoveAll(rootfs)
}

// Bind shows the only layer of an image, which nobody can change.
//
// Mesos: BindBackend.
type Bind struct{}

// Whiteouts implements [Backend].
func (Bind) Whiteouts() layer.Whiteouts { return layer.Keep }

// Provision implements [Backend].
func (Bind) Provision(_ context.Context, layers []string, rootfs, _ string) ([]string, error) {
	switch {
	case len(layers) == 0:
		return nil, errNoLayer
	case len(layers) > 1:
		return nil, errors.New("Multiple layers are not supported by the bind backend")
	}
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create container rootfs at '%s': %w", rootfs, err)
	}
	if err := unix.Mount(layers[0], rootfs, "", unix.MS_BIND, ""); err != nil {
		return nil, fmt.Errorf("Failed to bind mount rootfs '%s' to '%s': %w", layers[0], rootfs, err)
	}
	if err := unix.Mount("", rootfs, "", unix.MS_BIND|unix.MS_RDONLY|unix.MS_REMOUNT, ""); err != nil {
		return nil, fmt.Errorf("Failed to remount rootfs '%s' read-only: %w", rootfs, err)
	}
	return nil, share(rootfs)
}

// Destroy implements [Backend].
func (Bind) Destroy(rootfs, _ string) error {
	if err := Unmount(rootfs); err != nil {
		return fmt.Errorf("Failed to destroy bind-mounted rootfs '%s': %w", rootfs, err)
	}
	return remove(rootfs)
}
