package namespaces_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/runtime/runtimetest"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/containerizer/mesos/isolators/volume"
)

// standIn stands in for dvdcli: it has the volumes of a driver in a directory of that name, and writes down its calls.
const standIn = `#!/bin/sh
echo "$*" >> "$DVDCLI_STAND_IN/calls"
driver=${2#--volumedriver=}; name=${3#--volumename=}
test "$name" = broken && echo "no such volume" >&2 && exit 3
test "$1" = mount && mkdir -p "$DVDCLI_STAND_IN/$driver/$name" && echo "$DVDCLI_STAND_IN/$driver/$name"
exit 0
`

// Containers share a volume of a Docker plugin, which is unmounted when the last has ended; the volumes of containers that nobody knows
// are unmounted, too.
func TestDockerVolumes(t *testing.T) { // it changes the environment
	dir := t.TempDir()
	must(t, errors.Join(os.Mkdir(filepath.Join(dir, "bin"), 0o755), os.WriteFile(filepath.Join(dir, "bin/dvdcli"), []byte(standIn), 0o755)))
	t.Setenv("PATH", filepath.Join(dir, "bin")+":"+os.Getenv("PATH"))
	t.Setenv("DVDCLI_STAND_IN", dir)
	records := filepath.Join(dir, "records")
	m := newMachine(t, func(c *isolation.Config) {
		c.Isolation, c.DockerVolumesDir, c.DockerVolumesChown = c.Isolation+",docker/volume", records, true
	})
	of := func(name, mode string) string {
		return "mode: " + mode + " container_path: 'v" + name + "' source { type: DOCKER_VOLUME docker_volume { driver: 'd' name: '" + name +
			"' driver_options { parameter { key: 'size' value: '5' } } } }"
	}
	nobody := func(c *slavepb.ContainerConfig) { c.User = new("nobody") }
	must(t, os.Chown(m.sandbox, 65534, 65534))
	m.launch("c1", "echo mine > vone/f && echo up > up; while test ! -e go; do sleep 0.01; done", with(t, of("one", "RW")), nobody)
	m.file("up", "up\n")
	m.launch("c1.n1", "cat vone/f; echo x > vone/g || echo kept", with(t, of("one", "RO")))
	if got := m.ends("c1.n1", "containers/n1", 0); got != "mine\nkept\n" {
		t.Errorf("the nested container says %q", got)
	}
	n := 0
	for text, want := range map[string]string{
		of("broken", "RW"): "Unexpected termination of the subprocess: dvdcli mount: exit status 3: no such volume",
		"mode: RW container_path: 'v' source { type: DOCKER_VOLUME docker_volume { name: 'x' } }": "The volume driver is not specified for volume 'x'",
	} {
		n++
		id := ids.Container(fmt.Sprint("bad", n))
		c := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: new(t.TempDir())}
		with(t, text)(c)
		if _, err := runtime.Wait(t.Context(), m.Launch(containerizer.Launch{ID: id, Config: c})); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
		_, _ = runtime.Wait(t.Context(), m.Destroy(id))
	}
	calls := func() string {
		text, err := os.ReadFile(filepath.Join(dir, "calls"))
		must(t, err)
		return string(text)
	}
	if strings.Contains(calls(), "unmount --volumedriver=d --volumename=one") {
		t.Errorf("a volume in use was unmounted:\n%s", calls())
	}
	if text, err := os.ReadFile(filepath.Join(records, "c1/volumes")); err != nil || string(text) != `{"volumes":[{"driver":"d","name":"one"}]}` {
		t.Errorf("the record is %s (%v)", text, err)
	}
	must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
	m.ends("c1", ".", 0)
	var ones []string
	for line := range strings.Lines(calls()) {
		if strings.Contains(line, "--volumename=one") {
			ones = append(ones, line)
		}
	}
	const mount, unmount = "mount --volumedriver=d --volumename=one --volumeopts=size=5\n", "unmount --volumedriver=d --volumename=one\n"
	if !slices.Equal(ones, []string{mount, mount, unmount}) {
		t.Errorf("called were\n%s", ones)
	}
	outlived(t, dir, records, calls)
}

// outlived has the next agent find a container that it takes over and one that it does not know, with a volume in common.
func outlived(t *testing.T, dir, records string, calls func() string) {
	t.Helper()
	must(t, os.RemoveAll(records))
	for id, text := range map[string]string{
		"known": `{"volumes":[{"driver":"d","name":"both"}]}`, "gone": `{"volumes":[{"driver":"d","name":"both"},{"driver":"d","name":"own"}]}`, "empty": "",
	} {
		must(t, errors.Join(os.MkdirAll(filepath.Join(records, id), 0o755), os.WriteFile(filepath.Join(records, id, "volumes"), []byte(text), 0o644)))
	}
	n := runtimetest.Node(t)
	x, err := volume.NewDocker(volume.DockerOptions{Dir: records, Disk: disk.Local{}, Clock: n.Clock()})
	must(t, err)
	known := &mesos.Container{Launch: containerizer.Launch{ID: "known"}}
	must(t, os.Remove(filepath.Join(dir, "calls")))
	must(t, errors.Join(x.Recover(known, nil), x.Sweep(func(id ids.Container) bool { return id == "known" })))
	left, err := filepath.Glob(records + "/*")
	if got := calls(); err != nil || got != "unmount --volumedriver=d --volumename=own\n" || fmt.Sprint(left) != "["+records+"/known]" {
		t.Errorf("called were %q, left are %v (%v)", got, left, err)
	}
	must(t, x.Cleanup(known))
	if got := calls(); !strings.HasSuffix(got, "unmount --volumedriver=d --volumename=both\n") {
		t.Errorf("called were %q", got)
	}

	// A container that is being cleaned up is none that nobody knows, although its record is still there: here, because its
	// volume could not be unmounted.
	must(t, errors.Join(os.MkdirAll(filepath.Join(records, "stuck"), 0o755),
		os.WriteFile(filepath.Join(records, "stuck/volumes"), []byte(`{"volumes":[{"driver":"d","name":"broken"}]}`), 0o644)))
	stuck := &mesos.Container{Launch: containerizer.Launch{ID: "stuck"}}
	must(t, x.Recover(stuck, nil))
	if err := x.Cleanup(stuck); err == nil {
		t.Error("a volume that cannot be unmounted was unmounted")
	}
	must(t, os.Remove(filepath.Join(dir, "calls")))
	must(t, x.Sweep(func(id ids.Container) bool { return id == "stuck" }))
	if got, err := os.ReadFile(filepath.Join(dir, "calls")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("called were %q (%v)", got, err)
	}
}
