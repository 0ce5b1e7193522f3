package slave

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/election"
	"meseta/actors/version"
	"meseta/messages/attributes"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/units"
	"meseta/runtime/disk"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/oversubscription"
	"meseta/slave/prepare"
	"meseta/slave/probe"
	"meseta/slave/recovery"
	"meseta/slave/registration"
)

// Config is how an agent is to be: [Defaults] with what differs. WorkDir and Detector are required. Zero is a value, never
// "not given". The flags named are mesos-agent's.
type Config struct {
	Detector election.Detector // who leads (--master)
	WorkDir  string            // absolute path of sandboxes and checkpoints (--work_dir)

	Hostname   string              // what the agent is called; "": its IP address (--hostname)
	Resources  string              // text or JSON; what is not named is looked up in the system (--resources)
	Role       string              // of resources that name none (--default_role)
	Attributes string              // "rack:r1;zone:z1" (--attributes)
	Domain     *mesospb.DomainInfo // where the agent is; nil: nowhere in particular (--domain)

	LauncherDir  string            // where mesos-executor is (--launcher_dir)
	SwitchUser   bool              // run executors as the user their framework names (--switch_user)
	LibprocessIP string            // the address that executors are told to listen at; "": none (--ip)
	Environment  map[string]string // what executors get beside their own variables (--executor_environment_variables)

	HTTPCommandExecutor bool          // the program that runs commands speaks HTTP (--http_command_executor)
	HTTPHeartbeat       time.Duration // between signs of life on the stream of a container's output; 0: every millisecond (--http_heartbeat_interval)

	FrameworksHome      string        // where relative URIs of commands start; "": they are refused (--frameworks_home)
	FetcherStallTimeout time.Duration // a download that stands still this long is given up; 0: never (--fetcher_stall_timeout)
	FetcherCacheDir     string        // where files are cached that commands need; "": nowhere (--fetcher_cache_dir)
	FetcherCacheSize    units.Bytes   // of that cache; 0: nothing is cached (--fetcher_cache_size)
	HadoopHome          string        // where a Hadoop client is; "": where HADOOP_HOME of the environment says, or along PATH (--hadoop_home)

	RegistrationBackoff   time.Duration // bound of the random delay before registering; 0: at once (--registration_backoff_factor)
	ExecutorRegistration  time.Duration // how long an executor may take to register; 0: none does in time (--executor_registration_timeout)
	ExecutorShutdownGrace time.Duration // between asking an executor to end and killing it; 0: killed at once (--executor_shutdown_grace_period)

	ExecutorReregistration time.Duration // told to executors that outlive an agent (--executor_reregistration_timeout)
	RecoveryTimeout        time.Duration // told to executors that outlive an agent (--recovery_timeout)

	Reconfiguration recovery.Policy // how the agent may differ from the one that ran here before (--reconfiguration_policy)
	Strict          bool            // a damaged checkpoint keeps the agent from starting (--strict)

	GCDelay               time.Duration // how long a sandbox stays when there is room; 0: it goes at once (--gc_delay)
	GCDiskHeadroom        float64       // share of the disk to keep free, from 0 to 1 (--gc_disk_headroom)
	DiskWatchInterval     time.Duration // between two looks at the disk; 0: every millisecond (--disk_watch_interval)
	MaxCompletedExecutors int           // remembered per framework; 0: none (--max_completed_executors_per_framework)

	ResourceEstimator               oversubscription.ResourceEstimator // what may be lent; nil: nothing (--resource_estimator)
	QoSController                   oversubscription.QoSController     // who has to give it back; nil: nobody (--qos_controller)
	OversubscribedResourcesInterval time.Duration                      // between two estimates; 0: every millisecond (--oversubscribed_resources_interval)
	QoSCorrectionInterval           time.Duration                      // between two corrections; 0: every millisecond (--qos_correction_interval_min)

	Flags map[string]string // what /flags and /state show; nil: none
	Build version.Build     // what runs

	Authorizer    authorizer.Authorizer       // who may do and see what; nil: everybody everything
	Containerizer containerizer.Containerizer // nil: processes of this system
	System        probe.System                // nil: this one
	Disk          disk.Disk                   // of checkpoints; nil: the node's
	// Fatal is told, on the agent's turn, why it cannot go on; the process should exit. nil: the agent panics.
	Fatal func(error)
}

// Defaults returns the configuration of an agent started without flags.
func Defaults() Config {
	return Config{
		Role: "*", HTTPHeartbeat: 30 * time.Second, FetcherStallTimeout: time.Minute,
		FetcherCacheDir: filepath.Join(os.TempDir(), "mesos", "fetch"), FetcherCacheSize: 2 * units.Gigabyte,
		RegistrationBackoff: time.Second, ExecutorRegistration: time.Minute, ExecutorShutdownGrace: 5 * time.Second,
		ExecutorReregistration: 2 * time.Second, RecoveryTimeout: 15 * time.Minute,
		Reconfiguration: recovery.Equal, Strict: true,
		GCDelay: 7 * 24 * time.Hour, GCDiskHeadroom: 0.1, DiskWatchInterval: time.Minute,
		MaxCompletedExecutors: book.DefaultLimits.Executors, OversubscribedResourcesInterval: 15 * time.Second,
	}
}

// shortestInterval keeps what is repeated from following itself without a pause.
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

// validate returns all that is wrong.
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
	if _, err := resources.Parse(c.Resources, c.Role); err != nil {
		errs = append(errs, fmt.Errorf("determine the resources: %w", err))
	}
	if _, err := attributes.Parse(c.Attributes); err != nil {
		errs = append(errs, fmt.Errorf("determine the attributes: %w", err))
	}
	return errors.Join(errs...)
}

// machine describes where an agent that listens at addr runs.
func (c Config) machine(addr string) recovery.Machine {
	return recovery.Machine{
		Addr: addr, WorkDir: c.WorkDir, Hostname: c.Hostname, Resources: c.Resources, Role: c.Role,
		Attributes: c.Attributes, Domain: c.Domain, System: c.System, Disk: c.Disk,
		Policy: c.Reconfiguration, Strict: c.Strict,
	}
}

func (c Config) prepare() prepare.Options {
	return prepare.Options{
		LauncherDir: c.LauncherDir, LibprocessIP: c.LibprocessIP, Environment: c.Environment,
		HTTPCommandExecutor: c.HTTPCommandExecutor, ShutdownGrace: c.ExecutorShutdownGrace,
		Reregistration: c.ExecutorReregistration, RecoveryTimeout: c.RecoveryTimeout,
	}
}

func (c Config) limits() book.Limits {
	l := book.DefaultLimits
	l.Executors = c.MaxCompletedExecutors
	return l
}

// age is how old a sandbox may get when this share of the disk is used.
//
// Mesos: Slave::age.
func (c Config) age(usage float64) time.Duration {
	return time.Duration(float64(c.GCDelay) * max(0, 1-c.GCDiskHeadroom-usage))
}
