package oversubscription

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"

	"meseta/actors/modules"
	"meseta/messages/resources"
)

// AddModules adds Mesos's own estimator and controller to a catalogue, under Mesos's names. load returns the load of
// the system; it may block.
func AddModules(c *modules.Catalogue, load func() (Load, error)) {
	modules.Add(c, "org_apache_mesos_FixedResourceEstimator", func(p modules.Parameters) (ResourceEstimator, error) {
		return fixedFrom(p)
	})
	modules.Add(c, "org_apache_mesos_LoadQoSController", func(p modules.Parameters) (QoSController, error) {
		return loadFrom(p, load)
	})
}

func fixedFrom(p modules.Parameters) (*FixedResourceEstimator, error) {
	text, ok := p.Get("resources")
	if !ok {
		return nil, errors.New("parameter resources is missing; it says what may be lent, such as cpus:4;mem:1024")
	}
	rs, err := resources.Parse(text, "*")
	if err != nil {
		return nil, fmt.Errorf("parameter resources: %w", err)
	}
	return NewFixedResourceEstimator(rs), nil
}

func loadFrom(p modules.Parameters, load func() (Load, error)) (*LoadQoSController, error) {
	var t Thresholds
	var five, fifteen error
	t.Five, five = threshold(p, "load_threshold_5min")
	t.Fifteen, fifteen = threshold(p, "load_threshold_15min")
	if err := cmp.Or(five, fifteen); err != nil {
		return nil, err
	}
	return NewLoadQoSController(t, load)
}

// threshold returns the value of a parameter, or nil if it is not given.
//
// Differs: Mesos takes NaN and infinity, which no load exceeds, and negative numbers, which every load exceeds.
func threshold(p modules.Parameters, key string) (*float64, error) {
	text, ok := p.Get(key)
	if !ok {
		return nil, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return nil, fmt.Errorf("parameter %s: %q is not a number", key, text)
	}
	if !(f >= 0) || math.IsInf(f, 1) {
		return nil, fmt.Errorf("parameter %s: %q is not a load, which is a number from 0", key, text)
	}
	return &f, nil
}
