package blackbox

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// poor is a system that lacks something, on which somebody starts an agent.
type poor struct {
	name    string
	user    string
	without []string // commands of the shell, by root in a mount namespace of its own, that take something away
	missing string   // a program of the agent's that is not installed
}

const (
	noGroups   = "mount -t tmpfs -o mode=555 none /sys/fs/cgroup"
	noSettings = "mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys"
	noSystem   = "mount -t tmpfs -o mode=555 none /sys"
	noShared   = "mount -t tmpfs -o mode=555 none /dev/shm"
)

var poorest = []poor{
	{name: "nobody", user: "nobody"},
	{name: "root without control groups", user: "root", without: []string{noGroups}},
	{name: "root without anything", user: "root", without: []string{noSystem, noSettings, noShared}},
	{name: "nobody without control groups, and settings", user: "nobody", without: []string{noGroups, noSettings}},
	{name: "nobody without anything", user: "nobody", without: []string{noSystem, noSettings, noShared}},
	{name: "nobody without what starts containers", user: "nobody", without: []string{noSystem}, missing: "mesos-containerizer"},
}

// place is where an agent runs on such a system, and as whom.
type place struct {
	poor
	apart     apart
	account   *user.User
	dir       string // the user's
	installed string // the directory with the programs
}

// find makes the place.
func (p poor) find(t *testing.T) *place {
	t.Helper()
	account, err := user.Lookup(p.user)
	if err != nil {
		t.Skip(err)
	}
	at := &place{poor: p, apart: newApart(t), account: account, dir: t.TempDir(), installed: t.TempDir()}
	// What is not given otherwise is below /run, or in the user's directory for temporary files.
	for _, command := range append([]string{"mount --make-rprivate /", "mount -t tmpfs none /run"}, p.without...) {
		at.apart.does(t, "sh", "-c", command)
	}
	uid, err := strconv.Atoi(account.Uid)
	if err == nil {
		err = os.Chown(at.dir, uid, -1)
	}
	for _, dir := range []string{at.installed, filepath.Dir(at.installed)} { // of which the user finds programs
		if err == nil {
			err = os.Chmod(dir, 0o755)
		}
	}
	for _, name := range all {
		if err == nil && name != p.missing {
			err = os.Link(filepath.Join(bin, name), filepath.Join(at.installed, name))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// environment are the user's variables.
func (at *place) environment() []string {
	return []string{"TMPDIR=" + at.dir, "HOME=" + at.dir, "USER=" + at.account.Username}
}

// command is a program that the user starts there.
func (at *place) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command("nsenter", append([]string{
		"--mount=" + string(at.apart), "--setgid=" + at.account.Gid, "--setuid=" + at.account.Uid, "--wd=" + at.dir, filepath.Join(at.installed, name),
	}, args...)...)
	cmd.Env = append(clean(os.Environ()), at.environment()...)
	return cmd
}

// Whoever starts an agent with nothing but its master and its directory can run tasks of both kinds, whatever the system lacks.
func TestDefaultsWorkEverywhere(t *testing.T) {
	t.Parallel()
	for _, p := range poorest {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			at := p.find(t)
			master := startMaster(t, "0", t.TempDir())
			work := filepath.Join(at.dir, "work")
			agent := startReady(t, at.environment(), "mesos-agent", at.command("mesos-agent", "--master="+master.address, "--work_dir="+work, "--ip=127.0.0.1", "--port=0"))
			agent.awaits("] registered ")
			group, err := json.Marshal(map[string]any{"tasks": []any{
				member{"one", "id -u > $MESOS_SANDBOX/who", nil}.task(), member{"two", "cat /proc/self/cmdline", nil}.task(),
			}})
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range [][]string{{"--name=alone", "--command=id -u > who"}, {"--task_group=" + string(group)}} {
				told, err := at.command("mesos-execute", append(what, "--master="+master.address)...).CombinedOutput()
				if err != nil || !strings.Contains(string(told), "TASK_FINISHED") {
					t.Errorf("%s: %v\n%s", what, err, told)
				}
			}
			for _, pattern := range []string{"runs/latest/who", "runs/latest/containers/*/who"} {
				files, err := filepath.Glob(filepath.Join(work, "slaves/*/frameworks/*/executors/*", pattern))
				if err != nil || len(files) != 1 {
					t.Fatal(pattern, files, err)
				}
				if who, err := os.ReadFile(files[0]); err != nil || strings.TrimSpace(string(who)) != at.account.Uid {
					t.Errorf("%s: the task ran as %q (%v)", files[0], who, err)
				}
			}
			agent.signal(syscall.SIGTERM)
			if status := agent.ends(); status != 0 && status != -int(syscall.SIGTERM) {
				t.Errorf("the agent ended with %d", status)
			}
			gone(t, func() []string { return commands(t, at.installed) })
		})
	}
}

// Who asks for what the system lacks is told at the start what that is, and what to do.
func TestWhatIsMissingIsSaid(t *testing.T) {
	t.Parallel()
	const asRoot = "start the agent as root"
	for _, c := range []struct {
		poor
		args  []string
		texts []string
	}{
		{poorest[0], []string{"--isolation=cgroups/cpu,cgroups/mem"}, []string{"needs the rights of root", asRoot, "--launcher=posix"}},
		{poorest[0], []string{"--isolation=filesystem/linux,namespaces/pid"}, []string{"needs the rights of root", asRoot}},
		{poorest[0], []string{"--isolation=linux/capabilities"}, []string{"needs the rights of root", asRoot, "without that isolator"}},
		{poorest[0], []string{"--isolation=linux/seccomp"}, []string{"root permissions", asRoot, "without that isolator"}},
		{poorest[0], []string{"--isolation=disk/xfs"}, []string{"running as root", asRoot, "disk/du"}},
		{poorest[0], []string{"--launcher=linux"}, []string{"needs the rights of root", asRoot}},
		{poorest[0], []string{"--containerizers=docker"}, []string{"docker"}},
		{poorest[0], []string{"--isolation=gpu/nvidia"}, []string{"gpu/nvidia", "not supported yet"}},
		{poorest[0], []string{"--work_dir=/usr"}, []string{"/usr/meta", "permission denied"}},
		{poorest[0], []string{"--work_dir=/usr/nosuch"}, []string{"Failed to create agent work directory '/usr/nosuch'", "permission denied"}},
		{poorest[0], []string{"--work_dir=/proc"}, []string{"/proc/meta"}},
		{poorest[0], []string{"--agent_subsystems=cpu"}, []string{"permission denied", asRoot, "without --agent_subsystems"}},
		{poorest[1], []string{"--launcher=linux"}, []string{"the linux launcher needs the freezer subsystem, or control groups of version 2", "mounted below /sys/fs/cgroup"}},
		{poorest[1], []string{"--isolation=cgroups/cpu"}, []string{"/sys/fs/cgroup", "mount"}},
		{poorest[1], []string{"--isolation=cgroups/perf_event"}, []string{"/sys/fs/cgroup", "mount"}},
	} {
		t.Run(fmt.Sprint(c.name, " ", c.args), func(t *testing.T) {
			t.Parallel()
			at := c.poor.find(t)
			args := append(slices.Clone(c.args), "--master=127.0.0.1:1", "--ip=127.0.0.1", "--port=0")
			if !strings.HasPrefix(c.args[0], "--work_dir=") {
				args = append(args, "--work_dir="+filepath.Join(at.dir, "work"))
			}
			told, err := at.command("mesos-agent", args...).CombinedOutput()
			if err == nil {
				t.Errorf("the agent ended without an error: %s", told)
			}
			for _, text := range c.texts {
				if !strings.Contains(string(told), text) {
					t.Errorf("it does not say %q: %s", text, told)
				}
			}
		})
	}
}
