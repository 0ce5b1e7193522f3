package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"meseta/actors/registrar"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/flags/flagstest"
	"meseta/master"
)

func TestZeroIsAValue(t *testing.T) {
	t.Parallel()
	flagstest.CheckZeros(t, "mesos-master", func(set *flags.Set) map[string]flagstest.Zero {
		o := bind(set)
		c := &o.master
		return map[string]flagstest.Zero{
			"agent_ping_timeout":       {Text: "0secs", Refused: "between 1secs and 15mins"},
			"agent_reregister_timeout": {Text: "0secs", Refused: "at least 10mins"},
			"max_agent_ping_timeouts":  {Refused: "at least 1"},
			"agent_removal_rate_limit": {Text: "0/10mins", Refused: "a count per duration"},

			"advertise_port":                  {Field: &o.Process.Network.AdvertisePort},
			"port":                            {Field: &o.Process.Network.Port},
			"quorum":                          {Field: &o.election.quorum},
			"zk_session_timeout":              {Text: "0secs", Refused: "more than 0secs"},
			"master_replacement_timeout":      {Text: "0secs", Refused: "more than 0secs"},
			"registry_fetch_timeout":          {Text: "0secs", Field: &o.registrar.FetchTimeout},
			"registry_store_timeout":          {Text: "0secs", Field: &o.registrar.StoreTimeout},
			"registry_gc_interval":            {Text: "0secs", Field: &c.RegistryGCInterval},
			"registry_max_agent_age":          {Text: "0secs", Field: &c.RegistryMaxAgentAge},
			"registry_max_agent_count":        {Field: &c.RegistryMaxAgentCount},
			"authentication_v0_timeout":       {Text: "0secs", Field: &c.AuthenticationTimeout},
			"offer_timeout":                   {Text: "0secs", Refused: "greater than zero"},
			"allocation_interval":             {Text: "0secs", Field: &c.Allocator.AllocationInterval},
			"allocator_agent_recovery_factor": {Field: &c.Allocator.RecoveryFactor},
			"allocator_recovery_timeout":      {Text: "0secs", Field: &c.Allocator.RecoveryTimeout},
			"recovery_agent_removal_limit":    {Text: "0%", Field: &c.RecoveryRemovalLimit},
			"max_completed_frameworks":        {Field: &c.Limits.CompletedFrameworks},

			"max_completed_tasks_per_framework":     {Field: &c.Limits.CompletedTasks},
			"max_unreachable_tasks_per_framework":   {Field: &c.Limits.UnreachableTasks},
			"max_operator_event_stream_subscribers": {Field: &c.MaxSubscribers},
		}
	}, "--registry=in_memory")
}

func TestWithoutFlagsAMasterHasTheDefaults(t *testing.T) {
	t.Parallel()
	set := flags.New("mesos-master", "")
	o := bind(set)
	if _, err := set.Parse([]string{"--registry=in_memory"}, nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(master.Defaults(), o.master); d != "" {
		t.Errorf("flags and Defaults differ (-Defaults +flags):\n%s", d)
	}
	if d := cmp.Diff(registrar.Defaults(), o.registrar); d != "" {
		t.Errorf("flags and the registrar's Defaults differ (-Defaults +flags):\n%s", d)
	}
}

// Every flag about security works.
func TestSecurityFlags(t *testing.T) {
	t.Parallel()
	flagstest.CheckSecurity(t, "mesos-master", "flags-master.tsv", func(set *flags.Set) { bind(set) }, nil)
}
