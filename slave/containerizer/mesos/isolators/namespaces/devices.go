package namespaces

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos"
)

// Devices is the isolator linux/devices: containers with a file system of their own have devices of the agent in /dev, which
// any of their users may use as the operator has allowed it. It comes after [Filesystem].
//
// Mesos: LinuxDevicesIsolatorProcess.
type Devices struct {
	mesos.Base
	all []device
}

// device is a device of the agent.
type device struct {
	name string // in /dev
	mode uint32 // its kind, and what users may do
	id   int
}

// NewDevices returns the isolator with the devices that an operator allows (--allowed_devices). It fails for what is no device.
//
// Differs: the path of a device cannot lead out of /dev in a container.
func NewDevices(allowed []*mesospb.DeviceAccess) (Devices, error) {
	var i Devices
	for _, a := range allowed {
		if a.GetDevice().Path == nil {
			return i, errors.New("Whitelisted device has no device path provided")
		}
		d, err := newDevice(a.GetDevice().GetPath(), a.GetAccess())
		if err != nil {
			return i, err
		}
		i.all = append(i.all, d)
	}
	return i, nil
}

func newDevice(path string, access *mesospb.DeviceAccess_Access) (device, error) {
	d := device{name: strings.TrimLeft(strings.TrimPrefix(path, "/dev/"), "/")}
	var about unix.Stat_t
	if err := unix.Stat(path, &about); err != nil {
		return d, fmt.Errorf("Failed to obtain device ID for '%s': %w", path, err)
	}
	kind := about.Mode & unix.S_IFMT
	switch {
	case kind != unix.S_IFCHR && kind != unix.S_IFBLK:
		return d, fmt.Errorf("'%s' is not a block or character device", path)
	case !filepath.IsLocal(d.name):
		return d, fmt.Errorf("the device '%s' is not in /dev", path)
	}
	d.id, d.mode = int(about.Rdev), kind|unix.S_IRUSR|unix.S_IWUSR
	if access.GetRead() {
		d.mode |= unix.S_IRGRP | unix.S_IROTH
	}
	if access.GetWrite() {
		d.mode |= unix.S_IWGRP | unix.S_IWOTH
	}
	return d, nil
}

// Prepare implements [mesos.Isolator]. The devices are made in a directory that only the agent can write to, and that is removed
// with the records of the container.
func (i Devices) Prepare(_ context.Context, c *mesos.Container) error {
	if c.Config.Rootfs == nil {
		return nil
	}
	dir := filepath.Join(string(c.Runtime), "allowed-devices")
	for _, d := range i.all {
		path := filepath.Join(dir, d.name)
		if err := d.make(path); err != nil {
			return fmt.Errorf("Failed to create device '%s': %w", path, err)
		}
		mount{path, inside(c, filepath.Join("/dev", d.name)), "", "", unix.MS_BIND}.add(c)
	}
	return nil
}

// make makes the device. One that is allowed twice is allowed as it was the last time.
func (d device) make(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := unix.Mknod(path, d.mode, d.id); err != nil {
		return err
	}
	return unix.Chmod(path, d.mode&^unix.S_IFMT) // whatever the umask is
}
