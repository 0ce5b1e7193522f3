// Package isolation starts Mesos's containerizer with the launcher and the isolators that an operator names.
//
// Mesos: MesosContainerizer::create.
package isolation

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"meseta/actors/secrets"
	"meseta/messages/pb/mesospb"
	"meseta/messages/units"
	"meseta/runtime"
	rdisk "meseta/runtime/disk"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/mesos"
	"meseta/slave/containerizer/mesos/isolators/images"
	"meseta/slave/containerizer/mesos/isolators/namespaces"
	"meseta/slave/containerizer/mesos/isolators/process"
	"meseta/slave/containerizer/mesos/isolators/subsystems"
	"meseta/slave/containerizer/mesos/isolators/volume"
	"meseta/slave/provisioner"
)

// Config says how containers are started and isolated.
type Config struct {
	Launcher  string // posix or linux (--launcher); empty means the one that the others need, see [Config.Kind]
	Isolation string // names of isolators, separated by commas (--isolation)

	// SandboxDirectory is where containers with file systems of their own have their sandboxes (--sandbox_directory).
	SandboxDirectory string
	// AgentSocket is the Unix domain socket of the agent's HTTP APIs, alone in its directory, for executors with file systems
	// of their own (--http_executor_domain_sockets). Empty means none.
	AgentSocket string
	// CreatableHostPaths has the directories, separated by colons, below which a volume's host path is made that does not exist
	// (--host_path_volume_force_creation).
	CreatableHostPaths string

	CFS            bool                     // containers without a limit get no more processors than they request (--cgroups_enable_cfs)
	LimitSwap      bool                     // memory limits include swap (--cgroups_limit_swap)
	Count          bool                     // statistics have the numbers of processes and threads (--cgroups_cpu_enable_pids_and_tids_count)
	RevocableLow   bool                     // revocable processors have a low priority (--revocable_cpu_low_priority)
	DestroyTimeout time.Duration            // for the processes of a container to vanish (--cgroups_destroy_timeout); 0 means a single attempt
	Effective      *mesospb.CapabilityInfo  // of containers that ask for none (--effective_capabilities); nil means all that are bounded
	Bounding       *mesospb.CapabilityInfo  // what no container may exceed (--bounding_capabilities); nil means all
	SeccompDir     string                   // with profiles of system calls (--seccomp_config_dir)
	SeccompProfile string                   // the file of that of containers that name none (--seccomp_profile_name); "" means none
	SharedMemory   units.Bytes              // of private containers that ask for none (--default_container_shm_size); 0 means the kernel's default
	PrivateIPC     bool                     // no container shares memory with the agent (--disallow_sharing_agent_ipc_namespace)
	PrivatePIDs    bool                     // no container sees the agent's processes (--disallow_sharing_agent_pid_namespace)
	DiskInterval   time.Duration            // between two looks at the disk space of a container (--container_disk_watch_interval); 0 means a millisecond
	EnforceDisk    bool                     // a container with too many files is ended (--enforce_container_disk_quota)
	AllowedDevices *mesospb.DeviceWhitelist // beyond the usual ones (--allowed_devices); nil means none
	Perf           subsystems.Sampling      // of events in containers
	Classes        subsystems.Classes       // of the packets of containers

	DockerVolumesDir   string // with the records of volumes of Docker's plugins (--docker_volume_checkpoint_dir)
	DockerVolumesChown bool   // such a volume becomes that of the container's user (--docker_volume_chown)

	Quotas   QuotaConfig   // says how disk quotas are kept by XFS
	Images   ImageConfig   // says which images containers can have
	Networks NetworkConfig // says which networks containers can have
	Ports    PortsConfig   // says how the ports are watched on which containers listen
}

// Default returns the configuration of an agent started without flags.
func Default() Config {
	return Config{
		Isolation: "posix/cpu,posix/mem", RevocableLow: true, DestroyTimeout: time.Minute,
		Perf:         subsystems.Sampling{Duration: 10 * time.Second, Interval: time.Minute},
		DiskInterval: 15 * time.Second, DockerVolumesDir: "/var/run/mesos/isolators/docker/volume", SandboxDirectory: mesos.DefaultSandboxDirectory, Images: defaultImages(),
		Quotas:   QuotaConfig{Projects: "[5000-10000]", Headroom: 10 * units.Megabyte, ReclaimInterval: time.Minute},
		Networks: NetworkConfig{Statistics: true}, Ports: PortsConfig{Interval: 30 * time.Second},
	}
}

// replacements has the isolators that older names stand for.
var replacements = map[string][]string{
	"process": {"posix/cpu", "posix/mem"}, "cgroups": {"cgroups/cpu", "cgroups/mem"}, "posix/disk": {"disk/du"},
}

// basic has the isolators that need no launcher of their own.
var basic = []string{"filesystem/posix", "volume/sandbox_path", "posix/cpu", "posix/mem", "posix/rlimits", capabilities, nnp, filters, du, quotas, networks, "environment_secret"}

// contained has the isolators that need the linux launcher and are not those of control groups.
var contained = []string{mounts, pids, ipc, hostPaths, imageVolumes, dockerVolumes, secretFiles, devices, listening}

// Isolators that are not those of control groups.
const (
	du            = "disk/du"
	quotas        = "disk/xfs"
	mounts        = "filesystem/linux"
	pids          = "namespaces/pid"
	ipc           = "namespaces/ipc"
	hostPaths     = "volume/host_path"
	imageVolumes  = "volume/image"
	dockerVolumes = "docker/volume"
	secretFiles   = "volume/secret"
	capabilities  = "linux/capabilities"
	nnp           = "linux/nnp"
	devices       = "linux/devices"
	filters       = "linux/seccomp"
)

// names returns the isolators, with new names for old ones.
func (c Config) names() []string {
	var all []string
	for name := range strings.SplitSeq(c.Isolation, ",") {
		if fresh, old := replacements[name]; old {
			all = append(all, fresh...)
		} else if name != "" {
			all = append(all, name)
		}
	}
	return all
}

// Kind returns the launcher: the one that was chosen, or otherwise the linux launcher if isolators or networks need it.
//
// Differs: Mesos's agent uses the linux launcher wherever it can, but then refuses its own default isolation. Here an agent
// without flags starts the same way for every user.
func (c Config) Kind() mesos.LauncherKind {
	switch {
	case c.Launcher != "":
		return mesos.LauncherKind(c.Launcher)
	case slices.ContainsFunc(c.names(), needsLinux), c.Networks.configured():
		return mesos.Linux
	}
	return mesos.Posix
}

// needsLinux reports whether an isolator works with the linux launcher only.
func needsLinux(name string) bool {
	return slices.Contains(contained, name) || strings.HasPrefix(name, subsystems.Prefix)
}

// Has reports whether containers are isolated by the isolator of that name.
func (c Config) Has(name string) bool {
	all := c.names()
	return slices.Contains(all, name) || strings.HasPrefix(name, subsystems.Prefix) && slices.Contains(all, subsystems.Prefix+"all")
}

// Check returns an error for a launcher or an isolator that does not exist, and for those that do not go together.
func (c Config) Check() error {
	if kind := c.Kind(); kind != mesos.Posix && kind != mesos.Linux {
		return fmt.Errorf("launcher: Unknown or unsupported launcher: %s; this agent has posix and linux", c.Launcher)
	}
	given := strings.Split(c.Isolation, ",")
	if sorted := slices.Sorted(slices.Values(given)); len(slices.Compact(sorted)) < len(given) {
		return fmt.Errorf("isolation: Duplicate entries found in --isolation flag '[ %s ]'", strings.Join(given, ", "))
	}
	if c.Has(mounts) && c.Has("filesystem/posix") {
		return errors.New("isolation: Using multiple filesystem isolators simultaneously is disallowed")
	}
	for _, name := range c.names() {
		if err := c.checkName(name); err != nil {
			return fmt.Errorf("isolation: %w", err)
		}
	}
	if err := errors.Join(c.checkImages(), c.checkNetworks(), c.checkDisk()); err != nil {
		return err
	}
	if err := c.capabilities().Check(); err != nil {
		return fmt.Errorf("effective_capabilities: %w", err)
	}
	if c.Has(capabilities) && os.Geteuid() != 0 {
		return errors.New("isolation: the isolator linux/capabilities needs the rights of root: start the agent as root, or without that isolator")
	}
	if c.LimitSwap && !c.Has("cgroups/mem") {
		return errors.New("cgroups_limit_swap: needs the isolator cgroups/mem (--isolation)")
	}
	if err := c.Classes.Check(); err != nil && c.Has(subsystems.Prefix+"net_cls") {
		return err
	}
	return c.checkSampling()
}

// checkSampling returns an error for events that cannot be counted, or would not be.
func (c Config) checkSampling() error {
	if c.Perf.Events != "" && !c.Has(subsystems.Prefix+"perf_event") {
		return errors.New("perf_events: needs the isolator cgroups/perf_event (--isolation)")
	}
	if err := c.Perf.Check(); err != nil {
		return fmt.Errorf("perf_events: %w", err)
	}
	return nil
}

func (c Config) checkName(name string) error {
	switch {
	case slices.Contains(basic, name), name == dockerRuntime && c.Has(mounts):
		return nil
	case name == dockerRuntime:
		return errors.New("Failed to create isolator 'docker/runtime': 'filesystem/linux' must be used, which gives containers the file systems of images")
	case Advice(name) != "":
		return fmt.Errorf("the isolator '%s' is not supported yet: %s", name, Advice(name))
	case name == hostPaths && !c.Has(mounts):
		return errors.New("Failed to create isolator 'volume/host_path': 'filesystem/linux' isolator must be used")
	case name == imageVolumes && !c.Has(mounts):
		return errors.New("Failed to create isolator 'volume/image': 'filesystem/linux' must be enabled to create the volume image isolator")
	case name == dockerVolumes && !c.Has(mounts):
		return errors.New("Failed to create isolator 'docker/volume': 'filesystem/linux' isolator must be used")
	case name == secretFiles && !c.Has(mounts):
		return errors.New("Failed to create isolator 'volume/secret': Volume secret isolation requires filesystem/linux isolator.")
	case name == devices && !c.Has(mounts):
		return errors.New("Failed to create isolator 'linux/devices': 'filesystem/linux' isolator must be used")
	case name == ipc && !c.Has(mounts):
		return errors.New("Failed to create isolator 'namespaces/ipc': 'filesystem/linux' must be used to enable IPC namespace")
	case !slices.Contains(contained, name) && (!strings.HasPrefix(name, subsystems.Prefix) || !subsystems.Known(name)):
		return fmt.Errorf("Unknown or unsupported isolator '%s'", name)
	case name == pids && !c.Has(mounts):
		return errors.New("Failed to create isolator 'namespaces/pid': 'filesystem/linux' must be used to enable pid namespace")
	case c.Kind() != mesos.Linux:
		return fmt.Errorf("the isolator '%s' needs the linux launcher; start the agent with --launcher=linux", name)
	}
	return nil
}

// New starts the containerizer on n, with groups below root in each hierarchy of base. It blocks.
func (c Config) New(n *runtime.Node, tree mesos.Tree, o mesos.Options) (containerizer.Containerizer, error) {
	if err := c.Check(); err != nil {
		return nil, fmt.Errorf("Could not create MesosContainerizer: %w", err)
	}
	if c.Kind() == mesos.Linux && os.Geteuid() != 0 {
		return nil, errors.New("Could not create MesosContainerizer: the linux launcher needs the rights of root: start the agent as root, or with --launcher=posix and isolators that need no rights, such as posix/cpu,posix/mem")
	}
	o.Launcher, o.Groups, o.DestroyTimeout, o.HardCPULimit = c.Kind(), tree, c.DestroyTimeout, c.CFS
	o.SkipCPU, o.SkipMemory = !c.Has("posix/cpu"), !c.Has("posix/mem")
	for _, add := range []func(*runtime.Node, *mesos.Options) error{
		c.addImages, c.addQuotas, c.addVolumes, c.addNetworks, c.addPorts, c.addDevices, c.addLimits, c.addSubsystems, c.addRights, c.addNamespaces, c.addDisk,
	} {
		if err := add(n, &o); err != nil {
			return nil, fmt.Errorf("Could not create MesosContainerizer: %w", err)
		}
	}
	if o.Images != nil {
		o.Isolators = append(o.Isolators, images.Delegation{})
	}
	x, err := mesos.New(n, o)
	if err != nil {
		return nil, err
	}
	return x, c.collectImages(n, o.Images, x)
}

// failed returns the error for an isolator that cannot be created.
func failed(isolator string, err error) error {
	return fmt.Errorf("Failed to create isolator '%s': %w", isolator, err)
}

// addVolumes adds the isolators of volumes: with mounts, or as links.
func (c Config) addVolumes(n *runtime.Node, o *mesos.Options) error {
	if !c.Has(mounts) {
		o.Isolators = append(o.Isolators, volume.NewLinked(o.WorkDir, o.GIDs), volume.Links{})
		addGroups(o)
		return nil
	}
	if err := c.addMounts(n, o); err != nil {
		return failed(mounts, err)
	}
	return nil
}

// addDevices adds the isolator linux/devices.
func (c Config) addDevices(_ *runtime.Node, o *mesos.Options) error {
	if !c.Has(devices) {
		return nil
	}
	isolator, err := namespaces.NewDevices(c.AllowedDevices.GetAllowedDevices())
	if err != nil {
		return failed(devices, err)
	}
	o.Isolators = append(o.Isolators, isolator)
	return nil
}

// addLimits adds the isolator posix/rlimits.
func (c Config) addLimits(_ *runtime.Node, o *mesos.Options) error {
	if c.Has("posix/rlimits") {
		o.Isolators = append(o.Isolators, process.RLimits{})
	}
	return nil
}

// addRights adds the isolators of what processes may ask of the kernel.
func (c Config) addRights(_ *runtime.Node, o *mesos.Options) error {
	if c.Has(capabilities) {
		o.Isolators = append(o.Isolators, c.capabilities())
	}
	if c.Has(nnp) {
		o.Isolators = append(o.Isolators, process.NoNewPrivileges{})
	}
	if !c.Has(filters) {
		return nil
	}
	isolator, err := process.NewSeccomp(c.SeccompDir, c.SeccompProfile)
	if err != nil {
		return failed(filters, err)
	}
	o.Isolators = append(o.Isolators, isolator)
	return nil
}

// addNamespaces adds the isolators of namespaces, except for those of mounts and networks.
func (c Config) addNamespaces(_ *runtime.Node, o *mesos.Options) error {
	if c.Has(pids) {
		o.Isolators = append(o.Isolators, namespaces.PID{Private: c.PrivatePIDs})
	}
	if c.Has(ipc) {
		o.Isolators = append(o.Isolators, namespaces.IPC{Size: c.SharedMemory, Private: c.PrivateIPC})
	}
	return nil
}

// addMounts adds the isolators with mounts. As in Mesos, containers with mounts of their own always have volumes.
func (c Config) addMounts(n *runtime.Node, o *mesos.Options) error {
	if o.WorkDir != "" {
		if err := volume.Share(o.WorkDir); err != nil {
			return err
		}
	}
	o.SandboxDirectory = c.SandboxDirectory
	o.Isolators = append(o.Isolators,
		namespaces.Filesystem{SandboxDirectory: c.SandboxDirectory, AgentSocket: c.AgentSocket, SharedMemory: c.Has(ipc)},
		volume.NewPersistent(o.WorkDir, o.GIDs),
		volume.HostPath{SandboxDirectory: c.SandboxDirectory, Creatable: filepath.SplitList(c.CreatableHostPaths)},
		volume.SandboxPath{SandboxDirectory: c.SandboxDirectory, GIDs: o.GIDs},
	)
	var others volume.Others
	if p, found := o.Images.(*provisioner.Provisioner); found {
		others.Images = true
		o.Isolators = append(o.Isolators, volume.Image{SandboxDirectory: c.SandboxDirectory, Provisioner: p})
	}
	if c.Has(dockerVolumes) {
		x, err := volume.NewDocker(volume.DockerOptions{
			SandboxDirectory: c.SandboxDirectory, Dir: c.DockerVolumesDir, Chown: c.DockerVolumesChown, Disk: rdisk.Of(n), Clock: n.Clock(),
		})
		if err != nil {
			return err
		}
		others.Provided = append(others.Provided, mesospb.Volume_Source_DOCKER_VOLUME)
		o.Isolators = append(o.Isolators, x)
	}
	if c.Has(secretFiles) {
		others.Provided = append(others.Provided, mesospb.Volume_Source_SECRET)
		o.Isolators = append(o.Isolators, volume.Secret{SandboxDirectory: c.SandboxDirectory, Resolver: cmp.Or[secrets.Resolver](o.Secrets, secrets.Values{})})
	}
	o.Isolators = append(o.Isolators, others)
	addGroups(o)
	return nil
}

// addGroups adds what ends the groups of volumes, if they have any.
func addGroups(o *mesos.Options) {
	if o.GIDs != nil {
		o.Isolators = append(o.Isolators, volume.Groups{GIDs: o.GIDs})
	}
}

// shortestInterval is the least interval of periodic work, so that an interval of 0 is not a busy loop.
const shortestInterval = time.Millisecond

func (c Config) capabilities() process.Capabilities {
	return process.Capabilities{Effective: c.Effective, Bounding: c.Bounding}
}

// addSubsystems adds the isolator with control groups, if one of its names was given.
func (c Config) addSubsystems(n *runtime.Node, o *mesos.Options) error {
	names := slices.DeleteFunc(c.names(), func(name string) bool { return !strings.HasPrefix(name, subsystems.Prefix) })
	if len(names) == 0 {
		return nil
	}
	isolator, err := subsystems.New(names, subsystems.Options{
		Tree: o.Groups, CFS: c.CFS, LimitSwap: c.LimitSwap, Count: c.Count, LowPriority: c.RevocableLow,
		Devices: c.AllowedDevices.GetAllowedDevices(), Sampling: c.Perf, Classes: c.Classes, Destroyer: cgroups.Destroyer{Clock: n.Clock(), Timeout: c.DestroyTimeout},
	})
	if err != nil {
		return failed(names[0], err)
	}
	o.Isolators = append(o.Isolators, isolator)
	_, err = runtime.Spawn(n, n.NewID("perf-event-sampler"), &subsystems.Sampler{Isolator: isolator, Sampling: c.Perf})
	return err
}
