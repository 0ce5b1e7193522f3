package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"meseta/messages/pb/v1/mesosv1pb"
	"meseta/slave/provisioner/mounttest"
)

// root is the root directory of a namespace.
func (a apart) root() string { return strings.TrimSuffix(string(a), "ns/mnt") + "root" }

// An agent does not start with disk/xfs where that has no effect, and says why.
func TestDiskQuotasWithoutEffect(t *testing.T) {
	t.Parallel()
	a := newApart(t)
	for options, want := range map[string]string{"noatime": "prjquota", "uquota": "XFS project quotas are not enabled on"} {
		t.Run(options, func(t *testing.T) {
			t.Parallel()
			dir := mounttest.MountXFS(t, options, a.command)
			args := agentArgs("0", "127.0.0.1:1", filepath.Join(dir, "agent"), []string{"--isolation=posix/cpu,posix/mem,disk/xfs"})
			out, err := a.command("mesos-agent", args...).CombinedOutput()
			if text := string(out); err == nil || !strings.Contains(text, "Failed to create isolator 'disk/xfs'") ||
				!strings.Contains(text, want) && !strings.Contains(text, "this kernel has no quotas of XFS (CONFIG_XFS_QUOTA)") {
				t.Errorf("%v, and printed\n%s", err, out)
			}
		})
	}
}

// projects returns how many projects an agent has, and how many are free.
func (p *process) projects() (total, free float64) {
	p.t.Helper()
	var values map[string]float64
	p.sees("/metrics/snapshot", &values)
	return values["containerizer/mesos/disk/project_ids_total"], values["containerizer/mesos/disk/project_ids_free"]
}

// diskWorld is a master, and an agent whose work directory is on XFS.
type diskWorld struct {
	world
	t         *testing.T
	apart     apart
	dir, port string
}

func newDiskWorld(t *testing.T) *diskWorld {
	t.Helper()
	a := newApart(t)
	w := &diskWorld{t: t, apart: a, dir: mounttest.MountXFS(t, "prjquota", a.command), port: freePort(t)}
	w.master = startMaster(t, "0", t.TempDir())
	w.start("registered")
	return w
}

// start starts the agent, with more arguments, and waits until it has registered or re-registered.
func (w *diskWorld) start(event string, more ...string) {
	w.t.Helper()
	w.agent = startAgentIn(w.t, string(w.apart), w.port, w.master.address, filepath.Join(w.dir, "agent"), append([]string{
		"--isolation=posix/cpu,posix/mem,disk/xfs", "--enforce_container_disk_quota", "--xfs_project_range=[6000-6003]", "--resources=cpus:4;mem:1024;disk:200",
		"--runtime_dir=" + filepath.Join(w.dir, "run"), "--disk_watch_interval=10ms", "--container_disk_watch_interval=10ms", "--gc_delay=0secs",
	}, more...)...)
	w.agent.awaits("] " + event + " actor=slave(1) master=")
}

// execute runs a command that has 4 MB.
func (w *diskWorld) execute(name, command string, more ...string) *process {
	w.t.Helper()
	return start(w.t, nil, "mesos-execute", append([]string{
		"--master=" + w.master.address, "--name=" + name, "--resources=cpus:0.1;mem:32;disk:4", "--command=" + command,
	}, more...)...)
}

// left waits until that many of the four projects are free.
func (w *diskWorld) left(want float64) {
	w.t.Helper()
	gone(w.t, func() []string {
		total, free := w.agent.projects()
		if total == 4 && free == want {
			return nil
		}
		return []string{fmt.Sprintf("%v of %v projects are free, want %v", free, total, want)}
	})
}

// fill is a command that writes a file of so many times 64 KB.
func fill(name string, blocks int) string {
	return fmt.Sprintf("dd if=/dev/zero of=%s bs=64k count=%d", name, blocks)
}

// A task cannot write more than it requested, also when its agent was killed in between. Its project is free again when its sandbox is
// deleted. With --xfs_kill_containers a task that has too much fails.
func TestDiskQuotas(t *testing.T) {
	t.Parallel()
	w := newDiskWorld(t)
	w.execute("fits", fill("a", 32)).ended(0, "TASK_FINISHED")
	w.execute("exceeds", fill("a", 128)+" || exit 7").ended(1, "Command exited with status 7")
	until, up := newGate(t), filepath.Join(t.TempDir(), "up")
	outlives := w.execute("outlives", "touch "+up+"; "+until.wait()+"; "+fill("a", 32)+" || exit 6; "+fill("b", 128)+" || exit 7", "--checkpoint")
	gone(t, func() []string {
		if _, err := os.Stat(up); err == nil {
			return nil
		}
		return []string{"a task that has not begun"}
	})
	w.left(3)
	w.agent.kill()
	w.start("re-registered")
	w.left(3)
	until.open(t)
	outlives.ended(1, "Command exited with status 7")
	w.left(4)
	w.agent.kill()
	w.start("re-registered", "--xfs_kill_containers")
	w.execute("killed", fill("a", 128)+" && sync && sleep 1000").ended(1, "exceeded quota (4MB)")
	w.left(4)
}

// Tasks cannot write more into a volume than it has. It keeps its project, also after kill -9 of the agent, until it is destroyed.
func TestDiskQuotasOfVolumes(t *testing.T) {
	t.Parallel()
	w := newDiskWorld(t)
	w.operates(t, "reserve_resources", "resources", cpusJSON+","+memJSON+","+fmt.Sprintf(diskJSON, 100))
	w.operates(t, "create_volumes", "volumes", volume)
	subscribes := func() *framework {
		return w.subscribes(t, strings.Replace(subscribe, `"name":"n"`,
			`"name":"n","roles":["red"],"checkpoint":true,"capabilities":[{"type":"MULTI_ROLE"},{"type":"RESERVATION_REFINEMENT"}]`, 1))
	}
	f := subscribes()
	if state := f.ends("v1", fill("data/a", 640)); state != mesosv1pb.TaskState_TASK_FINISHED {
		t.Errorf("the first task ended as %s", state)
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
	w.left(3)
	w.agent.kill()
	w.start("re-registered")
	w.left(3)
	f = subscribes()
	if state := f.ends("v2", fill("data/b", 320)+" && exit 1; true"); state != mesosv1pb.TaskState_TASK_FINISHED {
		t.Errorf("the second task ended as %s", state)
	}
	var taken int64
	for _, name := range []string{"a", "b"} {
		about, err := os.Stat(filepath.Join(w.apart.root(), w.dir, "agent/volumes/roles/red/v", name))
		if err != nil {
			t.Fatal(err)
		}
		taken += about.Size()
	}
	if taken <= 40<<20 || taken > 50<<20 {
		t.Errorf("a volume of 50 MB has %d bytes", taken)
	}
	f.calls(`"type":"TEARDOWN"`).wants("202")
	w.operates(t, "destroy_volumes", "volumes", volume)
	w.left(4)
}
