package subsystems

import (
	"fmt"
	"slices"

	"golang.org/x/sys/unix"

	"meseta/messages/pb/mesospb"
	"meseta/slave/cgroups"
)

// usualDevices may be used in every container: making any device, terminals, tun, null, zero, full, random.
var usualDevices = []string{
	"c *:* m", "b *:* m", "c 5:1 rwm", "c 4:0 rwm", "c 4:1 rwm", "c 136:* rwm", "c 5:2 rwm", "c 10:200 rwm", "c 1:3 rwm",
	"c 1:5 rwm", "c 1:7 rwm", "c 5:0 rwm", "c 1:9 rwm", "c 1:8 rwm",
}

// devices bounds the devices that a container may open or make.
//
// Mesos: DevicesSubsystemProcess.
type devices struct {
	member
	allowed []string
}

func newDevices(more []*mesospb.DeviceAccess) (subsystem, error) {
	allowed, err := deviceEntries(more)
	return devices{allowed: allowed}, err
}

// deviceEntries returns the lines by which the kernel allows the usual devices and more.
func deviceEntries(more []*mesospb.DeviceAccess) ([]string, error) {
	all := slices.Clone(usualDevices)
	for _, d := range more {
		if d.GetDevice().Path == nil {
			continue
		}
		entry, err := deviceEntry(d)
		if err != nil {
			return nil, err
		}
		all = append(all, entry)
	}
	return all, nil
}

// deviceEntry returns the line by which the kernel allows a device.
func deviceEntry(d *mesospb.DeviceAccess) (string, error) {
	path, access := d.GetDevice().GetPath(), ""
	for _, may := range []struct {
		is   bool
		what string
	}{{d.GetAccess().GetRead(), "r"}, {d.GetAccess().GetWrite(), "w"}, {d.GetAccess().GetMknod(), "m"}} {
		if may.is {
			access += may.what
		}
	}
	if access == "" {
		return "", fmt.Errorf("Could not whitelist device '%s' without any access privileges", path)
	}
	var about unix.Stat_t
	if err := unix.Stat(path, &about); err != nil {
		return "", fmt.Errorf("Failed to obtain device ID for '%s': %w", path, err)
	}
	kind := map[uint32]string{unix.S_IFBLK: "b", unix.S_IFCHR: "c"}[about.Mode&unix.S_IFMT]
	if kind == "" {
		return "", fmt.Errorf("Failed to determine device type for '%s'", path)
	}
	return fmt.Sprintf("%s %d:%d %s", kind, unix.Major(about.Rdev), unix.Minor(about.Rdev), access), nil
}

// prepare first denies all devices, because the kernel only takes entries from the list that are in it.
func (s devices) prepare(g cgroups.Group, _ *info) error {
	if err := g.Set("devices.deny", "a"); err != nil {
		return fmt.Errorf("Failed to deny all devices: %w", err)
	}
	for _, entry := range s.allowed {
		if err := g.Set("devices.allow", entry); err != nil {
			return fmt.Errorf("Failed to whitelist device '%s': %w", entry, err)
		}
	}
	return nil
}
