package slave

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"meseta/actors/authorizer"
	"meseta/actors/detector"
	"meseta/actors/version"
	"meseta/messages/pb/mesospb"
	"meseta/slave/book"
	"meseta/slave/containerizer"
	"meseta/slave/probe"
)

// Config is how an agent is to be. WorkDir and Detector are required; elsewhere the zero value is Mesos's default. The
// flags named are mesos-agent's.
type Config struct {
	Detector detector.Detector // who leads (--master)
	WorkDir  string            // absolute path of sandboxes and checkpoints (--work_dir)

	Hostname   string              // what the agent is called; "": its IP address (--hostname)
	Resources  string              // text or JSON; what is not named is looked up in the system (--resources)
	Role       string              // of resources that name none; "": "*" (--default_role)
	Attributes string              // "rack:r1;zone:z1" (--attributes)
	Domain     *mesospb.DomainInfo // where the agent is (--domain)

	LauncherDir string            // where mesos-executor is (--launcher_dir)
	SwitchUser  bool              // run executors as the user their framework names (--switch_user)
	Environment map[string]string // what executors get beside their own variables (--executor_environment_variables)

	HTTPCommandExecutor bool          // the program that runs commands speaks HTTP (--http_command_executor)
	HTTPHeartbeat       time.Duration // between signs of life to who listens to a container; 0: 30s (--http_heartbeat_interval)

	FrameworksHome      string        // where relative URIs of commands start (--frameworks_home)
	FetcherStallTimeout time.Duration // a download that stands still this long is given up; 0: 1min

	RegistrationBackoff   time.Duration // bound of the first delay before registering; 0: 1s
	ExecutorRegistration  time.Duration // how long an executor may take to register; 0: 1min
	ExecutorShutdownGrace time.Duration // between asking an executor to end and killing it; 0: 5s

	ExecutorReregistration time.Duration // told to executors that outlive an agent; 0: 2s
	RecoveryTimeout        time.Duration // told to executors that outlive an agent; 0: 15min

	GCDelay               *time.Duration // how long a sandbox stays when there is room; nil: 1 week
	GCDiskHeadroom        *float64       // share of the disk to keep free; nil: 0.1
	DiskWatchInterval     time.Duration  // between two looks at the disk; 0: 1min
	MaxCompletedExecutors int            // remembered per framework; 0: 150

	Flags map[string]string // what /flags and /state show
	Build version.Build     // what runs

	Authorizer    authorizer.Authorizer       // who may do and see what; nil: everybody everything
	Containerizer containerizer.Containerizer // nil: processes of this system
	System        probe.System                // nil: this one
	// Fatal is told, on the agent's turn, why it cannot go on; the process should exit. nil: the agent panics.
	Fatal func(error)
}

func (c Config) withDefaults() Config {
	c.Role = cmp.Or(c.Role, "*")
	c.Build.Version = cmp.Or(c.Build.Version, Version)
	c.Environment = inherited(c.Environment)
	c.RegistrationBackoff = cmp.Or(c.RegistrationBackoff, time.Second)
	c.ExecutorRegistration = cmp.Or(c.ExecutorRegistration, time.Minute)
	c.ExecutorShutdownGrace = cmp.Or(c.ExecutorShutdownGrace, 5*time.Second)
	c.HTTPHeartbeat = cmp.Or(c.HTTPHeartbeat, 30*time.Second)
	c.ExecutorReregistration = cmp.Or(c.ExecutorReregistration, 2*time.Second)
	c.RecoveryTimeout = cmp.Or(c.RecoveryTimeout, 15*time.Minute)
	if c.GCDelay == nil {
		week := 7 * 24 * time.Hour
		c.GCDelay = &week
	}
	if c.GCDiskHeadroom == nil {
		headroom := 0.1
		c.GCDiskHeadroom = &headroom
	}
	c.DiskWatchInterval = cmp.Or(c.DiskWatchInterval, time.Minute)
	c.MaxCompletedExecutors = cmp.Or(c.MaxCompletedExecutors, book.DefaultLimits.Executors)
	if c.System == nil {
		c.System = probe.Local{}
	}
	return c
}

// inherited adds to what executors get the address that libprocess is told to use here.
func inherited(env map[string]string) map[string]string {
	all := map[string]string{}
	if ip, ok := os.LookupEnv("LIBPROCESS_IP"); ok {
		all["LIBPROCESS_IP"] = ip
	}
	maps.Copy(all, env)
	return all
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
	if c.RegistrationBackoff > maxRegistrationBackoff {
		errs = append(errs, fmt.Errorf("registration backoff %s is more than %s", c.RegistrationBackoff, maxRegistrationBackoff))
	}
	if h := *c.GCDiskHeadroom; h < 0 || h > 1 {
		errs = append(errs, fmt.Errorf("disk headroom %g is not between 0 and 1", h))
	}
	return errors.Join(errs...)
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
	return time.Duration(float64(*c.GCDelay) * max(0, 1-*c.GCDiskHeadroom-usage))
}
