package slave

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"meseta/actors/authentication/crammd5"
	"meseta/actors/authorizer"
	"meseta/actors/election"
	"meseta/actors/hooks"
	"meseta/actors/secrets"
	"meseta/actors/version"
	"meseta/messages/attributes"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/cgroups"
	"meseta/slave/containerizer"
	"meseta/slave/containerizer/docker"
	"meseta/slave/containerizer/logger"
	"meseta/slave/containerizer/mesos/isolation"
	"meseta/slave/oversubscription"
	"meseta/slave/prepare"
	"meseta/slave/probe"
	"meseta/slave/recovery"
	"meseta/slave/registration"
)

// Config is the configuration of an agent. WorkDir and Detector are required. Numbers and durations have no default: zero
// has the meaning that each field says. [Defaults] returns Mesos's defaults. The flags in parentheses are mesos-agent's.
type Config struct {
	// Detector finds the leading master (--master). It is required.
	Detector election.Detector
	// WorkDir is the directory for sandboxes and checkpoints (--work_dir). It is required.
	WorkDir string
	// RuntimeDir is the directory of what the next agent needs to find the containers, but not after the system was
	// started anew (--runtime_dir). Agents on one machine need one each. Empty means that the containers end with the
	// agent.
	RuntimeDir string

	// Hostname is the name that others use for the agent (--hostname). Empty means its IP address.
	Hostname string
	// Resources are the resources of the agent, as text or JSON (--resources). Those that are not named are read from
	// System.
	Resources string
	// Role is the role of resources that name none (--default_role).
	Role string
	// Attributes are those of the agent, such as "rack:r1;zone:z1" (--attributes). Empty means none.
	Attributes string
	// Domain is the region and zone of the agent (--domain). nil means none.
	Domain *mesospb.DomainInfo

	// Cgroups are the control groups of the agent itself (--agent_subsystems, --cgroups_hierarchy, --cgroups_root), which its
	// program enters before anything else. Without subsystems it stays in those in which it was started.
	Cgroups cgroups.Agent

	// Containerizers are those of the agent, [Mesos] or [Docker], in the order in which they are asked to launch a container
	// (--containerizers).
	Containerizers []string
	// Docker configures that containerizer. Its fields LauncherDir, WorkDir, Mapped, CFS, DNS and Decorate follow
	// from other fields.
	Docker docker.Options
	// Isolation says how containers are started and isolated.
	Isolation isolation.Config

	// Forker is the program of the process that starts all containers, see [forker.Program], open until the agent has ended. nil
	// means this program.
	Forker *os.File
	// Contain is called with the process that starts all containers, before it starts any. It may move that, and so all
	// containers, elsewhere (--systemd_enable_support). nil means nothing.
	Contain func(pid int) error

	// ContainerLogger decides who writes the output of containers (--container_logger). nil means [logger.Sandbox].
	ContainerLogger logger.ContainerLogger

	// LauncherDir is the directory of mesos-executor, mesos-default-executor and mesos-docker-executor (--launcher_dir).
	LauncherDir string
	// SwitchUser runs executors as the user that their framework or command names (--switch_user).
	SwitchUser bool
	// LibprocessIP is the address on which executors have to listen (--ip). Empty means any.
	LibprocessIP string
	// DefaultContainer is what executors have that do not say what container they want (--default_container_info). nil means nothing.
	DefaultContainer *mesospb.ContainerInfo
	// Environment holds variables that executors get in addition to their own (--executor_environment_variables).
	Environment map[string]string

	// HTTPCommandExecutor makes the command executor use the HTTP API (--http_command_executor).
	HTTPCommandExecutor bool
	// ExecutorSocket is the path of the Unix domain socket at which executors reach the HTTP APIs, which package socket serves
	// (--http_executor_domain_sockets, --domain_socket_location). Empty means that they use the agent's port.
	ExecutorSocket string
	// HTTPHeartbeat is the time between heartbeats on the stream of a container's output (--http_heartbeat_interval).
	// 0 means a millisecond.
	HTTPHeartbeat time.Duration

	// FrameworksHome is the directory of relative URIs (--frameworks_home). Empty means that they are refused.
	FrameworksHome string
	// FetcherStallTimeout is the time after which a download without progress is abandoned (--fetcher_stall_timeout).
	// 0 means never.
	FetcherStallTimeout time.Duration
	// FetcherCacheDir is the directory of cached files, used by one agent at a time (--fetcher_cache_dir). Empty means no cache.
	FetcherCacheDir string
	// FetcherCacheSize bounds the cache, in bytes (--fetcher_cache_size). 0 means that nothing is cached.
	FetcherCacheSize units.Bytes
	// HadoopHome is the directory of a Hadoop client (--hadoop_home). Empty means to use HADOOP_HOME of the
	// environment, or to look for hadoop along PATH.
	HadoopHome string

	// Credential authenticates the agent with its master (--credential). nil means that it has none.
	Credential *mesospb.Credential
	// AuthenticationBackoff says how long the agent waits for the master to authenticate it (--authentication_timeout_min,
	// --authentication_timeout_max, --authentication_backoff_factor).
	AuthenticationBackoff crammd5.Backoff
	// RegistrationBackoff is the upper bound of the random delay before the first attempt to register
	// (--registration_backoff_factor). 0 means no delay.
	RegistrationBackoff time.Duration
	// ExecutorRegistration is the time in which an executor has to register (--executor_registration_timeout). With 0
	// none can.
	ExecutorRegistration time.Duration
	// ExecutorShutdownGrace is the time between asking an executor to shut down and killing it
	// (--executor_shutdown_grace_period). 0 means that it is killed at once.
	ExecutorShutdownGrace time.Duration

	// Recover says what becomes of the executors of the agent that ran in the work directory before (--recover).
	Recover recovery.Mode
	// ExecutorReregistration is the time in which executors have to reconnect to a restarted agent
	// (--executor_reregistration_timeout). Executors are told. With 0 none can.
	ExecutorReregistration time.Duration
	// ReregistrationRetry is the time after which a restarted agent asks an executor again to reconnect
	// (--executor_reregistration_retry_interval). 0 means that it asks once.
	ReregistrationRetry time.Duration
	// RecoveryTimeout is how long executors wait for an agent to come back (--recovery_timeout). Executors are told.
	// With 0 they end as soon as they lose it.
	RecoveryTimeout time.Duration

	// Reconfiguration says how the agent may differ from the one that ran in its work directory before
	// (--reconfiguration_policy).
	Reconfiguration recovery.Policy
	// Strict makes a damaged checkpoint an error at the start (--strict).
	Strict bool

	// GCDelay is how long a sandbox is kept if there is room (--gc_delay). 0 means that it is deleted at once.
	GCDelay time.Duration
	// GCNested says that the sandboxes of nested containers are deleted, too, GCDelay after these have ended, and not only
	// with those of their executors (--gc_non_executor_container_sandboxes).
	GCNested bool
	// GCDiskHeadroom is the share of the disk to keep free, from 0 to 1 (--gc_disk_headroom).
	GCDiskHeadroom float64
	// VolumeGIDs are the IDs of groups for volumes that users share, which nobody else may use (--volume_gid_range). Empty means
	// that volumes have no groups of their own.
	VolumeGIDs resources.Ranges
	// DiskWatchInterval is the time between two checks of the disk (--disk_watch_interval). 0 means a millisecond.
	DiskWatchInterval time.Duration
	// MaxCompletedExecutors is how many completed executors of a framework are remembered
	// (--max_completed_executors_per_framework). 0 means none.
	MaxCompletedExecutors int

	// Secrets resolves the secrets in the environments of commands (--secret_resolver). nil means [secrets.Values].
	Secrets secrets.Resolver
	// Hooks see and change what passes through the agent (--hooks). nil means none.
	Hooks *hooks.Hooks
	// ResourceEstimator estimates the revocable resources that may be offered (--resource_estimator). nil means none.
	ResourceEstimator oversubscription.ResourceEstimator
	// QoSController decides which revocable executors have to go (--qos_controller). nil means none.
	QoSController oversubscription.QoSController
	// OversubscribedResourcesInterval is the time between two estimates (--oversubscribed_resources_interval). 0 means
	// a millisecond.
	OversubscribedResourcesInterval time.Duration
	// QoSCorrectionInterval is the time between two corrections (--qos_correction_interval_min). 0 means a
	// millisecond.
	QoSCorrectionInterval time.Duration

	// Flags are shown by /flags and /state.
	Flags map[string]string
	// Build describes the running program. An empty Version means [Version].
	Build version.Build

	// ExecutorKey signs the tokens by which executors prove who they are to the HTTP APIs (--jwt_secret_key). nil means that
	// they get none. It must not change.
	ExecutorKey []byte
	// Authorizer decides who may do and see what. nil allows everything.
	Authorizer authorizer.Authorizer
	// Containerizer runs the containers. nil means processes of this system.
	Containerizer containerizer.Containerizer
	// System is the machine of the agent. nil means this one.
	System probe.System
	// Disk holds the checkpoints. nil means the disk of the node.
	Disk disk.Disk
	// Fatal is called, on the agent's turn, with the reason why the agent cannot go on. The process should then exit. nil
	// means to panic.
	Fatal func(error)
}

// The containerizers, by the names that operators know.
const (
	Mesos  = "mesos"
	Docker = "docker"
)

// Defaults returns the configuration of an agent started without flags.
func Defaults() Config {
	return Config{
		Cgroups: cgroups.Agent{Base: "/sys/fs/cgroup", Root: "mesos"}, Isolation: isolation.Default(),
		Containerizers: []string{Mesos}, Docker: docker.Default(),
		Role: "*", HTTPHeartbeat: 30 * time.Second, FetcherStallTimeout: time.Minute,
		FetcherCacheDir: filepath.Join(os.TempDir(), "mesos", "fetch"), FetcherCacheSize: 2 * units.Gigabyte,
		AuthenticationBackoff: crammd5.DefaultBackoff,
		RegistrationBackoff:   time.Second, ExecutorRegistration: time.Minute, ExecutorShutdownGrace: 5 * time.Second,
		Recover: recovery.Reconnect, ExecutorReregistration: 2 * time.Second, RecoveryTimeout: 15 * time.Minute,
		Reconfiguration: recovery.Equal, Strict: true,
		GCDelay: 7 * 24 * time.Hour, GCDiskHeadroom: 0.1, DiskWatchInterval: time.Minute,
		MaxCompletedExecutors: book.DefaultLimits.Executors, OversubscribedResourcesInterval: 15 * time.Second,
	}
}

// shortestInterval is the least interval of periodic work, so that an interval of 0 is not a busy loop.
const shortestInterval = time.Millisecond

func (c Config) complete() Config {
	c.Build.Version = cmp.Or(c.Build.Version, Version)
	if c.System == nil {
		c.System = probe.Local{}
	}
	c.HTTPHeartbeat = max(c.HTTPHeartbeat, shortestInterval)
	c.DiskWatchInterval = max(c.DiskWatchInterval, shortestInterval)
	c.OversubscribedResourcesInterval = max(c.OversubscribedResourcesInterval, shortestInterval)
	c.QoSCorrectionInterval = max(c.QoSCorrectionInterval, shortestInterval)
	return c
}

// validate returns an error that lists everything that is invalid.
func (c Config) validate() error {
	var errs []error
	if c.Detector == nil {
		errs = append(errs, errors.New("no master to detect"))
	}
	if c.WorkDir == "" {
		errs = append(errs, errors.New("no work directory"))
	}
	if c.Role == "" {
		errs = append(errs, errors.New("no role for resources that name none; \"*\" is the usual one"))
	}
	if c.RegistrationBackoff > registration.MaxBackoff {
		errs = append(errs, fmt.Errorf("registration backoff %s is more than %s", c.RegistrationBackoff, registration.MaxBackoff))
	}
	if h := c.GCDiskHeadroom; h < 0 || h > 1 {
		errs = append(errs, fmt.Errorf("disk headroom %g is not between 0 and 1", h))
	}
	if c.Containerizer == nil && len(c.Containerizers) == 0 {
		errs = append(errs, errors.New("no containerizer; \"mesos\" is the usual one"))
	}
	for i, name := range c.Containerizers {
		if name != Mesos && name != Docker {
			errs = append(errs, fmt.Errorf("Unknown or unsupported containerizer: %s", name))
		}
		if slices.Contains(c.Containerizers[:i], name) {
			errs = append(errs, fmt.Errorf("containerizer %s is named twice", name))
		}
	}
	if _, err := resources.Parse(c.Resources, c.Role); err != nil {
		errs = append(errs, fmt.Errorf("Failed to determine agent resources: %w", err))
	}
	if _, err := attributes.Parse(c.Attributes); err != nil {
		errs = append(errs, fmt.Errorf("determine the attributes: %w", err))
	}
	return errors.Join(errs...)
}

// machine returns the machine of an agent that listens on addr.
func (c Config) machine(addr string) recovery.Machine {
	return recovery.Machine{
		Addr: addr, WorkDir: c.WorkDir, Hostname: c.Hostname, Resources: c.Resources, Role: c.Role,
		Attributes: c.Attributes, Domain: c.Domain, System: c.System, Disk: c.Disk,
		Hooks: c.Hooks, Policy: c.Reconfiguration, Strict: c.Strict,
	}
}

func (c Config) prepare() prepare.Options {
	return prepare.Options{
		LauncherDir: c.LauncherDir, LibprocessIP: c.LibprocessIP, Environment: c.Environment,
		HTTPCommandExecutor: c.HTTPCommandExecutor, ShutdownGrace: c.ExecutorShutdownGrace,
		Reregistration: c.ExecutorReregistration, RecoveryTimeout: c.RecoveryTimeout, Key: c.ExecutorKey, Socket: c.ExecutorSocket,
		SandboxDirectory: c.Isolation.SandboxDirectory, SwitchUser: c.SwitchUser, DefaultContainer: c.DefaultContainer,
	}
}

func (c Config) limits() book.Limits {
	l := book.DefaultLimits
	l.Executors = c.MaxCompletedExecutors
	return l
}

// age returns the age that a sandbox may reach while that share of the disk is used.
//
// Mesos: Slave::age.
func (c Config) age(usage float64) time.Duration {
	return time.Duration(float64(c.GCDelay) * max(0, 1-c.GCDiskHeadroom-usage))
}
