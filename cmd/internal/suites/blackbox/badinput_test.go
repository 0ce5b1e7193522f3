package blackbox

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"meseta/slave/cgroups"
)

// runs runs a program in the mount namespace.
func (a apart) runs(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command("nsenter", append([]string{"--mount=" + string(a), name}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v: %s", name, args, err, out)
	}
}

// A container that cannot be started ends in the right state, with the reason and words that say why, and nothing of it is left: an
// image or a network that does not exist, a network without its plugin, a disk that is full in the middle of an image, control groups that
// cannot be written. What was in the way gone, the next one starts.
func TestContainersThatCannotBeStarted(t *testing.T) {
	t.Parallel()
	networks, plugins := t.TempDir(), t.TempDir()
	w := newImageWorld(t, "--isolation=cgroups/cpu,cgroups/mem,cgroups/pids,filesystem/linux,docker/runtime,namespaces/pid,network/cni",
		"--network_cni_config_dir="+networks, "--network_cni_plugins_dir="+plugins, "--cgroups_destroy_timeout=5secs")
	if err := os.WriteFile(filepath.Join(networks, "plain.conf"), []byte(`{"name": "plain", "type": "nosuchplugin"}`), 0o644); err != nil {
		t.Fatal(err)
	}
	const image = `"mesos": {"image": {"type": "DOCKER", "docker": {"name": "test/box:v1"}}}`
	h, err := cgroups.Find("/sys/fs/cgroup", "pids")
	if err != nil {
		t.Skip(err)
	}
	staging, pids := filepath.Join(w.dir, "store/staging"), h.Path
	for _, test := range []struct {
		name, container, want string
		before, after         [][]string
	}{
		{name: "image", container: strings.Replace(image, "test/box", "test/nosuch", 1), want: "Failed to fetch the manifest of image 'test/nosuch"},
		{name: "network", container: `"mesos": {}, "network_infos": [{"name": "nosuch"}]`, want: "Unknown CNI network 'nosuch'"},
		{name: "plugin", container: `"mesos": {}, "network_infos": [{"name": "plain"}]`, want: "nosuchplugin"},
		{
			name: "disk", container: image, want: "no space left on device",
			before: [][]string{{"mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", staging}}, after: [][]string{{"umount", staging}},
		},
		{
			name: "groups", container: `"mesos": {}`, want: "read-only file system",
			before: [][]string{{"mount", "--bind", pids, pids}, {"mount", "-o", "remount,ro,bind", pids}}, after: [][]string{{"umount", pids}},
		},
	} {
		for _, command := range test.before {
			w.apart.runs(t, command[0], command[1:]...)
		}
		told, _ := w.runIn(test.name, test.container, `{"value": "true"}`)
		for _, want := range []string{"TASK_FAILED", "REASON_CONTAINER_LAUNCH_FAILED", "Failed to launch container: ", test.want} {
			if !strings.Contains(told, want) {
				t.Errorf("%s: want %s; told\n%s", test.name, want, told)
			}
		}
		for _, command := range test.after {
			w.apart.runs(t, command[0], command[1:]...)
		}
		w.clean()
		w.empty()
	}
	if left := w.pruned(); len(left) > 0 {
		t.Errorf("layers are left: %q", left)
	}
	told, _ := w.runIn("good", image, `{"value": "true"}`)
	if !strings.Contains(told, "TASK_FINISHED") {
		t.Errorf("afterwards: %s", told)
	}
	w.clean()
	w.empty()
}
