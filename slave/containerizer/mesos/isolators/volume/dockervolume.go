package volume

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"google.golang.org/protobuf/proto"

	"meseta/messages/ids"
	"meseta/messages/mesosjson"
	"meseta/messages/pb/agentstatepb"
	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/runtime"
	"meseta/runtime/disk"
	"meseta/slave/containerizer/mesos"
)

// dvdcli is the program that mounts and unmounts volumes of Docker's plugins.
const dvdcli = "dvdcli"

// How long dvdcli may take, and how long what it started may hold its output afterwards.
const (
	mountTimeout   = 2 * time.Minute
	unmountTimeout = 10 * time.Minute
	outputGrace    = 5 * time.Second
)

// DockerOptions configures [Docker].
type DockerOptions struct {
	SandboxDirectory string // where containers with a file system of their own have their sandboxes
	Dir              string // with a record for each container (--docker_volume_checkpoint_dir)
	Chown            bool   // a volume becomes that of the container's user, without its files (--docker_volume_chown)
	Disk             disk.Disk
	Clock            runtime.Clock
}

// Docker is the isolator docker/volume: a container gets a volume of a Docker plugin, which dvdcli mounts for the first container that
// uses it, and unmounts when the last has ended.
//
//	<docker_volume_checkpoint_dir>/<container>/volumes    JSON of DockerVolumes
//
// Mesos: DockerVolumeIsolatorProcess.
type Docker struct {
	mesos.Base
	options DockerOptions
	program string // the path of dvdcli

	mu    sync.Mutex
	used  map[string][]dockerVolume    // by the names of the directories of containers
	own   map[string]bool              // the directories that this agent has made or recovered, also while they are cleaned up
	turns map[dockerVolume]*sync.Mutex // held while a volume is mounted or unmounted
}

// dockerVolume identifies a volume.
type dockerVolume struct{ driver, name string }

// NewDocker returns the isolator. It fails if there is no dvdcli.
//
// Mesos: DockerVolumeIsolatorProcess::create.
func NewDocker(o DockerOptions) (*Docker, error) {
	program, err := exec.LookPath(dvdcli)
	if err != nil {
		return nil, fmt.Errorf("The 'docker/volume' isolator cannot get dvdcli command; install it along the agent's PATH, or mount the volume on the machine and use the isolator volume/host_path: %w", err)
	}
	if err := o.Disk.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("Failed to create docker volume information root directory at '%s': %w", o.Dir, err)
	}
	return &Docker{options: o, program: program, used: map[string][]dockerVolume{}, own: map[string]bool{}, turns: map[dockerVolume]*sync.Mutex{}}, nil
}

// nameOf returns the name of a container's directory. As in Mesos, that of a nested one does not say where it is nested.
func nameOf(id ids.Container) string { return string(id)[strings.LastIndexByte(string(id), '.')+1:] }

// Prepare implements [mesos.Isolator].
//
// Differs: Mesos mounts the volumes of a container at once.
func (i *Docker) Prepare(ctx context.Context, c *mesos.Container) error {
	var volumes []*mesospb.Volume
	var keys []dockerVolume
	for _, v := range c.Config.GetContainerInfo().GetVolumes() {
		if v.GetSource().GetType() != mesospb.Volume_Source_DOCKER_VOLUME {
			continue
		}
		d := v.GetSource().GetDockerVolume()
		k := dockerVolume{d.GetDriver(), d.GetName()}
		switch {
		case debugs(c):
			return errors.New("DOCKER_VOLUME volume is not supported for DEBUG containers")
		case d.Driver == nil:
			return fmt.Errorf("The volume driver is not specified for volume '%s' with container %s", k.name, c.ID)
		case slices.Contains(keys, k):
			return fmt.Errorf("Found duplicate docker volume with driver '%s' and name '%s'", k.driver, k.name)
		}
		volumes, keys = append(volumes, v), append(keys, k)
	}
	if len(volumes) == 0 {
		return nil
	}
	if err := i.record(nameOf(c.ID), keys); err != nil {
		return err
	}
	for n, v := range volumes {
		if err := i.attach(ctx, c, v, keys[n]); err != nil {
			return err
		}
	}
	return nil
}

// record writes down which volumes a container is about to use.
func (i *Docker) record(name string, keys []dockerVolume) error {
	all := &agentstatepb.DockerVolumes{}
	for _, k := range keys {
		all.Volumes = append(all.Volumes, &agentstatepb.DockerVolume{Driver: proto.String(k.driver), Name: proto.String(k.name)})
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if _, taken := i.used[name]; taken {
		return fmt.Errorf("another container with docker volumes is called '%s'", name)
	}
	dir := filepath.Join(i.options.Dir, name)
	if err := i.options.Disk.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("Failed to create the container directory at '%s': %w", dir, err)
	}
	i.used[name], i.own[name] = keys, true
	if err := disk.Replace(i.options.Disk, i.file(name), mesosjson.Marshal(all), 0o644); err != nil {
		return fmt.Errorf("Failed to checkpoint docker volumes at '%s': %w", i.file(name), err)
	}
	return nil
}

func (i *Docker) file(name string) string { return filepath.Join(i.options.Dir, name, "volumes") }

// attach has a volume be mounted, and have the init of a container mount it where the container wants it.
func (i *Docker) attach(ctx context.Context, c *mesos.Container, v *mesospb.Volume, k dockerVolume) error {
	to, err := target(c, v, i.options.SandboxDirectory)
	if err != nil {
		return err
	}
	args := k.args("mount")
	for _, p := range v.GetSource().GetDockerVolume().GetDriverOptions().GetParameter() {
		args = append(args, "--volumeopts="+p.GetKey()+"="+p.GetValue())
	}
	turn := i.turn(k)
	turn.Lock()
	defer turn.Unlock()
	printed, err := i.call(ctx, mountTimeout, args)
	if err != nil {
		return err
	}
	source := strings.TrimSpace(printed)
	if !filepath.IsAbs(source) {
		return fmt.Errorf("dvdcli has mounted the volume '%s' at '%s', which is no absolute path", k.name, source)
	}
	if o := c.Owner; i.options.Chown && o != nil && o.UID != 0 {
		if err := os.Lchown(source, int(o.UID), int(o.GID)); err != nil {
			return fmt.Errorf("Failed to set '%s' as the docker volume '%s' owner: %w", o.Name, source, err)
		}
	}
	bind(c, source, to, v.GetMode())
	return nil
}

func (k dockerVolume) args(command string) []string {
	return []string{command, "--volumedriver=" + k.driver, "--volumename=" + k.name}
}

// turn returns what is held while a volume is mounted or unmounted.
func (i *Docker) turn(k dockerVolume) *sync.Mutex {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.turns[k] == nil {
		i.turns[k] = &sync.Mutex{}
	}
	return i.turns[k]
}

// call runs dvdcli, and returns what it prints.
//
// Mesos: DriverClient.
func (i *Docker) call(ctx context.Context, timeout time.Duration, args []string) (string, error) {
	errLate := fmt.Errorf("'%s' timed out in %s", args[0], timeout)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := i.options.Clock.AfterFunc(timeout, func() { cancel(errLate) })
	defer stop()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, i.program, args...)
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &errs, outputGrace
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	err := cmd.Run()
	switch {
	case context.Cause(ctx) != nil:
		return "", context.Cause(ctx)
	case err != nil:
		return "", fmt.Errorf("Unexpected termination of the subprocess: dvdcli %s: %w: %s", args[0], err, strings.TrimSpace(errs.String()))
	}
	return out.String(), nil
}

// Cleanup implements [mesos.Isolator].
func (i *Docker) Cleanup(c *mesos.Container) error { return i.clean(nameOf(c.ID)) }

// clean unmounts the volumes of a container that no other uses. The record of one whose volumes could not be unmounted is left to the
// next agent.
func (i *Docker) clean(name string) error {
	i.mu.Lock()
	keys, found := i.used[name]
	delete(i.used, name)
	i.mu.Unlock()
	if !found {
		return nil
	}
	var errs []error
	for _, k := range keys {
		errs = append(errs, i.detach(k))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	dir := filepath.Join(i.options.Dir, name)
	if err := i.options.Disk.RemoveAll(dir); err != nil {
		return fmt.Errorf("Failed to remove the checkpoint directory at '%s': %w", dir, err)
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.used[name] == nil { // nor has another container the name meanwhile
		delete(i.own, name)
	}
	return nil
}

// detach unmounts a volume unless it is used.
func (i *Docker) detach(k dockerVolume) error {
	turn := i.turn(k)
	turn.Lock()
	defer turn.Unlock()
	if i.uses(k) {
		return nil
	}
	_, err := i.call(context.Background(), unmountTimeout, k.args("unmount"))
	return err
}

func (i *Docker) uses(k dockerVolume) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, keys := range i.used {
		if slices.Contains(keys, k) {
			return true
		}
	}
	return false
}

// Recover implements [mesos.Isolator].
func (i *Docker) Recover(c *mesos.Container, _ *slavepb.ContainerLaunchInfo) error {
	if err := i.recover(nameOf(c.ID)); err != nil {
		return fmt.Errorf("Failed to recover docker volumes for container %s: %w", c.ID, err)
	}
	return nil
}

// recover reads the record of a container. One that is missing or empty was not on the medium when the system crashed.
func (i *Docker) recover(name string) error {
	if _, err := i.options.Disk.Lstat(filepath.Join(i.options.Dir, name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	content, err := disk.ReadFile(i.options.Disk, i.file(name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("Failed to read docker volumes checkpoint file '%s': %w", i.file(name), err)
	}
	all := &agentstatepb.DockerVolumes{}
	if len(content) > 0 {
		if err := mesosjson.Unmarshal(content, all); err != nil {
			return fmt.Errorf("JSON parse failed: %w", err)
		}
	}
	keys := []dockerVolume{}
	for _, v := range all.GetVolumes() {
		keys = append(keys, dockerVolume{v.GetDriver(), v.GetName()})
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.used[name], i.own[name] = keys, true
	return nil
}

// Sweep implements [mesos.Sweeper]. Known containers were recovered before, and some may have ended since: their volumes are being
// unmounted, and must not be a second time.
func (i *Docker) Sweep(func(ids.Container) bool) error {
	entries, err := i.options.Disk.ReadDir(i.options.Dir)
	if err != nil {
		return fmt.Errorf("Unable to list docker volume checkpoint directory '%s': %w", i.options.Dir, err)
	}
	var errs []error
	for _, e := range entries {
		i.mu.Lock()
		known := i.own[e.Name()]
		i.mu.Unlock()
		if known {
			continue
		}
		if err := i.recover(e.Name()); err != nil {
			errs = append(errs, fmt.Errorf("Failed to recover docker volumes for orphan container %s: %w", e.Name(), err))
			continue
		}
		errs = append(errs, i.clean(e.Name()))
	}
	return errors.Join(errs...)
}
