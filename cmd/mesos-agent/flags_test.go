package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
	"meseta/slave"
)

var required = []string{"--master=127.0.0.1:5050", "--work_dir=/nowhere", "--launcher_dir=/nowhere"}

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-agent", func(set *flags.Set) map[string]flagstest.Zero {
		o := bind(set)
		c := &o.slave
		return map[string]flagstest.Zero{
			"advertise_port":                         {Field: &o.Process.Network.AdvertisePort},
			"zk_session_timeout":                     {Text: "0secs", Refused: "more than 0secs"},
			"port":                                   {Field: &o.Process.Network.Port},
			"http_heartbeat_interval":                {Text: "0secs", Field: &c.HTTPHeartbeat},
			"fetcher_cache_size":                     {Text: "0B", Field: &c.FetcherCacheSize},
			"fetcher_stall_timeout":                  {Text: "0secs", Field: &c.FetcherStallTimeout},
			"registration_backoff_factor":            {Text: "0secs", Field: &c.RegistrationBackoff},
			"authentication_backoff_factor":          {Text: "0secs", Field: &c.AuthenticationBackoff.Factor},
			"authentication_timeout_min":             {Text: "0secs", Field: &c.AuthenticationBackoff.Min},
			"authentication_timeout_max":             {Text: "0secs", Refused: "less than --authentication_timeout_min"},
			"executor_registration_timeout":          {Text: "0secs", Field: &c.ExecutorRegistration},
			"executor_shutdown_grace_period":         {Text: "0secs", Field: &c.ExecutorShutdownGrace},
			"executor_reregistration_timeout":        {Text: "0secs", Field: &c.ExecutorReregistration},
			"executor_reregistration_retry_interval": {Text: "0secs", Field: &c.ReregistrationRetry},
			"recovery_timeout":                       {Text: "0secs", Field: &c.RecoveryTimeout},
			"max_completed_executors_per_framework":  {Field: &c.MaxCompletedExecutors},
			"cgroups_destroy_timeout":                {Text: "0secs", Field: &c.Isolation.DestroyTimeout},
			"container_ports_watch_interval":         {Text: "0secs", Field: &c.Isolation.Ports.Interval},
			"container_disk_watch_interval":          {Text: "0secs", Field: &c.Isolation.DiskInterval},
			"perf_duration":                          {Text: "0secs", Field: &c.Isolation.Perf.Duration},
			"perf_interval":                          {Text: "0secs", Field: &c.Isolation.Perf.Interval},
			"default_container_shm_size":             {Text: "0B", Field: &c.Isolation.SharedMemory},
			"xfs_quota_headroom":                     {Text: "0B", Field: &c.Isolation.Quotas.Headroom},
			"docker_remove_delay":                    {Text: "0secs", Field: &c.Docker.RemoveDelay},
			"docker_stop_timeout":                    {Text: "0secs", Field: &c.Docker.StopTimeout},
			"gc_delay":                               {Text: "0secs", Field: &c.GCDelay},
			"gc_disk_headroom":                       {Field: &c.GCDiskHeadroom},
			"disk_watch_interval":                    {Text: "0secs", Field: &c.DiskWatchInterval},
			"oversubscribed_resources_interval":      {Text: "0secs", Field: &c.OversubscribedResourcesInterval},
			"qos_correction_interval_min":            {Text: "0secs", Field: &c.QoSCorrectionInterval},
		}
	}, required...)
}

func TestWithoutFlagsAnAgentHasTheDefaults(t *testing.T) {
	t.Parallel()
	set := flags.New("mesos-agent", "")
	o := bind(set)
	if _, err := set.Parse(required, nil); err != nil {
		t.Fatal(err)
	}
	want := slave.Defaults()
	want.WorkDir, want.RuntimeDir, want.LauncherDir = "/nowhere", defaultRuntimeDir(), "/nowhere"
	want.SwitchUser = true // the default of the program; tests cannot switch users
	if d := cmp.Diff(want, o.slave); d != "" {
		t.Errorf("flags and Defaults differ (-Defaults +flags):\n%s", d)
	}
}

// Every flag about security works, or is refused by its name.
func TestSecurityFlags(t *testing.T) {
	t.Parallel()
	flagstest.CheckSecurity(t, "mesos-agent", "flags-agent.tsv", func(set *flags.Set) { bind(set) }, map[string]string{
		"agent_features": "what an agent can do is not configured",
	})
}
