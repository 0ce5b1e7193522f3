package namespaces_test

import (
	"os"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/prototext"

	"meseta/messages/pb/mesospb"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/containerizer/mesos/isolators/namespaces"
)

func allowing(t *testing.T, text string) *mesospb.DeviceWhitelist {
	t.Helper()
	all := &mesospb.DeviceWhitelist{}
	must(t, prototext.Unmarshal([]byte(text), all))
	return all
}

// A container with a file system of its own has the devices that the operator allows, for all of its users.
func TestDevices(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/kmsg"); err != nil {
		t.Skipf("the test needs a device that containers do not have: %v", err)
	}
	allowed := allowing(t, `allowed_devices { device { path: "/dev/kmsg" } access { read: true } }
		allowed_devices { device { path: "/dev/null" } access { write: true } }
		allowed_devices { device { path: "/dev/zero" } access {} }
		allowed_devices { device { path: "/dev/zero" } access { read: true write: true } }`)
	m := newMachine(t, func(c *isolation.Config) {
		c.Isolation += ",linux/devices"
		c.AllowedDevices = allowed
	})
	m.launch("c1", "stat -c '%F %a %t:%T' /dev/kmsg /dev/null /dev/zero; echo x > /dev/null && echo written", in(newRootfs(t)))
	const want = "character special file 644 1:b\ncharacter special file 622 1:3\ncharacter special file 666 1:5\nwritten\n"
	if got := m.ends("c1", ".", 0); got != want {
		t.Errorf("inside: %q, want %q", got, want)
	}
	m.launch("c2", "true") // which has the agent's devices
	m.ends("c2", ".", 0)
}

func TestDevicesRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`allowed_devices { device {} access {} }`:                            "Whitelisted device has no device path provided",
		`allowed_devices { device { path: "/dev/not-there" } access {} }`:    "Failed to obtain device ID for '/dev/not-there'",
		`allowed_devices { device { path: "/proc/self/status" } access {} }`: "'/proc/self/status' is not a block or character device",
		`allowed_devices { device { path: "/dev/../dev/null" } access {} }`:  "the device '/dev/../dev/null' is not in /dev",
	} {
		if _, err := namespaces.NewDevices(allowing(t, text).GetAllowedDevices()); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
