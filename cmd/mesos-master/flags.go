package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"meseta/actors/modules"
	"meseta/actors/registrar"
	"meseta/cmd/internal/flags"
	"meseta/cmd/internal/program/daemon"
	"meseta/cmd/internal/program/modular"
	"meseta/master"
	"meseta/master/ratelimit"
	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/messages/roles"
	"meseta/messages/units"
)

// options holds the values of mesos-master's flags.
type options struct {
	*daemon.Options
	master    master.Config
	registrar registrar.Options
	registry  string
	strict    bool // which Mesos has disabled
	modules   *modular.Modules
	workDir   string
	election  membership
	group     group
	following following
}

func bind(set *flags.Set) *options {
	o := &options{Options: daemon.Bind(set), master: master.Defaults(), registrar: registrar.Defaults()}
	c := &o.master
	set.Bind("work_dir", &o.workDir)
	set.Bind("registry", &o.registry)
	o.election.bind(set)
	o.group.bind(set)
	o.following.bind(set)
	set.Bind("registry_fetch_timeout", &o.registrar.FetchTimeout)
	set.Bind("registry_store_timeout", &o.registrar.StoreTimeout)
	set.Bind("registry_gc_interval", &c.RegistryGCInterval)
	set.Bind("registry_max_agent_age", &c.RegistryMaxAgentAge)
	set.Bind("registry_max_agent_count", &c.RegistryMaxAgentCount)
	set.Bind("registry_strict", &o.strict)

	set.Bind("cluster", &c.Cluster)
	set.Bind("domain", flags.Message(&c.Domain))
	set.Bind("roles", flags.Into(&c.Roles, roles.Parse))
	set.Bind("weights", flags.Into(&c.Weights, parseWeights))
	set.Bind("root_submissions", flags.Not(&c.RefuseRoot))
	set.Bind("require_agent_domain", &c.RequireDomain)
	set.Bind("whitelist", flags.Into(&c.Whitelist, parsePath))
	set.Bind("rate_limits", flags.Into(&c.RateLimits, parseRateLimits))

	set.Bind("agent_ping_timeout", &c.AgentPingTimeout)
	set.Bind("max_agent_ping_timeouts", &c.MaxAgentPingTimeouts)
	set.Bind("agent_reregister_timeout", &c.AgentReregisterTimeout)
	set.Bind("agent_removal_rate_limit", flags.Into(&c.AgentRemovalRate, parseRate))
	set.Bind("recovery_agent_removal_limit", flags.Into(&c.RecoveryRemovalLimit, parsePercent))
	set.Bind("offer_timeout", &c.OfferTimeout)

	set.Bind("publish_per_framework_metrics", flags.Not(&c.HideFrameworkMetrics))

	set.Bind("allocation_interval", &c.Allocator.AllocationInterval)
	set.Bind("allocator_agent_recovery_factor", &c.Allocator.RecoveryFactor)
	set.Bind("allocator_recovery_timeout", &c.Allocator.RecoveryTimeout)
	set.Bind("min_allocatable_resources", flags.Into(&c.Allocator.Minimum, parseMinimum))
	set.Bind("fair_sharing_excluded_resource_names", &c.Allocator.FairnessExcluded)
	set.Bind("filter_gpu_resources", flags.Not(&c.Allocator.GPUsForAll))

	set.Bind("max_completed_frameworks", &c.Limits.CompletedFrameworks)
	set.Bind("max_completed_tasks_per_framework", &c.Limits.CompletedTasks)
	set.Bind("max_unreachable_tasks_per_framework", &c.Limits.UnreachableTasks)
	set.Bind("max_operator_event_stream_subscribers", &c.MaxSubscribers)
	o.BindAccess(set, "master", "credentials")
	o.BindSchedulers(set)
	o.modules = modular.Bind(set, &modules.Catalogue{})
	set.Bind("authenticate_agents", &c.AuthenticateAgents)
	set.Bind("authenticate_frameworks", &c.AuthenticateFrameworks)
	set.Bind("authentication_v0_timeout", &c.AuthenticationTimeout)
	set.Bind("authenticators", flags.Func(onlyCRAMMD5))
	set.Check(o.check)
	return o
}

// check validates flags together.
func (o *options) check() error {
	switch {
	case o.registry != "in_memory" && o.registry != "replicated_log":
		return fmt.Errorf("registry: %q is neither in_memory nor replicated_log", o.registry)
	case o.registry != "in_memory" && o.workDir == "":
		return errors.New("work_dir: the registry needs a directory, unless --registry=in_memory")
	case o.strict:
		return flags.Invalid("registry_strict", "true", "false: as in Mesos, the registry decides about agents either way")
	case o.master.AgentPingTimeout < time.Second || o.master.AgentPingTimeout > 15*time.Minute:
		return flags.Invalid("agent_ping_timeout", units.FormatDuration(o.master.AgentPingTimeout), "between 1secs and 15mins")
	case o.master.MaxAgentPingTimeouts < 1:
		return flags.Invalid("max_agent_ping_timeouts", "0", "at least 1")
	case o.master.AgentReregisterTimeout < 10*time.Minute:
		return flags.Invalid("agent_reregister_timeout", units.FormatDuration(o.master.AgentReregisterTimeout), "at least 10mins")
	case o.master.OfferTimeout <= 0:
		return flags.Invalid("offer_timeout", units.FormatDuration(o.master.OfferTimeout), "greater than zero")
	}
	if err := errors.Join(o.election.check(o.registry), o.group.check(o.registry, o.election.zk != "")); err != nil {
		return err
	}
	chosen, err := o.modules.Load()
	if err != nil {
		return err
	}
	o.master.Hooks, err = o.modules.Hooks(chosen)
	return err
}

// parseWeights parses role=weight,role=weight.
func parseWeights(text string) (map[string]float64, error) {
	weights := map[string]float64{}
	for pair := range strings.SplitSeq(text, ",") {
		role, value, ok := strings.Cut(pair, "=")
		weight, err := strconv.ParseFloat(value, 64)
		if !ok || role == "" || err != nil || !(weight > 0) || math.IsInf(weight, 1) {
			return nil, fmt.Errorf("%q is not role=weight with a weight above 0", pair)
		}
		if _, twice := weights[role]; twice {
			return nil, fmt.Errorf("role %q has two weights", role)
		}
		weights[role] = weight
	}
	return weights, nil
}

// parseRate parses permits/duration, as in 1/10mins.
func parseRate(text string) (master.Rate, error) {
	permits, per, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(permits)
	if !ok || err != nil || n < 1 {
		return master.Rate{}, fmt.Errorf("%q is not a count per duration, such as 1/10mins", text)
	}
	d, err := units.ParseDuration(per)
	if err == nil && d <= 0 {
		err = fmt.Errorf("%q is not above 0", per)
	}
	return master.Rate{Permits: float64(n), Per: d}, err
}

func parsePath(text string) (string, error) { return strings.TrimPrefix(text, "file://"), nil }

func parseRateLimits(text string) (*mesospb.RateLimits, error) {
	var limits *mesospb.RateLimits
	if err := flags.Message(&limits).Set(text); err != nil {
		return nil, err
	}
	return limits, ratelimit.Check(limits)
}

func parsePercent(text string) (float64, error) {
	number, ok := strings.CutSuffix(text, "%")
	percent, err := strconv.ParseFloat(number, 64)
	if !ok || err != nil || !(percent >= 0 && percent <= 100) {
		return 0, fmt.Errorf("%q is not a percentage between 0%% and 100%%", text)
	}
	return percent / 100, nil
}

// parseMinimum parses alternatives: cpus:0.01|mem:32 means either of the two. Empty text means that any offer will do.
func parseMinimum(text string) ([]resources.Quantities, error) {
	minimum := []resources.Quantities{}
	for alternative := range strings.SplitSeq(text, "|") {
		if alternative == "" {
			continue
		}
		q, err := resources.ParseQuantities(alternative)
		if err != nil {
			return nil, err
		}
		minimum = append(minimum, q)
	}
	return minimum, nil
}

// onlyCRAMMD5 accepts --authenticators=crammd5.
func onlyCRAMMD5(text string) error {
	if text != "crammd5" {
		return fmt.Errorf("Authenticator '%s' not found. Check the spelling (compare to 'crammd5')", text)
	}
	return nil
}
