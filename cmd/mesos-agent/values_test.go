package main

import (
	"regexp"
	"testing"

	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
)

// No flag takes a value that its type does not allow, and each takes those at the ends of its range.
func TestValues(t *testing.T) {
	t.Parallel()
	needsMore := flagstest.Kind{Most: "false"} // true needs other flags
	flagstest.CheckValues(t, "mesos-agent", func(set *flags.Set) { bind(set) }, map[string]flagstest.Kind{
		"zk_session_timeout":              {Least: "1ns"},
		"registration_backoff_factor":     {Most: "1mins", Wrong: []string{"90secs"}, Hint: regexp.MustCompile("less than 1mins")},
		"executor_reregistration_timeout": {Most: "15secs", Wrong: []string{"16secs"}, Hint: regexp.MustCompile("15secs")},
		"authentication_timeout_max":      {Least: "5secs", Wrong: []string{"4secs"}, Hint: regexp.MustCompile("--authentication_timeout_min, 5secs")},
		"authentication_timeout_min":      {Most: "1mins"},
		"gc_disk_headroom":                {Wrong: []string{"-0.1", "1.5"}, Hint: regexp.MustCompile("between 0.0 and 1.0")},
		"MESETA_PEER_QUEUE":               {Least: "1B", Most: "8388607TB", Wrong: []string{"0B", "8388608TB"}, Hint: regexp.MustCompile("between 1B and 8EB")},

		"enforce_container_disk_quota": needsMore, "cgroups_limit_swap": needsMore, "xfs_kill_containers": needsMore,
		"authenticate_http_executors": needsMore, "authenticate_http_readonly": needsMore, "authenticate_http_readwrite": needsMore,
	}, required...)
}
