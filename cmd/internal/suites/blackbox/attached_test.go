package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// attachedWorld is a master, and an agent whose containers are attached to something that has to be detached when they end.
type attachedWorld struct {
	t      *testing.T
	apart  apart
	dir    string
	port   string // of the agent
	ip     string // of both
	env    []string
	args   []string // of the agent
	master *process
	agent  *process
}

// begin starts the master, and then the agent with these isolators and arguments.
func (w *attachedWorld) begin(isolation string, args ...string) {
	w.t.Helper()
	w.port = freePort(w.t)
	w.args = append([]string{
		"--isolation=" + isolation, "--cgroups_root=" + groupsRoot(w.t), "--runtime_dir=" + filepath.Join(w.dir, "run"), "--recovery_timeout=1mins",
	}, withDefaults(args, "--launcher=linux", "--systemd_enable_support=false")...)
	w.master = startDaemonIn(w.t, string(w.apart), nil, "mesos-master", "--ip="+w.ip, "--port=0", "--hostname=localhost", "--work_dir="+filepath.Join(w.dir, "master"))
	w.start("registered")
}

// start starts the agent, and waits until it has registered or re-registered.
func (w *attachedWorld) start(event string) {
	w.t.Helper()
	args := agentArgs(w.port, w.master.address, filepath.Join(w.dir, "agent"), w.args)
	args[slices.Index(args, "--ip=127.0.0.1")] = "--ip=" + w.ip
	w.agent = startDaemonIn(w.t, string(w.apart), w.env, "mesos-agent", args...)
	w.agent.awaits("] " + event + " actor=slave(1) master=")
}

// held is a task that has begun, and ends when its gate is opened.
type held struct {
	*process
	until gate
}

// hold starts a task in a container, which says that it has begun by a file.
func (w *attachedWorld) hold(id, container, before string) held {
	w.t.Helper()
	until, up := newGate(w.t), filepath.Join(w.t.TempDir(), "up")
	command := fmt.Sprintf(`{"value": %q}`, before+" && touch "+up+"; "+until.wait())
	h := held{w.apart.start(w.t, "mesos-execute", "--master="+w.master.address, "--checkpoint", "--task="+taskIn(id, container, command)), until}
	gone(w.t, func() []string {
		if _, err := os.Stat(up); err == nil {
			return nil
		}
		return []string{"task " + id + " that has not begun: " + h.out.String()}
	})
	return h
}

// lets lets a task end.
func (h held) lets() {
	h.t.Helper()
	h.until.open(h.t)
}

// has waits until a list of what is attached is as wanted.
func (w *attachedWorld) has(list func() []string, want ...string) {
	w.t.Helper()
	gone(w.t, func() []string {
		if got := list(); !slices.Equal(got, want) {
			return []string{fmt.Sprintf("attached are %v, want %v", got, want)}
		}
		return nil
	})
}

// ends waits until so many containers have ended, which needs no agent.
func (w *attachedWorld) ends(containers int) {
	w.t.Helper()
	gone(w.t, func() []string {
		found, err := filepath.Glob(filepath.Join(w.dir, "run/containers/*/status"))
		if err != nil {
			w.t.Fatal(err)
		}
		ended := slices.DeleteFunc(found, func(path string) bool { // it is empty until then
			about, err := os.Stat(path)
			return err != nil || about.Size() == 0
		})
		if len(ended) != containers {
			return []string{fmt.Sprintf("%d containers have ended, want %d", len(ended), containers)}
		}
		return nil
	})
}

// names returns the names of the files that match a pattern.
func names(t *testing.T, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	for i := range found {
		found[i] = filepath.Base(found[i])
	}
	return found
}

// A container of an agent that is killed stays on its network, and the next agent detaches it when it ends, also one that has ended
// while there was no agent. Neither an address nor an interface nor a namespace is left.
func TestNetworksOutliveTheAgent(t *testing.T) {
	t.Parallel()
	w, configs := bridged(t, "")
	interfaces := func() (all []string) {
		for line := range strings.Lines(w.apart.does(t, "ip", "-brief", "link", "show", "type", "veth")) {
			all = append(all, line)
		}
		return all
	}
	addresses := func() []string { return names(t, filepath.Join(configs, "addresses/n1/10.*")) }
	const on = `"network_infos": [{"name": "n1"}]`
	one := w.hold("one", on, `grep -q 'eth0:' /proc/net/dev`)
	other := w.hold("other", on, `grep -q 'eth0:' /proc/net/dev`)
	w.has(addresses, "10.7.0.10", "10.7.0.11")
	if n := len(interfaces()); n != 2 {
		t.Errorf("%d interfaces of containers, want 2", n)
	}
	w.agent.kill()
	one.lets()
	w.ends(1)
	w.has(addresses, "10.7.0.10", "10.7.0.11")
	w.start("re-registered")
	w.has(addresses, "10.7.0.11")
	other.lets()
	other.ended(0, "TASK_FINISHED")
	w.has(addresses)
	w.has(interfaces)
	w.has(func() []string { return names(t, filepath.Join(w.dir, "run/isolators/network/cni/*")) })
	if n := w.apart.mounts(t, filepath.Join(w.dir, "run")); n != 0 {
		t.Errorf("%d namespaces are kept", n)
	}
}

// bridged returns a world with a network of its own and one of containers, n1, whose agent has more isolators and flags, and the directory
// with the configuration of that.
func bridged(t *testing.T, more string, flags ...string) (w *attachedWorld, configs string) {
	t.Helper()
	const plugins = "/usr/lib/cni" // where Debian has those of containernetworking-plugins
	for _, name := range []string{"bridge", "host-local"} {
		if _, err := os.Stat(filepath.Join(plugins, name)); err != nil {
			t.Skipf("there are no CNI plugins: %v", err)
		}
	}
	w = &attachedWorld{t: t, apart: newApart(t, syscall.CLONE_NEWNET), dir: t.TempDir(), ip: "10.7.0.1"}
	w.apart.does(t, "ip", "link", "set", "lo", "up")
	w.apart.does(t, "ip", "link", "add", "b1", "type", "bridge")
	w.apart.does(t, "ip", "address", "add", w.ip+"/24", "dev", "b1")
	w.apart.does(t, "ip", "link", "set", "b1", "up")
	configs = t.TempDir()
	network := fmt.Sprintf(`{"cniVersion": "0.2.0", "name": "n1", "type": "bridge", "bridge": "b1",
		"ipam": {"type": "host-local", "subnet": "10.7.0.0/24", "rangeStart": "10.7.0.10", "dataDir": %q}}`, filepath.Join(configs, "addresses"))
	if err := os.WriteFile(filepath.Join(configs, "n1.conf"), []byte(network), 0o644); err != nil {
		t.Fatal(err)
	}
	w.begin("posix/cpu,posix/mem,filesystem/linux"+more+",network/cni",
		append([]string{"--network_cni_plugins_dir=" + plugins, "--network_cni_config_dir=" + configs}, flags...)...)
	return w, configs
}

// standIn stands in for dvdcli: its volumes are file systems in memory in a directory, and it writes down its calls.
const standIn = `#!/bin/sh
echo "$1 ${3#--volumename=}" >> "$DVDCLI_STAND_IN/calls"
volume=$DVDCLI_STAND_IN/volumes/${3#--volumename=}
case $1 in
mount) mkdir -p $volume && { grep -q " $volume " /proc/self/mountinfo || mount -t tmpfs v $volume; } && echo $volume ;;
unmount) umount $volume ;;
esac
`

// Volumes of Docker's plugins stay mounted while a container of a killed agent uses them. The next agent unmounts them when that ends, and at once those
// of a container that has ended while there was no agent.
func TestDockerVolumesOutliveTheAgent(t *testing.T) {
	t.Parallel()
	w := &attachedWorld{t: t, apart: newApart(t), dir: t.TempDir(), ip: "127.0.0.1"}
	programs := t.TempDir()
	if err := os.WriteFile(filepath.Join(programs, "dvdcli"), []byte(standIn), 0o755); err != nil {
		t.Fatal(err)
	}
	w.env = []string{"PATH=" + programs + ":" + os.Getenv("PATH"), "DVDCLI_STAND_IN=" + w.dir}
	records := filepath.Join(w.dir, "records")
	w.begin("posix/cpu,posix/mem,filesystem/linux,docker/volume", "--docker_volume_checkpoint_dir="+records)
	volumes := func() (all []string) {
		for _, name := range []string{"both", "own"} {
			if w.apart.mounts(t, filepath.Join(w.dir, "volumes", name)+" ") > 0 {
				all = append(all, name)
			}
		}
		return all
	}
	with := func(names ...string) string {
		var all []string
		for _, name := range names {
			all = append(all, fmt.Sprintf(`{"container_path": "v%[1]s", "mode": "RW", "source": {"type": "DOCKER_VOLUME", "docker_volume": {"driver": "d", "name": %[1]q}}}`, name))
		}
		return `"volumes": [` + strings.Join(all, ", ") + `]`
	}
	one := w.hold("one", with("both", "own"), "echo one > vboth/f && echo one > vown/f")
	other := w.hold("other", with("both"), "grep -q one vboth/f")
	w.has(volumes, "both", "own")
	w.agent.kill()
	one.lets()
	w.ends(1)
	w.has(volumes, "both", "own")
	w.start("re-registered")
	w.has(volumes, "both")
	w.has(func() []string { return names(t, records+"/*/volumes") }, "volumes")
	other.lets()
	other.ended(0, "TASK_FINISHED")
	w.has(volumes)
	w.has(func() []string { return names(t, records+"/*") })
	if n := w.apart.mounts(t, w.dir+"/volumes"); n != 0 {
		t.Errorf("%d mounts are left", n)
	}
}
