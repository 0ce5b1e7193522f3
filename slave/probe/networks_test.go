package probe

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// A bridge connects what is on this machine unless one of its ports leads elsewhere, or may do so.
func TestBridges(t *testing.T) {
	t.Parallel()
	const plain = "INTERFACE=port\nIFINDEX=7\n"
	for name, c := range map[string]struct {
		files map[string]string // below the directory of interfaces
		want  bool
	}{
		"no bridge":         {map[string]string{"one/uevent": plain}, false},
		"nothing":           {nil, false},
		"a bridge alone":    {map[string]string{"one/bridge/x": "", "one/brif/": ""}, true},
		"of containers":     {map[string]string{"one/bridge/x": "", "one/brif/a": "", "one/brif/b": "", "a/uevent": plain, "b/uevent": plain}, true},
		"with a device":     {map[string]string{"one/bridge/x": "", "one/brif/a": "", "one/brif/eth0": "", "a/uevent": plain, "eth0/uevent": plain, "eth0/device": ""}, false},
		"with a network":    {map[string]string{"one/bridge/x": "", "one/brif/v": "", "v/uevent": "DEVTYPE=vlan\n" + plain}, false},
		"with an unknown":   {map[string]string{"one/bridge/x": "", "one/brif/gone": ""}, false},
		"that says nothing": {map[string]string{"one/bridge/x": ""}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			for file, content := range c.files {
				path := filepath.Join(dir, file)
				if file[len(file)-1] == '/' {
					path = filepath.Join(path, "x")
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
					t.Fatal(err)
				}
				if path != filepath.Join(dir, file) {
					continue
				}
				if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if got := connectsContainers(dir, "one"); got != c.want {
				t.Errorf("it connects containers: %t", got)
			}
		})
	}
}

// Of other interfaces only their own addresses are on this machine.
func TestReach(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		address, want string
		bridge        bool
	}{
		{"192.168.1.7/24", "192.168.1.7/32", false},
		{"172.17.0.1/16", "172.17.0.0/16", true},
		{"fe80::1/64", "fe80::1/128", false},
	} {
		if got := reach(netip.MustParsePrefix(c.address), c.bridge).String(); got != c.want {
			t.Errorf("%s: %s, want %s", c.address, got, c.want)
		}
	}
	all, err := Local{}.Networks()
	if err != nil || len(all) == 0 {
		t.Errorf("this machine has %v, %v", all, err)
	}
}
