package backend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/runtime/disk"
	"meseta/slave/provisioner/layer"
)

// Overlay lays the layers over each other, and a directory of the container over them. Layers are shared.
//
// Mesos: OverlayBackend.
type Overlay struct{}

// Whiteouts implements [Backend].
func (Overlay) Whiteouts() layer.Whiteouts { return layer.Overlay }

// Provision implements [Backend].
func (o Overlay) Provision(ctx context.Context, layers []string, rootfs, dir string) ([]string, error) {
	if len(layers) == 0 {
		return nil, errNoLayer
	}
	if err := os.MkdirAll(rootfs, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create container rootfs at '%s': %w", rootfs, err)
	}
	scratch := o.scratch(rootfs, dir)
	upper, work := filepath.Join(scratch, "upperdir"), filepath.Join(scratch, "workdir")
	if err := os.MkdirAll(upper, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create overlay upperdir at '%s': %w", upper, err)
	}
	if err := os.MkdirAll(work, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create overlay workdir at '%s': %w", work, err)
	}
	links, err := link(layers, scratch)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	slices.Reverse(links) // the highest first
	options := "lowerdir=" + strings.Join(links, ":") + ",upperdir=" + escape(upper) + ",workdir=" + escape(work)
	if err := unix.Mount("overlay", rootfs, "overlay", 0, options); err != nil {
		return nil, fmt.Errorf("Failed to mount rootfs '%s' with overlayfs: %w", rootfs, err)
	}
	return []string{upper, work}, share(rootfs)
}

var errNoLayer = errors.New("No filesystem layer provided")

// escape protects a path in the options of an overlay.
var escape = strings.NewReplacer(`\`, `\\`, `,`, `\,`).Replace

// linksName is the name of the link to the directory with the links to layers.
const linksName = "links"

// link makes short paths that lead to the layers, since the kernel takes no more than a page of options.
func link(layers []string, scratch string) ([]string, error) {
	short, err := os.MkdirTemp("", "mesos-")
	if err != nil {
		return nil, fmt.Errorf("Failed to create temporary directory for symlinks to layers: %w", err)
	}
	if err := os.Symlink(short, filepath.Join(scratch, linksName)); err != nil {
		os.Remove(short)
		return nil, err
	}
	var links []string
	for i, path := range layers {
		name := filepath.Join(short, strconv.Itoa(i))
		if err := os.Symlink(path, name); err != nil {
			return nil, err
		}
		links = append(links, escape(name))
	}
	return links, nil
}

func (Overlay) scratch(rootfs, dir string) string {
	return filepath.Join(dir, "scratch", filepath.Base(rootfs))
}

// Destroy implements [Backend].
func (o Overlay) Destroy(rootfs, dir string) error {
	if err := Unmount(rootfs); err != nil {
		return fmt.Errorf("Failed to destroy overlay-mounted rootfs '%s': %w", rootfs, err)
	}
	scratch := o.scratch(rootfs, dir)
	if err := unlink(filepath.Join(scratch, linksName)); err != nil {
		return fmt.Errorf("Failed to remove temporary directory for symlinks: %w", err)
	}
	return errors.Join(disk.Local{}.RemoveAll(scratch), remove(rootfs))
}

// unlink removes the directory with the links to layers, to which a link leads. It removes nothing but links, wherever that
// leads.
func unlink(link string) error {
	short, err := os.Readlink(link)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(short)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	for _, e := range entries {
		if e.Type()&os.ModeSymlink != 0 {
			err = errors.Join(err, os.Remove(filepath.Join(short, e.Name())))
		}
	}
	return errors.Join(err, os.Remove(short))
}

// remove removes the directory on which something was mounted. If it still is in a namespace of a container that is just
// starting, it stays until the next recovery.
func remove(rootfs string) error {
	err := os.Remove(rootfs)
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.EBUSY) {
		return nil
	}
	return err
}
