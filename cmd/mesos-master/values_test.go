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
	flagstest.CheckValues(t, "mesos-master", func(set *flags.Set) { bind(set) }, map[string]flagstest.Kind{
		"zk_session_timeout":         {Least: "1ns"},
		"master_replacement_timeout": {Least: "1ns"},
		"quorum":                     {Most: "1", Wrong: []string{"-1", "2"}, Hint: regexp.MustCompile("number of masters|needs --zk")},
		"agent_ping_timeout":         {Least: "1secs", Most: "15mins", Wrong: []string{"999ms", "901secs"}, Hint: regexp.MustCompile("between 1secs and 15mins")},
		"agent_reregister_timeout":   {Least: "10mins", Wrong: []string{"599secs"}, Hint: regexp.MustCompile("at least 10mins")},
		"registry_strict":            {Most: "false", Wrong: []string{"true"}, Hint: regexp.MustCompile("Must be false")},
		"max_agent_ping_timeouts":    {Least: "1", Wrong: []string{"0"}, Hint: regexp.MustCompile("at least 1")},
		"offer_timeout":              {Least: "1ns", Wrong: []string{"0ns"}, Hint: regexp.MustCompile("greater than zero")},
		"MESETA_PEER_QUEUE":          {Least: "1B", Most: "8388607TB", Wrong: []string{"0B", "8388608TB"}, Hint: regexp.MustCompile("between 1B and 8EB")},

		"authenticate_http_frameworks": needsMore, "authenticate_http_readonly": needsMore, "authenticate_http_readwrite": needsMore,
	}, "--registry=in_memory")
}
