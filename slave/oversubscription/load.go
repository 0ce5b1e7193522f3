package oversubscription

import (
	"context"
	"errors"
	"fmt"

	"meseta/messages/pb/mesospb"
	"meseta/messages/pb/slavepb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// Load is the average number of processes that run or wait to run, over the last five and fifteen minutes.
type Load struct{ Five, Fifteen float64 }

// Thresholds holds the averages above which the system is overloaded. nil means no threshold.
type Thresholds struct{ Five, Fifteen *float64 }

// LoadQoSController kills all revocable executors while the system is overloaded.
//
// Mesos: LoadQoSController.
type LoadQoSController struct {
	thresholds Thresholds
	load       func() (Load, error) // may block
	actor      runtime.Ref[*loadController]
}

// NewLoadQoSController returns a controller for the system whose load is what load returns. load may block and is
// called from any goroutine. At least one threshold is required.
func NewLoadQoSController(t Thresholds, load func() (Load, error)) (*LoadQoSController, error) {
	if t.Five == nil && t.Fifteen == nil {
		return nil, errors.New("no load thresholds are configured; load_threshold_5min and load_threshold_15min are such")
	}
	return &LoadQoSController{thresholds: t, load: load}, nil
}

// Initialize implements [QoSController].
func (x *LoadQoSController) Initialize(n *runtime.Node, usage Usage) (err error) {
	x.actor, err = runtime.Spawn(n, n.NewID("qos-load-controller"), &loadController{thresholds: x.thresholds, load: x.load, usage: usage})
	return err
}

// Corrections implements [QoSController].
func (x *LoadQoSController) Corrections() runtime.Future[[]*slavepb.QoSCorrection] {
	if x.actor.PID().IsZero() {
		return runtime.Failed[[]*slavepb.QoSCorrection](errors.New("load QoS controller is not initialized"))
	}
	return runtime.Flatten(runtime.Dispatch(x.actor, (*loadController).corrections))
}

type loadController struct {
	runtime.Actor
	thresholds Thresholds
	load       func() (Load, error)
	usage      Usage
}

// corrections reads the load first, so that nothing is measured while it is low.
//
// Differs: Mesos measures all containers each time.
func (x *loadController) corrections() runtime.Future[[]*slavepb.QoSCorrection] {
	read := runtime.Go(x, func(context.Context) (Load, error) { return x.load() })
	return runtime.Chain(x, read, func(l Load, err error) runtime.Future[[]*slavepb.QoSCorrection] {
		if err != nil {
			return runtime.Failed[[]*slavepb.QoSCorrection](fmt.Errorf("fetch the system's load: %w", err))
		}
		if !x.overloaded(l) {
			return runtime.Ready[[]*slavepb.QoSCorrection](nil)
		}
		return runtime.Then(x.usage(), killRevocable)
	})
}

func (x *loadController) overloaded(l Load) (too bool) {
	for _, average := range []struct {
		minutes   int
		value     float64
		threshold *float64
	}{{5, l.Five, x.thresholds.Five}, {15, l.Fifteen, x.thresholds.Fifteen}} {
		if t := average.threshold; t != nil && average.value > *t {
			x.Log().Info().Int("minutes", average.minutes).Float64("load", average.value).Float64("threshold", *t).
				Msg("the system's load average exceeds the threshold")
			too = true
		}
	}
	return too
}

// killRevocable returns corrections that kill all executors with revocable resources.
func killRevocable(u *mesospb.ResourceUsage) ([]*slavepb.QoSCorrection, error) {
	var kills []*slavepb.QoSCorrection
	for _, e := range u.GetExecutors() {
		if resources.FromValid(e.GetAllocated()).Revocable().IsEmpty() {
			continue
		}
		kills = append(kills, &slavepb.QoSCorrection{
			Type: slavepb.QoSCorrection_KILL.Enum(),
			Kill: &slavepb.QoSCorrection_Kill{
				FrameworkId: e.GetExecutorInfo().GetFrameworkId(), ExecutorId: e.GetExecutorInfo().GetExecutorId(), ContainerId: e.GetContainerId(),
			},
		})
	}
	return kills, nil
}
