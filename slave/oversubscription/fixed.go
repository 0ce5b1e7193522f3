package oversubscription

import (
	"errors"

	"meseta/messages/pb/mesospb"
	"meseta/messages/resources"
	"meseta/runtime"
)

// FixedResourceEstimator offers a fixed amount, whatever is used.
//
// Mesos: FixedResourceEstimator.
type FixedResourceEstimator struct {
	total resources.Resources // revocable
	actor runtime.Ref[*fixedEstimator]
}

// NewFixedResourceEstimator returns an estimator that offers total, which it makes revocable.
func NewFixedResourceEstimator(total resources.Resources) *FixedResourceEstimator {
	return &FixedResourceEstimator{total: revocable(total)}
}

func revocable(rs resources.Resources) resources.Resources {
	all := rs.Proto()
	for _, r := range all {
		r.Revocable = &mesospb.Resource_RevocableInfo{}
	}
	return resources.FromValid(all)
}

// Initialize implements [ResourceEstimator].
func (x *FixedResourceEstimator) Initialize(n *runtime.Node, usage Usage) (err error) {
	x.actor, err = runtime.Spawn(n, n.NewID("fixed-resource-estimator"), &fixedEstimator{total: x.total, usage: usage})
	return err
}

// Oversubscribable implements [ResourceEstimator].
func (x *FixedResourceEstimator) Oversubscribable() runtime.Future[resources.Resources] {
	if x.actor.PID().IsZero() {
		return runtime.Failed[resources.Resources](errors.New("fixed resource estimator is not initialized"))
	}
	return runtime.Flatten(runtime.Dispatch(x.actor, (*fixedEstimator).estimate))
}

type fixedEstimator struct {
	runtime.Actor
	total resources.Resources
	usage Usage
}

// estimate returns the part of the fixed amount that no executor has.
func (x *fixedEstimator) estimate() runtime.Future[resources.Resources] {
	return runtime.Continue(x, x.usage(), func(u *mesospb.ResourceUsage, err error) (resources.Resources, error) {
		var held []*mesospb.Resource
		for _, e := range u.GetExecutors() {
			held = append(held, e.GetAllocated()...)
		}
		return x.total.Minus(resources.FromValid(held).Revocable().Unallocate()), err
	})
}
