package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"meseta/actors/credentials"
	"meseta/actors/election"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program/daemon"
	"meseta/cmd/internal/program/modular"
	"meseta/messages/units"
	"meseta/slave"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer/docker/engine"
	"meseta/slave/containerizer/forker"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/gids"
	"meseta/slave/oversubscription"
	"meseta/slave/provisioner/docker"
	"meseta/slave/recovery"
)

// options holds the values of mesos-agent's flags.
type options struct {
	*daemon.Options
	slave      slave.Config
	master     string
	detection  election.Options
	credential string // the file with the agent's own
	warnings   []string
	modules    chosenModules
	socket     executorSocket
	systemd    struct {
		enabled bool
		runtime string
	}
}

func bind(set *flags.Set) *options {
	o := &options{Options: daemon.Bind(set), slave: slave.Defaults()}
	c := &o.slave
	set.Bind("master", &o.master)
	set.Bind("zk_session_timeout", &o.detection.SessionTimeout)
	set.Bind("work_dir", &c.WorkDir)
	c.RuntimeDir = defaultRuntimeDir()
	set.Bind("runtime_dir", &c.RuntimeDir)
	set.Bind("resources", &c.Resources)
	set.Bind("default_role", &c.Role)
	set.Bind("attributes", &c.Attributes)
	set.Bind("domain", flags.Message(&c.Domain))

	set.Bind("cgroups_hierarchy", &c.Cgroups.Base)
	set.Bind("cgroups_root", &c.Cgroups.Root)
	set.Bind("systemd_enable_support", &o.systemd.enabled)
	set.Bind("systemd_runtime_directory", &o.systemd.runtime)
	set.Bind("agent_subsystems", flags.Func(func(text string) error {
		c.Cgroups.Subsystems = cgroups.ParseSubsystems(text)
		return nil
	}))
	set.Bind("launcher_dir", &c.LauncherDir)
	set.Bind("switch_user", &c.SwitchUser)
	set.Bind("executor_environment_variables", &c.Environment)
	set.Bind("default_container_info", flags.Message(&c.DefaultContainer))
	set.Bind("http_command_executor", &c.HTTPCommandExecutor)
	set.Bind("http_executor_domain_sockets", &o.socket.enabled)
	set.Bind("domain_socket_location", &o.socket.location)
	set.Bind("http_heartbeat_interval", &c.HTTPHeartbeat)
	set.Bind("frameworks_home", &c.FrameworksHome)
	set.Bind("fetcher_stall_timeout", &c.FetcherStallTimeout)
	set.Bind("fetcher_cache_dir", &c.FetcherCacheDir)
	set.Bind("fetcher_cache_size", &c.FetcherCacheSize)
	set.Bind("hadoop_home", &c.HadoopHome)

	set.Bind("registration_backoff_factor", &c.RegistrationBackoff)
	set.Bind("executor_registration_timeout", &c.ExecutorRegistration)
	set.Bind("executor_shutdown_grace_period", &c.ExecutorShutdownGrace)
	set.Bind("executor_reregistration_timeout", &c.ExecutorReregistration)
	set.Bind("executor_reregistration_retry_interval", &c.ReregistrationRetry)
	set.Bind("recovery_timeout", &c.RecoveryTimeout)
	set.Bind("recover", flags.Into(&c.Recover, recovery.ParseMode))
	set.Bind("reconfiguration_policy", flags.Into(&c.Reconfiguration, recovery.ParsePolicy))
	set.Bind("strict", &c.Strict)
	set.Bind("max_completed_executors_per_framework", &c.MaxCompletedExecutors)

	set.Bind("gc_delay", &c.GCDelay)
	set.Bind("gc_disk_headroom", &c.GCDiskHeadroom)
	set.Bind("gc_non_executor_container_sandboxes", &c.GCNested)
	set.Bind("disk_watch_interval", &c.DiskWatchInterval)
	set.Bind("oversubscribed_resources_interval", &c.OversubscribedResourcesInterval)
	set.Bind("qos_correction_interval_min", &c.QoSCorrectionInterval)
	set.Bind("container_logger", &o.modules.logger)
	set.Bind("secret_resolver", &o.modules.secrets)
	set.Bind("resource_estimator", &o.modules.estimator)
	set.Bind("qos_controller", &o.modules.controller)
	o.modules.Modules = modular.Bind(set, builtIn(), oversubscription.Kinds()...)
	set.Check(o.check)
	set.Check(o.enterCgroups)
	o.bindCredential(set)
	o.BindAccess(set, "agent", "http_credentials")
	o.BindExecutors(set)
	bindIsolation(set, &c.Isolation)
	bindContainerizers(set, c)
	refuse(set)
	set.Check(o.complete)
	return o
}

// bindCredential binds how the agent authenticates with its master.
func (o *options) bindCredential(set *flags.Set) {
	b := &o.slave.AuthenticationBackoff
	set.Bind("credential", &o.credential)
	set.Bind("authenticatee", only("crammd5"))
	set.Bind("authentication_timeout_min", &b.Min)
	set.Bind("authentication_timeout_max", &b.Max)
	set.Bind("authentication_backoff_factor", &b.Factor)
	set.Check(o.readCredential)
}

// bindIsolation binds how containers are started and isolated.
func bindIsolation(set *flags.Set, c *isolation.Config) {
	set.Bind("launcher", &c.Launcher)
	set.Bind("isolation", &c.Isolation)
	set.Bind("sandbox_directory", &c.SandboxDirectory)
	set.Bind("host_path_volume_force_creation", &c.CreatableHostPaths)
	set.Bind("cgroups_enable_cfs", &c.CFS)
	set.Bind("cgroups_limit_swap", &c.LimitSwap)
	set.Bind("cgroups_cpu_enable_pids_and_tids_count", &c.Count)
	set.Bind("cgroups_destroy_timeout", &c.DestroyTimeout)
	set.Bind("revocable_cpu_low_priority", &c.RevocableLow)
	set.Bind("cgroups_net_cls_primary_handle", &c.Classes.Primary)
	set.Bind("cgroups_net_cls_secondary_handles", &c.Classes.Secondary)
	set.Bind("perf_events", &c.Perf.Events)
	set.Bind("perf_duration", &c.Perf.Duration)
	set.Bind("perf_interval", &c.Perf.Interval)
	set.Bind("container_disk_watch_interval", &c.DiskInterval)
	set.Bind("enforce_container_disk_quota", &c.EnforceDisk)
	set.Bind("xfs_project_range", &c.Quotas.Projects)
	set.Bind("xfs_kill_containers", &c.Quotas.Kill)
	set.Bind("xfs_quota_headroom", &c.Quotas.Headroom)
	set.Bind("disallow_sharing_agent_pid_namespace", &c.PrivatePIDs)
	set.Bind("disallow_sharing_agent_ipc_namespace", &c.PrivateIPC)
	set.Bind("default_container_shm_size", &c.SharedMemory)
	set.Bind("effective_capabilities", flags.Message(&c.Effective))
	set.Bind("bounding_capabilities", flags.Message(&c.Bounding))
	set.Bind("seccomp_config_dir", &c.SeccompDir)
	set.Bind("seccomp_profile_name", &c.SeccompProfile)
	set.Bind("docker_volume_checkpoint_dir", &c.DockerVolumesDir)
	set.Bind("docker_volume_chown", &c.DockerVolumesChown)
	set.Bind("allowed_devices", flags.Message(&c.AllowedDevices))
	bindImages(set, &c.Images)
	bindNetworks(set, &c.Networks)
	set.Bind("container_ports_watch_interval", &c.Ports.Interval)
	set.Bind("enforce_container_ports", &c.Ports.Enforce)
	set.Bind("check_agent_port_range_only", &c.Ports.AgentOnly)
	set.Bind("container_ports_isolated_range", &c.Ports.Range)
}

// bindNetworks binds which networks containers have.
func bindNetworks(set *flags.Set, c *isolation.NetworkConfig) {
	set.Bind("network_cni_plugins_dir", &c.Plugins)
	set.Bind("network_cni_config_dir", &c.Configs)
	set.Bind("network_cni_root_dir_persist", &c.Persist)
	set.Bind("network_cni_metrics", &c.Statistics)
	set.Bind("default_container_dns", flags.Message(&c.DNS))
}

// bindImages binds where the images of containers are from, and how they become file systems.
func bindImages(set *flags.Set, c *isolation.ImageConfig) {
	set.Bind("image_providers", &c.Providers)
	set.Bind("image_provisioner_backend", &c.Backend)
	set.Bind("image_gc_config", flags.Message(&c.GC))
	set.Bind("docker_registry", &c.Docker.Registry)
	set.Bind("docker_store_dir", &c.Docker.Dir)
	set.Bind("docker_ignore_runtime", &c.IgnoreRuntime)
}

// bindContainerizers binds which containerizers there are, and what is Docker's.
func bindContainerizers(set *flags.Set, c *slave.Config) {
	set.Bind("volume_gid_range", flags.Into(&c.VolumeGIDs, gids.ParseRange))
	set.Bind("containerizers", flags.Func(func(text string) error {
		c.Containerizers = strings.Split(text, ",")
		for i, name := range c.Containerizers {
			if name != slave.Mesos && name != slave.Docker {
				return fmt.Errorf("Unknown or unsupported containerizer: %s; this agent has docker and mesos", name)
			}
			if slices.Contains(c.Containerizers[:i], name) {
				return fmt.Errorf("%s is named twice", name)
			}
		}
		return nil
	}))
	set.Bind("docker", &c.Docker.Command)
	set.Bind("docker_socket", &c.Docker.Socket)
	set.Bind("docker_stop_timeout", &c.Docker.StopTimeout)
	set.Bind("docker_remove_delay", &c.Docker.RemoveDelay)
	set.Bind("docker_kill_orphans", &c.Docker.KillOrphans)
	set.Bind("docker_config", flags.Func(func(text string) (err error) {
		if !json.Valid([]byte(text)) {
			return errors.New("not the JSON of a Docker client's config.json") // which may have passwords
		}
		if c.Docker.Credentials, err = engine.ParseCredentials([]byte(text)); err == nil {
			c.Isolation.Images.Docker.Config, err = docker.ParseConfig([]byte(text))
		}
		return err
	}))
}

// readCredential reads the file of --credential.
func (o *options) readCredential() error {
	if o.credential == "" {
		return nil
	}
	f, err := credentials.ReadOne(o.credential)
	switch {
	case err != nil:
		return fmt.Errorf("credential: %w", err)
	case f.Credentials[0].Secret == nil:
		return fmt.Errorf("credential: %q has no secret, which crammd5 needs", f.Credentials[0].GetPrincipal())
	}
	o.slave.Credential = f.Credentials[0]
	if f.Warning != "" {
		o.warnings = append(o.warnings, f.Warning)
	}
	return nil
}

// only accepts a list of the given words.
func only(words ...string) flags.Target {
	return flags.Func(func(text string) error {
		for word := range strings.SplitSeq(text, ",") {
			if !slices.Contains(words, word) {
				return fmt.Errorf("%q is not supported yet; this agent supports %s", word, strings.Join(words, ", "))
			}
		}
		return nil
	})
}

// check validates flags together.
func (o *options) check() error {
	c := &o.slave
	c.LibprocessIP = o.Process.Network.IP
	switch {
	case o.master == "":
		return errors.New("Missing required option `--master`: an agent needs one, such as --master=127.0.0.1:5050")
	case o.detection.SessionTimeout <= 0:
		return flags.Invalid("zk_session_timeout", units.FormatDuration(o.detection.SessionTimeout), "more than 0secs")
	case c.GCDiskHeadroom < 0 || c.GCDiskHeadroom > 1:
		return fmt.Errorf("Invalid value '%g' for --gc_disk_headroom. Must be between 0.0 and 1.0", c.GCDiskHeadroom)
	case c.RegistrationBackoff > time.Minute:
		return flags.Invalid("registration_backoff_factor", units.FormatDuration(c.RegistrationBackoff), "less than 1mins")
	case c.AuthenticationBackoff.Max < c.AuthenticationBackoff.Min:
		return flags.Invalid("authentication_timeout_max", units.FormatDuration(c.AuthenticationBackoff.Max),
			"not less than --authentication_timeout_min, "+units.FormatDuration(c.AuthenticationBackoff.Min))
	case c.Domain != nil && c.Domain.FaultDomain == nil:
		return errors.New("`domain` must define `fault_domain`")
	case c.ExecutorReregistration > 15*time.Second:
		return fmt.Errorf("Expected `--executor_reregistration_timeout` to be not more than 15secs: it is %s", units.FormatDuration(c.ExecutorReregistration))
	}
	if slices.Contains(c.Containerizers, slave.Docker) && !filepath.IsAbs(c.Docker.Socket) {
		return fmt.Errorf("docker_socket: Invalid Docker socket path: %s", c.Docker.Socket)
	}
	return c.Isolation.Check()
}

// enterCgroups moves this program into control groups of its own, before it starts others, which are in them, too.
//
// Mesos: main of the agent.
func (o *options) enterCgroups() error {
	others, err := o.slave.Cgroups.Enter(os.Getpid())
	o.warnings = append(o.warnings, others...)
	return err
}

// complete completes the flags that depend on where this program is, and makes the modules.
func (o *options) complete() error {
	c := &o.slave
	if err := errors.Join(o.socket.place(c), placePrograms(c)); err != nil {
		return err
	}
	var err error
	if c.Forker, err = forker.Program(c.LauncherDir); err != nil {
		o.warnings = append(o.warnings, "containers are started by this program, which is slower than mesos-containerizer in --launcher_dir: "+err.Error())
	}
	return o.modules.create(c)
}

// placePrograms looks for the other programs where this one is, unless the operator says where they are.
func placePrograms(c *slave.Config) error {
	if c.LauncherDir != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("launcher_dir: %w", err)
	}
	real, err := filepath.EvalSymlinks(self)
	c.LauncherDir = filepath.Dir(cmp.Or(real, self))
	return err
}

// defaultRuntimeDir returns the directory for what is of no use after a start of the system.
//
// Mesos: the default of Flags::runtime_dir.
func defaultRuntimeDir() string {
	const run = "/var/run"
	if unix.Access(run, unix.W_OK) == nil {
		return filepath.Join(run, "mesos")
	}
	return filepath.Join(os.TempDir(), "mesos", "runtime")
}
