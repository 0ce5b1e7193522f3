package namespaces_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/ids"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolation"
)

// store is a store of secrets whose data is nowhere in messages.
type store map[string]string

// Resolve implements [secrets.Resolver].
func (s store) Resolve(_ context.Context, secret *mesospb.Secret) ([]byte, error) {
	data, found := s[secret.GetReference().GetName()]
	if !found {
		return nil, errors.New("there is no such secret")
	}
	return []byte(data), nil
}

func withSecrets(c *isolation.Config) { c.Isolation += ",volume/secret" }

func secretAt(path, mode, name string) string {
	return "mode: " + mode + " container_path: '" + path + "' source { type: SECRET secret { type: REFERENCE reference { name: '" + name + "' } } }"
}

// A container reads its secrets, which are not on any disk: neither in its sandbox nor in the agent's records.
func TestSecretVolumes(t *testing.T) {
	t.Parallel()
	const planted = "swordfish-5e1f0b8e"
	root := newRootfs(t)
	for _, fs := range []string{"", root} {
		runtimeDir := t.TempDir()
		m := newMachineWith(t, mesos.Options{RuntimeDir: runtimeDir, Secrets: store{"s": planted, "big": strings.Repeat("x", 100_000)}}, withSecrets)
		at := filepath.Join(t.TempDir(), "there")
		must(t, os.WriteFile(at, []byte("the host's"), 0o600))
		change := []func(*slavepb.ContainerConfig){with(t, secretAt("deep/key", "RO", "s"), secretAt(at, "RW", "s"), secretAt("big", "RO", "big"))}
		if fs != "" {
			change = append(change, in(fs))
		}
		m.launch("c1", `cat deep/key `+at+`; echo; stat -c %s big; stat -c '%a %u %g' deep/key; echo y > deep/key && echo writable
			echo changed > `+at+`; cat `+at+`; echo up > up; while test ! -e go; do sleep 0.01; done`, change...)
		m.file("up", "up\n")
		m.file("deep/key", "")
		m.launch("c1.n1", "cat key", with(t, secretAt("key", "RO", "s")))
		if got := m.ends("c1.n1", "containers/n1", 0); got != planted {
			t.Errorf("a nested container reads %q", got)
		}
		if found := grep(t, runtimeDir, planted); len(found) > 0 {
			t.Errorf("the secret is in %s", found)
		}
		must(t, os.WriteFile(filepath.Join(m.sandbox, "go"), nil, 0o644))
		if got := m.ends("c1", ".", 0); got != planted+planted+"\n100000\n644 0 0\nchanged\n" {
			t.Errorf("the container says %q", got)
		}
		if text, err := os.ReadFile(at); err != nil || string(text) != "the host's" {
			t.Errorf("the file outside has %q (%v)", text, err)
		}
		for _, path := range grep(t, m.sandbox, planted) {
			if filepath.Base(path) != "stdout" {
				t.Errorf("the secret is in %s", path)
			}
		}
		if mounts, err := os.ReadFile("/proc/self/mountinfo"); err != nil || strings.Contains(string(mounts), m.sandbox) || strings.Contains(string(mounts), runtimeDir) {
			t.Errorf("mounts are left: %v", err)
		}
	}
}

// grep returns the files with a text, below a directory.
func grep(t *testing.T, dir, text string) (all []string) {
	t.Helper()
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if strings.Contains(string(content), text) {
			all = append(all, path)
		}
		return err
	}))
	return all
}

func TestSecretVolumesRefused(t *testing.T) {
	t.Parallel()
	m := newMachineWith(t, mesos.Options{Secrets: store{"s": "x"}}, withSecrets)
	for id, c := range map[ids.Container]struct{ volume, want string }{
		"c1": {secretAt("k", "RO", "unknown"), "Failed to resolve the secret of the volume at 'k': there is no such secret"},
		"c2": {secretAt("/nowhere/k", "RO", "s"), "Absolute container path '/nowhere/k' does not exist"},
		"c3": {secretAt("../k", "RO", "s"), "leads out of the sandbox"},
		"c4": {"mode: RO container_path: 'k' source { type: SECRET }", "volume.source.secret is not specified"},
		"c5": {"mode: RO container_path: 'k' source { type: SECRET secret { type: REFERENCE } }", "Invalid secret specified in volume: Secret of type REFERENCE must have the 'reference' field set"},
	} {
		config := &slavepb.ContainerConfig{CommandInfo: &mesospb.CommandInfo{}, Directory: &m.sandbox}
		with(t, c.volume)(config)
		if _, err := runtime.Wait(t.Context(), m.Launch(containerizer.Launch{ID: id, Config: config})); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.volume, err, c.want)
		}
	}
}
